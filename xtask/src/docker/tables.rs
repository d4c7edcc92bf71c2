//! Reads the kernel's socket tables on the machine of a remote engine: by ssh, or by a short-lived
//! container in that machine's network.

use std::ffi::OsStr;

use super::Endpoint;
use crate::exec::Command;
use crate::parse::proc_net::FILES;

const CONNECT: &str = "ConnectTimeout=5";

/// `ssh … cat /proc/net/tcp …`, with the arguments that Docker uses (docker/cli,
/// `cli/connhelper/ssh`), and without prompts, which nobody could answer. `None` if the engine is
/// not reached by ssh.
pub fn tables_over_ssh(endpoint: &Endpoint) -> Option<Command> {
    let (user, host, port) = endpoint.ssh()?;
    let mut ssh = Command::new("ssh").args(["-o", "BatchMode=yes", "-o", CONNECT, "-T"]);
    if let Some(user) = user {
        ssh = ssh.args(["-l", user]);
    }
    if let Some(port) = port {
        ssh = ssh.args(["-p", port]);
    }
    Some(ssh.args(["--", host, "cat"]).args(FILES))
}

/// `docker run … cat /proc/net/tcp …` with a local image: it pulls and keeps nothing, and can only
/// read. `--userns=host` is for engines that remap users, which refuse the host's network
/// otherwise (docs.docker.com, "Isolate containers with a user namespace").
pub fn tables_in_container(image: impl AsRef<OsStr>) -> Command {
    let run = Command::new("docker").args(["run", "--rm", "--pull=never", "--network=host", "--userns=host"]);
    let run = run.args(["--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only", "--log-driver=none"]);
    run.args(["--label", "xtask.probe=1", "--entrypoint", "cat"]).arg(image).args(FILES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(host: &str) -> Option<String> {
        tables_over_ssh(&Endpoint::at(host)).map(|command| command.line())
    }

    #[test]
    fn ssh_is_called_as_docker_calls_it() {
        let files = "/proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6";
        let options = "ssh -o BatchMode=yes -o ConnectTimeout=5 -T";
        assert_eq!(line("ssh://box").unwrap(), format!("{options} -- box cat {files}"));
        assert_eq!(
            line("ssh://ann@box.lan:2222/run/docker.sock").unwrap(),
            format!("{options} -l ann -p 2222 -- box.lan cat {files}")
        );
        assert_eq!(line("ssh://ann@[fe80::1]:22").unwrap(), format!("{options} -l ann -p 22 -- fe80::1 cat {files}"));
        assert_eq!(line("tcp://box:2376"), None);
        assert_eq!(line("ssh://"), None);
        // A host must never be read as an option.
        assert!(line("ssh://-oProxyCommand=x").unwrap().contains("-- -oProxyCommand=x"));
        assert_eq!(line("ssh://-x@box").unwrap(), format!("{options} -l -x -- box cat {files}"));
    }
}
