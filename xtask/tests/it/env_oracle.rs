//! Edits of `.env`, as the real `docker compose config --environment` sees
//! them: the variable that was set has its new value, and nothing else changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use xtask::envfile::Document;

use crate::compose_cases::Case;
use crate::compose_oracle::{GOOD_LINES, compose, compose_is_there};

/// Whole files, as people and their tools leave them.
#[rustfmt::skip]
const FILES: &[&[u8]] = &[
    b"# Ports\nA=8000\nB=3000 # web\n\n# Rest\nC=x\n",
    b"A=8000\r\nB=3000 # web\r\n\r\n# Rest\r\nC=x\r\n",
    b"\xef\xbb\xbfA=8000\r\nB=3000\r\n",
    b"\xef\xbb\xbf# with a mark\nA=1\nB=2",
    b"A=1\nB=$A\nC=\"${A}-${B}\"\nD='$A'\n",
    b"B=${A:-none}\nA=1\nC=${A:-none}\n",
    b"A=1\nB=2\nA=3\nC=${A}\nA=4\n",
    b"export A=1\nexport B='2'\nexport C=\"3\"\n",
    b"A='line 1\nline 2'\nB=\"line 1\nline 2\"\nC=1\n",
    b"A=\"{\\\"json\\\": [1, 2]}\"\nB='{\"json\": \"$x\"}'\nC={\"json\":1}\n",
    b"A=1   \nB=2\t\nC=3 \t \n",
    b"A=1 # one\nB=2\t# two\nC= # three\nD=#four\nE=\"5\" # five\n",
    b"A: 1\nB : 2\nC:\n",
    b"A =1\nB= 2\nC = 3\n",
    b"   A=1\n\tB=2\n",
    b"A=\nB=\"\"\nC=''\nD=\n",
    b"A=pa$$word\nB='pa$word'\nC=\"pa$$word\"\nD=pa\\$word\n",
    b"A=http://localhost:8000/x?y=1&z=2#top\nB=postgres://u:p%40@db:5432/x\n",
    b"A=C:\\Users\\me\nB='C:\\Users\\me'\nC=\"C:\\\\Users\\\\me\"\n",
    b"A=a,b;c|d\nB=*.example\nC=~/x\nD=`date`\nE=$(date)\n",
    b"A\nB=2\nSHELL_VAR\nC=3\n",
    b"A=1\n#A=2\n# A=3\nB=4\n",
    b"A=1\n\n\n\n\nB=2\n\n\n",
    b"#\n##\n# #\nA=1\n#",
    b"A=\"1\" B=2\nC=3\n",
    b"A=caf\xc3\xa9 # \xe2\x82\xac\nB=\xe6\x97\xa5\xe6\x9c\xac\n",
    b"# caf\xe9 in Latin-1\nA=1\nB=2\n",
    b"A_LONG_NAME_OF_A_VARIABLE_1=1\nA=2\nAA=3\nA1=4\n_A=5\n",
    b"A=1\nB=2\nlast",
    b"A=1\nB=2\nlast words",
    b"A=1\r\nB=2\nC=3\r\n",
    b"A=\"1\r\n2\"\r\nB=3\r\n",
    b"COMPOSE_PROJECT_NAME=other\nCOMPOSE_PROFILES=\nA=1\n",
    b"A=\"it's\"\nB='say \\'hi\\''\nC=it's\nD=say \"hi\"\n",
    b"A=\"tab\\tand\\nline\"\nB='tab\\tand\\nline'\nC=tab\\tand\\nline\n",
    b"SHELL_VAR=file\nA=$SHELL_VAR\nB=2\n",
    b"A=1\nB=${A:+set}\nC=${X:+set}\nD=${X-${A}}\n",
    b"A=0\nB=00\nC=0x10\nD=1e3\nE=true\nF=null\n",
    b"",
    b"\n",
];

/// What people set: ports, addresses, and all that has a meaning somewhere.
const VALUES: &[&str] = &[
    "8001",
    "",
    "a b",
    " x ",
    "#x",
    "x # y",
    "it's",
    "say \"hi\"",
    "$A",
    "${B:-x}",
    "$$",
    "pa$word",
    "a\\b",
    "C:\\x",
    "a\nb",
    "\ta",
    "http://localhost:8001",
    "{\"a\": \"$1\"}",
    "=",
    "'",
    "\"",
    "\\",
    "é",
    "`date`",
    "\\n",
    "x\\",
];

/// Variables that an edit is tried on: some are in the file, one never is.
const NAMES: &[&str] = &["A", "B", "C", "NEW_ONE"];

#[test]
fn compose_sees_the_one_change_and_no_other() {
    if !compose_is_there() {
        return;
    }
    let files: Vec<&[u8]> = FILES.iter().chain(GOOD_LINES).copied().collect();
    let (next, edits) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let wrong: Vec<String> = std::thread::scope(|scope| {
        // Compose mostly waits for itself.
        let work = || {
            let mut wrong = Vec::new();
            while let Some((at, file)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, *files.get(at)?)))
            {
                edits.fetch_add(try_file(at, file, &mut wrong), Ordering::Relaxed);
            }
            wrong
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let edits = edits.into_inner();
    assert!(edits >= 200, "{edits} edits");
}

/// Makes two edits on a file, and asks Compose before and after; returns how
/// many were made.
fn try_file(at: usize, file: &[u8], wrong: &mut Vec<String>) -> usize {
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("compose.yaml"), "services: {a: {image: x}}\n").unwrap();
    fs::write(temp.path().join(".env"), file).unwrap();
    // What Compose does not take is another test's.
    let Some(before) = environment(temp.path()) else { return 0 };
    let old = Document::parse(file).unwrap();
    let mut new = old.clone();
    let edits = [0, 1].map(|turn| (NAMES[(at + turn * 3) % NAMES.len()], VALUES[(at * 2 + turn) % VALUES.len()]));
    for (name, value) in edits {
        new.set(name, value).unwrap();
    }
    fs::write(temp.path().join(".env"), new.render()).unwrap();
    let what = format!("{edits:?} in {:?}", String::from_utf8_lossy(file));
    match environment(temp.path()) {
        None => wrong.push(format!("refused: {what}")),
        Some(after) => {
            let expected = expected(&before, &old, &new, &edits);
            let differs: Vec<_> = after.symmetric_difference(&expected).collect();
            if !differs.is_empty() {
                wrong.push(format!("{what}: {differs:?}"));
            }
        }
    }
    edits.len()
}

/// What Compose said before, with the new values, and with those of the
/// variables whose text names them.
fn expected(before: &BTreeSet<String>, old: &Document, new: &Document, edits: &[(&str, &str)]) -> BTreeSet<String> {
    let shell = |name: &str| case().env.get(name).cloned();
    let values = |document: &Document| -> BTreeMap<String, String> {
        let values = document.values(&shell, &|_| None).unwrap();
        values.into_iter().map(|(name, value)| (name, value.value)).collect()
    };
    let (old_values, new_values) = (values(old), values(new));
    for (name, value) in edits {
        assert_eq!(new_values.get(*name).map(String::as_str), Some(*value));
    }
    let mut expected = before.clone();
    for (variable, now) in new_values.iter().filter(|(name, now)| old_values.get(*name) != Some(now)) {
        let text = new.get(variable).map(|entry| entry.raw).unwrap_or_default();
        let was_set = edits.iter().any(|(name, _)| name == variable);
        assert!(was_set || text.contains('$'), "{variable} in {:?}", String::from_utf8_lossy(new.render()));
        if let Some(was) = old_values.get(variable) {
            expected.remove(&format!("{variable}={was}"));
        }
        expected.insert(format!("{variable}={now}"));
    }
    expected
}

fn case() -> Case {
    Case { env: BTreeMap::from([("SHELL_VAR".to_owned(), "from-shell".to_owned())]), ..Case::default() }
}

/// `NAME=value` of every variable; `None` where Compose refuses. A value of
/// several lines goes on until the next line that is one of them; what looks
/// like a variable in it makes no difference, both sides are cut alike.
fn environment(dir: &Path) -> Option<BTreeSet<String>> {
    let output = compose(dir, &case(), &["config", "--environment"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut found: Vec<String> = Vec::new();
    for line in text.strip_suffix('\n').unwrap_or(&text).split('\n') {
        let starts = line.split_once('=').is_some_and(|(name, _)| !name.contains([' ', '"', '{']));
        match found.last_mut() {
            Some(last) if !starts => *last = format!("{last}\n{line}"),
            _ => found.push(line.to_owned()),
        }
    }
    output.status.success().then(|| found.into_iter().filter(|line| !line.starts_with('=')).collect())
}
