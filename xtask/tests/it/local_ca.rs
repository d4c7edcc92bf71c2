//! The CA of this machine, with OpenSSL as the judge: it signs servers below
//! `.localhost`, and whatever else is signed with its key is refused.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a panic is the report")]

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use xtask::certs::Certs;

use crate::support::{Output, command, run, skip};

fn openssl(dir: &Path, words: &[&str]) -> Output {
    let mut openssl = command("openssl");
    openssl.args(words).current_dir(dir);
    run(openssl)
}

/// Whether OpenSSL accepts a certificate with this name, signed with the CA's
/// key, for this purpose.
fn accepts(dir: &Path, name: &str, purpose: &str) -> bool {
    let usage = if purpose == "sslserver" { "serverAuth" } else { "clientAuth,emailProtection" };
    let extensions = format!("subjectAltName={name}\nextendedKeyUsage={usage}\nkeyUsage=digitalSignature\n");
    fs::write(dir.join("extensions"), extensions).unwrap();
    let request = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout x.key -out x.csr -subj /CN=x";
    let sign =
        "x509 -req -in x.csr -CA ca/ca.crt -CAkey ca/ca.key -set_serial 5 -days 30 -extfile extensions -out x.crt";
    for words in [request, sign] {
        openssl(dir, &words.split(' ').collect::<Vec<_>>()).exits(0);
    }
    openssl(dir, &["verify", "-CAfile", "ca/ca.crt", "-purpose", purpose, "x.crt"]).code == 0
}

#[test]
fn its_key_is_good_for_servers_below_localhost_alone() {
    if which::which("openssl").is_err() {
        skip("no openssl on PATH");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    Certs::new(dir.path()).ensure("p", &["p.localhost".to_owned()], SystemTime::now()).unwrap();
    let text = openssl(dir.path(), &["x509", "-noout", "-text", "-in", "ca/ca.crt"]);
    text.says("TLS Web Server Authentication").says("Name Constraints: critical");
    assert!(accepts(dir.path(), "DNS:shop.localhost", "sslserver"));
    for name in ["DNS:example.com", "IP:127.0.0.1", "IP:::1", "email:me@example.com", "email:me@localhost"] {
        assert!(!accepts(dir.path(), name, "sslserver"), "{name}");
    }
    for name in ["URI:https://example.com/x", "URI:spiffe://localhost/x"] {
        assert!(!accepts(dir.path(), name, "sslserver"), "{name}");
    }
    for purpose in ["sslclient", "smimesign"] {
        assert!(!accepts(dir.path(), "DNS:shop.localhost", purpose), "{purpose}");
    }
}
