//! `xtask.toml` of the project, and `.xtask.env` of a person: settings of this
//! tool, all optional.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};
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

/// Settings, each absent when nobody set it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Ports of this project: suggestions come from here only.
    pub port_range: Option<PortRange>,
    /// Default of `start --on-conflict`.
    pub on_conflict: Option<OnConflict>,
    /// Default of `start --wait-timeout`, in seconds.
    pub wait_timeout: Option<u64>,
    /// Further paths to print beside a service's URL: `backend = ["/docs"]`.
    pub urls: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    port_range: Option<String>,
    on_conflict: Option<OnConflict>,
    wait_timeout: Option<u64>,
    #[serde(default)]
    urls: BTreeMap<String, Vec<String>>,
}

/// Name of the project's file.
pub const FILE: &str = "xtask.toml";
/// Name of the person's file, which git should ignore.
const PERSONAL: &str = ".xtask.env";

impl Settings {
    /// Reads both files of `dir`; the person's wins. Files that are not there
    /// set nothing.
    pub fn read(dir: &Path) -> Result<Settings> {
        let path = dir.join(FILE);
        let mut settings = match std::fs::read_to_string(&path) {
            Ok(text) => parse(&text).map_err(|error| error.within(path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Settings::default(),
            Err(error) => return Err(Error::new(format!("failed to read `{}`: {error}", path.display()))),
        };
        settings.overlay(&dir.join(PERSONAL))?;
        Ok(settings)
    }

    /// `dotenvy` reads this one: the file is ours, its syntax is dotenvy's, and
    /// only an iterator is used, never its side effects on the environment.
    fn overlay(&mut self, path: &Path) -> Result<()> {
        let bad = |what: String| {
            Error::new(format!("{}: {what}", path.display()))
                .hint("it may set XTASK_ON_CONFLICT=ask|fail|reassign|stop and XTASK_WAIT_TIMEOUT=SECONDS")
        };
        if !path.is_file() {
            return Ok(());
        }
        for entry in dotenvy::from_path_iter(path).map_err(|error| bad(error.to_string()))? {
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
                _ => return Err(bad(format!("`{name}` is not a setting"))),
            }
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Settings> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        Error::new(format!("line {line}: {}", error.message()))
            .hint("settings are port_range = \"8000-8009\", on_conflict, wait_timeout and [urls]")
    })?;
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
    })
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
    fn a_person_s_settings_win_and_strangers_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "wait_timeout = 10").unwrap();
        std::fs::write(dir.path().join(PERSONAL), "XTASK_WAIT_TIMEOUT=99 # mine\n").unwrap();
        assert_eq!(Settings::read(dir.path()).unwrap().wait_timeout, Some(99));
        std::fs::write(dir.path().join(PERSONAL), "XTASK_NOPE=1\n").unwrap();
        assert!(Settings::read(dir.path()).unwrap_err().message().contains("XTASK_NOPE"));
    }
}
