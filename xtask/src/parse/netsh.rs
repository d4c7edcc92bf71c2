//! Windows' `netsh`: ports that cannot be bound although nobody listens.

use super::rows::text;
use crate::model::PortRange;

/// A range that Windows reserves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excluded {
    pub range: PortRange,
    /// Marked `*`: added by an administrator and permanent. Others change with each boot:
    /// single ports belong to http.sys, blocks of a hundred to Hyper-V and WSL (service
    /// `winnat`).
    pub administered: bool,
}

/// `netsh interface ipv4|ipv6 show excludedportrange protocol=tcp|udp`.
///
/// The rows after the line of dashes have two numbers and perhaps `*`. `None` without
/// that line (an error, Wine's stub): then nothing is known, which differs from no
/// ranges.
pub fn excluded_ranges(output: &[u8]) -> Option<Vec<Excluded>> {
    let output = text(output);
    let mut lines = output.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let dashes = |word: &&str| word.len() > 3 && word.bytes().all(|b| b == b'-');
    lines.find(|words| words.len() == 2 && words.iter().all(dashes))?;
    let row = |words: Vec<&str>| {
        let (first, last, administered) = match words[..] {
            [first, last] => (first, last, false),
            [first, last, "*"] => (first, last, true),
            _ => return None,
        };
        let range = PortRange::new(first.parse().ok()?, last.parse().ok()?)?;
        Some(Excluded { range, administered })
    };
    Some(lines.filter_map(row).collect())
}

/// `netsh int ipv4|ipv6 show dynamicport tcp`: the first two lines that end in a number
/// give start and count. The default is 49152 and 16384; with a low start (1024) the
/// excluded blocks overlap ports of development servers.
pub fn dynamic_ports(output: &[u8]) -> Option<PortRange> {
    let output = text(output);
    let mut numbers = output.lines().filter_map(|line| {
        let line = line.trim_end();
        let number = &line[line.trim_end_matches(|c: char| c.is_ascii_digit()).len()..];
        number.parse::<u16>().ok()
    });
    let (start, count) = (numbers.next()?, numbers.next()?);
    PortRange::new(start, start.saturating_add(count.checked_sub(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every language, as UTF-8 and in its console's code page.
    const EXCLUDED: &[(&str, &[u8])] = &[
        ("en", include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-en.txt")),
        ("en cp437", include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-en.cp437.bin")),
        ("de", include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-de.txt")),
        ("de cp850", include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-de.cp850.bin")),
        ("fr", include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-fr.txt")),
        ("fr cp850", include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-fr.cp850.bin")),
        ("ja", include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-ja.txt")),
        ("ja cp932", include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-ja.cp932.bin")),
        ("zh", include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-zh.txt")),
        ("zh cp936", include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-zh.cp936.bin")),
    ];

    #[test]
    fn excluded_ranges_in_five_languages_and_their_code_pages() {
        let range = |first, last, administered| Excluded { range: PortRange { first, last }, administered };
        let expected = [
            range(5357, 5357, false),
            range(28385, 28385, false),
            range(49711, 49810, false),
            range(49811, 49910, false),
            range(50000, 50059, true),
            range(50060, 50159, false),
        ];
        for (language, sample) in EXCLUDED {
            assert_eq!(excluded_ranges(sample).as_deref(), Some(&expected[..]), "{language}");
        }
    }

    #[test]
    fn an_empty_table_is_not_no_table() {
        let empty = include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-en-empty.txt");
        assert_eq!(excluded_ranges(empty), Some(Vec::new()));
        let wine = include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-wine.txt");
        assert_eq!(excluded_ranges(wine), None);
        assert_eq!(excluded_ranges(b"80 80\r\n"), None);
    }

    #[test]
    fn dynamic_ports_in_two_languages() {
        let usual = include_bytes!("../../tests/fixtures/tools/netsh-dynamicport-windows-en.txt");
        assert_eq!(dynamic_ports(usual), PortRange::new(49152, 65535));
        let low = PortRange::new(1024, 15000);
        assert_eq!(
            dynamic_ports(include_bytes!("../../tests/fixtures/tools/netsh-dynamicport-windows-en-low.txt")),
            low
        );
        assert_eq!(
            dynamic_ports(include_bytes!("../../tests/fixtures/tools/netsh-dynamicport-windows-zh-low.txt")),
            low
        );
        assert_eq!(
            dynamic_ports(include_bytes!("../../tests/fixtures/tools/netsh-dynamicport-windows-zh-low.cp936.bin")),
            low
        );
        assert_eq!(dynamic_ports(b""), None);
        assert_eq!(dynamic_ports(b"a : 1\r\nb : 0\r\n"), None);
        assert_eq!(dynamic_ports(b"a : 0\r\nb : 0\r\n"), None);
        assert_eq!(dynamic_ports(b"a : 65535\r\nb : 65535\r\n"), PortRange::new(65535, 65535));
    }
}
