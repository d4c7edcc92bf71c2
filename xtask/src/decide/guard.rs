//! Processes that are never signalled, because they serve something else.

use super::helper::stop_command;
use crate::model::Process;

/// Programs of container engines and of their virtual machines: ending one closes
/// ports of other containers, or all of them. Some systems cut names to 15
/// characters.
const ENGINE: [&str; 21] = [
    "docker-proxy",
    "dockerd",
    "containerd",
    "com.docker.",
    "vpnkit",
    "rootlesskit",
    "rootlessport",
    "slirp4netns",
    "pasta",
    "gvproxy",
    "limactl",
    "lima-guestagent",
    "colima",
    "OrbStack",
    "wslrelay",
    "wslhost",
    "podman",
    // Podman (rootful): one per container, which holds its ports.
    "conmon",
    "netavark",
    "aardvark-dns",
    // pasta is a link to it.
    "passt",
];

/// Whether a process publishes ports for an engine.
pub fn is_engine_process(process: &Process) -> bool {
    let exe = process.exe.as_deref().and_then(|exe| exe.file_name()).map(|name| name.to_string_lossy().into_owned());
    let names = [Some(process.name.as_str()), exe.as_deref()];
    let is_engine = |name: &str| {
        let lower = name.to_ascii_lowercase();
        ENGINE.iter().any(|prefix| lower.starts_with(&prefix.to_ascii_lowercase()))
    };
    // Lima and Colima forward ports over one shared ssh connection.
    let is_mux = process.name == "ssh" && (process.command.contains("[mux]") || process.command.contains("lima"));
    is_mux || names.into_iter().flatten().any(is_engine)
}

/// Whether it is a docker-proxy that outlived its engine: it holds a port for nobody,
/// and restarting the engine does not end it. Its parent must not be an engine, and
/// no running container may publish the port.
pub fn is_leftover_proxy(process: &Process, parent: Option<&Process>, published: bool) -> bool {
    process.name == "docker-proxy" && !published && parent.is_none_or(|parent| !is_engine_process(parent))
}

/// Why a process must not be signalled; `None` = it may be. `ancestors` are those of
/// this process.
pub fn signal_objection(process: &Process, ancestors: &[u32]) -> Option<String> {
    let pid = process.pid;
    if pid <= 1 {
        return Some("it is the system's first process".to_owned());
    }
    if cfg!(windows) && pid == 4 {
        return Some(
            "it is the Windows kernel (http.sys or a driver): `netsh http show servicestate` names the service"
                .to_owned(),
        );
    }
    if let Some(stop) = stop_command(process) {
        return Some(format!("it holds the port for a container of Podman: {stop}"));
    }
    if is_engine_process(process) {
        return Some(format!(
            "`{}` publishes ports for a container engine: stop the container instead (`docker ps`, on every engine and context)",
            process.name
        ));
    }
    if ancestors.contains(&pid) {
        return Some("this command runs under it".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(name: &str, command: &str) -> Process {
        Process { pid: 4711, name: name.into(), command: command.into(), ..Process::default() }
    }

    #[test]
    fn engines_and_their_helpers_are_left_alone() {
        for name in [
            "docker-proxy",
            "docker-pr",
            "dockerd",
            "com.docker.backend",
            "com.docker.backend.exe",
            "rootlessport",
            "OrbStack Helper",
            "wslrelay.exe",
            "conmon",
            "slirp4netns",
            "pasta",
            "pasta.avx2",
            "passt.avx2",
            "podman",
            "netavark",
            "aardvark-dns",
            "containerd-shim",
            "gvproxy",
        ] {
            let found = signal_objection(&process(name, ""), &[]).is_some();
            // lsof's columns cut names to nine characters; those are not read.
            assert_eq!(found, name != "docker-pr", "{name}");
        }
        assert!(signal_objection(&process("ssh", "ssh: /Users/x/.colima/_lima/ssh.sock [mux]"), &[]).is_some());
        assert!(signal_objection(&process("ssh", "ssh -L 8000:localhost:8000 host"), &[]).is_none());
    }

    #[test]
    fn only_a_proxy_without_engine_and_container_is_left_over() {
        let proxy = process("docker-proxy", "");
        let init = process("systemd", "");
        assert!(is_leftover_proxy(&proxy, Some(&init), false));
        assert!(is_leftover_proxy(&proxy, None, false));
        assert!(!is_leftover_proxy(&proxy, Some(&init), true));
        assert!(!is_leftover_proxy(&proxy, Some(&process("dockerd", "")), false));
        assert!(!is_leftover_proxy(&process("rootlessport", ""), Some(&init), false));
    }

    #[test]
    fn ordinary_servers_are_not() {
        for name in ["python3", "node", "postgres", "nginx", "next-server (v1"] {
            assert_eq!(signal_objection(&process(name, ""), &[]), None);
        }
    }

    #[test]
    fn what_we_run_under_is() {
        assert!(signal_objection(&process("bash", ""), &[4711]).is_some());
    }
}
