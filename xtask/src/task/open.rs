//! `cargo xtask open`

use crate::context::Context;
use crate::error::{Error, Exit, Result};
use crate::exec::{self, Command};
use crate::operation::proxy::named_start;
use crate::operation::services::urls::{ServiceUrls, urls};
use crate::{project, ui};

/// Open a service in the browser, on its actual port
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask open              the first service with a web page (frontend, web, app, ui first)
  cargo xtask open backend
  cargo xtask open --dry-run    only print the URL")]
pub(crate) struct Args {
    /// The service
    service: Option<String>,
}

pub(crate) fn run(args: &Args, ctx: &Context) -> Result<Exit> {
    let found = project::resolve_started(ctx)?;
    let ctx = &found.ctx;
    found.require_ready()?;
    if let Some(name) = &args.service {
        found.require_service(name)?;
    }
    let containers = found.containers_now()?;
    let mut known = named_start::started(&found)?.map(|named_start| named_start.urls(&found)).unwrap_or_default();
    known.extend(urls(ctx, &found, &containers));
    let url = choose(&known, args.service.as_deref()).ok_or_else(|| {
        let error = match &args.service {
            Some(name) => Error::new(format!("service `{}` has no web page on this host", ui::clean(name))),
            None => Error::new("no service of this project has a web page on this host"),
        };
        error.hint("is it running? `cargo xtask start`").finding()
    })?;
    ui::out(&url);
    if ctx.dry_run {
        return Ok(Exit::Success);
    }
    let browser = browser(ctx)
        .ok_or_else(|| Error::new("no browser found").hint(format!("open {url} yourself, or set BROWSER")))?;
    let answer = browser.arg(&url).ask(exec::LIMIT)?;
    if answer.ok() {
        return Ok(Exit::Success);
    }
    Err(Error::new(format!("cannot start the browser: {}", answer.error_text())).hint(format!("open {url} yourself")))
}

/// Common names of user interfaces.
const PREFERRED: [&str; 4] = ["frontend", "web", "app", "ui"];

fn choose(known: &[ServiceUrls], service: Option<&str>) -> Option<String> {
    let page = |urls: &ServiceUrls| urls.urls.iter().find(|url| url.starts_with("http")).cloned();
    let of = |name: &str| known.iter().find(|urls| urls.service == name).and_then(page);
    if let Some(name) = service {
        return of(name);
    }
    PREFERRED.iter().find_map(|name| of(name)).or_else(|| known.iter().find_map(page))
}

fn browser(ctx: &Context) -> Option<Command> {
    if let Some(browser) = ctx.var("BROWSER").filter(|browser| !browser.is_empty()) {
        return Some(Command::new(browser));
    }
    if cfg!(windows) {
        // Not `cmd /c start`, which takes `&` in a URL as a command separator.
        return Some(Command::new("rundll32").arg("url.dll,FileProtocolHandler"));
    }
    let tools: &[&str] =
        if cfg!(target_os = "macos") { &["open"] } else { &["xdg-open", "wslview", "sensible-browser"] };
    tools.iter().find(|tool| exec::find(tool).is_some()).map(Command::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_people_look_at_comes_first() {
        let of = |service: &str, url: &str| ServiceUrls { service: service.into(), urls: vec![url.into()] };
        let known =
            [of("backend", "http://localhost:8000"), of("db", "postgres://x"), of("frontend", "http://localhost:3000")];
        assert_eq!(choose(&known, None).as_deref(), Some("http://localhost:3000"));
        assert_eq!(choose(&known, Some("backend")).as_deref(), Some("http://localhost:8000"));
        assert_eq!(choose(&known, Some("db")), None);
        assert_eq!(choose(&known[..2], None).as_deref(), Some("http://localhost:8000"));
    }
}
