//! Versions of Compose, Traefik and the engine's API.

use std::fmt;
use std::str::FromStr;

/// Major, minor, patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Reads `v3.7.1`, `3.7`, `1.40`; what follows `-`, `+` or `~` is ignored.
impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim().trim_start_matches('v').split(['-', '+', '~']).next().unwrap_or_default();
        let mut numbers = text.split('.').map(|word| word.parse::<u32>().map_err(drop));
        let first = numbers.next().ok_or(())??;
        let version = Version(first, numbers.next().ok_or(())??, numbers.next().unwrap_or(Ok(0))?);
        if numbers.next().is_some() { Err(()) } else { Ok(version) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_by_number() {
        for (text, want) in [
            ("v3.7.15", Some(Version(3, 7, 15))),
            ("3.7", Some(Version(3, 7, 0))),
            ("1.51\n", Some(Version(1, 51, 0))),
            ("3.7.0-rc.1", Some(Version(3, 7, 0))),
            ("2.40.3-desktop.1", Some(Version(2, 40, 3))),
            ("2.40.3+ds1-0ubuntu1~24.04.1", Some(Version(2, 40, 3))),
            ("latest", None),
            ("dev", None),
            ("3", None),
            ("", None),
            ("1.2.3.4", None),
        ] {
            assert_eq!(text.parse().ok(), want, "{text}");
        }
        assert!(Version(2, 9, 9) < Version(2, 24, 4));
    }
}
