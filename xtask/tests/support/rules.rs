//! Answers of the stand-in for `docker` (`tests/bin/test_tool.rs`).

use std::fs;
use std::path::Path;

/// How the stand-in `docker` answers.
#[derive(Default)]
pub(crate) struct Rule {
    when: String,
    stdout: String,
    stderr: String,
    exit: u8,
    sleep: Option<u64>,
    times: Option<u32>,
    request: Option<String>,
    given: Option<String>,
}

impl Rule {
    /// `docker compose config` of a project `demo` whose one service `web` publishes
    /// this port; `{{NAME:default}}` in it is the value in the environment or `.env`.
    pub(crate) fn config(published: &str) -> Self {
        Rule::config_of("demo", published, (80, "tcp"))
    }

    /// The same of a project with this name, for a target port and its protocol.
    pub(crate) fn config_of(name: &str, published: &str, (target, protocol): (u16, &str)) -> Self {
        let port =
            format!(r#"{{"mode":"ingress","target":{target},"published":"{published}","protocol":"{protocol}"}}"#);
        let service = format!(r#"{{"web":{{"image":"web","ports":[{port}]}}}}"#);
        Rule::when("docker compose config").stdout(format!(r#"{{"name":"{name}","services":{service}}}"#))
    }

    /// For command lines that have these words in this order.
    pub(crate) fn when(words: &str) -> Self {
        Rule { when: words.to_owned(), ..Rule::default() }
    }

    pub(crate) fn stdout(self, text: impl Into<String>) -> Self {
        Rule { stdout: text.into(), ..self }
    }

    pub(crate) fn stderr(self, text: impl Into<String>) -> Self {
        Rule { stderr: text.into(), ..self }
    }

    pub(crate) fn exit(self, code: u8) -> Self {
        Rule { exit: code, ..self }
    }

    pub(crate) fn sleep(self, millis: u64) -> Self {
        Rule { sleep: Some(millis), ..self }
    }

    /// Only for the first so many calls.
    pub(crate) fn times(self, times: u32) -> Self {
        Rule { times: Some(times), ..self }
    }

    /// Only where the stand-in's environment has this `NAME=VALUE`.
    pub(crate) fn given(self, variable: &str) -> Self {
        Rule { given: Some(variable.to_owned()), ..self }
    }

    /// What the stand-in for the engine is told: see `Engine::on`.
    pub(crate) fn tells(self, what: &str) -> Self {
        Rule { request: Some(format!("/{what}")), ..self }
    }

    /// Writes it where the stand-in looks for it: each field that is set, as a file.
    /// `fill` puts the project's ports in.
    pub(super) fn put(&self, folder: &Path, fill: impl Fn(&str) -> String) {
        fs::create_dir_all(folder).unwrap();
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let files = [
            ("when", Some(self.when.clone())),
            ("stdout", Some(fill(&self.stdout))),
            ("stderr", Some(fill(&self.stderr))),
            ("exit", Some(self.exit.to_string())),
            ("sleep", number(self.sleep)),
            ("left", number(self.times.map(u64::from))),
            ("given", self.given.clone()),
            ("request", self.request.clone()),
        ];
        for (name, text) in files {
            if let Some(text) = text {
                fs::write(folder.join(name), text).unwrap();
            }
        }
    }
}
