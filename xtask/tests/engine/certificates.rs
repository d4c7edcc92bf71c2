//! Certificates, with OpenSSL as the judge of what is made without it.

use std::time::SystemTime;

use xtask::certs::{Certs, Change};

use crate::support::{Output, tool};

fn openssl(words: &[&str]) -> Output {
    tool("openssl", words)
}

/// OpenSSL is the judge of what is made without it.
#[test]
fn certificates_are_good_for_localhost_and_for_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let certs = Certs::new(dir.path());
    let hosts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<String>>();
    let file = |name: &str| dir.path().join(name).display().to_string();
    let now = SystemTime::now();
    let mine = hosts(&["shop.localhost", "db.shop.localhost"]);
    assert_eq!(certs.ensure("shop", &mine, now).unwrap(), Change::Authority);
    let (ca, leaf) = (file("ca/ca.crt"), file("certs/shop.crt"));
    let strict = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", &ca];
    for host in ["shop.localhost", "db.shop.localhost"] {
        openssl(&[strict.as_slice(), &["-verify_hostname", host, &leaf]].concat()).exits(0);
    }
    openssl(&[strict.as_slice(), &["-verify_hostname", "api.shop.localhost", &leaf]].concat()).exits(2);
    let text = openssl(&["x509", "-noout", "-text", "-in", &leaf]).exits(0);
    text.says("DNS:db.shop.localhost, DNS:shop.localhost").says("TLS Web Server Authentication").says("CA:FALSE");
    let text = openssl(&["x509", "-noout", "-text", "-in", &ca]).exits(0);
    text.says("Permitted:\n                  DNS:localhost").says("CA:TRUE, pathlen:0").says("Certificate Sign");
    // Key and certificate belong together.
    let public = |words: &[&str]| openssl(words).exits(0).stdout;
    let of_key = public(&["pkey", "-pubout", "-in", &file("certs/shop.key")]);
    assert_eq!(of_key, public(&["x509", "-noout", "-pubkey", "-in", &leaf]));
    // 825 days, and not a second more.
    let days = |offset: u64| (offset * 24 * 60 * 60).to_string();
    openssl(&["x509", "-noout", "-checkend", &days(823), "-in", &leaf]).exits(0);
    openssl(&["x509", "-noout", "-checkend", &days(825), "-in", &leaf]).exits(1);

    // Whoever has the CA's key can be localhost and nobody else.
    for name in ["example.com", "notlocalhost"] {
        certs.ensure("evil", &hosts(&[name]), now).unwrap();
        openssl(&["verify", "-CAfile", &ca, &file("certs/evil.crt")]).exits(2).says("permitted subtree violation");
    }
    // A new CA does not vouch for what the old one signed; all of it is renewed.
    std::fs::remove_file(dir.path().join("ca/ca.key")).unwrap();
    assert_eq!(certs.ensure("other", &mine, now).unwrap(), Change::Authority);
    openssl(&["verify", "-CAfile", &ca, &leaf]).exits(2);
    assert_eq!(certs.ensure("shop", &mine, now).unwrap(), Change::Certificate);
    openssl(&["verify", "-CAfile", &ca, &leaf]).exits(0);
}
