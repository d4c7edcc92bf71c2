//! Makes foreign text safe to print: removes control characters and limits its length.

use std::path::Path;
use std::time::SystemTime;

/// Replaces control characters and marks that reorder text; each run becomes one
/// `\u{fffd}`.
pub fn clean(text: &str) -> String {
    if !text.contains(hostile) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut last_hostile = false;
    for c in text.chars() {
        if c == '\t' {
            out.push(' ');
        } else if hostile(c) {
            if !last_hostile {
                out.push('\u{fffd}');
            }
        } else {
            out.push(c);
        }
        last_hostile = hostile(c) && c != '\t';
    }
    out
}

/// To the second, in UTC.
pub fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

fn hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{061c}')
}

/// Last filter before a terminal, in case foreign text in a message was not cleaned. Line
/// breaks pass, and with `colours` the sequences for them (`ESC [ digits and ; m`).
pub(super) fn sieve(text: &str, colours: bool) -> String {
    if !text.contains(|c| c != '\n' && hostile(c)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let style = if colours { style_length(rest) } else { 0 };
        let length = style.max(c.len_utf8());
        match c {
            '\n' => out.push(c),
            '\t' => out.push(' '),
            _ if style > 0 || !hostile(c) => out.push_str(&rest[..length]),
            _ => out.push('\u{fffd}'),
        }
        rest = &rest[length..];
    }
    out
}

/// Length of the colour sequence that `text` begins with; 0 = none.
fn style_length(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("\u{1b}[") else { return 0 };
    let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
    if rest.as_bytes().get(digits) == Some(&b'm') { 2 + digits + 1 } else { 0 }
}

/// At most `width` characters; a longer text ends in `…`.
pub fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(width.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// `1 port`, `2 ports`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `a is`, `a, b are`.
pub fn names_are(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

/// A path as people write it, with `~` for the home folder.
pub fn local_path(path: &Path, home: Option<&Path>) -> String {
    let text = match home.and_then(|home| path.strip_prefix(home).ok()) {
        Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    };
    clean(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_reordering_marks_do_not_reach_the_terminal() {
        assert_eq!(clean("a\x1b[31mb\r\nc"), "a\u{fffd}[31mb\u{fffd}c");
        assert_eq!(clean("evil\u{202e}txt\tb"), "evil\u{fffd}txt b");
        assert_eq!(clean("größer ok — 日本"), "größer ok — 日本");
    }

    #[test]
    fn only_our_own_colours_and_line_breaks_pass_the_sieve() {
        let text = "\u{1b}[1;31merror:\u{1b}[0m a\u{1b}]0;b\u{7}\tc\n\u{202e}\u{1b}[2J\u{1b}[ä";
        assert_eq!(
            sieve(text, true),
            "\u{1b}[1;31merror:\u{1b}[0m a\u{fffd}]0;b\u{fffd} c\n\u{fffd}\u{fffd}[2J\u{fffd}[ä"
        );
        assert!(!sieve(text, false).contains('\u{1b}'));
    }

    #[test]
    fn a_long_text_is_clipped_by_characters() {
        assert_eq!(clip("äöüß", 3), "äö…");
        assert_eq!(clip("abc", 3), "abc");
    }
}
