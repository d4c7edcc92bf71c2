use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Document, PortMove};

const NOTHING: fn(&str) -> Option<String> = |_| None;

fn shell(name: &str) -> Option<String> {
    (name == "SHELL_VAR").then(|| "from-shell".to_owned())
}

fn read(text: impl Into<Vec<u8>>) -> Result<BTreeMap<String, String>, String> {
    let values = Document::parse(text).and_then(|document| document.values(&shell, &NOTHING));
    Ok(values.map_err(|error| error.to_string())?.into_iter().map(|(name, value)| (name, value.value)).collect())
}

fn value_of(text: &str, name: &str) -> Option<String> {
    read(text).unwrap().remove(name)
}

/// What `docker compose config --environment` (2.40) says for each line; the
/// oracle test asks it again.
#[test]
fn the_dialect_of_compose() {
    for (text, name, expected) in [
        ("A=val # c\n", "A", Some("val")),
        ("A=val#x\n", "A", Some("val#x")),
        ("A=val\t# c\n", "A", Some("val\t# c")),
        ("A= # c\n", "A", Some("# c")),
        ("A=#hash\n", "A", Some("#hash")),
        ("A=x #\n", "A", Some("x")),
        ("A=\"q # x\" # c\n", "A", Some("q # x")),
        ("A='lit $B ${B:?x}'\n", "A", Some("lit $B ${B:?x}")),
        ("A='it\\'s'\n", "A", Some("it's")),
        ("A=it's\n", "A", Some("it's")),
        ("A=x 'y' # z\n", "A", Some("x 'y'")),
        ("B=1\nA=\"$B ${B:-x} ${NOPE:-def}\"\n", "A", Some("1 1 def")),
        ("SHELL_VAR=file\nA=$SHELL_VAR\n", "A", Some("from-shell")),
        ("A=pa$$word\n", "A", Some("pa$word")),
        ("A=pa\\$word\n", "A", Some("pa\\")),
        ("A=\"pa\\$word\"\n", "A", Some("pa$word")),
        ("A=\"\\$\\$B\"\n", "A", Some("$$B")),
        ("A=\"a\\nb\\tc\\\\d\\\"e\\x41\\101\\0101\"\n", "A", Some("a\nb\tc\\d\"e\\x41\\101A")),
        ("A=\\n\n", "A", Some("\\n")),
        ("A='a\\\\'\n", "A", Some("a\\\\")),
        ("A=\"a\nb\"\nB=2\n", "A", Some("a\nb")),
        ("A=\"1\r\n2\"\r\nB=\r\n", "A", Some("1\r\n2")),
        ("\u{feff}A=1\r\nB=2\r\n", "A", Some("1")),
        ("A=1\rB=2\n", "A", Some("1\rB=2")),
        ("export A=1\n", "A", Some("1")),
        ("export\tA=1\n", "A", Some("1")),
        ("exportA=1\n", "exportA", Some("1")),
        ("export=2\n", "export", Some("2")),
        ("A: 1\n", "A", Some("1")),
        ("A = 1\n", "A", Some("1")),
        ("A\t=\t1\n", "A", Some("1")),
        ("A==1\n", "A", Some("=1")),
        ("A:=1\n", "A", Some("=1")),
        ("A= \"x\"\n", "A", Some("x")),
        ("A=\u{a0}x\u{a0}\n", "A", Some("x")),
        ("SHELL_VAR\nA=1\n", "SHELL_VAR", Some("from-shell")),
        ("A\nB=1\n", "A", None),
        ("A", "A", None),
        ("A B", "A", None),
        ("A=1\nA=2\n", "A", Some("2")),
        ("A=\"1\" B=2\n", "B", Some("2")),
        ("A=\"1\"junk\nB=1\n", "B", Some("1")),
        ("A-B=1\n", "A-B", Some("1")),
        ("A[0]=2\n", "A[0]", Some("2")),
        ("Aé=1\n", "Aé", Some("1")),
        ("1A=2\n", "1A", Some("2")),
        ("=x\n", "", Some("x")),
        ("\n\n  A=1", "A", Some("1")),
    ] {
        assert_eq!(value_of(text, name).as_deref(), expected, "{text:?}");
    }
}

#[test]
fn errors_name_the_line() {
    for (text, message) in [
        ("B=1\nC=2\nA='x\nD=1\n", "line 3: unterminated quoted value: `A`"),
        ("DB_PASSWORD=\"s3cr3t\n", "line 1: unterminated quoted value: `DB_PASSWORD`"),
        ("DB PASSWORD=s3cr3t\n", "line 1: key cannot contain a space: `DB PASSWORD`"),
        ("A='x\n's3 cr3t\n", "line 2: key cannot contain a space"),
        ("B=1\n\nA B=1\n", "line 3: key cannot contain a space: `A B`"),
        ("A+B=1\n", "line 1: unexpected character `+` in variable name"),
        ("{\n", "line 1: unexpected character `{` in variable name"),
        ("A=\"a\" \"b\"\n", "line 1: unexpected character `\"` in variable name"),
        ("# x\nA=s3cr3t${B\n", "line 2: invalid interpolation format: `A`"),
        ("A=${B:?need}\n", "line 1: required variable B is missing a value: need"),
    ] {
        assert_eq!(read(text).unwrap_err(), message, "{text:?}");
    }
}

#[test]
fn bytes_that_are_no_utf8_are_kept() {
    let mut document = Document::parse(&b"# caf\xe9\nA=\xe9\nB=1\n"[..]).unwrap();
    document.set("B", "2").unwrap();
    assert_eq!(document.render(), b"# caf\xe9\nA=\xe9\nB=2\n");
    assert!(Document::parse(&b"A\xe9=1\n"[..]).is_err());
}

#[test]
fn get_takes_the_last_and_says_where() {
    let document = Document::parse("A=1\n# A=2\nA='3' # three\nA\n").unwrap();
    let entry = document.get("A").unwrap();
    assert_eq!((entry.line, entry.raw.as_str(), entry.value.as_str()), (3, "'3'", "3"));
    assert_eq!(document.get("B"), None);
}

#[test]
fn set_changes_the_value_and_nothing_else() {
    for (before, value, after) in [
        ("P=8000\n", "8001", "P=8001\n"),
        ("P=8000", "8001", "P=8001"),
        ("P=8000 # why\nQ=1\n", "8001", "P=8001 # why\nQ=1\n"),
        ("P=1\nP=8000\n#P=3\n", "8001", "P=1\nP=8001\n#P=3\n"),
        ("  export P = \"8000\"  # why\r\n", "8001", "  export P = \"8001\"  # why\r\n"),
        ("P: '8000'\n", "8001", "P: '8001'\n"),
        ("\u{feff}P=8000\r\n", "8001", "\u{feff}P=8001\r\n"),
        ("P= # why\n", "8001", "P=8001 # why\n"),
        ("P=  # why\n", "8001", "P= 8001 # why\n"),
        ("P=\t# why\n", "8001", "P=\t8001 # why\n"),
        ("P= \t \n", "8001", "P=8001 \t \n"),
        ("P=8000\t# why\n", "8001", "P=8001\t # why\n"),
        ("P=8000 # why\n", "", "P=\"\" # why\n"),
        ("P=\n", "8001", "P=8001\n"),
        ("P=\r\nQ=1", "8001", "P=8001\r\nQ=1"),
        ("P\nQ=1\n", "8001", "P=8001\nQ=1\n"),
        ("P=\"a\nb\"\nQ=1\n", "x", "P=\"x\"\nQ=1\n"),
        ("", "8001", "P=8001\n"),
        ("Q=1", "8001", "Q=1\nP=8001\n"),
        ("Q=1\r\n# end", "8001", "Q=1\r\n# end\r\nP=8001\r\n"),
        ("P", "8001", "P=8001\nP"),
        ("\u{feff}A B", "8001", "\u{feff}P=8001\nA B"),
        ("A=1\r\nB", "8001", "A=1\r\nP=8001\r\nB"),
        ("P=1\n", "a b", "P='a b'\n"),
        ("P=1\n", "it's $5", "P=\"it's $$5\"\n"),
        ("P='1'\n", "it's", "P=\"it's\"\n"),
        ("P=\"1\"\n", "a\\b\n\"$x", "P=\"a\\\\b\\n\\\"$$x\"\n"),
    ] {
        let mut document = Document::parse(before).unwrap();
        document.set("P", value).unwrap();
        assert_eq!(String::from_utf8_lossy(document.render()), after, "{before:?} {value:?}");
        assert_eq!(value_of(after, "P").as_deref(), Some(value), "{before:?} {value:?}");
    }
}

#[test]
fn set_refuses_what_is_no_name() {
    for name in ["", "1A", "A B", "A=B", "A-B"] {
        assert!(Document::default().set(name, "1").is_err(), "{name}");
    }
}

fn step(from: u16, to: u16) -> PortMove {
    PortMove { variable: "P".into(), from, to, before: from.to_string(), after: to.to_string() }
}

/// Lines of every kind, good and bad.
pub(super) fn lines() -> impl Strategy<Value = Vec<u8>> {
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
    /// Where every dialect agrees, another reader must agree as well.
    #[test]
    fn plain_lines_read_as_dotenvy_reads_them(
        lines in prop::collection::vec(("[A-D]{1,2}", "([a-z0-9_./:-]{0,6}|'[a-z #=]{0,6}'|\"[a-z #=]{0,6}\")( # [a-z]{0,3})?"), 0..6)
    ) {
        // The trap of `A= # c` is ours to know.
        let lines = lines.into_iter().filter(|(_, value)| !value.starts_with(' '));
        let text = lines.fold(String::new(), |text, (name, value)| text + &name + "=" + &value + "\n");
        let theirs: Result<BTreeMap<_, _>, _> = dotenvy::from_read_iter(text.as_bytes()).collect();
        prop_assert_eq!(read(text).unwrap(), theirs.unwrap());
    }

    #[test]
    fn renders_what_it_read(bytes in prop_oneof![lines(), prop::collection::vec(any::<u8>(), 0..64)]) {
        if let Ok(document) = Document::parse(bytes.clone()) {
            prop_assert_eq!(document.render(), &bytes[..]);
            // Evaluating never panics either.
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
            // A value that refers to others follows them.
            if other != name && !raw.contains('$') {
                prop_assert_eq!(known.get(&other), Some(&old.value), "{}", other);
            }
        }
        // All that is written of any other assignment is what it was.
        let (old, new): (Vec<_>, Vec<_>) = (before.assigned().collect(), after.assigned().collect());
        let at = old.iter().rposition(|line| line.name == name);
        prop_assert_eq!(new.len(), old.len() + usize::from(at.is_none()));
        for (index, line) in old.iter().enumerate().filter(|(index, _)| Some(*index) != at) {
            prop_assert_eq!((&line.name, &line.text), (&new[index].name, &new[index].text));
        }
        // And every byte outside of the lines of this one.
        let (old, new) = (before.render(), after.render());
        match before.last(&name) {
            Some(found) => {
                let lines = before.lines_of(found);
                prop_assert_eq!(&new[..lines.start], &old[..lines.start]);
                prop_assert!(new.ends_with(&old[lines.end..]));
            }
            None => prop_assert!(is_inserted(old, new)),
        }
        // Setting it again to the same changes nothing.
        let again = { let mut again = after.clone(); again.set(&name, &value).unwrap(); again };
        prop_assert_eq!(again.render(), after.render());
    }

    #[test]
    fn lines_of_the_template_are_added_behind_all_that_is_there(bytes in lines(), template in lines()) {
        let (Ok(before), Ok(template)) = (Document::parse(bytes), Document::parse(template)) else { return Ok(()) };
        let names: Vec<String> =
            template.missing_from(std::slice::from_ref(&before)).into_iter().map(|(name, _)| name).collect();
        let mut after = before.clone();
        // What cannot be taken over as it is may be refused, and changes nothing.
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

    /// Whatever the files hold: what follows is what the template says before,
    /// and what it says then.
    #[test]
    fn what_follows_agrees_with_the_template(port in 1024..u16::MAX, to in 1024..u16::MAX, host in "[a-z]{1,5}", path in "(/[a-z]{1,3})?") {
        prop_assume!(port != to);
        let template = Document::parse(format!("HOST={host}\nP={port}\nURL=http://${{HOST}}:${{P}}{path}\n")).unwrap();
        let env = Document::parse(format!("P={port}\nURL='http://{host}:{port}{path}'\n")).unwrap();
        let found = super::dependents(&template, &env, &NOTHING, &[step(port, to)]);
        prop_assert_eq!(found.follow.len(), 1);
        prop_assert_eq!(&found.follow[0].to, &format!("http://{host}:{to}{path}"));
        prop_assert!(found.mentioned.is_empty());
        // The way back is the same way.
        let mut moved = env.clone();
        moved.set("P", &to.to_string()).unwrap();
        moved.set("URL", &found.follow[0].to).unwrap();
        let back = super::dependents(&template, &moved, &NOTHING, &[step(to, port)]);
        prop_assert_eq!(&back.follow[0].to, &found.follow[0].from);
    }
}

/// Whether `new` is `old` with something put in at one place.
fn is_inserted(old: &[u8], new: &[u8]) -> bool {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    new.len() >= old.len() && new.ends_with(&old[same..])
}

fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}

#[test]
fn what_is_odd_is_told_by_line() {
    use super::What;
    let odd = |text: &str| -> Vec<(usize, String, What)> {
        let found = document(text).oddities(&shell);
        found.into_iter().map(|oddity| (oddity.line, oddity.variable, oddity.what)).collect()
    };
    let one = |line, name: &str, what| vec![(line, name.to_owned(), what)];
    let nothing = |name: &str| What::ExpandsToNothing { name: name.to_owned(), below: None };
    for fine in [
        "A=1\n",
        "A=#fff\n",
        "A='$B'\n",
        "A=$$B\n",
        "A=${B:-x}\n",
        "A=$SHELL_VAR\n",
        "B=1\nA=$B\n",
        "A=x # y\n",
        "A=\"x\t# y\"\n",
        "# c",
        "A=1",
        "A=\"x\ny\"",
        "",
    ] {
        assert_eq!(odd(fine), [], "{fine:?}");
    }
    assert_eq!(odd("A=1\nB=2\nA=3\n"), one(1, "A", What::Duplicate { counts: 3 }));
    assert_eq!(odd("\nA= # c\n"), one(2, "A", What::CommentIsValue));
    assert_eq!(odd("A=1\t# c\n"), one(1, "A", What::TabBeforeComment));
    assert_eq!(odd("A=pa$word\n"), one(1, "A", nothing("word")));
    assert_eq!(odd("A=\"pa$word\"\n"), one(1, "A", nothing("word")));
    assert_eq!(odd("A=pa\\$word\n"), one(1, "A", nothing("word")));
    assert_eq!(odd("A=$B\nB=1\n"), one(1, "A", What::ExpandsToNothing { name: "B".into(), below: Some(2) }));
    assert_eq!(odd("A\n"), one(1, "A", What::Inherited));
    assert_eq!(odd("A=1\nB"), one(2, "B", What::Dropped));
    assert_eq!(odd("A=1\nB=1\r\n"), one(2, "", What::MixedLineEnds));
}

#[test]
fn comments_of_the_template_offer_variables() {
    let found = document("# A=1\n#B='x y' # z\n# prose = no\n#C\n## D=1\nE=1\n#B=2\n").commented();
    let found: Vec<_> = found.iter().map(|c| (c.name.as_str(), c.text.as_str(), c.line)).collect();
    assert_eq!(found, [("A", "1", 1), ("B", "x y", 2)]);
}

#[test]
fn changes_are_what_is_written_otherwise() {
    let template = document("A=1\nB=$A\nC=3\n#D=4\n#E=5\n");
    let changes = template.changes_in(&document("X=9\nA='1'\nB='$A'\n#C=3\nE=6\n"));
    let seen: Vec<_> = changes
        .iter()
        .map(|c| {
            let side = |side: &Option<(usize, String)>| side.as_ref().map(|(_, text)| text.clone()).unwrap_or_default();
            format!("{} {:?} {:?} {}", c.name, side(&c.template), side(&c.file), c.commented)
        })
        .collect();
    assert_eq!(seen, ["B \"$A\" \"$$A\" false", "C \"3\" \"\" false", "E \"5\" \"6\" true", "X \"\" \"9\" false"]);
}

#[test]
fn missing_lines_come_with_their_comments() {
    let template = "# Head\n\n# What A is\n# and does\nA=1\n#Z=0\nB=2 # why\n# C\nC=\"x\ny\"\nD=1\n";
    for (before, after) in [
        ("D=1", "D=1\n\n# What A is\n# and does\nA=1\nB=2 # why\n\n# C\nC=\"x\ny\"\n"),
        ("D=1\r\nA=1\r\nC=1\r\n", "D=1\r\nA=1\r\nC=1\r\nB=2 # why\r\n"),
        ("", "# What A is\n# and does\nA=1\nB=2 # why\n\n# C\nC=\"x\ny\"\nD=1\n"),
    ] {
        let template = document(template);
        let mut file = document(before);
        let names: Vec<String> =
            template.missing_from(std::slice::from_ref(&file)).into_iter().map(|(name, _)| name).collect();
        file.append_from(&template, &names).unwrap();
        assert_eq!(String::from_utf8_lossy(file.render()), after, "{before:?}");
    }
    // Two on one line: only the one that is missing.
    let mut file = document("B=3\n");
    file.append_from(&document("A=\"1\" B=2\n"), &["A".to_owned()]).unwrap();
    assert_eq!(file.render(), b"B=3\nA=\"1\"\n");
}

/// Template and `.env`; what follows when P goes from 8000 to 8001, and what is
/// pointed out.
#[test]
fn what_the_template_declares_follows_and_what_it_does_not_is_pointed_out() {
    let url = "URL=http://localhost:${P}\n";
    for (template, env, follow, mentioned) in [
        (url, "P=8000\nURL=http://localhost:8000\n", vec!["2 URL http://localhost:8001"], vec![]),
        (url, "URL=http://localhost:8000\n", vec!["1 URL http://localhost:8001"], vec![]),
        ("#URL=http://localhost:${P:-1}\n", "URL=http://localhost:8000\n", vec!["1 URL http://localhost:8001"], vec![]),
        // It moves by itself.
        (url, "P=8000\nURL=http://localhost:${P}\n", vec![], vec![]),
        // A choice of somebody's.
        (url, "P=8000\nURL=https://staging.example\n", vec![], vec![]),
        (url, "P=8000\nURL=http://localhost:8000/v2\n", vec![], vec!["2 URL 8000"]),
        // The last line of a name counts, and what the shell sets is out of reach.
        (url, "URL=x\nURL=http://localhost:8000\n", vec!["2 URL http://localhost:8001"], vec![]),
        ("SHELL_VAR=http://localhost:${P}\n", "SHELL_VAR=http://localhost:8000\n", vec![], vec!["1 SHELL_VAR 8000"]),
        // One after the other.
        (
            "API=${URL}/api\nURL=http://h:${P}\n",
            "API=http://h:8000/api\nURL=http://h:8000\n",
            vec!["1 API http://h:8001/api", "2 URL http://h:8001"],
            vec![],
        ),
        (
            "API=${URL}/api\n",
            "P=8000\nURL=http://h:$P\nAPI=http://h:8000/api\n",
            vec!["3 API http://h:8001/api"],
            vec![],
        ),
        ("", "CORS=http://a:3000,http://a:8000\n", vec![], vec!["1 CORS 8000"]),
        ("", "OTHER_PORT=8000\nTIMEOUT=8000\nX=:80001\nY=a8000\nZ=18000:1\n", vec![], vec!["1 OTHER_PORT 8000"]),
    ] {
        let found = super::dependents(&document(template), &document(env), &shell, &[step(8000, 8001)]);
        let follows: Vec<_> = found.follow.iter().map(|f| format!("{} {} {}", f.line, f.variable, f.to)).collect();
        let mentions: Vec<_> =
            found.mentioned.iter().map(|m| format!("{} {} {}", m.line, m.variable, m.port)).collect();
        assert_eq!(
            (follows, mentions),
            (follow.iter().map(ToString::to_string).collect(), mentioned.iter().map(ToString::to_string).collect()),
            "{template:?} {env:?}"
        );
    }
}

#[test]
fn a_literal_is_stale_where_only_a_number_or_the_default_stands_in_the_way() {
    let stale = |template: &str, env: &str| -> Vec<String> {
        let found = super::stale(&document(template), &document(env), &shell);
        found.into_iter().map(|s| format!("{}:{} {}", s.line, s.template_line, s.expected)).collect()
    };
    let template = "P=8000\nURL=http://h:${P}/x\n";
    assert_eq!(stale(template, "P=8010\nURL=http://h:8000/x\n"), ["2:2 http://h:8010/x"]);
    assert_eq!(stale(template, "P=8010\nURL=http://h:9999/x\n"), ["2:2 http://h:8010/x"]);
    for fine in ["http://h:8010/x", "http://h:${P}/y", "https://staging.example", "http://h:/x", "http://h:8000/xy", ""]
    {
        assert_eq!(stale(template, &format!("P=8010\nURL={fine}\n")), [""; 0], "{fine}");
    }
    // No number, but still what the template says with its own defaults.
    assert_eq!(stale("U=a\nDSN=x://$U\n", "U=b\nDSN=x://a\n"), ["2:2 x://b"]);
    assert_eq!(stale("SHELL_VAR=$P\n", "P=2\nSHELL_VAR=1\n"), [""; 0]);
}
