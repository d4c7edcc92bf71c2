//! Optional settings of this tool: the project's `xtask.toml`, and a user's `.xtask.env`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::wait::{self, WaitRule};
use crate::decide::Followers;
use crate::disk;
use crate::error::{Error, Result};
use crate::labels::{RouteOptions, is_host};
use crate::model::PortRange;

/// What `start` does about a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// Ask; the default on a terminal.
    Ask,
    /// Say who has it and end with exit code 1; the default elsewhere.
    Fail,
    /// Write other ports into `.env`.
    Reassign,
    /// Stop the holders.
    Stop,
}

/// Settings, absent if not set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The project's ports: suggestions come from this range only.
    pub port_range: Option<PortRange>,
    /// Default of `start --on-conflict`.
    pub on_conflict: Option<OnConflict>,
    /// Default of `start --wait-timeout`, in seconds.
    pub wait_timeout: Option<u64>,
    /// Additional paths to print with a service's URL: `backend = ["/docs"]`.
    pub urls: BTreeMap<String, Vec<String>>,
    /// Default of `--no-write`: `start` passes name and ports to Compose in its environment and writes
    /// no file.
    pub no_write: bool,
    /// `[ports]`: what moves along with the variable of a port.
    pub follow: Followers,
    /// `[wait]`: which ports of a service have to answer.
    pub wait: BTreeMap<String, WaitRule>,
    /// `[proxy]`: start by names by default.
    pub named_start: bool,
    /// `[proxy]`: the project's host name without `.localhost`.
    pub proxy_host: Option<String>,
    /// `[proxy.services]`: options of services, for what cannot be detected.
    pub proxy_services: BTreeMap<String, RouteOptions>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proxy {
    #[serde(default)]
    start: bool,
    host: Option<Spanned<String>>,
    #[serde(default)]
    services: BTreeMap<String, Spanned<RouteOptions>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ports {
    #[serde(default)]
    follow: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    port_range: Option<String>,
    on_conflict: Option<OnConflict>,
    wait_timeout: Option<u64>,
    #[serde(default)]
    urls: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    ports: Ports,
    #[serde(default)]
    wait: BTreeMap<String, Spanned<toml::Value>>,
    #[serde(default)]
    proxy: Proxy,
}

pub const FILE: &str = "xtask.toml";
/// The user's file, which git should ignore.
const PERSONAL: &str = ".xtask.env";

impl Settings {
    /// Reads both files of `dir`; the user's wins. Missing files set nothing.
    pub fn read(dir: &Path) -> Result<Settings> {
        let path = dir.join(FILE);
        let mut settings = match disk::read_text(&path) {
            Ok(text) => parse(&text).map_err(|error| error.within(path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Settings::default(),
            Err(error) => return Err(Error::new(format!("failed to read `{}`: {error}", path.display()))),
        };
        settings.overlay(&dir.join(PERSONAL))?;
        Ok(settings)
    }

    /// Uses `dotenvy`'s iterator, which does not change the environment: this file belongs to this tool,
    /// and its syntax is dotenvy's.
    fn overlay(&mut self, path: &Path) -> Result<()> {
        let bad = |what: String| {
            Error::new(format!("{}: {what}", path.display()))
                .hint("it may set XTASK_ON_CONFLICT=ask|fail|reassign|stop, XTASK_WAIT_TIMEOUT=SECONDS, XTASK_TRAEFIK=true|false and XTASK_NO_WRITE=true|false")
        };
        if !path.is_file() {
            return Ok(());
        }
        let text = disk::read_text(path).map_err(|error| bad(error.to_string()))?;
        for entry in dotenvy::from_read_iter(text.as_bytes()) {
            let (name, value) = entry.map_err(|error| bad(error.to_string()))?;
            match name.as_str() {
                "XTASK_ON_CONFLICT" => {
                    let parsed = <OnConflict as clap::ValueEnum>::from_str(&value, false);
                    self.on_conflict = Some(
                        parsed.map_err(|_| bad(format!("`{name}={value}` is none of ask, fail, reassign, stop")))?,
                    );
                }
                "XTASK_WAIT_TIMEOUT" => {
                    self.wait_timeout =
                        Some(value.parse().map_err(|_| bad(format!("`{name}={value}` is not a number of seconds")))?);
                }
                "XTASK_TRAEFIK" => {
                    self.named_start =
                        value.parse().map_err(|_| bad(format!("`{name}={value}` is neither true nor false")))?;
                }
                "XTASK_NO_WRITE" => {
                    self.no_write =
                        value.parse().map_err(|_| bad(format!("`{name}={value}` is neither true nor false")))?;
                }
                _ => return Err(bad(format!("`{name}` is not a setting"))),
            }
        }
        Ok(())
    }
}

pub(super) fn parse(text: &str) -> Result<Settings> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = line(text, error.span().map_or(0, |span| span.start));
        Error::new(format!("line {line}: {}", error.message())).hint(
            "settings are port_range = \"8000-8009\", on_conflict, wait_timeout, [urls], [ports], [wait] and [proxy]",
        )
    })?;
    check_proxy(text, &file.proxy)?;
    let follow = followers(text, file.ports)?;
    let port_range = file.port_range.map(|range| {
        range.parse::<PortRange>().map_err(|_| {
            Error::new(format!("port_range = \"{range}\" is not a range of ports"))
                .hint("write two ports from 1 to 65535, the lower first: port_range = \"8000-8009\"")
        })
    });
    Ok(Settings {
        port_range: port_range.transpose()?,
        on_conflict: file.on_conflict,
        wait_timeout: file.wait_timeout,
        urls: file.urls,
        wait: wait::rules(text, file.wait, line)?,
        no_write: false,
        follow,
        named_start: file.proxy.start,
        proxy_host: file.proxy.host.map(Spanned::into_inner),
        proxy_services: file.proxy.services.into_iter().map(|(name, wish)| (name, wish.into_inner())).collect(),
    })
}

fn line(text: &str, at: usize) -> usize {
    text[..at.min(text.len())].matches('\n').count() + 1
}

fn followers(text: &str, ports: Ports) -> Result<Followers> {
    let (starts, entries): (Vec<usize>, Vec<String>) =
        ports.follow.into_iter().map(|entry| (entry.span().start, entry.into_inner())).unzip();
    Followers::new(entries.clone()).map_err(|(at, why, cure)| {
        Error::new(format!("line {}: follow = [\"{}\"] {why}", line(text, starts[at]), entries[at])).hint(cure)
    })
}

fn check_proxy(text: &str, proxy: &Proxy) -> Result<()> {
    let bad =
        |at: usize, what: String, hint: &str| Err(Error::new(format!("line {}: {what}", line(text, at))).hint(hint));
    if let Some(host) = proxy.host.as_ref().filter(|host| !is_host(host.get_ref())) {
        let what = format!("host = \"{}\" is not valid in a host name", host.get_ref());
        return bad(
            host.span().start,
            what,
            "lower-case letters, digits and `-`, without `.localhost`: host = \"performia\"",
        );
    }
    for (name, wish) in &proxy.services {
        let at = wish.span().start;
        let wish = wish.get_ref();
        if let Some(host) = wish.host.as_ref().filter(|host| !host.is_empty() && !is_host(host)) {
            let what = format!("host = \"{host}\" of service `{name}` is not valid in a host name");
            return bad(
                at,
                what,
                "the part before the project's name: host = \"api\"; \"\" is the project's name itself",
            );
        }
        if wish.port == Some(0) {
            return bad(
                at,
                format!("port = 0 of service `{name}` is no port"),
                "the port in the container, 1 to 65535",
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read() {
        let settings =
            parse("port_range = \"8000-8009\"\non_conflict = \"reassign\"\n[urls]\nbackend = [\"/docs\"]\n").unwrap();
        assert_eq!(settings.port_range, PortRange::new(8000, 8009));
        assert_eq!(settings.on_conflict, Some(OnConflict::Reassign));
        assert_eq!(settings.urls["backend"], ["/docs"]);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let error = parse("\nport_rang = \"1-2\"\n").unwrap_err();
        assert!(error.message().starts_with("line 2: unknown field `port_rang`"), "{error}");
        assert!(parse("port_range = \"9-8\"").unwrap_err().message().contains("\"9-8\""));
    }

    #[test]
    fn what_follows_a_port_is_read_and_checked() {
        let text = "[ports]\nfollow = [\n  \"app.environment.X\",\n  \"*.labels\",\n]\n";
        assert_eq!(parse(text).unwrap().follow.entries(), ["app.environment.X", "*.labels"]);
        for (bad, want) in [
            ("app", "line 4: follow = [\"app\"] is not a path"),
            ("app.ports", "line 4: follow = [\"app.ports\"] covers more of a port"),
        ] {
            let error = parse(&text.replace("*.labels", bad)).unwrap_err();
            assert!(error.message().starts_with(want) && !error.hints().is_empty(), "{error}");
        }
        assert!(parse("[ports]\nfollows = []").unwrap_err().message().starts_with("line 2: unknown field `follows`"));
    }

    #[test]
    fn what_services_are_to_the_proxy_is_read_and_checked() {
        let text = "[proxy]\nhost = \"shop\"\n[proxy.services]\na = { kind = \"api\", port = 8000, host = \"x\" }\n";
        let settings = parse(text).unwrap();
        assert_eq!(settings.proxy_host.as_deref(), Some("shop"));
        assert_eq!(settings.proxy_services["a"].port, Some(8000));
        for (from, to, want) in [
            ("\"shop\"", "\"Shop.localhost\"", "line 2: host = \"Shop.localhost\""),
            ("\"api\"", "\"web page\"", "line 4: unknown variant `web page`"),
            ("8000", "70000", "line 4: invalid value: integer `70000`"),
            ("8000", "0", "line 4: port = 0 of service `a`"),
            ("\"x\"", "\"a_b\"", "line 4: host = \"a_b\" of service `a`"),
            ("port", "prt", "line 4: unknown field `prt`"),
        ] {
            let error = parse(&text.replace(from, to)).unwrap_err();
            assert!(error.message().starts_with(want), "{error}");
        }
    }

    #[test]
    fn a_person_s_settings_win_and_strangers_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "wait_timeout = 10").unwrap();
        std::fs::write(dir.path().join(PERSONAL), "XTASK_WAIT_TIMEOUT=99 # mine\nXTASK_NO_WRITE=true\n").unwrap();
        let settings = Settings::read(dir.path()).unwrap();
        assert_eq!((settings.wait_timeout, settings.no_write), (Some(99), true));
        std::fs::write(dir.path().join(PERSONAL), "XTASK_NOPE=1\n").unwrap();
        assert!(Settings::read(dir.path()).unwrap_err().message().contains("XTASK_NOPE"));
    }
}
