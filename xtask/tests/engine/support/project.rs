//! A throw-away project.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::ops::Deref;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A project in a folder of its own, which names it as in real life.
#[derive(Debug)]
pub(crate) struct Project {
    folder: Folder,
    pub(crate) name: String,
    ports: RefCell<Vec<Ports>>,
    images: RefCell<Vec<String>>,
    also: RefCell<Vec<String>>,
}

impl Deref for Project {
    type Target = Folder;

    fn deref(&self) -> &Folder {
        &self.folder
    }
}

impl Project {
    pub(crate) fn new() -> Project {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("xt-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Project::named(&name)
    }

    /// Another folder; the name may be that of another project.
    pub(crate) fn named(name: &str) -> Project {
        need_engine();
        Project {
            folder: Folder::new(name),
            name: name.to_owned(),
            ports: RefCell::default(),
            images: RefCell::default(),
            also: RefCell::default(),
        }
    }

    /// With `compose` as its docker-compose.yml.
    pub(crate) fn with(compose: &str) -> Project {
        let project = Project::new();
        project.write("docker-compose.yml", compose);
        project
    }

    /// One service `web` on a port of its own, and that port.
    pub(crate) fn web() -> (Project, u16) {
        let project = Project::new();
        let port = project.port();
        project.write("docker-compose.yml", web(port));
        (project, port)
    }

    /// Where things lie that are not part of the project.
    pub(crate) fn home(&self) -> &Path {
        self.root()
    }

    /// A free port, with nine free ones after it.
    pub(crate) fn port(&self) -> u16 {
        let ports = Ports::find();
        let first = ports.first();
        self.ports.borrow_mut().push(ports);
        first
    }

    /// An image that goes with the project.
    pub(crate) fn owns_image(&self, name: String) {
        self.images.borrow_mut().push(name);
    }

    /// A further project name that the test uses in this folder.
    pub(crate) fn also(&self, suffix: &str) -> String {
        let name = format!("{}-{suffix}", self.name);
        self.also.borrow_mut().push(name.clone());
        name
    }

    /// The program, in the project's folder.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut xtask = self.in_place(XTASK);
        xtask.args(args);
        xtask
    }

    /// Any program there, with the project's state folder.
    pub(crate) fn in_place(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = command(program);
        command.current_dir(self.dir()).env("XTASK_STATE_DIR", self.root().join("state"));
        command
    }

    /// Runs it.
    #[track_caller]
    pub(crate) fn xtask<const N: usize>(&self, args: [&str; N]) -> Output {
        run(self.command(args))
    }

    /// Runs it with variables in its environment.
    #[track_caller]
    pub(crate) fn xtask_env<const N: usize>(&self, env: &[(&str, &str)], args: [&str; N]) -> Output {
        let mut command = self.command(args);
        command.envs(env.iter().copied());
        run(command)
    }

    /// The program on a terminal of 120 columns.
    pub(crate) fn terminal(&self, words: &str) -> Terminal {
        Terminal::start(|script| self.in_place(script), "stty cols 120 rows 40;", XTASK, words)
            .expect("scripts/test has util-linux")
    }

    /// Its containers: service, id, state; sorted.
    pub(crate) fn containers(&self) -> Vec<(String, String, String)> {
        let label = format!("label=com.docker.compose.project={}", self.name);
        let format = "{{.Label \"com.docker.compose.service\"}} {{.ID}} {{.State}}";
        let output = docker(["ps", "-a", "--no-trunc", "--filter", &label, "--format", format]).exits(0);
        let mut containers: Vec<(String, String, String)> = output
            .stdout
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                (words[0].to_owned(), words[1].to_owned(), words[2].to_owned())
            })
            .collect();
        containers.sort();
        containers
    }

    /// The services whose containers run.
    pub(crate) fn running(&self) -> Vec<String> {
        self.containers()
            .into_iter()
            .filter(|(_, _, state)| state == "running")
            .map(|(service, _, _)| service)
            .collect()
    }

    fn list(&self, kind: &str) -> Vec<String> {
        list(kind, &self.name)
    }

    pub(crate) fn volumes(&self) -> Vec<String> {
        self.list("volume")
    }

    /// Ends the test where a container or network of the project is there.
    #[track_caller]
    pub(crate) fn has_nothing(&self) {
        assert_eq!(self.containers(), [], "containers are left");
        assert_eq!(self.list("network"), [""; 0], "networks are left");
    }

    fn sweep(&self) {
        for name in std::iter::once(&self.name).chain(self.also.borrow().iter()) {
            let label = format!("label=com.docker.compose.project={name}");
            let ids: Vec<String> =
                docker(["ps", "-aq", "--filter", &label]).stdout.lines().map(str::to_owned).collect();
            remove(&["rm", "-f", "-v"], &ids);
            remove(&["network", "rm"], &list("network", name));
            remove(&["volume", "rm", "-f"], &list("volume", name));
        }
        remove(&["rmi", "-f"], &self.images.borrow());
    }

    /// Text in which all that differs from run to run has a name.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut text = text.replace(&*self.dir().to_string_lossy(), "DIR").replace(&self.name, "PROJECT");
        for (i, ports) in self.ports.borrow().iter().enumerate() {
            for offset in 0..10 {
                let letter = char::from(b'A' + u8::try_from(i).unwrap());
                let name = if offset == 0 { format!("PORT_{letter}") } else { format!("PORT_{letter}+{offset}") };
                text = text.replace(&(ports.first() + offset).to_string(), &name);
            }
        }
        let text = redact_after(&text, "(pid ", |c| c.is_ascii_digit(), "PID");
        redact_after(&text, "since ", |c| !",)".contains(c), "TIME")
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.sweep();
    }
}
