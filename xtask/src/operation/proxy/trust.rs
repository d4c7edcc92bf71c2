//! Has this machine trust the CA: adds it to the system's store after asking, and prints
//! the steps for programs with their own store.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::certify::write_dynamic;
use super::instance::Instance;
use crate::certs::{CA_NAME, Change};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::exec::{self, Command};
use crate::labels::DASHBOARD;
use crate::{disk, ui};

/// The CA's file name in stores of files.
const FILE: &str = "cargo-xtask-local-ca.crt";
/// The CA's name in stores of named entries.
const ALIAS: &str = "cargo-xtask-local-ca";

#[derive(Debug, Clone)]
pub struct Plan {
    pub ca: PathBuf,
    /// Commands that add it to the system's store; `None` if no known store was found.
    pub steps: Option<Vec<Command>>,
    /// Commands that remove it.
    pub undo: Vec<Command>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Linux,
    Macos,
    Windows,
}

pub fn plan(ctx: &Context) -> Result<Plan> {
    let ca = Instance::resolve(ctx)?.certs().ca_file();
    let system = if cfg!(windows) {
        System::Windows
    } else if cfg!(target_os = "macos") {
        System::Macos
    } else {
        System::Linux
    };
    let has = |tool: &str| if tool.starts_with('/') { Path::new(tool).is_dir() } else { exec::find(tool).is_some() };
    let (steps, undo) = steps(system, &ca, disk::is_root(), &has).unzip();
    Ok(Plan { steps, undo: undo.unwrap_or_default(), ca })
}

/// The commands that add the CA, and those that remove it.
fn steps(system: System, ca: &Path, root: bool, has: &dyn Fn(&str) -> bool) -> Option<(Vec<Command>, Vec<Command>)> {
    let run = |words: &[&str]| match words {
        words if root => Command::new(words[0]).args(&words[1..]),
        words => Command::new("sudo").args(words),
    };
    let ca = &*ca.to_string_lossy();
    if system == System::Macos {
        let keychain = "/Library/Keychains/System.keychain";
        let add = run(&["security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", keychain, ca]);
        return Some((vec![add], vec![run(&["security", "remove-trusted-cert", "-d", ca])]));
    }
    if system == System::Windows {
        let add = Command::new("certutil").args(["-addstore", "-user", "Root", ca]);
        return Some((vec![add], vec![Command::new("certutil").args(["-delstore", "-user", "Root", CA_NAME])]));
    }
    // Debian, openSUSE, Fedora; below, systems with p11-kit only (Arch).
    let stores: [(&str, &[&str]); 3] = [
        ("/usr/local/share/ca-certificates", &["update-ca-certificates"]),
        ("/etc/pki/trust/anchors", &["update-ca-certificates"]),
        ("/etc/pki/ca-trust/source/anchors", &["update-ca-trust", "extract"]),
    ];
    for (folder, update) in stores {
        if has(folder) && has(update[0]) {
            let file = format!("{folder}/{FILE}");
            return Some((
                vec![run(&["install", "-m", "644", ca, &file]), run(update)],
                vec![run(&["rm", &file]), run(update)],
            ));
        }
    }
    let anchor = |option: &str| vec![run(&["trust", "anchor", option, ca])];
    has("trust").then(|| (anchor("--store"), anchor("--remove")))
}

pub fn ensure_ca(ctx: &Context) -> Result<()> {
    let instance = Instance::resolve(ctx)?;
    if instance.certs().ensure(&instance.project, &[DASHBOARD.to_owned()], SystemTime::now())? != Change::None {
        write_dynamic(&instance)?;
    }
    Ok(())
}

/// Adds the CA to the system's store. Shows every command and asks first.
pub fn trust(ctx: &Context, plan: &Plan) -> Result<()> {
    let Some(steps) = &plan.steps else {
        return Err(Error::new("no known certificate store was found on this system")
            .hint("the package ca-certificates has update-ca-certificates; the commands above work without it")
            .finding());
    };
    let lines: Vec<String> = steps.iter().map(Command::line).collect();
    let question = format!("have this system trust {CA_NAME}?");
    if ctx.dry_run {
        for line in &lines {
            ui::out(&format!("would run: {line}"));
        }
        return Ok(());
    }
    for line in &lines {
        ui::note(&format!("  {line}"));
    }
    ctx.confirm(&question, "nothing was changed").map_err(|error| error.hint("or run the commands yourself"))?;
    for step in steps {
        let code = step.show(false)?;
        if code != 0 {
            return Err(Error::new(format!("`{}` failed with exit code {code}", step.line())));
        }
    }
    let undo: Vec<String> = plan.undo.iter().map(Command::line).collect();
    ui::note(&format!("trusted; to undo it: {}", undo.join(" && ")));
    Ok(())
}

/// Steps for programs that do not read the system's store.
pub fn manual_steps(ca: &Path) -> Vec<(&'static str, String)> {
    let path = &*ca.to_string_lossy();
    let line = |program: &str, words: &[&str]| Command::new(program).args(words).line();
    let word = ui::quoted(path);
    let set = |name: &str| if cfg!(windows) { format!("setx {name} {word}") } else { format!("export {name}={word}") };
    let nss = ["-d", "sql:.pki/nssdb", "-A", "-t", "C,,", "-n", ALIAS, "-i", path];
    let java = ["-importcert", "-cacerts", "-storepass", "changeit", "-noprompt", "-alias", ALIAS, "-file", path];
    let mut list = Vec::new();
    if cfg!(target_os = "linux") {
        list.push(("Chrome, Chromium", format!("cd && {}  (package libnss3-tools)", line("certutil", &nss))));
    }
    list.extend([
        ("Firefox", format!("Settings, Certificates, Authorities, Import: {path}")),
        ("Node", set("NODE_EXTRA_CA_CERTS")),
        ("Java", line("keytool", &java)),
        // Both replace the default list, so only this CA is trusted then.
        ("Python (requests)", set("REQUESTS_CA_BUNDLE")),
        ("Python (ssl), OpenSSL", set("SSL_CERT_FILE")),
        ("psql", format!("sslmode=verify-full sslrootcert={word}")),
        ("redis-cli", format!("--tls --cacert {word}")),
        ("curl", format!("--cacert {word}")),
    ]);
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(system: System, root: bool, here: &[&str]) -> Option<(String, String)> {
        let found = steps(system, Path::new("/s/ca.crt"), root, &|tool| here.contains(&tool));
        let join = |commands: Vec<Command>| commands.iter().map(Command::line).collect::<Vec<_>>().join("; ");
        found.map(|(steps, undo)| (join(steps), join(undo)))
    }

    #[test]
    fn each_store_has_its_commands() {
        let debian = ["/usr/local/share/ca-certificates", "update-ca-certificates", "trust"];
        let (steps, undo) = lines(System::Linux, true, &debian).unwrap();
        let file = "/usr/local/share/ca-certificates/cargo-xtask-local-ca.crt";
        assert_eq!(steps, format!("install -m 644 /s/ca.crt {file}; update-ca-certificates"));
        assert_eq!(undo, format!("rm {file}; update-ca-certificates"));
        let fedora = ["/etc/pki/ca-trust/source/anchors", "update-ca-trust"];
        assert!(lines(System::Linux, false, &fedora).unwrap().0.ends_with("; sudo update-ca-trust extract"));
        assert_eq!(lines(System::Linux, true, &["trust"]).unwrap().0, "trust anchor --store /s/ca.crt");
        assert_eq!(lines(System::Linux, true, &[]), None);
        assert!(
            lines(System::Macos, false, &[]).unwrap().0.starts_with("sudo security add-trusted-cert -d -r trustRoot")
        );
        assert_eq!(lines(System::Windows, true, &[]).unwrap().0, "certutil -addstore -user Root /s/ca.crt");
    }
}
