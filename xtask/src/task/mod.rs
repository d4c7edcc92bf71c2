//! One file a command: its `Args` and `run`. No task imports another.

pub(crate) mod adopt;
pub(crate) mod check_ports;
pub(crate) mod completions;
pub(crate) mod diagnose;
pub(crate) mod env;
pub(crate) mod kill;
pub(crate) mod logs;
pub(crate) mod ls;
pub(crate) mod open;
pub(crate) mod proxy;
pub(crate) mod prune_network;
pub(crate) mod ranges;
pub(crate) mod release;
pub(crate) mod restart;
pub(crate) mod run;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod who;

/// A number of lines, or `all`, as Docker takes them.
fn lines(text: &str) -> Result<String, String> {
    let known = text == "all" || text.parse::<u32>().is_ok();
    known.then(|| text.to_owned()).ok_or_else(|| "not a number of lines, and not `all`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_or_all() {
        for text in ["0", "100", "all"] {
            assert_eq!(lines(text).as_deref(), Ok(text));
        }
        for text in ["", "abc", "-1", "ALL", "1k"] {
            assert!(lines(text).is_err(), "{text}");
        }
    }
}
