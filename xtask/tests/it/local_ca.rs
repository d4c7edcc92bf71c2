//! The CA of this machine and its certificates, with OpenSSL as the judge of what is
//! made without it. The CA signs servers below `.localhost`, and whatever else is
//! signed with its key is refused.

use std::fs;
use std::time::SystemTime;

use tempfile::TempDir;
use xtask::certs::{Certs, Change};

use crate::support::{Output, command, run, skip};

/// A folder with a CA and a certificate `shop` for two names.
struct Store(TempDir);

impl Store {
    /// `None` where there is no OpenSSL.
    fn new() -> Option<Store> {
        if which::which("openssl").is_err() {
            skip("no openssl on PATH");
            return None;
        }
        let store = Store(tempfile::tempdir().unwrap());
        assert_eq!(store.ensure("shop", &["shop.localhost", "db.shop.localhost"]), Change::Authority);
        Some(store)
    }

    fn ensure(&self, name: &str, hosts: &[&str]) -> Change {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        Certs::new(self.0.path()).ensure(name, &hosts, SystemTime::now()).unwrap()
    }

    fn openssl(&self, words: &str) -> Output {
        let mut openssl = command("openssl");
        openssl.args(words.split(' ')).current_dir(self.0.path());
        run(openssl)
    }

    /// Whether OpenSSL accepts a certificate with this name, signed with the CA's
    /// key, for this purpose.
    fn accepts(&self, name: &str, purpose: &str) -> bool {
        let usage = if purpose == "sslserver" { "serverAuth" } else { "clientAuth,emailProtection" };
        let extensions = format!("subjectAltName={name}\nextendedKeyUsage={usage}\nkeyUsage=digitalSignature\n");
        fs::write(self.0.path().join("extensions"), extensions).unwrap();
        self.openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout x.key -out x.csr -subj /CN=x")
            .exits(0);
        self.openssl(
            "x509 -req -in x.csr -CA ca/ca.crt -CAkey ca/ca.key -set_serial 5 -days 30 -extfile extensions -out x.crt",
        )
        .exits(0);
        self.openssl(&format!("verify -CAfile ca/ca.crt -purpose {purpose} x.crt")).code == 0
    }
}

#[test]
fn the_key_of_the_ca_signs_only_servers_below_localhost() {
    let Some(store) = Store::new() else { return };
    let text = store.openssl("x509 -noout -text -in ca/ca.crt").exits(0).says("TLS Web Server Authentication");
    let text = text.says("Name Constraints: critical").says("Permitted:\n                  DNS:localhost");
    text.says("CA:TRUE, pathlen:0").says("Certificate Sign");
    assert!(store.accepts("DNS:shop.localhost", "sslserver"));
    for name in ["DNS:example.com", "IP:127.0.0.1", "IP:::1", "email:me@example.com", "email:me@localhost"] {
        assert!(!store.accepts(name, "sslserver"), "{name}");
    }
    for name in ["URI:https://example.com/x", "URI:spiffe://localhost/x"] {
        assert!(!store.accepts(name, "sslserver"), "{name}");
    }
    for purpose in ["sslclient", "smimesign"] {
        assert!(!store.accepts("DNS:shop.localhost", purpose), "{purpose}");
    }
}

#[test]
fn a_certificate_is_valid_for_its_own_names_only() {
    let Some(store) = Store::new() else { return };
    let verify = |host: &str| {
        store.openssl(&format!(
            "verify -x509_strict -purpose sslserver -CAfile ca/ca.crt -verify_hostname {host} certs/shop.crt"
        ))
    };
    for host in ["shop.localhost", "db.shop.localhost"] {
        verify(host).exits(0);
    }
    verify("api.shop.localhost").exits(2);
    let text = store.openssl("x509 -noout -text -in certs/shop.crt").exits(0);
    text.says("DNS:db.shop.localhost, DNS:shop.localhost").says("TLS Web Server Authentication").says("CA:FALSE");
}

#[test]
fn a_certificate_has_the_public_key_of_its_key() {
    let Some(store) = Store::new() else { return };
    let of_key = store.openssl("pkey -pubout -in certs/shop.key").exits(0).stdout;
    assert_eq!(of_key, store.openssl("x509 -noout -pubkey -in certs/shop.crt").exits(0).stdout);
}

/// 825 days, and not a second more: what clients accept.
#[test]
fn a_certificate_is_valid_for_825_days() {
    let Some(store) = Store::new() else { return };
    let days = |days: u64| store.openssl(&format!("x509 -noout -checkend {} -in certs/shop.crt", days * 24 * 60 * 60));
    days(823).exits(0);
    days(825).exits(1);
}

/// Also by this program's own hand.
#[test]
fn a_name_outside_localhost_violates_the_constraint_of_the_ca() {
    let Some(store) = Store::new() else { return };
    for name in ["example.com", "notlocalhost"] {
        store.ensure("evil", &[name]);
        store.openssl("verify -CAfile ca/ca.crt certs/evil.crt").exits(2).says("permitted subtree violation");
    }
}

#[test]
fn a_new_ca_renews_every_certificate() {
    let Some(store) = Store::new() else { return };
    fs::remove_file(store.0.path().join("ca/ca.key")).unwrap();
    assert_eq!(store.ensure("other", &["shop.localhost", "db.shop.localhost"]), Change::Authority);
    store.openssl("verify -CAfile ca/ca.crt certs/shop.crt").exits(2);
    assert_eq!(store.ensure("shop", &["shop.localhost", "db.shop.localhost"]), Change::Certificate);
    store.openssl("verify -CAfile ca/ca.crt certs/shop.crt").exits(0);
}
