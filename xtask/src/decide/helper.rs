//! The container that an engine's helper serves, if its command line names it.

use crate::model::{Container, Process, is_full_id};

/// The name (or, without a usable name, the id) of the container that a `conmon`
/// serves. Podman starts one per container, with `-c ID -n NAME` on its command
/// line, and it holds the published ports (podman,
/// `libpod/oci_conmon_common.go`; conmon(8)).
pub fn container_of_helper(process: &Process) -> Option<&str> {
    let is_conmon = |name: &str| name == "conmon" || name == "conmonrs";
    let exe = process.exe.as_deref().and_then(|exe| exe.file_name()?.to_str());
    if !is_conmon(&process.name) && !exe.is_some_and(is_conmon) {
        return None;
    }
    let words: Vec<&str> = process.command.split_whitespace().collect();
    let after = |short: &str, long: &str| {
        let is_option = |word: &&str| {
            word.strip_prefix("--").or(word.strip_prefix('-')).is_some_and(|name| name == short || name == long)
        };
        let at = words.iter().position(is_option)?;
        words.get(at + 1).copied()
    };
    let is_id = |word: &&str| is_full_id(word);
    let name = after("n", "name").filter(|name| Container::is_name(name));
    name.or_else(|| after("c", "cid").filter(is_id))
}

/// The command that stops that container. Podman only sees its own user's containers.
pub fn stop_command(process: &Process) -> Option<String> {
    let container = container_of_helper(process)?;
    let user = process.user.as_deref().map(|user| format!(" as user {user}"));
    Some(format!("`podman stop {container}`{}", user.unwrap_or_default()))
}

/// The container and its stop command as the end of a sentence about the socket, or
/// nothing. Podman 6 binds a container's port without listening.
pub(super) fn container_suffix(process: &Process) -> String {
    let both = container_of_helper(process).zip(stop_command(process));
    both.map(|(container, stop)| format!(" for container {container}: {stop}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "2c1b7e1a5d0f4c3b9a8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a3921";

    fn conmon(options: &str) -> Process {
        // `ps -o args` of podman 5.8, shortened.
        let command = format!(
            "/usr/bin/conmon --api-version 1 {options} -r /usr/bin/crun -b /var/lib/containers/x/userdata --exit-dir /run/libpod/exits --exit-command /usr/bin/podman --exit-command-arg -n"
        );
        Process { pid: 7, name: "conmon".into(), user: Some("root".into()), command, ..Process::default() }
    }

    #[test]
    fn conmon_names_its_container() {
        let process = conmon(&format!("-c {ID} -u {ID} -n shop_web_1"));
        assert_eq!(container_of_helper(&process), Some("shop_web_1"));
        assert_eq!(stop_command(&process).unwrap(), "`podman stop shop_web_1` as user root");
        // Text that cannot be a container's name is not printed.
        for name in ["--all", "$(x)", "-a"] {
            assert_eq!(container_of_helper(&conmon(&format!("-c {ID} -n {name}"))), Some(ID));
            assert_eq!(container_of_helper(&conmon(&format!("-c short -n {name}"))), None);
        }
        let other = Process { name: "node".into(), ..process };
        assert_eq!((container_of_helper(&other), stop_command(&other)), (None, None));
    }
}
