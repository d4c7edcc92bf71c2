//! A hint for checkouts where this user may not write.

use crate::error::Error;

const HINT: &str =
    "`cargo xtask start --no-write` passes ports and name to Compose in its environment, and writes no file here";

/// Adds the hint if the error's cause is a file that can't be written.
pub fn hint_no_write(error: Error) -> Error {
    let has_hint = error.hints().iter().any(|hint| hint == HINT);
    if error.is_unwritable() && !has_hint { error.hint(HINT) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_is_added_once_and_only_for_unwritable_files() {
        let plain = Error::new("no");
        assert_eq!(hint_no_write(plain.clone()), plain);
        assert_eq!(hint_no_write(hint_no_write(plain.unwritable())).hints(), [HINT]);
    }
}
