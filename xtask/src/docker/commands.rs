//! Commands of `docker` itself, for steps that take long or that the user watches.

use crate::exec::Command;
use crate::model::SwarmPort;

pub fn pull(image: &str) -> Command {
    Command::new("docker").args(["pull", image])
}

/// Runs an image's program once, without a network.
pub fn run_once(image: &str, args: &[&str]) -> Command {
    Command::new("docker").args(["run", "--rm", "--network", "none", image]).args(args)
}

/// Creates a network that containers of any project may join.
pub fn create_network(name: &str, labels: &[(&str, String)]) -> Command {
    let command = Command::new("docker").args(["network", "create", "--attachable"]);
    let label = |command: Command, (key, value): &(&str, String)| command.arg("--label").arg(format!("{key}={value}"));
    labels.iter().fold(command, label).arg("--").arg(name)
}

/// Stops one container by id or name.
pub fn stop_container(which: &str) -> Command {
    Command::new("docker").args(["stop", which])
}

/// Takes one published port from a Swarm service, and returns before its tasks are replaced.
pub fn unpublish_port(service: &str, port: SwarmPort) -> Command {
    update_service("--publish-rm", service, port)
}

/// Undoes [`unpublish_port`].
pub fn publish_port(service: &str, port: SwarmPort) -> Command {
    update_service("--publish-add", service, port)
}

fn update_service(option: &str, service: &str, port: SwarmPort) -> Command {
    Command::new("docker").args(["service", "update", "--detach", option]).arg(port.to_string()).arg(service)
}

pub fn last_lines(id: &str, lines: u32) -> Command {
    logs(id, &lines.to_string(), false)
}

/// The last `tail` lines of a container's log, or `all`; with `follow` also new ones.
pub fn logs(id: &str, tail: &str, follow: bool) -> Command {
    let follow = follow.then_some("--follow");
    Command::new("docker").args(["logs", "--tail", tail].into_iter().chain(follow).chain([id]))
}

/// Parses a number of lines or `all`, as Docker accepts them.
pub fn log_lines(text: &str) -> Result<String, String> {
    let known = text == "all" || text.parse::<u32>().is_ok();
    known.then(|| text.to_owned()).ok_or_else(|| "not a number of lines, and not `all`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_or_all() {
        for text in ["0", "100", "all"] {
            assert_eq!(log_lines(text).as_deref(), Ok(text));
        }
        for text in ["", "abc", "-1", "ALL", "1k"] {
            assert!(log_lines(text).is_err(), "{text}");
        }
    }
}
