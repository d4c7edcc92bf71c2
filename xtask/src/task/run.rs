//! `cargo xtask run`

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::Path;

use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::exec::{self, Command};
use crate::operation::machine::dev_server::{HOST, Request, reserve_port};
use crate::ui;

/// Run a dev server outside containers, on a port that is kept for it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask run -- npm run dev                        reads PORT and HOST
  cargo xtask run --as docs -- mkdocs serve -a {host}:{port}
  cargo xtask run --as api --port 8000 -- uvicorn app:app --port {port}
  cargo xtask run --host 0.0.0.0 -- vite --host {host} --port {port} --strictPort

The same name in the same folder gets the same port every time, from the project's
block or port_range, and no other project gets it: `cargo xtask ls` lists it,
`cargo xtask release PORT` releases it. {port} and {host} are replaced in the
command's arguments; no shell is involved.

Exit code: that of the command; 1 it is already running or the port is taken, 2 it
could not be started.")]
pub(crate) struct Args {
    /// Name of the server [default: the name of the command]
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Exactly this port, if it is free
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long)]
    host: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let Some((program, words)) = args.command.split_first() else {
        return Err(Error::new("no command").hint("`cargo xtask run -- npm run dev`"));
    };
    let name = name(args.name.as_deref(), program)?;
    if let Some(host) = args.host.as_deref().filter(|host| host.is_empty() || host.contains(char::is_whitespace)) {
        return Err(Error::new(format!("`{}` is not an address", ui::clean(host)))
            .hint("--host takes an address of this machine, such as 0.0.0.0"));
    }
    // Check before a port is kept for it.
    if exec::find(program).is_none() {
        let program = ui::clean(&program.to_string_lossy());
        return Err(Error::new(format!("`{program}` is not installed, or not on PATH"))
            .hint("after `--` comes a program with its arguments; put shell syntax into a script"));
    }
    let port = reserve_port(ctx, &Request { name: &name, port: args.port, host: args.host.as_deref() })?;
    let host = args.host.as_deref().unwrap_or(HOST);
    let words = words.iter().map(|word| substitute(word, port, host));
    let command = Command::new(program).args(words).dir(&ctx.dir).env("PORT", port.to_string()).env("HOST", host);
    if ctx.dry_run {
        ui::out(&format!("would run on {}: {}", url(host, port), command.line()));
        return Ok(Exit::Success);
    }
    ui::note(&format!("{} on {}", ui::clean(&name), url(host, port)));
    Err(command.replace())
}

/// The server's name: it is typed on command lines and printed in tables.
fn name(given: Option<&str>, program: &OsStr) -> Result<String> {
    let of_program = || {
        let file = Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        [".exe", ".cmd", ".bat"].iter().find_map(|end| file.strip_suffix(end).map(str::to_owned)).unwrap_or(file)
    };
    let name = given.map_or_else(of_program, str::to_owned);
    let fits = |c: char| c.is_alphanumeric() || "-_.+@".contains(c);
    if !name.is_empty() && name.chars().count() <= 40 && name.chars().all(fits) {
        return Ok(name);
    }
    Err(Error::new(format!("`{}` is not a valid server name", ui::clip(&ui::clean(&name), 60)))
        .hint("--as NAME: up to 40 letters, digits and -_.+@"))
}

/// `{port}` and `{host}`; words that are not UTF-8 stay as they are.
fn substitute(word: &OsStr, port: u16, host: &str) -> OsString {
    match word.to_str() {
        Some(text) => text.replace("{port}", &port.to_string()).replace("{host}", host).into(),
        None => word.to_owned(),
    }
}

fn url(host: &str, port: u16) -> String {
    let host = match host.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() => "localhost".to_owned(),
        Ok(IpAddr::V6(ip)) => format!("[{ip}]"),
        _ => ui::clean(host),
    };
    format!("http://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_as_its_command() {
        let of = |program: &str| name(None, OsStr::new(program));
        assert_eq!(of("npm").unwrap(), "npm");
        assert_eq!(of("/usr/bin/python3.11").unwrap(), "python3.11");
        assert_eq!(of("vite.cmd").unwrap(), "vite");
        assert_eq!(name(Some("docs"), OsStr::new("npm")).unwrap(), "docs");
        assert!(name(Some("a b"), OsStr::new("npm")).is_err());
        assert!(of("..").is_err());
    }

    #[test]
    fn placeholders_are_replaced_in_words_and_nowhere_else() {
        assert_eq!(substitute(OsStr::new("{host}:{port}/{x}"), 8010, "127.0.0.1"), "127.0.0.1:8010/{x}");
        assert_eq!(url("0.0.0.0", 8010), "http://localhost:8010");
        assert_eq!(url("::1", 8010), "http://[::1]:8010");
    }
}
