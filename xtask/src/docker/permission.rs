//! Hints for a user who may not access the engine's socket.

use super::InstallHints;
use super::install_hints::System;

/// Facts about the socket and the user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Facts {
    /// Id of the socket's group; `None` if its folder is not accessible, or the system has no groups.
    gid: Option<u32>,
    /// That group's name.
    group: Option<String>,
    opens: bool,
    /// The user's name, if it is in /etc/passwd.
    user: Option<String>,
    /// The user is a member of the group, but this session is older.
    is_listed: bool,
}

/// How to get access, best first.
pub(super) fn hints(socket: Option<&std::path::Path>, undo: &str, hints: &InstallHints) -> Vec<String> {
    match hints.system {
        // docs.docker.com/desktop/setup/install/windows-install
        System::Windows => {
            vec!["add this account to the group docker-users, then log in again".to_owned()]
        }
        System::Macos => vec!["is it another user's? start Docker Desktop, OrbStack or Colima as this one".to_owned()],
        _ => advice(&socket.map(facts).unwrap_or_default(), undo, hints),
    }
}

fn advice(facts: &Facts, undo: &str, hints: &InstallHints) -> Vec<String> {
    // docs.docker.com/engine/install/linux-postinstall. With the user's name: the
    // administrator who types it has another $USER.
    let user = facts.user.as_deref().unwrap_or("$USER");
    let join = |group: &str| {
        let command = hints.as_root(&[&format!("/usr/sbin/usermod -aG {group} {user}")]);
        format!("it is for the group {group}: {command}, then log in again")
    };
    // With sg(1) a new membership counts at once.
    let at_once = |group: &str| format!("without a new login: `sg {group} -c 'cargo xtask start'`");
    let Some(gid) = facts.gid else {
        return vec![format!("it is another user's; for this machine's usual engine: `{undo}`")];
    };
    match &facts.group {
        // Without a group docker at its start, dockerd gives its socket to root.
        _ if gid == 0 || !facts.opens => vec![
            format!(
                "no group may use it: {}, and restart the engine, which gives its socket to that group",
                hints.as_root(&["/usr/sbin/groupadd --force docker"])
            ),
            join("docker"),
        ],
        Some(group) if facts.is_listed => {
            vec![format!("you joined the group {group} after you logged in: log in again"), at_once(group)]
        }
        Some(group) => vec![join(group), at_once(group)],
        None => vec![
            format!(
                "the socket's group has the number {gid} and no name here: {}",
                hints.as_root(&[&format!("/usr/sbin/groupadd --gid {gid} docker-socket")])
            ),
            join("docker-socket"),
            format!("in a container: start it with `--group-add {gid}`"),
        ],
    }
}

#[cfg(unix)]
fn facts(socket: &std::path::Path) -> Facts {
    use std::os::unix::fs::MetadataExt;

    use crate::parse::accounts;

    let Ok(found) = std::fs::metadata(socket) else { return Facts::default() };
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let user = accounts::user(&read("/etc/passwd"), rustix::process::getuid().as_raw());
    let entry = accounts::group(&read("/etc/group"), found.gid());
    let is_listed = entry.as_ref().zip(user.as_ref()).is_some_and(|((_, members), user)| members.contains(user));
    Facts {
        user,
        gid: Some(found.gid()),
        group: entry.map(|(name, _)| name),
        opens: found.mode() & 0o060 == 0o060,
        is_listed,
    }
}

#[cfg(not(unix))]
fn facts(_socket: &std::path::Path) -> Facts {
    Facts::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lack_has_its_own_cure() {
        let usual = Facts {
            gid: Some(999),
            group: Some("docker".into()),
            opens: true,
            user: Some("ben".into()),
            is_listed: false,
        };
        let mut hints = InstallHints::here(None);
        (hints.is_root, hints.has_sudo) = (false, true);
        let text = |facts: &Facts| advice(facts, "unset DOCKER_HOST", &hints).join("\n");
        let join = "it is for the group docker: `sudo /usr/sbin/usermod -aG docker ben`, then log in again\n\
                    without a new login: `sg docker -c 'cargo xtask start'`";
        assert_eq!(text(&usual), join);
        let other = Facts { group: Some("podman".into()), ..usual.clone() };
        assert!(text(&other).contains("usermod -aG podman ben") && text(&other).contains("sg podman"));
        assert!(text(&Facts { user: None, ..usual.clone() }).contains("usermod -aG docker $USER"));
        let listed = text(&Facts { is_listed: true, ..usual.clone() });
        assert!(listed.contains("log in again") && !listed.contains("usermod"), "{listed}");
        for closed in [Facts { gid: Some(0), ..usual.clone() }, Facts { opens: false, ..usual.clone() }] {
            assert!(text(&closed).contains("groupadd --force docker"), "{closed:?}");
        }
        let nameless = text(&Facts { group: None, ..usual });
        assert!(nameless.contains("groupadd --gid 999") && nameless.contains("--group-add 999"), "{nameless}");
        assert!(text(&Facts::default()).contains("`unset DOCKER_HOST`"));
    }
}
