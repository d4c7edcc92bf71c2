//! Whether a folder goes on under its project name, takes back an earlier one, or somebody
//! has to decide: each name has volumes of its own, so another name means other data.

use crate::model::NameOrigin;

/// A name under which the folder was started before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierName {
    pub name: String,
    pub origin: NameOrigin,
    /// The folder at this path is another one now, and has files of another project.
    pub is_unrelated: bool,
    /// The folder may be the one that had the name, or not.
    pub is_doubtful: bool,
    /// Another folder that exists has it now.
    pub is_taken: bool,
}

#[derive(Debug, Clone)]
pub struct NameFacts<'a> {
    /// The name that Compose gives the project now.
    pub name: &'a str,
    pub origin: NameOrigin,
    /// Another folder that exists has that name.
    pub is_taken: bool,
    /// The folder has containers under it.
    pub has_containers: bool,
    /// The folder was started under it before.
    pub is_known: bool,
    /// A folder that doesn't exist any more was started under it.
    pub was_of_gone_folder: bool,
    /// Nobody gave this folder the name, so a copy of the folder has it too.
    pub is_shared_by_copies: bool,
    /// Names of this folder, the last used first, without those given for one run.
    pub earlier: &'a [EarlierName],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameChoice {
    /// Go on under the current name.
    Current,
    /// Take the earlier name again.
    Keep(String),
    /// Ask whether to take this earlier name, which has volumes, or to start with new ones.
    OfferEarlier(String),
    /// Ask whether the volumes of the current name are this project's.
    AskWhose,
}

/// `has_volumes` asks the engine, and is only called where the answer matters.
pub fn choose_name<E>(facts: &NameFacts<'_>, has_volumes: &dyn Fn(&str) -> Result<bool, E>) -> Result<NameChoice, E> {
    let ask_whose = |doubtful: bool| -> Result<NameChoice, E> {
        Ok(if doubtful && has_volumes(facts.name)? { NameChoice::AskWhose } else { NameChoice::Current })
    };
    if facts.origin == NameOrigin::Given || facts.has_containers {
        return Ok(NameChoice::Current);
    }
    let is_certain = |earlier: &&EarlierName| !earlier.is_unrelated && !earlier.is_doubtful;
    match facts.earlier.iter().find(is_certain) {
        Some(last) if last.name == facts.name => return Ok(NameChoice::Current),
        Some(last) if is_kept(facts, last) => return Ok(NameChoice::Keep(last.name.clone())),
        Some(_) => {}
        None => {
            let was_of_other = facts.earlier.iter().any(|earlier| earlier.is_unrelated && earlier.name == facts.name);
            if was_of_other && !facts.is_taken {
                return ask_whose(true);
            }
        }
    }
    if facts.is_taken || facts.is_known {
        return Ok(NameChoice::Current);
    }
    if has_volumes(facts.name)? {
        return ask_whose(facts.was_of_gone_folder || facts.is_shared_by_copies);
    }
    for earlier in facts.earlier.iter().filter(|earlier| !earlier.is_unrelated && !earlier.is_taken) {
        if has_volumes(&earlier.name)? {
            return Ok(NameChoice::OfferEarlier(earlier.name.clone()));
        }
    }
    Ok(NameChoice::Current)
}

/// Whether nobody chose the current name: the folder was renamed, its `.env` with the name
/// was lost, or it was overwritten with that of another checkout.
fn is_kept(facts: &NameFacts<'_>, last: &EarlierName) -> bool {
    let was_lost = facts.origin == NameOrigin::ComposeFile && last.origin == NameOrigin::EnvFile;
    let nobody_chose = facts.is_taken || facts.origin == NameOrigin::Folder || was_lost;
    nobody_chose && !last.is_taken
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ORIGINS: [NameOrigin; 4] =
        [NameOrigin::Given, NameOrigin::EnvFile, NameOrigin::ComposeFile, NameOrigin::Folder];

    fn earlier(name: &str, origin: NameOrigin) -> EarlierName {
        EarlierName { name: name.into(), origin, is_unrelated: false, is_doubtful: false, is_taken: false }
    }

    fn facts(origin: NameOrigin, earlier: &[EarlierName]) -> NameFacts<'_> {
        NameFacts {
            name: "new",
            origin,
            is_taken: false,
            has_containers: false,
            is_known: false,
            was_of_gone_folder: false,
            is_shared_by_copies: false,
            earlier,
        }
    }

    fn choose(facts: &NameFacts<'_>, volumes: &[&str]) -> NameChoice {
        choose_name(facts, &|name| Ok::<_, ()>(volumes.contains(&name))).unwrap()
    }

    #[test]
    fn a_renamed_folder_and_a_lost_env_keep_the_name_without_a_question() {
        let old = [earlier("old", NameOrigin::Folder)];
        let kept = NameChoice::Keep("old".into());
        assert_eq!(choose(&facts(NameOrigin::Folder, &old), &["old"]), kept);
        assert_eq!(choose(&facts(NameOrigin::Folder, &old), &[]), kept, "its ports are kept too");
        let written = [earlier("old", NameOrigin::EnvFile)];
        assert_eq!(choose(&facts(NameOrigin::ComposeFile, &written), &[]), kept);
        // Overwritten with the `.env` of another checkout.
        let copied = NameFacts { is_taken: true, ..facts(NameOrigin::EnvFile, &written) };
        assert_eq!(choose(&copied, &[]), kept);
    }

    #[test]
    fn a_name_that_somebody_changed_is_asked_about_if_data_would_be_left_behind() {
        let old = [earlier("old", NameOrigin::Folder), earlier("older", NameOrigin::EnvFile)];
        for origin in [NameOrigin::EnvFile, NameOrigin::ComposeFile] {
            let changed = facts(origin, &old);
            assert_eq!(choose(&changed, &["old"]), NameChoice::OfferEarlier("old".into()));
            assert_eq!(choose(&changed, &["older"]), NameChoice::OfferEarlier("older".into()));
            assert_eq!(choose(&changed, &[]), NameChoice::Current);
            assert_eq!(choose(&changed, &["old", "new"]), NameChoice::Current, "nothing new is made");
            let decided = NameFacts { is_known: true, ..changed };
            assert_eq!(choose(&decided, &["old"]), NameChoice::Current);
        }
    }

    #[test]
    fn data_of_a_folder_that_is_gone_is_asked_about() {
        let gone = NameFacts { was_of_gone_folder: true, ..facts(NameOrigin::Folder, &[]) };
        assert_eq!(choose(&gone, &["new"]), NameChoice::AskWhose);
        assert_eq!(choose(&gone, &[]), NameChoice::Current, "there is nothing to lose");
        assert_eq!(choose(&NameFacts { is_known: true, ..gone.clone() }, &["new"]), NameChoice::Current);
        assert_eq!(choose(&NameFacts { has_containers: true, ..gone }, &["new"]), NameChoice::Current);
        // A first start with this program, of a project that Compose started here, or in a copy.
        let copied = NameFacts { is_shared_by_copies: true, ..facts(NameOrigin::Folder, &[]) };
        assert_eq!(choose(&copied, &["new"]), NameChoice::AskWhose);
        assert_eq!(choose(&copied, &[]), NameChoice::Current);
        for certain in [
            NameFacts { is_known: true, ..copied.clone() },
            NameFacts { has_containers: true, ..copied.clone() },
            NameFacts { origin: NameOrigin::Given, ..copied },
        ] {
            assert_eq!(choose(&certain, &["new"]), NameChoice::Current);
        }
        let own_file = facts(NameOrigin::EnvFile, &[]);
        assert_eq!(choose(&own_file, &["new"]), NameChoice::Current);
    }

    #[test]
    fn a_folder_that_may_be_the_one_is_asked_about() {
        let doubtful = [EarlierName { is_doubtful: true, ..earlier("old", NameOrigin::Folder) }];
        let renamed = facts(NameOrigin::Folder, &doubtful);
        assert_eq!(choose(&renamed, &["old"]), NameChoice::OfferEarlier("old".into()));
        assert_eq!(choose(&renamed, &[]), NameChoice::Current);
        assert_eq!(choose(&renamed, &["old", "new"]), NameChoice::Current);
    }

    #[test]
    fn another_project_at_the_same_path_is_asked_about_and_a_new_clone_is_not() {
        let again = [earlier("new", NameOrigin::Folder)];
        assert_eq!(choose(&facts(NameOrigin::Folder, &again), &["new"]), NameChoice::Current);
        let other = [EarlierName { is_unrelated: true, ..again[0].clone() }];
        assert_eq!(choose(&facts(NameOrigin::Folder, &other), &["new"]), NameChoice::AskWhose);
        assert_eq!(choose(&facts(NameOrigin::Folder, &other), &[]), NameChoice::Current);
        let other = [EarlierName { is_unrelated: true, ..earlier("old", NameOrigin::Folder) }];
        let choice = choose(&facts(NameOrigin::Folder, &other), &["old"]);
        assert_eq!(choice, NameChoice::Current, "it was another's");
    }

    proptest! {
        /// A name that another folder has is never taken, a name on the command line always.
        #[test]
        fn no_two_folders_are_made_to_meet(
            origin in 0..4_usize,
            flags in any::<[bool; 5]>(),
            names in proptest::collection::vec((0..4_usize, 0..4_usize, any::<[bool; 3]>()), 0..4),
            full in any::<[bool; 4]>(),
        ) {
            let all = ["new", "old", "older", "oldest"];
            let earlier: Vec<EarlierName> = names
                .into_iter()
                .map(|(name, origin, [is_unrelated, is_doubtful, is_taken])| EarlierName {
                    name: all[name].into(), origin: ORIGINS[origin], is_unrelated, is_doubtful, is_taken,
                })
                .collect();
            let [is_taken, has_containers, is_known, was_of_gone_folder, is_shared_by_copies] = flags;
            let facts = NameFacts {
                is_taken, has_containers, is_known, was_of_gone_folder, is_shared_by_copies,
                ..facts(ORIGINS[origin], &earlier)
            };
            let volumes: Vec<&str> = all.into_iter().zip(full).filter(|(_, full)| *full).map(|(name, _)| name).collect();
            match choose(&facts, &volumes) {
                NameChoice::Current => {}
                choice => {
                    prop_assert!(facts.origin != NameOrigin::Given && !has_containers);
                    match choice {
                        NameChoice::Keep(name) | NameChoice::OfferEarlier(name) => {
                            prop_assert!(earlier.iter().any(|one| one.name == name && !one.is_taken));
                            prop_assert_ne!(name, "new");
                        }
                        _ => prop_assert!(volumes.contains(&"new") && !is_taken),
                    }
                }
            }
        }
    }
}
