//! The helpers of container engines: programs that hold ports for containers, or for a
//! virtual machine with an engine in it. One table says how each is recognised, whose it
//! is, and how its command line names the container.

use std::net::IpAddr;

use crate::model::{Container, Process, is_full_id};

/// Whose helper a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperOf {
    Docker,
    RootlessDocker,
    DockerDesktop,
    Podman,
    RootlessPodman,
    PodmanMachine,
    /// Of a rootless engine: Podman or Docker.
    Rootless,
    Lima,
    OrbStack,
    Wsl,
}

impl HelperOf {
    /// As part of a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            HelperOf::Docker => "Docker",
            HelperOf::RootlessDocker => "rootless Docker",
            HelperOf::DockerDesktop => "Docker Desktop",
            HelperOf::Podman => "Podman",
            HelperOf::RootlessPodman => "rootless Podman",
            HelperOf::PodmanMachine => "Podman's virtual machine",
            HelperOf::Rootless => "a rootless engine",
            HelperOf::Lima => "Lima or Colima",
            HelperOf::OrbStack => "OrbStack",
            HelperOf::Wsl => "WSL",
        }
    }

    /// The command that lists its containers.
    fn list_command(self) -> &'static str {
        match self {
            HelperOf::Docker => "`docker ps`, on every engine and context",
            HelperOf::RootlessDocker => "`docker --context rootless ps`",
            HelperOf::DockerDesktop => "`docker --context desktop-linux ps`",
            HelperOf::Podman | HelperOf::RootlessPodman | HelperOf::PodmanMachine => "`podman ps`",
            HelperOf::Rootless => "`podman ps`, or `docker ps` on its context",
            HelperOf::Lima => "`docker ps` on its context (`docker context ls`), or `limactl list`",
            HelperOf::OrbStack => "`docker --context orbstack ps`",
            HelperOf::Wsl => "`docker ps` in the distributions of `wsl --list --running`",
        }
    }

    /// Podman shows a user only the user's own containers.
    fn is_per_user(self) -> bool {
        matches!(self, HelperOf::Podman | HelperOf::RootlessPodman | HelperOf::Rootless)
    }
}

/// The container that a helper serves, as its command line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServedContainer<'a> {
    Name(&'a str),
    /// The full id.
    Id(&'a str),
    /// Where it listens on the engine's network.
    Address(IpAddr, &'a str),
}

impl ServedContainer<'_> {
    pub fn is(&self, container: &Container) -> bool {
        match self {
            ServedContainer::Name(name) => container.name == *name,
            ServedContainer::Id(id) => container.id == *id,
            ServedContainer::Address(ip, _) => {
                container.state.holds_ports() && container.networks.iter().any(|on| on.address == Some(*ip))
            }
        }
    }

    /// As part of a sentence.
    fn in_words(&self) -> String {
        match self {
            ServedContainer::Name(name) => format!("container {name}"),
            ServedContainer::Id(id) => format!("container {}", &id[..12.min(id.len())]),
            ServedContainer::Address(ip, port) => format!("the container at {ip}, port {port}"),
        }
    }
}

/// How a command line names the container.
type Names = for<'a> fn(&[&'a str]) -> Option<ServedContainer<'a>>;

struct Row {
    /// Names of the program: of the process (some systems cut it to 15 characters), of its
    /// file, or the first word of its command line. What follows a name must not be a
    /// letter or digit: `pasta.avx2`, `containerd-shim-runc-v2`.
    names: &'static [&'static str],
    /// One of these must be on the command line; empty = the name is enough.
    words: &'static [&'static str],
    of: HelperOf,
    container: Names,
}

const fn row(names: &'static [&'static str], of: HelperOf) -> Row {
    Row { names, words: &[], of, container: names_none }
}

/// The first match counts.
const HELPERS: &[Row] = &[
    // moby, `cmd/docker-proxy`: one per port and address family; `-container-ip IP -container-port PORT`.
    Row { container: proxy, ..row(&["docker-proxy"], HelperOf::Docker) },
    // containerd, `runtime/v2`: `-namespace moby -id ID -address SOCKET`.
    Row { container: shim, ..row(&["containerd-shim"], HelperOf::Docker) },
    // Without the userland proxy, and for a swarm's ingress, dockerd itself has the sockets.
    row(&["dockerd", "containerd"], HelperOf::Docker),
    row(&["rootlesskit", "rootlessctl"], HelperOf::RootlessDocker),
    row(&["com.docker.", "vpnkit", "docker desktop"], HelperOf::DockerDesktop),
    // Podman as root: one per container, which has its ports. Podman 5 lets it listen,
    // Podman 6 only bind (`-c ID -n NAME`; podman, `libpod/oci_conmon_common.go`; conmon(8)).
    Row { container: conmon, ..row(&["conmon", "conmonrs"], HelperOf::Podman) },
    row(&["netavark", "aardvark-dns"], HelperOf::Podman),
    // One per container; what it forwards comes over stdin, so its command line is bare
    // (podman, `cmd/rootlessport`).
    row(&["rootlessport"], HelperOf::RootlessPodman),
    // pasta is a link to passt.
    row(&["pasta", "passt"], HelperOf::RootlessPodman),
    row(&["slirp4netns"], HelperOf::Rootless),
    row(&["gvproxy", "win-sshproxy"], HelperOf::PodmanMachine),
    // The API's service, and `podman` itself while it starts a container.
    row(&["podman"], HelperOf::Podman),
    row(&["limactl", "lima-guestagent", "colima"], HelperOf::Lima),
    // Lima and Colima forward all ports over one shared ssh connection.
    Row { words: &["[mux]", "lima"], ..row(&["ssh"], HelperOf::Lima) },
    row(&["orbstack"], HelperOf::OrbStack),
    row(&["wslrelay", "wslhost"], HelperOf::Wsl),
];

fn names_none<'a>(_: &[&'a str]) -> Option<ServedContainer<'a>> {
    None
}

fn proxy<'a>(words: &[&'a str]) -> Option<ServedContainer<'a>> {
    let ip = value(words, &["container-ip"])?.parse().ok()?;
    let port = value(words, &["container-port"]).filter(|port| port.parse::<u16>().is_ok())?;
    Some(ServedContainer::Address(ip, port))
}

fn shim<'a>(words: &[&'a str]) -> Option<ServedContainer<'a>> {
    value(words, &["id"]).filter(|id| is_full_id(id)).map(ServedContainer::Id)
}

fn conmon<'a>(words: &[&'a str]) -> Option<ServedContainer<'a>> {
    let name = value(words, &["n", "name"]).filter(|name| Container::is_name(name));
    let id = || value(words, &["c", "cid"]).filter(|id| is_full_id(id));
    name.map(ServedContainer::Name).or_else(|| id().map(ServedContainer::Id))
}

/// The word after the first option of one of these names.
fn value<'a>(words: &[&'a str], names: &[&str]) -> Option<&'a str> {
    let is_option =
        |word: &&str| word.strip_prefix("--").or(word.strip_prefix('-')).is_some_and(|name| names.contains(&name));
    let at = words.iter().position(is_option)?;
    words.get(at + 1).copied()
}

/// A process that holds ports for an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Helper<'a> {
    pub of: HelperOf,
    pub container: Option<ServedContainer<'a>>,
    user: Option<&'a str>,
}

/// Whether this is an engine's helper, and whose.
pub fn helper(process: &Process) -> Option<Helper<'_>> {
    let words: Vec<&str> = process.command.split_whitespace().collect();
    let file = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let exe = process.exe.as_deref().map(|exe| file(&exe.to_string_lossy()));
    let names = [Some(process.name.to_ascii_lowercase()), exe, words.first().map(|word| file(word))];
    let has_name = |row: &Row| names.iter().flatten().any(|name| row.names.iter().any(|known| is_named(name, known)));
    let has_word = |row: &Row| row.words.is_empty() || row.words.iter().any(|word| process.command.contains(word));
    let row = HELPERS.iter().find(|row| has_name(row) && has_word(row))?;
    let told = process.serves.as_deref().filter(|name| Container::is_name(name)).map(ServedContainer::Name);
    let container = (row.container)(&words).or(told);
    Some(Helper { of: row.of, container, user: process.user.as_deref() })
}

/// `known` is in lower case.
fn is_named(name: &str, known: &str) -> bool {
    let rest = name.strip_prefix(known);
    rest.is_some_and(|rest| known.ends_with('.') || !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

impl Helper<'_> {
    /// `container shop_web_1 of Podman`; without a name `a container of Podman`.
    pub fn serves(&self) -> String {
        let container = self.container.as_ref().map_or_else(|| "a container".to_owned(), ServedContainer::in_words);
        format!("{container} of {}", self.of.as_str())
    }

    /// What stops the container, as the end of a sentence.
    pub fn remedy(&self) -> String {
        let user = self.user.filter(|_| self.of.is_per_user()).map(|user| format!(" as user {user}"));
        let user = user.unwrap_or_default();
        match (self.stop_command(), &self.container) {
            (Some(stop), _) => format!("`{stop}`{user}"),
            (None, Some(ServedContainer::Id(id))) => format!("`docker stop {}` on its engine", &id[..12.min(id.len())]),
            _ => format!("stop that container ({}{user})", self.of.list_command()),
        }
    }

    /// The command, where the helper names a container that one engine alone can have.
    fn stop_command(&self) -> Option<String> {
        let is_podman = matches!(self.of, HelperOf::Podman | HelperOf::RootlessPodman);
        match &self.container {
            Some(ServedContainer::Name(word) | ServedContainer::Id(word)) if is_podman => {
                Some(format!("podman stop {word}"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
