//! What all netlink messages have in common: headers, attributes, the end of an answer.
//!
//! Layouts from `linux/netlink.h`; integers are in host byte order.

/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
pub(super) const ERROR: u16 = 2;
pub(super) const DONE: u16 = 3;
/// Length of `struct nlmsghdr`.
pub(super) const HEADER: usize = 16;

/// The content of one datagram of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<T> {
    /// More datagrams follow.
    More(Vec<T>),
    Last(Vec<T>),
    /// The kernel refused; the number is its `errno`.
    Refused(i32),
}

/// A request for everything that `body` describes.
pub(super) fn dump_request(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = HEADER + body.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(u32::try_from(length).unwrap_or_default().to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(DUMP.to_ne_bytes());
    bytes.extend([0; 8]); // sequence, sender: the socket is used for one dump at a time
    bytes.extend(body);
    bytes
}

/// Reads one datagram, whose messages of this kind are decoded. Damaged messages are skipped;
/// it never panics.
pub(super) fn part<T>(mut bytes: &[u8], wanted: u16, decode: impl Fn(&[u8]) -> Option<T>) -> Part<T> {
    let mut found = Vec::new();
    while let (Some(length), Some(kind)) = (u32_at(bytes, 0), u16_at(bytes, 4)) {
        let length = length as usize;
        if length < HEADER || length > bytes.len() {
            break;
        }
        let body = &bytes[HEADER..length];
        match kind {
            DONE => return Part::Last(found),
            ERROR => {
                let code = u32_at(body, 0).map_or(0, u32::cast_signed);
                return Part::Refused(code.saturating_neg());
            }
            kind if kind == wanted => found.extend(decode(body)),
            _ => {}
        }
        bytes = bytes.get(align(length)..).unwrap_or_default();
    }
    Part::More(found)
}

/// Type, with its flags, and value of each attribute up to a damaged one.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (length, kind) = (usize::from(u16_at(bytes, 0)?), u16_at(bytes, 2)?);
        let value = bytes.get(4..length)?;
        bytes = bytes.get(align(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn align(length: usize) -> usize {
    length.next_multiple_of(4)
}
