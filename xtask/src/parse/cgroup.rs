//! Reads a cgroup path: a systemd unit, a container, or neither.
//!
//! systemd puts a service into `…/NAME.service` (systemd.unit(5),
//! systemd-cgls(1)); engines put a container into `docker-ID.scope`,
//! `/docker/ID`, `libpod-ID.scope`, `/libpod_parent/libpod-ID` (Podman without systemd)
//! or `…/cri-containerd-ID.scope`.

use crate::model::{Unit, is_full_id};

/// What a cgroup belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manager {
    /// A systemd service.
    Unit(Unit),
    /// A container; its id.
    Container(String),
}

/// Reads one path of `/proc/PID/cgroup`.
pub fn manager(path: &str) -> Option<Manager> {
    if let Some(id) = path.split('/').rev().find_map(container) {
        return Some(Manager::Container(id.to_owned()));
    }
    let last = path.rsplit('/').find(|part| !part.is_empty())?;
    let user = path.contains("/user@");
    // `user@1000.service` contains everything that a user runs; it is no service.
    let is_service = last.ends_with(".service") && !last.starts_with("user@");
    is_service.then(|| Manager::Unit(Unit { name: last.to_owned(), user }))
}

fn container(part: &str) -> Option<&str> {
    let inner = match part.strip_suffix(".scope") {
        Some(scope) => scope.rsplit_once('-').map_or(scope, |(_, id)| id),
        None => part.strip_prefix("libpod-").unwrap_or(part),
    };
    is_full_id(inner).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_services_containers_and_sessions() {
        let id = "0123456789abcdef".repeat(4);
        let unit = |name: &str, user| Some(Manager::Unit(Unit { name: name.into(), user }));
        for (path, want) in [
            (
                "/system.slice/system-postgresql.slice/postgresql@15-main.service".to_owned(),
                unit("postgresql@15-main.service", false),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/dev.service".to_owned(),
                unit("dev.service", true),
            ),
            ("/user.slice/user-1000.slice/user@1000.service".to_owned(), None),
            ("/user.slice/user-1000.slice/session-3.scope".to_owned(), None),
            (format!("/system.slice/docker-{id}.scope"), Some(Manager::Container(id.clone()))),
            (format!("/docker/{id}"), Some(Manager::Container(id.clone()))),
            (format!("/docker/{id}/init"), Some(Manager::Container(id.clone()))),
            (format!("/libpod_parent/libpod-{id}"), Some(Manager::Container(id.clone()))),
            (format!("/libpod_parent/libpod-{id}/container"), Some(Manager::Container(id.clone()))),
            ("/libpod_parent/conmon".to_owned(), None),
            (
                format!("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{id}.scope"),
                Some(Manager::Container(id)),
            ),
            ("/".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(manager(&path), want, "{path}");
        }
    }
}
