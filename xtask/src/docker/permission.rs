//! The engine's socket is there, and not for this user: what is missing.

use super::Cures;
use super::cures::System;

/// What the socket and the user are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Facts {
    /// The number of the socket's group; `None` where its folder is closed, or
    /// the system has no such thing.
    gid: Option<u32>,
    /// That group's name.
    group: Option<String>,
    /// Whether members of the group may use the socket.
    opens: bool,
    /// The user is a member by now, which this session does not know.
    is_listed: bool,
}

/// What lets the user in, best first.
pub(super) fn hints(socket: Option<&std::path::Path>, undo: &str, cures: &Cures) -> Vec<String> {
    match cures.system {
        // docs.docker.com/desktop/setup/install/windows-install
        System::Windows => {
            vec!["add this account to the group docker-users, then log in again".to_owned()]
        }
        System::Macos => vec!["is it another user's? start Docker Desktop, OrbStack or Colima as this one".to_owned()],
        _ => advice(&socket.map(facts).unwrap_or_default(), undo),
    }
}

fn advice(facts: &Facts, undo: &str) -> Vec<String> {
    // docs.docker.com/engine/install/linux-postinstall
    let join = |group: &str| {
        format!("`sudo usermod -aG {group} $USER`, then log in again, or `newgrp {group}` for this shell alone")
    };
    let Some(gid) = facts.gid else {
        return vec![format!("it is another user's; for this machine's usual engine: `{undo}`")];
    };
    match &facts.group {
        // dockerd makes its socket root's where there is no group docker when it starts.
        _ if gid == 0 || !facts.opens => vec![
            "no group may use it: `sudo groupadd --force docker`, and restart the engine, which gives its socket to that group".to_owned(),
            join("docker"),
        ],
        Some(group) if facts.is_listed => {
            vec![format!("you are in the group {group}, and were not yet when you logged in: log in again, or `newgrp {group}` for this shell alone")]
        }
        Some(group) => vec![join(group)],
        None => vec![
            format!("the socket's group has the number {gid} and no name here: `sudo groupadd --gid {gid} docker-socket`"),
            join("docker-socket"),
            format!("in a container: start it with `--group-add {gid}`"),
        ],
    }
}

#[cfg(unix)]
fn facts(socket: &std::path::Path) -> Facts {
    use std::os::unix::fs::MetadataExt;

    let Ok(found) = std::fs::metadata(socket) else { return Facts::default() };
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let user = user(&read("/etc/passwd"), rustix::process::getuid().as_raw());
    let entry = group(&read("/etc/group"), found.gid());
    let is_listed = entry.as_ref().zip(user).is_some_and(|((_, members), user)| members.contains(&user));
    Facts {
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

/// Name and members of a group, by the lines of group(5). A directory service
/// may know more; then its number stands for the name.
#[cfg_attr(not(any(unix, test)), expect(dead_code, reason = "Unix alone has the file"))]
fn group(text: &str, gid: u32) -> Option<(String, Vec<String>)> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number, members) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let members = members.split(',').map(str::to_owned).collect();
        (number.parse() == Ok(gid)).then(|| (name.to_owned(), members))
    })
}

/// The name of a user, by the lines of passwd(5).
#[cfg_attr(not(any(unix, test)), expect(dead_code, reason = "Unix alone has the file"))]
fn user(text: &str, uid: u32) -> Option<String> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_lack_has_its_own_cure() {
        let usual = Facts { gid: Some(999), group: Some("docker".into()), opens: true, is_listed: false };
        let text = |facts: &Facts| advice(facts, "unset DOCKER_HOST").join("\n");
        let join = "`sudo usermod -aG docker $USER`, then log in again, or `newgrp docker` for this shell alone";
        assert_eq!(text(&usual), join);
        let other = Facts { group: Some("podman".into()), ..usual.clone() };
        assert!(text(&other).contains("usermod -aG podman $USER") && text(&other).contains("newgrp podman"));
        let listed = text(&Facts { is_listed: true, ..usual.clone() });
        assert!(listed.contains("log in again") && !listed.contains("usermod"), "{listed}");
        for closed in [Facts { gid: Some(0), ..usual.clone() }, Facts { opens: false, ..usual.clone() }] {
            assert!(text(&closed).contains("groupadd --force docker"), "{closed:?}");
        }
        let nameless = text(&Facts { group: None, ..usual });
        assert!(nameless.contains("groupadd --gid 999") && nameless.contains("--group-add 999"), "{nameless}");
        assert!(text(&Facts::default()).contains("`unset DOCKER_HOST`"));
    }

    #[test]
    fn groups_and_users_are_found_by_number() {
        let text = "root:x:0:\ndocker:x:999:ann,ben\nodd line\nempty:x:7:\n";
        assert_eq!(group(text, 999), Some(("docker".into(), vec!["ann".into(), "ben".into()])));
        assert_eq!(group(text, 7), Some(("empty".into(), vec![String::new()])));
        assert_eq!(group(text, 5), None);
        assert_eq!(user("root:x:0:0:root:/root:/bin/sh\nben:x:1001:1001::/h:/bin/sh\n", 1001).as_deref(), Some("ben"));
    }
}
