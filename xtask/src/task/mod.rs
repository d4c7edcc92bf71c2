//! One file a command: its `Args` and `run`. No task imports another.

pub mod adopt;
pub mod check_ports;
pub mod completions;
pub mod diagnose;
pub mod env;
pub mod kill;
pub mod logs;
pub mod ls;
pub mod open;
pub mod proxy;
pub mod prune_network;
pub mod ranges;
pub mod release;
pub mod restart;
pub mod run;
pub mod start;
pub mod stop;
pub mod who;

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
