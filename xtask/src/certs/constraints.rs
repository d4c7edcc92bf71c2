//! The name constraints of the CA (RFC 5280, 4.2.1.10) as DER: rcgen has no constraint for URIs.

use rcgen::CustomExtension;

/// id-ce-nameConstraints
const OID: [u64; 4] = [2, 5, 29, 30];
/// No name exists below it (RFC 2606).
const NOBODY: &str = ".invalid";

/// Kinds of general names.
const MAIL: u8 = 1;
const DNS: u8 = 2;
const URI: u8 = 6;
const IP: u8 = 7;

/// Permits host names below `domain` and no other kind of name. A constraint only applies to one kind,
/// so each is listed. All addresses are excluded; e-mail and URIs are permitted for a domain that does
/// not exist, because in OpenSSL an empty name does not exclude all of them
/// (`crypto/x509/v3_ncons.c`).
pub(super) fn only_hosts_below(domain: &str) -> CustomExtension {
    let permitted =
        [subtree(DNS, domain.as_bytes()), subtree(MAIL, NOBODY.as_bytes()), subtree(URI, NOBODY.as_bytes())];
    let excluded = [subtree(IP, &[0; 8]), subtree(IP, &[0; 32])];
    let trees = [tagged(0xa0, &permitted.concat()), tagged(0xa1, &excluded.concat())];
    let mut extension = CustomExtension::from_oid_content(&OID, tagged(0x30, &trees.concat()));
    extension.set_criticality(true);
    extension
}

/// A `GeneralSubtree` with a name of this kind.
fn subtree(kind: u8, name: &[u8]) -> Vec<u8> {
    tagged(0x30, &tagged(0x80 | kind, name))
}

/// Content must be shorter than 65536 bytes.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let length: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_der() {
        assert_eq!(tagged(0x30, &[1, 2]), [0x30, 2, 1, 2]);
        assert_eq!(tagged(0x30, &[0; 0x80])[..3], [0x30, 0x81, 0x80]);
        assert_eq!(tagged(0x30, &[0; 0x100])[..4], [0x30, 0x82, 1, 0]);
    }

    #[test]
    fn every_kind_of_name_is_spoken_of() {
        let extension = only_hosts_below("localhost");
        assert!(extension.criticality());
        let has = |part: &[u8]| extension.content().windows(part.len()).any(|window| window == part);
        assert!(has(b"\x82\x09localhost") && has(b"\x81\x08.invalid") && has(b"\x86\x08.invalid"));
        assert!(has(&[&[0x87, 8][..], &[0; 8]].concat()) && has(&[&[0x87, 32][..], &[0; 32]].concat()));
    }
}
