//! Netlink sockets, with which the kernel is asked for its tables.

use std::io::Read;

use rustix::io::Errno;
use socket2::{Domain, Socket as RawSocket, Type};

use crate::parse::netlink::Part;

/// `protocol`: which tables, by a number of `linux/netlink.h`. A socket without a destination
/// sends to the kernel.
pub(super) fn socket(protocol: i32) -> std::io::Result<RawSocket> {
    // AF_NETLINK; socket2 has no constant for it.
    RawSocket::new(Domain::from(16), Type::DGRAM, Some(socket2::Protocol::from(protocol)))
}

/// Reads the answer to a request, whose datagrams `part` decodes, or the kernel's refusal.
pub(super) fn answer<T>(
    mut socket: &RawSocket,
    part: impl Fn(&[u8]) -> Part<T>,
) -> std::io::Result<Result<Vec<T>, Errno>> {
    let (mut found, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
    loop {
        let length = socket.read(&mut buffer)?;
        match part(&buffer[..length]) {
            Part::More(more) => found.extend(more),
            Part::Last(last) => {
                found.extend(last);
                return Ok(Ok(found));
            }
            Part::Refused(errno) => return Ok(Err(Errno::from_raw_os_error(errno))),
        }
    }
}
