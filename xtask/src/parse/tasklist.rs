//! `tasklist /FO CSV /NH` of Windows: names of processes, also of those that
//! may not be opened.

use super::text;

/// Process id and image name of every row.
///
/// A row starts with a quote and its second field is a number; that passes over
/// the headings, and over the one translated sentence that stands for "none"
/// (with exit code 0 all the same).
pub fn tasks(output: &[u8]) -> Vec<(u32, String)> {
    let row = |line: &str| {
        let mut fields = line.trim_end().strip_prefix('"')?.split("\",\"");
        let name = fields.next()?.replace("\"\"", "\"");
        Some((fields.next()?.parse().ok()?, name))
    };
    text(output).lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_two_languages() {
        for sample in [
            &include_bytes!("../../tests/fixtures/tools/tasklist-csv-windows-en.txt")[..],
            include_bytes!("../../tests/fixtures/tools/tasklist-csv-windows-de.txt"),
        ] {
            let expected = [
                (0, "System Idle Process"),
                (4, "System"),
                (4332, "com.docker.backend.exe"),
                (29712, "wslrelay.exe"),
                (31000, "a \"quoted\", name.exe"),
            ];
            let found = tasks(sample);
            assert_eq!(found.iter().map(|(pid, name)| (*pid, name.as_str())).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn none_in_three_languages() {
        for sample in [
            &include_bytes!("../../tests/fixtures/tools/tasklist-none-windows-en.txt")[..],
            include_bytes!("../../tests/fixtures/tools/tasklist-none-windows-de.cp850.bin"),
            include_bytes!("../../tests/fixtures/tools/tasklist-none-windows-tr.cp857.bin"),
            b"\"\"",
        ] {
            assert_eq!(tasks(sample), []);
        }
    }
}
