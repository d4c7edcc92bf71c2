//! Scans the lines of a `.env` file like Compose.
//!
//! Compose has its own dialect: `#` starts a comment only after a space, `A= # c` is a
//! value, `A: x` is an assignment, and text after a closing quote is the next statement.
//! Other dotenv parsers differ in most of these.

use std::ops::Range;

use crate::error::{Error, Result};

/// The style of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Up to the end of the line or ` #`.
    Plain,
    /// `'…'`: nothing is expanded.
    Single,
    /// `"…"`: escapes and variables are expanded.
    Double,
    /// `NAME` alone on a line: the value comes from the shell.
    Inherited,
}

/// One assignment; ranges are byte ranges of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assignment {
    /// The name without surrounding space.
    pub(super) name: Range<usize>,
    /// The value as written with quotes, without a comment; if there is none, empty at the
    /// end of the name.
    pub(super) value: Range<usize>,
    /// How it is written.
    pub(super) style: Style,
    pub(super) line: usize,
}

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Finds all assignments, and the start of the last line if Compose drops it because it
/// has neither `=` nor a line break.
pub(super) fn scan(bytes: &[u8]) -> Result<(Vec<Assignment>, Option<usize>)> {
    let mut scanner = Scanner { bytes, at: if bytes.starts_with(BOM) { BOM.len() } else { 0 }, line: 1, counted: 0 };
    let mut found = Vec::new();
    while scanner.skip_to_statement() {
        let start = scanner.at;
        match scanner.statement()? {
            Some(assignment) => found.push(assignment),
            None => return Ok((found, Some(start))),
        }
    }
    Ok((found, None))
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Line at `counted`.
    line: usize,
    counted: usize,
}

impl Scanner<'_> {
    /// Skips white space and comments; `false` at the end of the file.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            while let Some((_, length)) = char_at(self.bytes, self.at).filter(|(c, _)| c.is_whitespace()) {
                self.at += length;
            }
            match self.bytes.get(self.at) {
                None => return false,
                Some(b'#') => self.at = self.line_end(),
                Some(_) => return true,
            }
        }
    }

    /// Reads `[export] NAME = value` and leaves the rest of the line.
    fn statement(&mut self) -> Result<Option<Assignment>> {
        let line = self.line_of(self.at);
        if let Some(after) = self.bytes[self.at..].strip_prefix(b"export")
            && after.first().is_some_and(|byte| matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' '))
        {
            self.at += b"export".len();
            self.skip_blanks();
        }
        let start = self.at;
        let Some(separator) = self.name_end(start, line)? else {
            // The last line, without `=` and a line break: Compose reads it as
            // the value of a variable without a name.
            self.at = self.bytes.len();
            return Ok(None);
        };
        let name = start..self.trim_end(start, separator);
        if self.bytes[name.clone()].contains(&b' ') {
            return Err(Error::new(format!("line {line}: key cannot contain a space{}", self.shown(&name)))
                .hint("write `NAME=value`; a value may contain spaces, a name may not"));
        }
        self.at = separator + 1;
        if self.bytes[separator] == b'\n' {
            let end = name.end;
            return Ok(Some(Assignment { name, value: end..end, style: Style::Inherited, line }));
        }
        let after = self.at;
        self.skip_blanks();
        let (value, style) = match self.bytes.get(self.at) {
            Some(quote @ (b'"' | b'\'')) => self.quoted(*quote, &name, line)?,
            _ => match self.plain() {
                // Not after a carriage return that was skipped as a blank.
                empty if empty.is_empty() => (after..after, Style::Plain),
                value => (value, Style::Plain),
            },
        };
        Ok(Some(Assignment { name, value, style, line }))
    }

    /// Position of `=`, `:` or the line break after a name; `None` at the end of the file.
    fn name_end(&self, start: usize, line: usize) -> Result<Option<usize>> {
        let mut at = start;
        while let Some((character, length)) = char_at(self.bytes, at) {
            match character {
                '=' | ':' | '\n' => return Ok(Some(at)),
                '_' | '.' | '-' | '[' | ']' => {}
                _ if is_blank(character) || character.is_alphabetic() || character.is_numeric() => {}
                _ => {
                    // Text that is not a name may be part of a secret value.
                    return Err(Error::new(format!(
                        "line {line}: unexpected character `{character}` in variable name"
                    ))
                    .hint("write `NAME=value`, one per line, and `#` at the start of a comment"));
                }
            }
            at += length;
        }
        Ok(None)
    }

    fn plain(&mut self) -> Range<usize> {
        let start = self.at;
        let line_end = self.line_end();
        let comment = self.bytes[start..line_end].windows(2).position(|pair| pair == b" #");
        self.at = line_end;
        start..self.trim_end(start, comment.map_or(line_end, |offset| start + offset))
    }

    fn quoted(&mut self, quote: u8, name: &Range<usize>, line: usize) -> Result<(Range<usize>, Style)> {
        let start = self.at;
        let mut escaped = false;
        for (offset, byte) in self.bytes[start + 1..].iter().enumerate() {
            if *byte == quote && !escaped {
                self.at = start + offset + 2;
                return Ok((start..self.at, if quote == b'"' { Style::Double } else { Style::Single }));
            }
            escaped = *byte == b'\\' && !escaped;
        }
        Err(Error::new(format!("line {line}: unterminated quoted value{}", self.shown(name)))
            .hint("add the closing quote, or remove the opening one"))
    }

    fn skip_blanks(&mut self) {
        while let Some((_, length)) = char_at(self.bytes, self.at).filter(|(c, _)| is_blank(*c)) {
            self.at += length;
        }
    }

    fn line_end(&self) -> usize {
        self.bytes[self.at..].iter().position(|byte| *byte == b'\n').map_or(self.bytes.len(), |offset| self.at + offset)
    }

    /// Moves `end` back over white space.
    fn trim_end(&self, start: usize, mut end: usize) -> usize {
        while let Some((character, length)) = char_before(&self.bytes[start..end]) {
            if !character.is_whitespace() {
                break;
            }
            end -= length;
        }
        end
    }

    fn line_of(&mut self, at: usize) -> usize {
        self.line += self.bytes[self.counted..at].split(|byte| *byte == b'\n').count() - 1;
        self.counted = at;
        self.line
    }

    /// The name for a message, without what follows `=`: the value may be a secret, and so
    /// may a line without `=`.
    fn shown(&self, name: &Range<usize>) -> String {
        let after = &self.bytes[name.end..];
        if !after.trim_ascii_start().starts_with(b"=") {
            return String::new();
        }
        format!(": `{}`", String::from_utf8_lossy(&self.bytes[name.clone()]))
    }
}

/// White space other than a line break, as Compose defines it.
fn is_blank(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// The character at `at` and its length; an invalid UTF-8 byte counts as one replacement
/// character, as in Go.
fn char_at(bytes: &[u8], at: usize) -> Option<(char, usize)> {
    let first = *bytes.get(at)?;
    if first.is_ascii() {
        return Some((char::from(first), 1));
    }
    let chunk = &bytes[at..bytes.len().min(at + 4)];
    let valid = match std::str::from_utf8(chunk) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&chunk[..error.valid_up_to()]).unwrap_or_default(),
    };
    Some(valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8())))
}

fn char_before(bytes: &[u8]) -> Option<(char, usize)> {
    if bytes.is_empty() {
        return None;
    }
    (1..=bytes.len().min(4))
        .find_map(|length| {
            let (character, found) = char_at(bytes, bytes.len() - length)?;
            (found == length && character != char::REPLACEMENT_CHARACTER).then_some((character, length))
        })
        .or(Some((char::REPLACEMENT_CHARACTER, 1)))
}
