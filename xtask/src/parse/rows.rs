//! What parsers of tables share: bytes to text, and sockets that are listed twice.

use crate::model::Socket;

/// Lossy is enough: what is read is ASCII. A second byte of cp932 or cp936 may
/// look like ASCII (from 0x40 on), but stands in headings only.
pub(super) fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// One row for each address: a table names a socket once for each process that
/// holds it (after a fork), and Windows lets several sockets share an address.
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
