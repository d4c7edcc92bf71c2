//! URLs and client commands for names at the proxy. They also work where the system does
//! not resolve `*.localhost`: Linux without nss-myhostname or systemd-resolved, musl, and,
//! outside browsers, Windows and older macOS.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs;
use std::path::Path;

use crate::labels::{Kind, Ports};
use crate::operation::services::urls::postgres_account;
use crate::ui;

/// A URL, without the port if it is the default one.
pub(super) fn url(scheme: &str, host: &str, port: u16) -> String {
    let usual = Ports::USUAL;
    let usual = match scheme {
        "http" => usual.web,
        "https" => usual.websecure,
        "postgres" => usual.postgres,
        _ => usual.redis,
    };
    if port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") }
}

/// A URL to open, or for a database a command to type. For PostgreSQL `account` is
/// `user=… dbname=…` or empty. The commands name both host and address, so nothing has to
/// be resolved.
pub fn url_or_command(host: &str, kind: Kind, ports: Ports, ca: &Path, account: &str) -> String {
    let ca = ca.to_string_lossy();
    match kind {
        Kind::Web | Kind::Api | Kind::Other => url("http", host, ports.web),
        Kind::Postgres => {
            let account = if account.is_empty() { String::new() } else { format!("{account} ") };
            let port = ports.postgres;
            let ca = conninfo(&ca);
            let words =
                format!("host={host} hostaddr=127.0.0.1 port={port} {account}sslmode=verify-full sslrootcert={ca}");
            format!("psql {}", ui::quoted(&words))
        }
        Kind::Redis => {
            let (host, ca) = (ui::quoted(host), ui::quoted(&ca));
            format!("redis-cli -h 127.0.0.1 -p {} --tls --sni {host} --cacert {ca}", ports.redis)
        }
    }
}

/// `user=… dbname=…` of a PostgreSQL service with this environment.
pub(super) fn account(environment: &BTreeMap<String, String>) -> String {
    let (user, database) = postgres_account(environment);
    format!("user={} dbname={}", conninfo(user), conninfo(database))
}

/// A value in libpq's connection string (PostgreSQL's manual, 34.1.1.1).
fn conninfo(value: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !matches!(c, '\'' | '\\');
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Lines for the hosts file for those names that the system does not resolve to this
/// machine; `None` if it resolves all.
pub fn hosts_lines(hosts: &[String]) -> Option<String> {
    let unknown: Vec<&str> = hosts.iter().map(String::as_str).filter(|host| !is_here(host)).collect();
    (!unknown.is_empty()).then(|| format!("127.0.0.1 {0}\n::1 {0}", unknown.join(" ")))
}

fn is_here(host: &str) -> bool {
    let found = (host, 80).to_socket_addrs();
    found.is_ok_and(|mut addresses| addresses.next().is_some_and(|address| address.ip().is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_its_port_where_it_is_another() {
        assert_eq!(url("http", "a.localhost", 80), "http://a.localhost");
        assert_eq!(url("http", "a.localhost", 8880), "http://a.localhost:8880");
        assert_eq!(url("postgres", "db.a.localhost", 15432), "postgres://db.a.localhost:15432");
        assert_eq!(url("rediss", "r.localhost", 6379), "rediss://r.localhost");
    }

    #[test]
    fn a_connection_needs_no_resolver() {
        let ask = |kind, account| url_or_command("x.a.localhost", kind, Ports::USUAL, Path::new("/s/ca.crt"), account);
        assert_eq!(ask(Kind::Api, ""), "http://x.a.localhost");
        assert_eq!(
            ask(Kind::Postgres, "user=me dbname=d"),
            format!(
                "psql {}",
                ui::quoted(
                    "host=x.a.localhost hostaddr=127.0.0.1 port=5432 user=me dbname=d sslmode=verify-full sslrootcert=/s/ca.crt"
                )
            )
        );
        let want = "redis-cli -h 127.0.0.1 -p 6379 --tls --sni x.a.localhost --cacert /s/ca.crt";
        assert_eq!(ask(Kind::Redis, ""), want);
    }

    /// User and database come from the service's environment.
    #[cfg(unix)]
    #[test]
    fn nothing_in_a_command_is_run_by_a_shell() {
        let environment =
            [("POSTGRES_USER", "$(x)"), ("POSTGRES_DB", "a b'c")].map(|(k, v)| (k.into(), v.into())).into();
        let account = account(&environment);
        assert_eq!(account, r"user=$(x) dbname='a b\'c'");
        let ca = Path::new("/h/my state/ca.crt");
        let psql = url_or_command("x.localhost", Kind::Postgres, Ports::USUAL, ca, &account);
        assert!(
            psql.starts_with("psql 'host=x.localhost hostaddr=127.0.0.1 port=5432 user=$(x) dbname='\\''a b"),
            "{psql}"
        );
        let redis = url_or_command("x.localhost", Kind::Redis, Ports::USUAL, ca, "");
        assert!(redis.ends_with("--cacert '/h/my state/ca.crt'"), "{redis}");
    }

    // Under Wine not even `localhost` is resolved.
    #[cfg(unix)]
    #[test]
    fn only_names_that_lead_elsewhere_get_a_line() {
        assert_eq!(hosts_lines(&["localhost".to_owned()]), None);
        let lines = hosts_lines(&["localhost".to_owned(), "no such name".to_owned()]);
        assert_eq!(lines.as_deref(), Some("127.0.0.1 no such name\n::1 no such name"));
    }
}
