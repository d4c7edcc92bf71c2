//! Commands that are printed to be pasted: whatever a folder is named, a shell
//! reads it as one word.

use std::fs;

use serde_json::json;

use crate::fake_docker::project;
use crate::support::bare;
use crate::support::engine::container;

/// The shell itself is asked.
#[test]
fn a_shell_reads_back_the_same_word() {
    let words =
        ["a b", "it's", "$(x) `y` ${Z}", "a;b&&c|d>e", "~root", "{a,b}", "*?[x]", "\\", "\"", "größe", "!x", "#x"];
    for word in words {
        let line = format!("printf %s {}", xtask::ui::quoted(word));
        let output = bare("/bin/sh").args(["-c", &line]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), word);
    }
}

#[test]
fn a_folder_is_one_word_whatever_its_name() {
    let (project, engine) = project(vec![]);
    let name = "it's $(touch pwned); a & b";
    let odd = project.root().join("home").join(name);
    fs::create_dir(&odd).unwrap();
    let dir = odd.to_str().unwrap();
    engine.has(container(("demo", "web", dir), ("running", "Up"), &[("0.0.0.0", project.port(0), 80)]));
    let run = project.run("start").exits(2);
    let typed = run.stderr.split('`').find_map(|part| part.strip_prefix("cd ")?.strip_suffix(" && cargo xtask stop"));
    let typed = typed.unwrap_or_else(|| panic!("no command in {run}"));
    let mut shell = bare("/bin/sh");
    shell.env("HOME", project.root().join("home")).current_dir(project.root());
    let output = shell.args(["-c", &format!("printf %s {typed}")]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), dir, "{typed}");
    assert!(!project.root().join("pwned").exists());
}

#[test]
fn a_container_whose_name_is_an_option_is_called_by_its_id() {
    let (project, engine) = project(vec![]);
    let mut other = container(("shop", "api", "/src/shop"), ("running", "Up"), &[("0.0.0.0", project.port(0), 80)]);
    other["Names"] = json!(["/--all; reboot"]);
    engine.has(other);
    let port = project.port(0).to_string();
    for words in
        [format!("who {port}"), format!("kill {port} --dry-run"), "check-ports --stop-holders --dry-run".into()]
    {
        let run = project.run(&words);
        let typed = ["docker stop shop-api-id", "docker restart shop-api-id"];
        assert!(typed.iter().any(|words| run.stdout.contains(words)), "{run}");
    }
}
