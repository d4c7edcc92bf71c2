//! What the engine has.

use std::ffi::OsStr;

use super::*;

/// `docker` as a person types it.
#[track_caller]
pub(crate) fn docker<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    let mut docker = command("docker");
    docker.args(args);
    run(docker)
}

/// Ids of networks or volumes of a project.
pub(crate) fn list(kind: &str, project: &str) -> Vec<String> {
    let label = format!("label=com.docker.compose.project={project}");
    docker([kind, "ls", "-q", "--filter", &label]).stdout.lines().map(str::to_owned).collect()
}

/// `docker` with these words and names, where there are names.
pub(crate) fn remove(words: &[&str], names: &[String]) {
    if !names.is_empty() {
        docker(words.iter().copied().chain(names.iter().map(String::as_str)));
    }
}

/// A container outside any project of ours.
#[derive(Debug)]
pub(crate) struct Lone(String);

impl Lone {
    /// `docker run -d` with these words before the image.
    pub(crate) fn run(name: &str, words: &[&str]) -> Lone {
        need_engine();
        let lone = Lone(name.to_owned());
        docker(["run", "-d", "--name", name].iter().chain(words).chain(&["engine-web"])).exits(0);
        lone
    }

    /// One that somebody else will start.
    pub(crate) fn expected(name: &str) -> Lone {
        Lone(name.to_owned())
    }

    pub(crate) fn is_running(&self) -> bool {
        docker(["inspect", "--format", "{{.State.Running}}", &self.0]).stdout.trim() == "true"
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        docker(["rm", "-f", &self.0]);
    }
}
