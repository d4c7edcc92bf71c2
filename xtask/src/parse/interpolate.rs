//! Compose's variable substitution: `$VAR`, `${VAR:-default}` and relatives.
//!
//! Besides the value it reports every variable involved, so that the caller knows which
//! variable moves a port and where its value came from.

use std::ops::Range;

use crate::error::{Error, Result};

/// What a variable resolved to in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<S> {
    /// The variable's own value was used; `S` says where it is set.
    Set(S),
    /// The text after `-` or `:-` was used.
    Default,
    /// The text of `${VAR+text}` or `${VAR:+text}` was used because VAR is set.
    Alternative(S),
    /// Nothing was used: the result is empty there.
    Unset,
}

/// A variable in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use<S> {
    pub name: String,
    /// Byte range of `$VAR` or `${VAR…}` in the whole text that was interpolated, also
    /// for nested uses.
    pub range: Range<usize>,
    /// Byte range of its value in the result; empty if it gives nothing.
    pub out: Range<usize>,
    /// Which value was used.
    pub outcome: Outcome<S>,
    /// It is inside the default or alternative of another variable.
    pub nested: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpolated<S> {
    pub value: String,
    /// The variables that were evaluated, from left to right, outer ones before nested
    /// ones.
    pub uses: Vec<Use<S>>,
}

/// Looks up a variable: its value and where it is set.
pub type Lookup<'a, S> = dyn Fn(&str) -> Option<(String, S)> + 'a;

/// Replaces the variables of `text`. Fails on `${` without a name or an end, and on
/// `${VAR:?message}` without a value.
pub fn interpolate<S>(text: &str, lookup: &Lookup<'_, S>) -> Result<Interpolated<S>> {
    interpolate_as(text, text, lookup)
}

/// Errors show `shown` instead of the text, which may be a secret.
pub fn interpolate_as<S>(text: &str, shown: &str, lookup: &Lookup<'_, S>) -> Result<Interpolated<S>> {
    let mut reader = Reader { text, shown, lookup, uses: Vec::new(), depth: 0 };
    let value = reader.expand(0..text.len(), false)?;
    Ok(Interpolated { value, uses: reader.uses })
}

/// An occurrence of a variable in a text, whatever its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention<'a> {
    pub name: &'a str,
    /// The occurrence as written: `${NAME:-8000}`.
    pub text: &'a str,
    /// The text after `-` or `:-`.
    pub default: Option<&'a str>,
    /// It is `$NAME` or `${NAME}`, which is empty without a value.
    pub bare: bool,
}

/// Every variable in `text`, including those in defaults, even if [`interpolate`] would
/// refuse the text.
pub fn mentions(text: &str) -> Vec<Mention<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(dollar) = text[at..].find('$').map(|offset| at + offset) {
        let after = &text[dollar + 1..];
        if after.starts_with('$') {
            at = dollar + 2;
            continue;
        }
        let open = usize::from(after.starts_with('{'));
        let start = dollar + 1 + open;
        let length = name_len(&text[start..]);
        at = start + length;
        if length == 0 {
            continue;
        }
        let end = if open == 0 { at } else { closing_brace(text, dollar).unwrap_or(text.len()) };
        let rest = if open == 0 { "" } else { text[at..end].strip_suffix('}').unwrap_or(&text[at..end]) };
        let default = rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-'));
        found.push(Mention { name: &text[start..at], text: &text[dollar..end], default, bare: rest.is_empty() });
    }
    found
}

/// More than any file needs, and safe for recursion.
const MAX_DEPTH: usize = 64;

struct Reader<'a, S> {
    text: &'a str,
    /// The text in error messages.
    shown: &'a str,
    lookup: &'a Lookup<'a, S>,
    uses: Vec<Use<S>>,
    /// Number of enclosing defaults.
    depth: usize,
}

impl<S> Reader<'_, S> {
    fn expand(&mut self, range: Range<usize>, nested: bool) -> Result<String> {
        let bytes = self.text.as_bytes();
        let mut value = String::with_capacity(range.len());
        let mut at = range.start;
        while let Some(dollar) = self.text[at..range.end].find('$').map(|offset| at + offset) {
            value.push_str(&self.text[at..dollar]);
            let next = dollar + 1;
            at = match bytes.get(next).filter(|_| next < range.end) {
                Some(b'$') => {
                    value.push('$');
                    next + 1
                }
                Some(b'{') => {
                    let end = closing_brace(&self.text[..range.end], dollar).ok_or_else(|| self.invalid())?;
                    self.braced(dollar..end, nested, &mut value)?;
                    end
                }
                // A dollar that no name follows is literal.
                _ => match name_len(&self.text[next..range.end]) {
                    0 => {
                        value.push('$');
                        next
                    }
                    length => {
                        self.plain(dollar..next + length, &self.text[next..next + length], nested, &mut value);
                        next + length
                    }
                },
            };
        }
        value.push_str(&self.text[at..range.end]);
        Ok(value)
    }

    /// `$NAME` or `${NAME}` at `range`.
    fn plain(&mut self, range: Range<usize>, name: &str, nested: bool, value: &mut String) {
        let start = value.len();
        let outcome = match (self.lookup)(name) {
            Some((found, source)) => {
                value.push_str(&found);
                Outcome::Set(source)
            }
            None => Outcome::Unset,
        };
        self.uses.push(Use { name: name.to_owned(), range, out: start..value.len(), outcome, nested });
    }

    /// `${…}` at `range`.
    fn braced(&mut self, range: Range<usize>, nested: bool, value: &mut String) -> Result<()> {
        let text = self.text;
        let inner = range.start + 2..range.end - 1;
        let length = name_len(&text[inner.clone()]);
        if length == 0 {
            return Err(self.invalid());
        }
        let name = &text[inner.start..inner.start + length];
        let rest = &text[inner.start + length..inner.end];
        if rest.is_empty() {
            self.plain(range, name, nested, value);
            return Ok(());
        }
        let (even_when_empty, operator) = match rest.strip_prefix(':') {
            Some(after) => (true, after),
            None => (false, rest),
        };
        // Compose's pattern ends at a line break.
        let Some(operator) = operator.chars().next().filter(|_| !rest.contains('\n')) else {
            return Err(self.invalid());
        };
        let word = inner.start + length + usize::from(even_when_empty) + operator.len_utf8()..inner.end;
        let found = (self.lookup)(name).filter(|(found, _)| !(even_when_empty && found.is_empty()));
        let index = self.uses.len();
        let start = value.len();
        self.uses.push(Use { name: name.to_owned(), range, out: start..start, outcome: Outcome::Unset, nested });
        self.uses[index].outcome = match (operator, found) {
            ('-' | '?', Some((found, source))) => {
                value.push_str(&found);
                Outcome::Set(source)
            }
            ('-', None) => {
                value.push_str(&self.within(word)?);
                Outcome::Default
            }
            ('?', None) => return Err(missing(name, &text[word])),
            ('+', Some((_, source))) => {
                value.push_str(&self.within(word)?);
                Outcome::Alternative(source)
            }
            ('+', None) => Outcome::Unset,
            _ => return Err(self.invalid()),
        };
        self.uses[index].out.end = value.len();
        // Their ranges are relative to this text.
        for inner in &mut self.uses[index + 1..] {
            inner.out = inner.out.start + start..inner.out.end + start;
        }
        Ok(())
    }

    /// Expands a default or alternative, which may contain variables.
    fn within(&mut self, word: Range<usize>) -> Result<String> {
        if self.depth == MAX_DEPTH {
            return Err(Error::new(format!("more than {MAX_DEPTH} nested variables"))
                .hint("give the inner ones variables of their own"));
        }
        self.depth += 1;
        let value = self.expand(word, true)?;
        self.depth -= 1;
        Ok(value)
    }

    fn invalid(&self) -> Error {
        Error::new(format!("invalid interpolation format: `{}`", self.shown))
            .hint("write `${NAME}` or `${NAME:-default}`, and `$$` for a dollar sign")
    }
}

fn missing(name: &str, message: &str) -> Error {
    let fact = format!("required variable {name} is missing a value");
    let fact = if message.is_empty() { fact } else { format!("{fact}: {message}") };
    Error::new(fact).hint(format!("add a line `{name}=…` to .env, or export {name} in the shell"))
}

fn name_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
        return 0;
    }
    bytes.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_')).unwrap_or(bytes.len())
}

/// The end of the `${` at `start`: only `${` opens, any `}` closes, as in Compose.
fn closing_brace(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut open = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'$' if bytes.get(at + 1) == Some(&b'{') => {
                open += 1;
                at += 1;
            }
            b'}' => {
                open -= 1;
                if open == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<(String, char)> {
        let value = match name {
            "A" => "1",
            "EMPTY" => "",
            "LIKE" => "$A",
            _ => return None,
        };
        Some((value.to_owned(), 's'))
    }

    fn value(text: &str) -> Result<String, String> {
        interpolate(text, &lookup).map(|done| done.value).map_err(|error| error.to_string())
    }

    #[test]
    fn values() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("$A", "1"),
            ("${A}", "1"),
            ("x$A-y", "x1-y"),
            ("$AB.", "."),
            ("$$A", "$A"),
            ("$$$A", "$1"),
            ("cost $5 $ $(x)", "cost $5 $ $(x)"),
            ("$", "$"),
            ("${LIKE}", "$A"),
            ("${N:-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${N-d}", "d"),
            ("${A:-d}", "1"),
            ("${N:-}", ""),
            ("${A:+yes}", "yes"),
            ("${EMPTY:+yes}", ""),
            ("${EMPTY+yes}", "yes"),
            ("${N+yes}", ""),
            ("${A:?set A}", "1"),
            ("${EMPTY?set it}", ""),
            ("${N:-${M:-${A}}}", "1"),
            ("${N:-${M:-8000}}:80", "8000:80"),
            ("${N:-a-b:-c}", "a-b:-c"),
            ("${N:-{}}", "{}"),
            ("${N:-x}-${M:-y}", "x-y"),
            ("${A:-${BROKEN}", "error"),
            ("é${N:-ü}é", "éüé"),
        ] {
            if expected == "error" {
                assert!(value(text).is_err(), "{text}");
            } else {
                assert_eq!(value(text).as_deref(), Ok(expected), "{text}");
            }
        }
    }

    #[test]
    fn errors() {
        for text in ["${", "${}", "${A", "${1}", "${A!}", "${A:}", "${A b}", "${ A}", "${A:-x\n}"] {
            let message = value(text).unwrap_err();
            assert!(message.starts_with("invalid interpolation format"), "{text}: {message}");
        }
        assert_eq!(value("${P:?set P in .env}").unwrap_err(), "required variable P is missing a value: set P in .env");
        assert_eq!(value("${P?}").unwrap_err(), "required variable P is missing a value");
        assert_eq!(value("${EMPTY:?no}").unwrap_err(), "required variable EMPTY is missing a value: no");
    }

    #[test]
    fn uses_say_who_won_and_where() {
        let done = interpolate("${N:-${A}}:$M", &lookup).unwrap();
        let seen: Vec<_> = done.uses.iter().map(|used| (used.name.as_str(), used.range.clone(), used.nested)).collect();
        assert_eq!(seen, [("N", 0..10, false), ("A", 5..9, true), ("M", 11..13, false)]);
        let done = interpolate("x${LIKE}${N:-ab${M:-c${A}}}${M}${A}", &lookup).unwrap();
        let seen: Vec<_> = done.uses.iter().map(|used| (used.name.as_str(), &done.value[used.out.clone()])).collect();
        assert_eq!(seen, [("LIKE", "$A"), ("N", "abc1"), ("M", "c1"), ("A", "1"), ("M", ""), ("A", "1")]);
        let done = interpolate("${N:-${A}}:$M", &lookup).unwrap();
        assert_eq!(done.uses[0].outcome, Outcome::Default);
        assert_eq!(done.uses[1].outcome, Outcome::Set('s'));
        assert_eq!(done.uses[2].outcome, Outcome::Unset);
    }

    #[test]
    fn mentions_are_found_whatever_they_are_set_to() {
        let seen = |text| mentions(text).iter().map(|m| (m.name, m.text, m.default, m.bare)).collect::<Vec<_>>();
        assert_eq!(
            seen("$A-${B:-${C}}:$$D ${E:?need} ${F+x} ${"),
            [
                ("A", "$A", None, true),
                ("B", "${B:-${C}}", Some("${C}"), false),
                ("C", "${C}", None, true),
                ("E", "${E:?need}", None, false),
                ("F", "${F+x}", None, false),
            ]
        );
        assert_eq!(seen("${A-1"), [("A", "${A-1", Some("1"), false)]);
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |levels: usize| format!("{}x{}", "${A:-".repeat(levels), "}".repeat(levels));
        let lookup = |_: &str| None::<(String, ())>;
        assert_eq!(interpolate(&nested(MAX_DEPTH), &lookup).unwrap().value, "x");
        for levels in [MAX_DEPTH + 1, 20_000] {
            let error = interpolate(&nested(levels), &lookup).unwrap_err();
            assert!(error.message().contains("nested variables"), "{error}");
        }
    }
}
