//! Processes that are never signalled, because they serve something else.

use super::helper::helper;
use crate::model::Process;

/// Whether a process publishes ports for an engine: ending one closes ports of other
/// containers, or all of them.
pub fn is_engine_process(process: &Process) -> bool {
    helper(process).is_some()
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
    if let Some(helper) = helper(process) {
        return Some(format!("it publishes ports for a container engine: {}", helper.remedy()));
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
    fn a_helper_is_left_alone_and_its_container_is_to_be_stopped() {
        let why = signal_objection(&process("conmon", "conmon -n shop_web_1"), &[]).unwrap();
        assert_eq!(why, "it publishes ports for a container engine: `podman stop shop_web_1`");
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
