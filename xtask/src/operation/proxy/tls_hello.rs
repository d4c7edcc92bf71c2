//! A hand-made TLS ClientHello and the first records of the answer. No handshake is
//! completed: they show whether the proxy has a route for a name, and which certificate it
//! presents.
//!
//! It offers TLS 1.2, whose first answer is not encrypted, and an ALPN that only the wanted
//! route has (see `labels::dynamic`): a proxy without that route answers with an alert
//! (RFC 7301, 3.2: no_application_protocol).

/// A ClientHello (RFC 5246, 7.4.1.2) for `name` that offers only `alpn`.
pub(super) fn client_hello(name: &str, alpn: &str) -> Vec<u8> {
    // ECDSA and RSA, AES-GCM and ChaCha20 (RFC 5289, RFC 7905).
    let suites = [0xc02b_u16, 0xc02c, 0xcca9, 0xc02f, 0xc030, 0xcca8];
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let mut server_name = vec![0];
    server_name.extend(sized(2, name.as_bytes()));
    let mut extensions = Vec::new();
    for (number, data) in [
        (0_u16, sized(2, &server_name)),
        // x25519 and P-256; points uncompressed.
        (10, sized(2, &[0x00, 0x1d, 0x00, 0x17])),
        (11, sized(1, &[0])),
        // ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256, rsa_pkcs1_sha256
        (13, sized(2, &[0x04, 0x03, 0x08, 0x04, 0x04, 0x01])),
        (16, sized(2, &sized(1, alpn.as_bytes()))),
    ] {
        extensions.extend(number.to_be_bytes());
        extensions.extend(sized(2, &data));
    }
    let mut body = vec![3, 3];
    // The random: nothing is encrypted, so a constant will do.
    body.extend([0x5a; 32]);
    body.push(0);
    body.extend(sized(2, &suites));
    body.extend(sized(1, &[0]));
    body.extend(sized(2, &extensions));
    let mut handshake = vec![1];
    handshake.extend(sized(3, &body));
    let mut record = vec![22, 3, 1];
    record.extend(sized(2, &handshake));
    record
}

/// The server's certificate (DER): the first in its Certificate message (RFC 5246, 7.4.2).
/// `None` while the answer is incomplete.
pub(super) fn certificate(answer: &[u8]) -> Option<Vec<u8>> {
    const HANDSHAKE: u8 = 22;
    const CERTIFICATE: u8 = 11;
    // A message may continue in the next record.
    let (mut rest, mut messages) = (answer, Vec::new());
    while let Some((&[HANDSHAKE, _, _], after)) = rest.split_first_chunk::<3>() {
        let Some((record, after)) = split_sized(2, after) else { break };
        messages.extend_from_slice(record);
        rest = after;
    }
    let mut messages = messages.as_slice();
    loop {
        let (&kind, after) = messages.split_first()?;
        let (body, after) = split_sized(3, after)?;
        if kind == CERTIFICATE {
            let (list, _) = split_sized(3, body)?;
            return split_sized(3, list).map(|(first, _)| first.to_vec());
        }
        messages = after;
    }
}

/// Undoes [`sized`]: the data, and the bytes after it.
fn split_sized(width: usize, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(width)?;
    rest.split_at_checked(length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)))
}

/// `data` prefixed with its length in `width` bytes.
fn sized(width: usize, data: &[u8]) -> Vec<u8> {
    let length = data.len().to_be_bytes();
    let mut out = length[length.len() - width..].to_vec();
    out.extend(data);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_fit_into_each_other() {
        let hello = client_hello("db.shop.localhost", "postgresql");
        let number = |at: usize, width: usize| hello[at..at + width].iter().fold(0, |n, b| n << 8 | usize::from(*b));
        assert_eq!(number(3, 2), hello.len() - 5);
        assert_eq!(number(6, 3), hello.len() - 9);
        // Version, random, session, suites, compression, extensions.
        let suites = 9 + 2 + 32 + 1;
        let extensions = suites + 2 + number(suites, 2) + 2;
        assert_eq!(number(extensions, 2), hello.len() - extensions - 2);
        let text = String::from_utf8_lossy(&hello);
        assert!(text.contains("db.shop.localhost") && text.contains("postgresql"));
    }

    #[test]
    fn a_certificate_is_found_also_across_records_and_only_when_whole() {
        let record = |bytes: &[u8]| [vec![22, 3, 3], sized(2, bytes)].concat();
        let list = [sized(3, b"the leaf"), sized(3, b"the CA")].concat();
        let messages = [vec![2], sized(3, b"hello"), vec![11], sized(3, &sized(3, &list)), vec![14, 0, 0, 0]].concat();
        let (one, two) = messages.split_at(17);
        let answer = [record(one), record(two)].concat();
        assert_eq!(certificate(&answer).unwrap(), b"the leaf");
        assert_eq!(certificate(&record(&messages)).unwrap(), b"the leaf");
        for end in 0..record(one).len() + 3 {
            assert_eq!(certificate(&answer[..end]), None, "{end}");
        }
        // An alert, and something else altogether.
        assert_eq!(certificate(&[21, 3, 3, 0, 2, 2, 40]), None);
        assert_eq!(certificate(b"HTTP/1.1 400 Bad Request"), None);
    }
}
