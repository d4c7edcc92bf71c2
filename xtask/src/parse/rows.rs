//! Shared by parsers of tables: decodes bytes, and merges sockets that are listed twice.

use crate::model::Socket;

/// Lossy is enough because only ASCII is read. A second byte of cp932 or cp936 may look
/// like ASCII (from 0x40 on), but occurs in headings only.
pub(super) fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Keeps one row per address: a table lists a socket once per process that holds it
/// (after a fork), and on Windows several sockets may share an address.
pub(super) fn add(sockets: &mut Vec<Socket>, mut new: Socket) {
    let same = |old: &&mut Socket| {
        (old.ip, old.port, old.protocol, old.v6_only, old.state)
            == (new.ip, new.port, new.protocol, new.v6_only, new.state)
    };
    match sockets.iter_mut().find(same) {
        Some(old) => {
            old.uid = old.uid.or(new.uid);
            new.pids.retain(|pid| !old.pids.contains(pid));
            old.pids.append(&mut new.pids);
        }
        None => sockets.push(new),
    }
}
