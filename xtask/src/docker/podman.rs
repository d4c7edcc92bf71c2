//! Podman beside the engine that was chosen: how to point Docker's CLI at it. It is never
//! taken without being told: its containers and ports are others.

use std::path::{Path, PathBuf};

use crate::exec;

/// Podman on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Podman {
    /// It listens on this socket.
    At(PathBuf),
    /// Its socket has to be switched on.
    Installed,
}

impl Podman {
    pub fn here(is_root: bool) -> Option<Podman> {
        // podman-system-service(1): the user's own, or root's.
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty() && !is_root);
        let folder = runtime.map_or_else(|| PathBuf::from("/run"), PathBuf::from);
        let socket = folder.join("podman/podman.sock");
        if cfg!(target_os = "linux") && socket.exists() {
            return Some(Podman::At(socket));
        }
        exec::find("podman").map(|_| Podman::Installed)
    }

    /// The hint to use it.
    pub fn hint(&self, is_root: bool) -> String {
        let (enable, socket) = if cfg!(not(target_os = "linux")) {
            // podman-machine-inspect(1)
            ("podman machine start", "$(podman machine inspect --format '{{.ConnectionInfo.PodmanSocket.Path}}')")
        } else if is_root {
            ("systemctl enable --now podman.socket", "/run/podman/podman.sock")
        } else {
            ("systemctl --user enable --now podman.socket", "$XDG_RUNTIME_DIR/podman/podman.sock")
        };
        match self {
            Podman::At(socket) => format!("to use Podman: `{}`", export(&crate::ui::quoted(&display(socket)))),
            Podman::Installed => format!("to use Podman: `{enable}`, then `{}`", export(socket)),
        }
    }
}

fn export(socket: &str) -> String {
    format!("export DOCKER_HOST=unix://{socket}")
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn its_socket_is_named_and_how_it_is_switched_on() {
        let at = Podman::At("/run/user/1000/podman/podman.sock".into()).hint(false);
        assert_eq!(at, "to use Podman: `export DOCKER_HOST=unix:///run/user/1000/podman/podman.sock`");
        let user = Podman::Installed.hint(false);
        assert!(user.contains("`systemctl --user enable --now podman.socket`"), "{user}");
        assert!(user.contains("`export DOCKER_HOST=unix://$XDG_RUNTIME_DIR/podman/podman.sock`"), "{user}");
        assert!(Podman::Installed.hint(true).contains("`systemctl enable --now podman.socket`"));
    }
}
