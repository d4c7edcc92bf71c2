//! Secrets that no name gives away: in options of one letter, and in variables
//! of every kind.

use crate::support::Project;

#[test]
fn who_and_kill_show_no_password_of_a_command_line() {
    let mut project = Project::new("services:\n  web:\n    image: web\n    ports: [\"@0:80\"]\n");
    let address = format!("0.0.0.0:{}", project.port(0));
    project.hold_as("mysql", "", &[address, "-phunter2".to_owned(), "--auth=hunter2".to_owned()]);
    let port = project.port(0).to_string();
    for words in [
        format!("who {port}"),
        format!("who {port} --format json"),
        format!("kill {port} --dry-run"),
        format!("kill {port} --dry-run --format json"),
        "check-ports".to_owned(),
        "check-ports --format json".to_owned(),
    ] {
        let run = project.run(&words);
        assert!(run.raw.contains("-p***") && run.raw.contains("--auth=***"), "{run}");
        assert!(!run.raw.contains("hunter2") && !run.stderr.contains("hunter2"), "{run}");
    }
}

#[test]
fn env_diff_shows_no_value_whose_name_says_that_it_is_secret() {
    let project = Project::new("services:\n  web:\n    image: web\n");
    let names = ["BASIC_AUTH", "SIM_PIN", "HASH_SALT", "SIGNING_ID", "SMTP_CRED", "SLACK_WEBHOOK_URL"];
    let lines = |value: &str| names.map(|name| format!("{name}={value}\n")).concat() + "AUTHOR=ann\n";
    project.file(".env.template", &lines("changeme"));
    let hook = "NOTIFY=https://hooks.slack.com/services/T0/B0/hunter2\n";
    project.file(".env", &(lines("hunter2").replace("AUTHOR=ann", "AUTHOR=ben") + hook));
    for words in ["env diff", "env diff --format json"] {
        let run = project.run(words);
        assert!(!run.raw.contains("hunter2") && !run.raw.contains("changeme"), "{run}");
        assert!(run.raw.contains("ann") && run.raw.contains("ben") && run.raw.contains("hooks.slack.com/***"), "{run}");
    }
}
