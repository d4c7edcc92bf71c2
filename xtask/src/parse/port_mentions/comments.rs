//! Comments of the syntaxes that are searched.

/// How comments are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comments {
    /// `//` and `/* … */`.
    Slashes,
    /// `#` at the beginning of a word.
    Hash,
    /// `#` or `;` at the beginning of a word.
    HashOrSemicolon,
    /// `#` or `//` at the beginning of a line.
    LineStart,
    /// `::` or `REM` at the beginning of a line.
    Batch,
}

/// Replaces the comments of a line by spaces, so that positions stay. `in_block` says whether the
/// line begins within `/* … */`, and is updated. Text in quotes is no comment; quotes end with the
/// line.
pub(super) fn blank(line: &mut [u8], comments: Comments, in_block: &mut bool) {
    let start = line.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(line.len());
    let first = &line[start..];
    match comments {
        Comments::Slashes => blank_slashes(line, in_block),
        Comments::LineStart if first.starts_with(b"#") || first.starts_with(b"//") => line.fill(b' '),
        Comments::Batch if first.starts_with(b"::") || is_rem(first) => line.fill(b' '),
        Comments::LineStart | Comments::Batch => {}
        Comments::Hash => blank_from(line, |byte| byte == b'#'),
        Comments::HashOrSemicolon => blank_from(line, |byte| matches!(byte, b'#' | b';')),
    }
}

fn is_rem(line: &[u8]) -> bool {
    line.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"rem"))
        && line.get(3).is_none_or(u8::is_ascii_whitespace)
}

fn blank_from(line: &mut [u8], begins: impl Fn(u8) -> bool) {
    let mut quote = None;
    let mut before = b' ';
    for at in 0..line.len() {
        let byte = line[at];
        match quote {
            Some(open) if byte == open => quote = None,
            None if begins(byte) && before.is_ascii_whitespace() => return line[at..].fill(b' '),
            // `don't` opens none.
            None if matches!(byte, b'"' | b'\'') && !before.is_ascii_alphanumeric() => quote = Some(byte),
            _ => {}
        }
        before = byte;
    }
}

fn blank_slashes(line: &mut [u8], in_block: &mut bool) {
    let mut quote = None;
    let mut at = 0;
    while at < line.len() {
        let two = (line[at], line.get(at + 1).copied());
        if *in_block {
            let ends = two == (b'*', Some(b'/'));
            let width = if ends { 2 } else { 1 };
            line[at..at + width].fill(b' ');
            *in_block = !ends;
            at += width;
            continue;
        }
        match (quote, two) {
            (Some(_), (b'\\', Some(_))) => at += 1,
            (Some(open), (byte, _)) if byte == open => quote = None,
            // `http://` outside quotes is a URL all the same.
            (None, (b'/', Some(b'/'))) if at == 0 || line[at - 1] != b':' => return line[at..].fill(b' '),
            (None, (b'/', Some(b'*'))) => {
                *in_block = true;
                continue;
            }
            (None, (byte @ (b'"' | b'\'' | b'`'), _)) => quote = Some(byte),
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str, comments: Comments) -> String {
        let mut in_block = false;
        let lines = text.split('\n').map(|line| {
            let mut line = line.as_bytes().to_vec();
            blank(&mut line, comments, &mut in_block);
            String::from_utf8(line).unwrap().trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn comments_are_blanked_and_strings_are_not() {
        for (text, comments, want) in [
            ("a: 'http://x' // no", Comments::Slashes, "a: 'http://x'"),
            ("a: http://x // no", Comments::Slashes, "a: http://x"),
            ("\"src/**/*.ts\": 1, // no", Comments::Slashes, "\"src/**/*.ts\": 1,"),
            ("a /* b\nc\nd */ e", Comments::Slashes, "a\n\n     e"),
            ("'it\\'s // kept' // no", Comments::Slashes, "'it\\'s // kept'"),
            ("A=b#c # no", Comments::Hash, "A=b#c"),
            ("echo \"# kept\" # no", Comments::Hash, "echo \"# kept\""),
            ("# it's\nA=1", Comments::Hash, "\nA=1"),
            ("; no\nA=1 ; no", Comments::HashOrSemicolon, "\nA=1"),
            ("GET http://x/#a\n### no\n// no", Comments::LineStart, "GET http://x/#a\n\n"),
            ("REM no\nremove it\n:: no", Comments::Batch, "\nremove it\n"),
        ] {
            assert_eq!(left(text, comments), want, "{text}");
        }
    }
}
