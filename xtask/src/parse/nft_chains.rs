//! The chains of nftables over netlink, as bytes: encodes the request, decodes the answer.
//!
//! Layouts from `linux/netfilter/nfnetlink.h` and `linux/netfilter/nf_tables.h`; numbers in
//! attributes are in network byte order.

use super::netlink::{self, Part, attributes};

/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN`.
const GET_CHAIN: u16 = 0x0a04;
/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN`.
const NEW_CHAIN: u16 = 0x0a03;
/// Length of `struct nfgenmsg`.
const FAMILY_HEADER: usize = 4;

const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_TYPE: u16 = 7;
const HOOK_NUMBER: u16 = 1;
/// The upper bits of an attribute's type are flags (`NLA_F_NESTED`, `NLA_F_NET_BYTEORDER`).
const TYPE_MASK: u16 = 0x3fff;

/// A chain that the kernel enters by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseChain {
    /// `NFPROTO_IPV4` (2), `NFPROTO_IPV6` (10), `NFPROTO_INET` (1), …
    pub family: u8,
    pub table: String,
    pub name: String,
    /// `nat`, `filter`, `route`.
    pub kind: String,
    /// `NF_INET_PRE_ROUTING` (0), `NF_INET_LOCAL_OUT` (3), …
    pub hook: u32,
}

/// A request for the chains of all families.
pub fn request() -> Vec<u8> {
    netlink::dump_request(GET_CHAIN, &[0; FAMILY_HEADER])
}

/// Reads one datagram of the answer.
pub fn part(bytes: &[u8]) -> Part<BaseChain> {
    netlink::part(bytes, NEW_CHAIN, chain)
}

/// `None` for a chain that only rules jump to.
fn chain(body: &[u8]) -> Option<BaseChain> {
    let (mut table, mut name, mut kind, mut hook) = (None, None, None, None);
    for (attribute, value) in attributes(body.get(FAMILY_HEADER..)?) {
        match attribute & TYPE_MASK {
            CHAIN_TABLE => table = Some(text(value)),
            CHAIN_NAME => name = Some(text(value)),
            CHAIN_TYPE => kind = Some(text(value)),
            CHAIN_HOOK => {
                let number = attributes(value).find(|(attribute, _)| attribute & TYPE_MASK == HOOK_NUMBER);
                hook = number.and_then(|(_, value)| Some(u32::from_be_bytes(value.get(..4)?.try_into().ok()?)));
            }
            _ => {}
        }
    }
    Some(BaseChain { family: *body.first()?, table: table?, name: name?, kind: kind?, hook: hook? })
}

/// Ends with a zero byte.
fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::netlink::{DONE, ERROR, HEADER};

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = u16::try_from(value.len() + 4).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(HEADER + body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(body);
        bytes
    }

    fn new_chain(hook: Option<u32>) -> Vec<u8> {
        let mut body = vec![1, 0, 0, 0];
        body.extend(attribute(CHAIN_TABLE, b"firewalld\0"));
        body.extend(attribute(2, &[0; 8]));
        body.extend(attribute(CHAIN_NAME, b"nat_OUTPUT\0"));
        if let Some(hook) = hook {
            body.extend(attribute(CHAIN_HOOK | 0x8000, &attribute(HOOK_NUMBER, &hook.to_be_bytes())));
            body.extend(attribute(CHAIN_TYPE, b"nat\0"));
        }
        message(NEW_CHAIN, &body)
    }

    #[test]
    fn base_chains_are_read_and_others_left_out() {
        let bytes = [new_chain(Some(3)), new_chain(None)].concat();
        let want =
            BaseChain { family: 1, table: "firewalld".into(), name: "nat_OUTPUT".into(), kind: "nat".into(), hook: 3 };
        assert_eq!(part(&bytes), Part::More(vec![want.clone()]));
        let bytes = [new_chain(Some(3)), message(DONE, &[0; 4])].concat();
        assert_eq!(part(&bytes), Part::Last(vec![want]));
        assert_eq!(part(&message(ERROR, &(-1i32).to_ne_bytes())), Part::Refused(1));
    }

    #[test]
    fn a_cut_or_damaged_answer_never_panics() {
        let bytes = new_chain(Some(3));
        for cut in 0..bytes.len() {
            part(&bytes[..cut]);
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            part(&damaged);
        }
    }
}
