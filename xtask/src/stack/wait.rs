//! `[wait]` in `xtask.toml`: `api = [8000]`, `debug = false`, `db = true`.

use std::collections::BTreeMap;

use toml::{Spanned, Value};

use crate::error::{Error, Result};
use crate::model::WaitFor;

/// What `[wait]` says about a service, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitRule {
    pub wait_for: WaitFor,
    pub line: usize,
}

/// `text` is that of the file. Whether the project has these services and ports is for the commands
/// that know its model.
pub(super) fn rules(text: &str, values: BTreeMap<String, Spanned<Value>>) -> Result<BTreeMap<String, WaitRule>> {
    let rule = |(service, value): (String, Spanned<Value>)| {
        let span = value.span();
        let line = super::settings::line(text, span.start);
        let wait_for = wait_for(value.get_ref()).ok_or_else(|| {
            let written = text.get(span).and_then(|value| value.lines().next()).unwrap_or_default();
            Error::new(format!(
                "line {line}: `{service} = {written}` under [wait] is neither true, false nor a list of ports"
            ))
            .hint("true: every published port has to answer; false: none")
            .hint(format!("`{service} = [8000]`: only port 8000 of the container"))
        })?;
        Ok((service, WaitRule { wait_for, line }))
    };
    values.into_iter().map(rule).collect()
}

fn wait_for(value: &Value) -> Option<WaitFor> {
    match value {
        Value::Boolean(true) => Some(WaitFor::Every),
        Value::Boolean(false) => Some(WaitFor::Nothing),
        Value::Array(ports) if !ports.is_empty() => {
            let port = |value: &Value| u16::try_from(value.as_integer()?).ok().filter(|port| *port > 0);
            ports.iter().map(port).collect::<Option<_>>().map(WaitFor::Ports)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::parse;
    use super::*;

    #[test]
    fn the_three_forms_are_read_with_their_lines() {
        let rules = parse("[wait]\napi = [8000, 9000]\ndebug = false\n\ndb = true\n").unwrap().wait;
        let rule = |wait_for, line| WaitRule { wait_for, line };
        assert_eq!(rules["api"], rule(WaitFor::Ports(vec![8000, 9000]), 2));
        assert_eq!(rules["debug"], rule(WaitFor::Nothing, 3));
        assert_eq!(rules["db"], rule(WaitFor::Every, 5));
    }

    #[test]
    fn anything_else_is_told_with_line_and_value() {
        for value in ["8000", "\"8000\"", "[]", "[\"8000\"]", "[0]", "[70000]", "[-1]", "{ port = 8000 }", "[8000.0]"] {
            let error = parse(&format!("[wait]\ndb = true\napi = {value}\n")).unwrap_err();
            let want = format!("line 3: `api = {value}` under [wait] is neither");
            assert!(error.message().starts_with(&want), "{error}");
            assert!(error.hints()[1].contains("`api = [8000]`"));
        }
        // Not a table at all.
        assert!(parse("\nwait = true\n").unwrap_err().message().starts_with("line 2: "));
    }
}
