//! A terminal with a person at it.

use std::io::Write;
use std::process::{Command, Stdio};

use super::*;

/// A shell on a terminal of its own, made by `script`.
#[derive(Debug)]
pub(crate) struct Terminal {
    running: Running,
    keys: std::process::ChildStdin,
}

impl Terminal {
    /// Runs a line of shell there. `command` gives folder and environment.
    pub(crate) fn start(command: &Command, line: &str) -> Terminal {
        let mut script = self::command("script");
        script.args(["-qec", &format!("stty cols 120 rows 40; {line}"), "/dev/null"]).stdin(Stdio::piped());
        script.env("TERM", "xterm").env("SHELL", "/bin/sh");
        if let Some(dir) = command.get_current_dir() {
            script.current_dir(dir);
        }
        script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut running = Running::start(script);
        let keys = running.child.stdin.take().unwrap();
        Terminal { running, keys }
    }

    #[track_caller]
    pub(crate) fn until(&mut self, wanted: &str) {
        self.running.until(wanted);
    }

    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).unwrap();
        self.keys.flush().unwrap();
    }

    #[track_caller]
    pub(crate) fn finish(self) -> Output {
        let Terminal { running, keys } = self;
        let output = running.finish(LIMIT);
        drop(keys);
        output
    }
}
