//! A Compose project name for a checkout beside others.

use std::path::Path;

use crate::parse::compose::normalise_name;

/// The name for the checkout `worktree` (its folder's name) of the project `base`: both
/// joined by Compose's own rules, with some digits from the folder's path if the name
/// would not be unique. Compose drops characters, so `feature.login` and
/// `featurelogin` give the same name: a name that lost characters always gets digits,
/// and so does one that `is_taken`.
pub fn worktree_name(base: &str, worktree: &str, dir: &Path, is_taken: &dyn Fn(&str) -> bool) -> String {
    let part = normalise_name(worktree);
    let kept_whole = part == worktree;
    // A folder `performia-login` gives `performia-login`, not
    // `performia-performia-login`.
    let plain = match part.strip_prefix(base) {
        Some(rest) if rest.starts_with(['-', '_']) && rest.len() > 1 => part.clone(),
        _ if part.is_empty() => base.to_owned(),
        _ => format!("{base}-{part}"),
    };
    if kept_whole && plain != base && !is_taken(&plain) {
        return plain;
    }
    let digits = path_digits(dir);
    // Six digits are almost always enough.
    let lengths = [6, 12, digits.len()];
    let mut names = lengths.iter().map(|length| format!("{plain}-{}", &digits[..*length]));
    names.find(|name| !is_taken(name)).unwrap_or_else(|| format!("{plain}-{digits}"))
}

/// 16 hexadecimal digits from a path: a hash (64-bit FNV-1a) that is the same in every
/// run and with every version of Rust.
pub fn path_digits(dir: &Path) -> String {
    format!("{:016x}", stable_hash(&dir.to_string_lossy()))
}

pub fn stable_hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::parse::compose::check_name;

    fn name(worktree: &str) -> String {
        worktree_name("performia", worktree, Path::new("/src").join(worktree).as_path(), &|_| false)
    }

    #[test]
    fn a_plain_folder_gives_a_plain_name() {
        assert_eq!(name("login"), "performia-login");
        assert_eq!(name("performia-login"), "performia-login");
        assert_eq!(name("performia2"), "performia-performia2");
    }

    #[test]
    fn names_that_compose_would_make_one_stay_several() {
        let names: BTreeSet<String> =
            ["feature.login", "featurelogin", "Feature.Login", "feature-login", "FeatureLogin"]
                .map(name)
                .into_iter()
                .collect();
        assert_eq!(names.len(), 5, "{names:?}");
        assert!(names.contains("performia-featurelogin"), "{names:?}");
    }

    #[test]
    fn a_name_that_somebody_has_gets_digits() {
        let taken = |name: &str| name == "performia-login";
        let name = worktree_name("performia", "login", Path::new("/a/login"), &taken);
        assert!(name.starts_with("performia-login-") && name.len() == "performia-login-".len() + 6, "{name}");
    }

    proptest! {
        #[test]
        fn always_a_name_that_compose_takes_and_nobody_has(
            worktrees in proptest::collection::vec("[a-zA-Z0-9._ -]{0,12}|\\PC{1,6}", 1..20),
        ) {
            let mut taken: BTreeSet<String> = BTreeSet::from(["performia".to_owned()]);
            for (i, worktree) in worktrees.iter().enumerate() {
                let dir = format!("/src/{i}/{worktree}");
                let name = worktree_name("performia", worktree, Path::new(&dir), &|name| taken.contains(name));
                prop_assert!(check_name(&name).is_ok(), "{name}");
                prop_assert!(taken.insert(name));
            }
        }
    }
}
