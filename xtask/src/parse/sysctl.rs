//! `sysctl -n FIRST LAST`: one number per line.

use super::rows::text;
use crate::model::PortRange;

/// The range from the first number to the second.
pub fn range(output: &[u8]) -> Option<PortRange> {
    let output = text(output);
    let mut numbers = output.split_ascii_whitespace().map(|word| word.parse().ok());
    PortRange::new(numbers.next()??, numbers.next()??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lines() {
        assert_eq!(range(b"49152\n65535\n"), PortRange::new(49152, 65535));
        assert_eq!(range(b"49152\n"), None);
        assert_eq!(range(b"sysctl: unknown oid\n"), None);
    }
}
