//! A project name for one user's stack on an engine that others use too.

use std::path::Path;

use super::worktree_name::worktree_name;
use crate::parse::compose::normalise_name;

/// The name of the project `base` for `person`: `performia-ann`, with digits from
/// a hash of `whole` (person, machine and folder) if Compose would change the name or
/// somebody has it.
pub fn personal_name(base: &str, person: &str, whole: &str, is_taken: &dyn Fn(&str) -> bool) -> String {
    worktree_name(base, person, Path::new(whole), is_taken)
}

/// Whether `name` ends as [`personal_name`] ends names for `person`.
pub fn is_personal_name(name: &str, person: &str) -> bool {
    let part = normalise_name(person);
    let without_digits = name.rsplit_once('-').filter(|(_, digits)| {
        matches!(digits.len(), 6 | 12 | 16) && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    });
    let ends = |name: &str| name.strip_suffix(&part).is_some_and(|base| base.len() > 1 && base.ends_with('-'));
    if part.is_empty() {
        return without_digits.is_some();
    }
    ends(name) || without_digits.is_some_and(|(rest, _)| ends(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_and_digits_where_that_is_not_enough() {
        let name = |person: &str, whole: &str, taken: &[&str]| {
            personal_name("performia", person, whole, &|name| taken.contains(&name))
        };
        assert_eq!(name("ann", "ann@desk:/src", &[]), "performia-ann");
        let twins = [name("ann", "ann@desk:/src", &["performia-ann"]), name("ann", "ann@lap:/src", &["performia-ann"])];
        assert_ne!(twins[0], twins[1]);
        for person in ["ann", "Ann", "ann.lee", "DOM\\ann", "", "élodie", "李"] {
            let given = name(person, "x@y:/z", &[]);
            let second = name(person, "x@y:/z", &[&given]);
            assert!(
                is_personal_name(&given, person) && is_personal_name(&second, person),
                "{person}: {given} {second}"
            );
        }
    }

    #[test]
    fn a_name_of_one_s_own_is_no_given_one() {
        for name in ["performia", "ann", "-ann", "performia-bob", "joann", "performia-ann-2", "performia-abcdef"] {
            assert!(!is_personal_name(name, "ann"), "{name}");
        }
        assert!(is_personal_name("performia-login-ann", "ann"));
    }
}
