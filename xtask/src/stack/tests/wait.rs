//! `[wait]` in `xtask.toml`.

use crate::model::WaitFor;
use crate::stack::WaitRule;
use crate::stack::settings::parse;

#[test]
fn the_three_forms_are_read_with_their_lines() {
    let rules = parse("[wait]\napi = [8000, 9000]\ndebug = false\n\ndb = true\n").unwrap().wait;
    let rule = |wait_for, line| WaitRule { wait_for, line };
    assert_eq!(rules["api"], rule(WaitFor::Ports(vec![8000, 9000]), 2));
    assert_eq!(rules["debug"], rule(WaitFor::Nothing, 3));
    assert_eq!(rules["db"], rule(WaitFor::Every, 5));
}

#[test]
fn anything_else_is_told_with_line_and_value() {
    for value in ["8000", "\"8000\"", "[]", "[\"8000\"]", "[0]", "[70000]", "[-1]", "{ port = 8000 }", "[8000.0]"] {
        let error = parse(&format!("[wait]\ndb = true\napi = {value}\n")).unwrap_err();
        let want = format!("line 3: `api = {value}` under [wait] is neither");
        assert!(error.message().starts_with(&want), "{error}");
        assert!(error.hints()[1].contains("`api = [8000]`"));
    }
    // Not a table at all.
    assert!(parse("\nwait = true\n").unwrap_err().message().starts_with("line 2: "));
}
