//! A checkout where nothing can be written: which command does without.

use crate::error::Error;

const HINT: &str =
    "`cargo xtask start --no-write` gives ports and name to Compose by its environment, and writes no file here";

/// Names the command, where that is why something failed.
pub fn hint_no_write(error: Error) -> Error {
    let is_said = error.hints().iter().any(|hint| hint == HINT);
    if error.is_unwritable() && !is_said { error.hint(HINT) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_cannot_be_written_is_a_reason_and_it_is_said_once() {
        let plain = Error::new("no");
        assert_eq!(hint_no_write(plain.clone()), plain);
        assert_eq!(hint_no_write(hint_no_write(plain.unwritable())).hints(), [HINT]);
    }
}
