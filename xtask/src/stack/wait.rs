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

/// `text` is that of the file, and `line` counts its lines up to a byte. Whether the project has these services and ports is for the commands
/// that know its model.
pub(super) fn rules(
    text: &str,
    values: BTreeMap<String, Spanned<Value>>,
    line: impl Fn(&str, usize) -> usize,
) -> Result<BTreeMap<String, WaitRule>> {
    let rule = |(service, value): (String, Spanned<Value>)| {
        let span = value.span();
        let line = line(text, span.start);
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
