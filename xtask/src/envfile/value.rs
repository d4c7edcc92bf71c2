//! Values of a `.env` file: decodes a written value, and encodes one.

use super::scan::Style;

/// The value of a quoted text, variables not replaced; `raw` includes the quotes.
pub(super) fn unquote(raw: &str, style: Style) -> String {
    let quote = match style {
        Style::Single => '\'',
        Style::Double => '"',
        Style::Plain | Style::Inherited => return raw.to_owned(),
    };
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    let mut text = String::with_capacity(inner.len());
    let mut escaped = false;
    for character in inner.chars() {
        if escaped && character != quote {
            text.push('\\');
        } else if !escaped && character == '\\' {
            escaped = true;
            continue;
        }
        escaped = false;
        text.push(character);
    }
    if style == Style::Double { unescape(&text) } else { text }
}

/// Replaces the escapes of a double-quoted value. `\$` becomes `$$`, which interpolation
/// turns into a dollar sign.
fn unescape(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        value.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (replacement, length) = match after.bytes().next() {
            Some(b'n') => ("\n", 1),
            Some(b'r') => ("\r", 1),
            Some(b't') => ("\t", 1),
            Some(b'a') => ("\u{7}", 1),
            Some(b'b') => ("\u{8}", 1),
            Some(b'f') => ("\u{c}", 1),
            Some(b'v') => ("\u{b}", 1),
            Some(b'$') => ("$$", 1),
            Some(b'"') => ("\"", 1),
            Some(b'\\') => ("\\", 1),
            Some(b'0') => {
                let digits = after[1..].bytes().take(3).take_while(u8::is_ascii_digit).count();
                // Compose drops the 0 of an invalid code.
                match octal(&after[1..=digits]) {
                    Some(character) => value.push(character),
                    None => value.extend(["\\", &after[1..=digits]]),
                }
                ("", 1 + digits)
            }
            _ => ("\\", 0),
        };
        value.push_str(replacement);
        rest = &after[length..];
    }
    value.push_str(rest);
    value
}

/// The three digits of `\0123`: a character up to U+00FF.
fn octal(digits: &str) -> Option<char> {
    if digits.len() < 3 {
        return None;
    }
    u8::from_str_radix(digits, 8).ok().map(char::from)
}

/// Encodes `value` so that Compose reads it back: in `style` if possible, otherwise in the
/// simplest style that works.
pub(super) fn quote(value: &str, style: Style) -> String {
    let plain = !value.is_empty() && value.bytes().all(is_plain);
    let single = !value.contains(['\'', '\\', '\n', '\r']);
    match style {
        Style::Plain | Style::Inherited if plain || value.is_empty() => value.to_owned(),
        Style::Double => double(value),
        _ if single => format!("'{value}'"),
        _ => double(value),
    }
}

/// Bytes that are literal in a value without quotes.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-./:@%+,=~".contains(&byte)
}

fn double(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '$' => text.push_str("$$"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}
