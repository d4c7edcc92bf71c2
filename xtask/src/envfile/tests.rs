use std::collections::BTreeMap;

use super::{Document, PortMove};

pub(super) mod properties;
mod template;

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

/// The result of `docker compose config --environment` (2.40) for each line; the oracle
/// test compares with the installed Compose.
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

fn document(text: &str) -> Document {
    Document::parse(text).unwrap()
}
