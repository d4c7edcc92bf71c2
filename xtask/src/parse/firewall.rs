//! Whether a firewall is on, from numbers and settings: the words around them are
//! translated or differ between versions.

use super::rows::text;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Macos {
    Off,
    /// On: individual programs may be refused.
    On,
    /// On, and refuses all incoming connections.
    BlocksAll,
}

/// `socketfilterfw --getglobalstate`: the digit in `(State = N)`; `None` if there is
/// none.
pub fn macos(output: &[u8]) -> Option<Macos> {
    let output = text(output);
    let (_, rest) = output.split_once("State =")?;
    match rest.trim_start().chars().next()? {
        '0' => Some(Macos::Off),
        '1' => Some(Macos::On),
        '2' => Some(Macos::BlocksAll),
        _ => None,
    }
}

/// `reg query …\FirewallPolicy\StandardProfile /v EnableFirewall`: a line
/// `EnableFirewall REG_DWORD 0x1`, the same in every language, while the output of
/// `netsh advfirewall` is translated.
pub fn windows(output: &[u8]) -> Option<bool> {
    let output = text(output);
    let words: Vec<&str> = output.split_ascii_whitespace().collect();
    let at = words.iter().position(|word| *word == "REG_DWORD")?;
    let digits = words.get(at + 1)?.strip_prefix("0x")?;
    u32::from_str_radix(digits, 16).ok().map(|number| number != 0)
}

/// `ENABLED=yes` in `/etc/ufw/ufw.conf`. Everybody may read that file, while `ufw
/// status` needs root and is translated.
pub fn ufw_conf(file: &[u8]) -> Option<bool> {
    let file = text(file);
    let mut values = file.lines().filter_map(|line| line.trim().strip_prefix("ENABLED="));
    values.next_back().map(|value| value.trim_matches(['"', '\'', ' ']).eq_ignore_ascii_case("yes"))
}

/// `iptables -S INPUT`: whether packets that no rule accepts are dropped. `None` if it
/// prints no policy (without root it exits with 4).
pub fn drops_input(output: &[u8]) -> Option<bool> {
    let output = text(output);
    let policy = output.lines().find_map(|line| line.strip_prefix("-P INPUT "))?;
    Some(policy.trim() != "ACCEPT")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded, both generations of the text. Lines about the other two settings have no
    /// number.
    #[test]
    fn macos_is_told_by_its_number() {
        let sample = text(include_bytes!("../../tests/fixtures/tools/socketfilterfw-macos.txt"));
        let (global, others) = sample.split_once("--getblockall").unwrap();
        let states: Vec<Option<Macos>> = global.lines().skip(1).map(|line| macos(line.as_bytes())).collect();
        assert_eq!(states, [Some(Macos::Off), Some(Macos::On), Some(Macos::BlocksAll)]);
        assert_eq!(others.lines().count(), 12);
        assert!(others.lines().all(|line| macos(line.as_bytes()).is_none()));
        assert_eq!(macos(b""), None);
    }

    #[test]
    fn windows_is_told_by_its_registry() {
        let head = "\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\SharedAccess\\Parameters\\FirewallPolicy\\StandardProfile\r\n";
        let value = |number: &str| format!("{head}    EnableFirewall    REG_DWORD    {number}\r\n\r\n");
        assert_eq!(windows(value("0x1").as_bytes()), Some(true));
        assert_eq!(windows(value("0x0").as_bytes()), Some(false));
        assert_eq!(windows(b"FEHLER: Der angegebene Registrierungsschl\x81ssel wurde nicht gefunden.\r\n"), None);
    }

    #[test]
    fn ufw_is_told_by_its_settings() {
        let recorded = b"# /etc/ufw/ufw.conf\n#\n\n# Set to yes to start on boot.\nENABLED=yes\n\nLOGLEVEL=low\n";
        assert_eq!(ufw_conf(recorded), Some(true));
        assert_eq!(ufw_conf(b"ENABLED=no\n"), Some(false));
        assert_eq!(ufw_conf(b"# ENABLED=yes\n"), None);
    }

    #[test]
    fn the_policy_of_iptables() {
        assert_eq!(drops_input(b"-P INPUT DROP\n-A INPUT -j ufw-before-input\n"), Some(true));
        assert_eq!(drops_input(b"-P INPUT ACCEPT\n"), Some(false));
        let refused = b"iptables v1.8.11 (nf_tables): Could not fetch rule set generation id: Permission denied\n";
        assert_eq!(drops_input(refused), None);
    }
}
