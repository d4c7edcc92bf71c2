//! A terminal with a person at it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use super::{LIMIT, Output, Running, find, skip};

/// Runs the program between two looks at the terminal's settings. The trap keeps
/// the shell alive through Ctrl-C; the program's own are set back by its start.
const LINE: &str = "trap : INT; stty -g >before; \"$PROGRAM\" $WORDS; code=$?; stty -g >after; exit $code";

/// A program on a terminal of its own, made by util-linux's `script`.
#[derive(Debug)]
pub(crate) struct Terminal {
    running: Running,
    keys: ChildStdin,
    dir: PathBuf,
    /// How much of the screen was waited for already.
    seen: usize,
}

impl Terminal {
    /// `in_place` makes the command that runs `script`, with folder and environment;
    /// `setup` is shell that comes first. `None` where there is no `script`.
    pub(crate) fn start(
        in_place: impl FnOnce(PathBuf) -> Command,
        setup: &str,
        program: &str,
        words: &str,
    ) -> Option<Terminal> {
        let (Some(script), Some(stty)) = (find("script"), find("stty")) else {
            skip("a terminal: no script (util-linux)");
            return None;
        };
        let mut command = in_place(script);
        let line = format!("{setup} {LINE}").replace("stty", &stty.display().to_string());
        command.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
        command.envs([("PROGRAM", program), ("WORDS", words), ("SHELL", "/bin/sh")]).stdin(Stdio::piped());
        if !command.get_envs().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm");
        }
        let dir = command.get_current_dir().unwrap().to_path_buf();
        let mut running = Running::start(command);
        let keys = running.child.0.stdin.take().unwrap();
        Some(Terminal { running, keys, dir, seen: 0 })
    }

    /// Waits until these words are on the screen, after those waited for before.
    #[track_caller]
    pub(crate) fn sees(&mut self, words: &str) -> &mut Self {
        let deadline = Instant::now() + LIMIT;
        loop {
            let screen = self.running.so_far();
            if let Some(at) = screen[self.seen..].find(words) {
                self.seen += at + words.len();
                return self;
            }
            assert!(Instant::now() < deadline, "no {words:?} on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn types(&mut self, keys: &str) -> &mut Self {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
        self
    }

    /// Exit code and screen. The terminal must be as it was, with its cursor shown.
    #[track_caller]
    pub(crate) fn ends(self) -> Output {
        let Terminal { running, keys, dir, .. } = self;
        let output = running.finish(LIMIT);
        drop(keys);
        let settings = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
        assert_eq!(settings("before"), settings("after"));
        if let Some(hidden) = output.raw.rfind("\x1b[?25l") {
            assert!(
                output.raw.rfind("\x1b[?25h").is_some_and(|shown| shown > hidden),
                "the cursor is hidden: {output:?}"
            );
        }
        output
    }
}
