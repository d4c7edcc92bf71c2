//! Linux: `/proc/PID/cgroup`, which names the container that a process runs in.

use super::text;

/// The id of the container: 64 hexadecimal digits. Engines write
/// `/docker/ID`, with systemd `/system.slice/docker-ID.scope`, and Podman
/// `libpod-ID.scope`. Of several the innermost.
pub fn container_id(bytes: &[u8]) -> Option<String> {
    let id = |part: &str| {
        let part = part.strip_suffix(".scope").unwrap_or(part);
        let part = part.rsplit_once('-').map_or(part, |(_, id)| id);
        (part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| part.to_owned())
    };
    text(bytes).lines().find_map(|line| line.rsplit('/').find_map(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_all_forms() {
        let id = "8f45176031676e203a085bf9236676945878efb65853362a68c3330ad0afbaed";
        for line in [
            format!("9:name=systemd:/docker/{id}\n8:pids:/docker/{id}\n"),
            format!("0::/system.slice/docker-{id}.scope\n"),
            format!("0::/machine.slice/libpod-{id}.scope/container\n"),
            format!("0::/docker/{}/docker/{id}\n", id.replace('8', "9")),
        ] {
            assert_eq!(container_id(line.as_bytes()).as_deref(), Some(id), "{line}");
        }
        for line in ["0::/user.slice/user-1000.slice/session-2.scope", "0::/", "", "0::/docker/8f45176031"] {
            assert_eq!(container_id(line.as_bytes()), None, "{line}");
        }
    }
}
