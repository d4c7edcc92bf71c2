use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{NOTHING, read, shell, step};
use crate::envfile::{Document, dependents};

/// Lines of every kind, good and bad.
pub(crate) fn lines() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        3 => "(export )?[A-D][ \t]{0,2}[=:] ?[a-z0-9#\"' ]{0,6}( #.{0,4})?",
        1 => "[ \t]*#[^\n]*",
        1 => "[A-D]=\"[a-z \n\\\\$]{0,5}\"",
        1 => "[A-D]='[a-z \n\\\\$]{0,5}'",
        1 => "(export )?[A-D]=\"?[a-z]{0,2}(\\$[A-E]|\\$\\{[A-E](:?-[a-z]{0,2})?\\}|\\$\\$)[a-z]{0,2}\"?",
        1 => "[A-D]= ?(\t| )# [a-z]{0,3} *",
        1 => "[A-D]",
        1 => "",
        1 => ".{0,8}",
    ];
    let ending = prop_oneof![4 => Just("\n"), 1 => Just("\r\n")];
    (any::<bool>(), prop::collection::vec((line, ending), 0..8), any::<bool>()).prop_map(|(bom, lines, ended)| {
        let mut text = if bom { "\u{feff}".to_owned() } else { String::new() };
        for (line, ending) in lines {
            text.push_str(&line);
            text.push_str(ending);
        }
        if !ended {
            text.truncate(text.trim_end_matches(['\r', '\n']).len());
        }
        text.into_bytes()
    })
}

proptest! {
    /// On lines that every dialect reads the same, dotenvy must agree.
    #[test]
    fn plain_lines_read_as_dotenvy_reads_them(
        lines in prop::collection::vec(("[A-D]{1,2}", "([a-z0-9_./:-]{0,6}|'[a-z #=]{0,6}'|\"[a-z #=]{0,6}\")( # [a-z]{0,3})?"), 0..6)
    ) {
        // dotenvy differs on `A= # c`.
        let lines = lines.into_iter().filter(|(_, value)| !value.starts_with(' '));
        let text = lines.fold(String::new(), |text, (name, value)| text + &name + "=" + &value + "\n");
        let theirs: Result<BTreeMap<_, _>, _> = dotenvy::from_read_iter(text.as_bytes()).collect();
        prop_assert_eq!(read(text).unwrap(), theirs.unwrap());
    }

    #[test]
    fn renders_what_it_read(bytes in prop_oneof![lines(), prop::collection::vec(any::<u8>(), 0..64)]) {
        if let Ok(document) = Document::parse(bytes.clone()) {
            prop_assert_eq!(document.render(), &bytes[..]);
            // Evaluating must not panic either.
            let _ = document.values(&shell, &NOTHING);
        }
    }

    #[test]
    fn set_changes_one_variable(bytes in lines(), name in "[A-E]", value in prop_oneof!["[0-9]{1,5}", ".{0,8}", "[ #'\"\\\\$\n\r\ta-c]{0,8}"]) {
        let Ok(before) = Document::parse(bytes) else { return Ok(()) };
        let Ok(before_values) = before.values(&NOTHING, &NOTHING) else { return Ok(()) };
        let mut after = before.clone();
        prop_assume!(!value.contains('\0'));
        after.set(&name, &value).unwrap();
        let mut known: BTreeMap<_, _> = after.values(&NOTHING, &NOTHING).unwrap().into_iter().map(|(k, v)| (k, v.value)).collect();
        prop_assert_eq!(known.remove(&name), Some(value.clone()));
        for (other, old) in before_values {
            let raw = before.get(&other).map(|entry| entry.raw).unwrap_or_default();
            // A value that refers to others changes with them.
            if other != name && !raw.contains('$') {
                prop_assert_eq!(known.get(&other), Some(&old.value), "{}", other);
            }
        }
        // Every other assignment is written as before.
        let (old, new): (Vec<_>, Vec<_>) = (before.assigned().collect(), after.assigned().collect());
        let at = old.iter().rposition(|line| line.name == name);
        prop_assert_eq!(new.len(), old.len() + usize::from(at.is_none()));
        for (index, line) in old.iter().enumerate().filter(|(index, _)| Some(*index) != at) {
            prop_assert_eq!((&line.name, &line.text), (&new[index].name, &new[index].text));
        }
        // So is every byte outside the lines of this one.
        let (old, new) = (before.render(), after.render());
        match before.last(&name) {
            Some(found) => {
                let lines = before.lines_of(found);
                prop_assert_eq!(&new[..lines.start], &old[..lines.start]);
                prop_assert!(new.ends_with(&old[lines.end..]));
            }
            None => prop_assert!(is_inserted(old, new)),
        }
        // Setting the same value again changes nothing.
        let again = { let mut again = after.clone(); again.set(&name, &value).unwrap(); again };
        prop_assert_eq!(again.render(), after.render());
    }

    #[test]
    fn lines_of_the_template_are_added_behind_all_that_is_there(bytes in lines(), template in lines()) {
        let (Ok(before), Ok(template)) = (Document::parse(bytes), Document::parse(template)) else { return Ok(()) };
        let names: Vec<String> =
            template.missing_from(std::slice::from_ref(&before)).into_iter().map(|(name, _)| name).collect();
        let mut after = before.clone();
        // Lines that cannot be copied unchanged may be refused; then nothing changes.
        if after.append_from(&template, &names).is_err() {
            prop_assert_eq!(after.render(), before.render());
            return Ok(());
        }
        prop_assert!(is_inserted(before.render(), after.render()));
        prop_assert!(template.missing_from(std::slice::from_ref(&after)).is_empty());
        for line in before.assigned() {
            prop_assert_eq!(after.get(&line.name), before.get(&line.name), "{}", line.name);
        }
    }

    /// Before and after the move, the dependent value is what the template declares.
    #[test]
    fn what_follows_agrees_with_the_template(port in 1024..u16::MAX, to in 1024..u16::MAX, host in "[a-z]{1,5}", path in "(/[a-z]{1,3})?") {
        prop_assume!(port != to);
        let template = Document::parse(format!("HOST={host}\nP={port}\nURL=http://${{HOST}}:${{P}}{path}\n")).unwrap();
        let env = Document::parse(format!("P={port}\nURL='http://{host}:{port}{path}'\n")).unwrap();
        let found = dependents(&template, &env, &NOTHING, &[step(port, to)]);
        prop_assert_eq!(found.follow.len(), 1);
        prop_assert_eq!(&found.follow[0].to, &format!("http://{host}:{to}{path}"));
        prop_assert!(found.mentioned.is_empty());
        // Moving back restores it.
        let mut moved = env.clone();
        moved.set("P", &to.to_string()).unwrap();
        moved.set("URL", &found.follow[0].to).unwrap();
        let back = dependents(&template, &moved, &NOTHING, &[step(to, port)]);
        prop_assert_eq!(&back.follow[0].to, &found.follow[0].from);
    }
}

/// Whether `new` is `old` with text inserted at one place.
fn is_inserted(old: &[u8], new: &[u8]) -> bool {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    new.len() >= old.len() && new.ends_with(&old[same..])
}
