//! Whether a rule can match a request for a host. Only its host matchers are evaluated.

/// Whether a part of a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    Yes,
    No,
    /// Unknown: paths, headers, methods, regular expressions.
    Perhaps,
}

impl Truth {
    fn of(is: bool) -> Truth {
        if is { Truth::Yes } else { Truth::No }
    }

    fn and(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::No, _) | (_, Truth::No) => Truth::No,
            (Truth::Yes, Truth::Yes) => Truth::Yes,
            _ => Truth::Perhaps,
        }
    }

    fn not(self) -> Truth {
        match self {
            Truth::Yes => Truth::No,
            Truth::No => Truth::Yes,
            Truth::Perhaps => Truth::Perhaps,
        }
    }

    fn or(self, other: Truth) -> Truth {
        self.not().and(other.not()).not()
    }
}

/// Whether a router with this rule can match a request for `host`, in lower case. Traefik
/// drops invalid rules, so they match nothing.
pub(super) fn can_match(rule: &str, host: &str) -> bool {
    let mut reader = Reader { rest: rule, host, depth: 0 };
    let truth = reader.any().filter(|_| reader.rest.trim().is_empty());
    truth.is_some_and(|truth| truth != Truth::No)
}

struct Reader<'a> {
    rest: &'a str,
    host: &'a str,
    depth: usize,
}

/// Deeper than any real rule, and safe for recursion.
const DEEPEST: usize = 64;

impl Reader<'_> {
    /// Consumes `word` if it comes next.
    fn takes(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// `A || B`
    fn any(&mut self) -> Option<Truth> {
        let mut truth = self.all()?;
        while self.takes("||") {
            truth = truth.or(self.all()?);
        }
        Some(truth)
    }

    /// `A && B`
    fn all(&mut self) -> Option<Truth> {
        let mut truth = self.one()?;
        while self.takes("&&") {
            truth = truth.and(self.one()?);
        }
        Some(truth)
    }

    /// `!A`, `(A)`, `Matcher(…)`
    fn one(&mut self) -> Option<Truth> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let truth = if self.takes("!") {
            self.one().map(Truth::not)
        } else if self.takes("(") {
            let truth = self.any()?;
            self.takes(")").then_some(truth)
        } else {
            self.matcher()
        };
        self.depth -= 1;
        truth
    }

    fn matcher(&mut self) -> Option<Truth> {
        let text = self.rest.trim_start();
        let end = text.find(|c: char| !c.is_ascii_alphanumeric()).filter(|end| *end > 0)?;
        let (name, rest) = text.split_at(end);
        self.rest = rest;
        let mut values = Vec::new();
        if !self.takes("(") {
            return None;
        }
        while !self.takes(")") {
            values.push(self.value()?);
            // A comma also separates a header's name and value.
            self.takes(",");
        }
        Some(match name.to_ascii_lowercase().as_str() {
            "host" | "hostsni" => Truth::of(values.iter().any(|value| is_host(value, self.host))),
            "hostregexp" | "hostsniregexp" => {
                let can = values.iter().any(|value| can_end(value, self.host));
                if can { Truth::Perhaps } else { Truth::No }
            }
            _ => Truth::Perhaps,
        })
    }

    /// A string in back-ticks or double quotes.
    fn value(&mut self) -> Option<String> {
        let text = self.rest.trim_start();
        let quote = text.chars().next().filter(|quote| ['`', '"'].contains(quote))?;
        let (value, rest) = text[1..].split_once(quote)?;
        self.rest = rest;
        Some(value.to_ascii_lowercase())
    }
}

/// `*` matches every name, `*.shop.localhost` direct subdomains (Traefik 3.7).
fn is_host(pattern: &str, host: &str) -> bool {
    let below = |parent: &str| host.split_once('.').is_some_and(|(_, rest)| rest == parent);
    pattern == "*" || pattern == host || pattern.strip_prefix("*.").is_some_and(below)
}

/// Whether a regular expression can match a host, judged by the literal text before a final
/// `$` only.
fn can_end(expression: &str, host: &str) -> bool {
    let Some(body) = expression.strip_suffix('$').filter(|body| !body.contains('|')) else { return true };
    let mut tail = String::new();
    let mut letters = body.chars();
    while let Some(letter) = letters.next() {
        match letter {
            // `\.` is a dot; `\d` is any digit.
            '\\' => match letters.next().filter(|escaped| !escaped.is_ascii_alphanumeric()) {
                Some(escaped) => tail.push(escaped),
                None => tail.clear(),
            },
            letter if letter.is_ascii_alphanumeric() || letter == '-' => tail.push(letter),
            _ => tail.clear(),
        }
    }
    host.ends_with(&tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_can_get_a_request_for_a_host() {
        for (rule, want) in [
            ("Host(`a.localhost`)", true),
            ("Host(`A.localhost`) && PathPrefix(`/x`)", true),
            ("Host(`b.localhost`)", false),
            ("Host(`b.localhost`) && PathPrefix(`/`)", false),
            ("Host(`b.localhost`) || PathPrefix(`/`)", true),
            ("PathPrefix(`/`)", true),
            ("HostRegexp(`.+`)", true),
            ("HostRegexp(`^.+\\.localhost$`)", true),
            ("HostRegexp(`^[a-z]+\\.shop\\.localhost$`)", false),
            ("HostRegexp(`^(a|b).localhost$`)", true),
            ("HostRegexp(`^a\\Docalhost$`)", true),
            ("HostRegexp(`^x`)", true),
            ("HostSNIRegexp(`b[.]localhost$`)", true),
            ("HostSNIRegexp(`\\.test$`)", false),
            ("!Host(`b.localhost`)", true),
            ("!Host(`a.localhost`)", false),
            ("(Host(`b.localhost`) || Host(`c.localhost`)) && Method(`GET`)", false),
            ("Header(`X-A`, `b`) && !(Host(`a.localhost`) || Host(`b.localhost`))", false),
            ("Host(`*.localhost`)", true),
            ("Host(`*.a.localhost`)", false),
            ("HostSNI(`*`)", true),
            ("HostSNI(`b.localhost`)", false),
            ("Host(\"a.localhost\")", true),
            // Not rules.
            ("Host(a.localhost)", false),
            ("Host(`a.localhost`", false),
            ("Host(`a.localhost`) &&", false),
            ("PathPrefix(`/`) x", false),
            ("", false),
        ] {
            assert_eq!(can_match(rule, "a.localhost"), want, "{rule}");
        }
        assert!(!can_match(&"(".repeat(100_000), "a"));
        assert!(!can_match(&"!".repeat(100_000), "a"));
    }
}
