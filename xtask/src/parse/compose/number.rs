//! Numbers as YAML writes them, and ports.

use super::node::Scalar;

/// `N` or `N-M`; 0 is allowed, as "any".
pub(super) fn numbers(text: &str) -> Option<(u16, u16)> {
    let digits = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok()).flatten();
    match text.split_once('-') {
        None => digits(text).map(|one| (one, one)),
        Some((first, last)) => {
            let (first, last) = (digits(first)?, digits(last)?);
            (first <= last).then_some((first, last))
        }
    }
}

/// A YAML integer with YAML's prefixes (a leading 0 is octal to the library that
/// Compose uses).
pub(super) fn integer(text: &str) -> Option<i64> {
    let text = text.strip_prefix('+').unwrap_or(text).replace('_', "");
    let digits = text.strip_prefix('-').unwrap_or(&text);
    let value = if let Some(hex) = digits.strip_prefix("0x") {
        i64::from_str_radix(hex, 16).ok()?
    } else if let Some(octal) = digits.strip_prefix("0o") {
        i64::from_str_radix(octal, 8).ok()?
    } else if digits.len() > 1 && digits.starts_with('0') {
        i64::from_str_radix(digits, 8).ok()?
    } else if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse().ok()?
    } else {
        return None;
    };
    Some(if digits.len() == text.len() { value } else { -value })
}

/// A YAML number, or a string of decimal digits.
pub(super) fn whole(scalar: &Scalar) -> Option<i64> {
    if scalar.quoted { scalar.text.parse().ok() } else { integer(&scalar.text) }
}

pub(super) fn number(value: i64) -> Option<u16> {
    u16::try_from(value).ok()
}

pub(super) fn port(value: i64) -> Option<u16> {
    number(value).filter(|port| *port > 0)
}
