//! Which container a process runs in, from its own kernel's files.

use crate::model::is_full_id;

/// Possible ids of the container that this mountinfo belongs to, most reliable first;
/// none outside containers.
///
/// Engines mount three files of a container from a folder named by its id
/// (`/proc/self/mountinfo`, proc(5): the fourth field is the path within the mounted
/// filesystem, the fifth the mount point):
///
/// ```text
/// 612 590 8:1 /var/lib/docker/containers/ID/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw
/// 613 590 0:50 /containers/overlay-containers/ID/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw
/// ```
///
/// Other mounts prove nothing: a machine with an engine has those of all its containers.
pub fn own_ids(mountinfo: &[u8]) -> Vec<String> {
    const FILES: [&str; 3] = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];
    let mut found: Vec<String> = Vec::new();
    for line in super::rows::text(mountinfo).lines() {
        let mut fields = line.split_ascii_whitespace().skip(3);
        let (Some(root), Some(point)) = (fields.next(), fields.next()) else { continue };
        if !FILES.contains(&point) {
            continue;
        }
        let id = root.split('/').find(|part| is_full_id(part));
        found.extend(id.filter(|id| !found.iter().any(|known| known == id)).map(str::to_owned));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn the_files_of_a_container_tell_its_id() {
        for root in [
            format!("/var/lib/docker/containers/{ID}/hostname"),
            format!("/containers/overlay-containers/{ID}/userdata/hostname"),
        ] {
            let text = format!(
                "600 590 0:5 / /dev rw - tmpfs tmpfs rw\n612 590 8:1 {root} /etc/hostname rw,relatime - ext4 /dev/sda1 rw\n"
            );
            assert_eq!(own_ids(text.as_bytes()), [ID], "{root}");
        }
    }

    #[test]
    fn mounts_of_others_tell_nothing() {
        let text = format!(
            "40 30 0:45 / /var/lib/docker/containers/{ID}/mounts/shm rw - tmpfs shm rw\n41 30 0:46 / /var/lib/docker/overlay2/{ID}/merged rw - overlay overlay rw\n42 30 8:1 /etc/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n43\n"
        );
        assert!(own_ids(text.as_bytes()).is_empty());
    }
}
