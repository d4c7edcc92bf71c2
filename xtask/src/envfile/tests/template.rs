use super::{document, shell, step};
use crate::envfile::{IssueKind, dependents, stale};

#[test]
fn what_is_odd_is_told_by_line() {
    let odd = |text: &str| -> Vec<(usize, String, IssueKind)> {
        let found = document(text).issues(&shell);
        found.into_iter().map(|issue| (issue.line, issue.variable, issue.what)).collect()
    };
    let one = |line, name: &str, what| vec![(line, name.to_owned(), what)];
    let nothing = |name: &str| IssueKind::ExpandsToNothing { name: name.to_owned(), below: None };
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
    assert_eq!(odd("A=1\nB=2\nA=3\n"), one(1, "A", IssueKind::Duplicate { counts: 3 }));
    assert_eq!(odd("\nA= # c\n"), one(2, "A", IssueKind::CommentIsValue));
    assert_eq!(odd("A=1\t# c\n"), one(1, "A", IssueKind::TabBeforeComment));
    assert_eq!(odd("A=pa$word\n"), one(1, "A", nothing("word")));
    assert_eq!(odd("A=\"pa$word\"\n"), one(1, "A", nothing("word")));
    assert_eq!(odd("A=pa\\$word\n"), one(1, "A", nothing("word")));
    assert_eq!(odd("A=$B\nB=1\n"), one(1, "A", IssueKind::ExpandsToNothing { name: "B".into(), below: Some(2) }));
    assert_eq!(odd("A\n"), one(1, "A", IssueKind::Inherited));
    assert_eq!(odd("A=1\nB"), one(2, "B", IssueKind::Dropped));
    assert_eq!(odd("A=1\nB=1\r\n"), one(2, "", IssueKind::MixedLineEnds));
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

/// Template and `.env`; what changes along when P moves from 8000 to 8001, and what is
/// reported.
#[test]
fn what_the_template_declares_follows_and_what_it_does_not_is_pointed_out() {
    let url = "URL=http://localhost:${P}\n";
    for (template, env, follow, mentioned) in [
        (url, "P=8000\nURL=http://localhost:8000\n", vec!["2 URL http://localhost:8001"], vec![]),
        (url, "URL=http://localhost:8000\n", vec!["1 URL http://localhost:8001"], vec![]),
        ("#URL=http://localhost:${P:-1}\n", "URL=http://localhost:8000\n", vec!["1 URL http://localhost:8001"], vec![]),
        // It changes by itself.
        (url, "P=8000\nURL=http://localhost:${P}\n", vec![], vec![]),
        // Chosen on purpose.
        (url, "P=8000\nURL=https://staging.example\n", vec![], vec![]),
        (url, "P=8000\nURL=http://localhost:8000/v2\n", vec![], vec!["2 URL 8000"]),
        // The last line of a name counts; what the shell sets cannot be changed here.
        (url, "URL=x\nURL=http://localhost:8000\n", vec!["2 URL http://localhost:8001"], vec![]),
        ("SHELL_VAR=http://localhost:${P}\n", "SHELL_VAR=http://localhost:8000\n", vec![], vec!["1 SHELL_VAR 8000"]),
        // One depends on the other.
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
        let found = dependents(&document(template), &document(env), &shell, &[step(8000, 8001)]);
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
        let found = stale(&document(template), &document(env), &shell);
        found.into_iter().map(|s| format!("{}:{} {}", s.line, s.template_line, s.expected)).collect()
    };
    let template = "P=8000\nURL=http://h:${P}/x\n";
    assert_eq!(stale(template, "P=8010\nURL=http://h:8000/x\n"), ["2:2 http://h:8010/x"]);
    assert_eq!(stale(template, "P=8010\nURL=http://h:9999/x\n"), ["2:2 http://h:8010/x"]);
    for fine in ["http://h:8010/x", "http://h:${P}/y", "https://staging.example", "http://h:/x", "http://h:8000/xy", ""]
    {
        assert_eq!(stale(template, &format!("P=8010\nURL={fine}\n")), [""; 0], "{fine}");
    }
    // No number, but the template's value with its own defaults.
    assert_eq!(stale("U=a\nDSN=x://$U\n", "U=b\nDSN=x://a\n"), ["2:2 x://b"]);
    assert_eq!(stale("SHELL_VAR=$P\n", "P=2\nSHELL_VAR=1\n"), [""; 0]);
}
