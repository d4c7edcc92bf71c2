//! Which files of a checkout are searched, by their names.
//!
//! These are the files that development tools read on their own and in which a port of this machine
//! is usual: settings of test runners and dev servers, of editors, of command runners, requests, and
//! env files. Not searched:
//!
//! * source code and documents: they name a port as an example, or as a default that settings
//!   override;
//! * templates of env files: nothing reads them;
//! * workflows of CI: they run on another machine;
//! * `forwardPorts` of a dev container: a bare number there is a port of that container;
//! * lock files, and folders of other people's code or of generated files.

use super::text::Syntax;

/// How a file is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileKind {
    pub syntax: Syntax,
    pub runs_on: RunsOn,
}

/// Where the reader of a file runs, and so what `localhost` and a port mean in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunsOn {
    /// On this machine.
    Host,
    /// On this machine or in a container of the project: `vite.config.ts` is read by both.
    Either,
    /// In a container: only `host.docker.internal` is this machine.
    Container,
}

/// Folders of other people's code, generated files and test data.
const SKIPPED: [&str; 19] = [
    "node_modules",
    "bower_components",
    "jspm_packages",
    "vendor",
    "vendored",
    "third_party",
    "third-party",
    "dist",
    "coverage",
    "generated",
    "__generated__",
    "fixtures",
    "__fixtures__",
    "testdata",
    "snapshots",
    "__snapshots__",
    "site-packages",
    ".yarn",
    ".git",
];

/// Files whose whole name says what they are.
const NAMES: [(&str, Syntax, RunsOn); 36] = [
    // The editor runs on this machine.
    ("launch.json", Syntax::ScriptWithCommands, RunsOn::Host),
    ("tasks.json", Syntax::ScriptWithCommands, RunsOn::Host),
    ("settings.json", Syntax::Script, RunsOn::Host),
    ("devcontainer.json", Syntax::Script, RunsOn::Either),
    (".devcontainer.json", Syntax::Script, RunsOn::Either),
    ("cypress.json", Syntax::Script, RunsOn::Host),
    ("cypress.env.json", Syntax::Script, RunsOn::Host),
    ("http-client.env.json", Syntax::Script, RunsOn::Host),
    ("launchsettings.json", Syntax::Script, RunsOn::Host),
    (".mcp.json", Syntax::Script, RunsOn::Host),
    ("package.json", Syntax::ScriptWithCommands, RunsOn::Either),
    ("angular.json", Syntax::Script, RunsOn::Either),
    ("project.json", Syntax::ScriptWithCommands, RunsOn::Either),
    ("nodemon.json", Syntax::ScriptWithCommands, RunsOn::Either),
    ("ormconfig.json", Syntax::Script, RunsOn::Either),
    ("setupproxy.js", Syntax::Script, RunsOn::Either),
    ("knexfile.js", Syntax::Script, RunsOn::Either),
    ("knexfile.ts", Syntax::Script, RunsOn::Either),
    ("makefile", Syntax::Shell, RunsOn::Either),
    ("gnumakefile", Syntax::Shell, RunsOn::Either),
    ("justfile", Syntax::Shell, RunsOn::Either),
    (".justfile", Syntax::Shell, RunsOn::Either),
    ("taskfile.yml", Syntax::Shell, RunsOn::Either),
    ("taskfile.yaml", Syntax::Shell, RunsOn::Either),
    (".envrc", Syntax::Shell, RunsOn::Host),
    ("pyproject.toml", Syntax::Hash, RunsOn::Either),
    ("mise.toml", Syntax::Hash, RunsOn::Host),
    (".mise.toml", Syntax::Hash, RunsOn::Host),
    ("alembic.ini", Syntax::Ini, RunsOn::Either),
    ("pytest.ini", Syntax::Ini, RunsOn::Either),
    ("tox.ini", Syntax::Ini, RunsOn::Either),
    ("setup.cfg", Syntax::Ini, RunsOn::Either),
    ("database.yml", Syntax::Hash, RunsOn::Either),
    ("nginx.conf", Syntax::Hash, RunsOn::Container),
    ("caddyfile", Syntax::Hash, RunsOn::Container),
    ("prometheus.yml", Syntax::Hash, RunsOn::Container),
];

/// Endings of shell scripts.
const SCRIPTS: [&str; 4] = [".sh", ".bash", ".zsh", ".ps1"];

/// Tests that run in a browser of this machine.
const RUNNERS: [&str; 6] = ["playwright", "cypress", "wdio", "protractor", "nightwatch", "puppeteer"];

/// How the file at `path` is searched: relative to the checkout, with `/`. `None`: not at all.
pub fn file_kind(path: &str) -> Option<FileKind> {
    let path = path.to_ascii_lowercase();
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", &path));
    let mut folders = folders.split('/');
    if folders.clone().any(|folder| SKIPPED.contains(&folder)) {
        return None;
    }
    let kind = |syntax, runs_on| Some(FileKind { syntax, runs_on });
    let in_folder = folders.next_back().unwrap_or_default();
    if let Some((_, syntax, runs_on)) = NAMES.iter().find(|(known, ..)| *known == name) {
        // Other programs have files of these names too.
        let by_editor = matches!(name, "launch.json" | "tasks.json" | "settings.json");
        return if by_editor && in_folder != ".vscode" { None } else { kind(*syntax, *runs_on) };
    }
    if is_env_file(name) {
        return kind(Syntax::Hash, RunsOn::Either);
    }
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let runs_on_script = if runs_in_container(&path) { RunsOn::Container } else { RunsOn::Either };
    match extension {
        "http" | "rest" => kind(Syntax::Http, RunsOn::Host),
        "code-workspace" => kind(Syntax::Script, RunsOn::Host),
        "js" | "cjs" | "mjs" | "ts" | "cts" | "mts" | "json" if is_tool_settings(stem, extension) => {
            let by_runner = RUNNERS.iter().any(|runner| stem.starts_with(runner));
            kind(Syntax::Script, if by_runner { RunsOn::Host } else { RunsOn::Either })
        }
        "properties" | "yml" | "yaml" if stem == "application" || stem.starts_with("application-") => {
            kind(Syntax::Hash, RunsOn::Either)
        }
        "conf" if stem.contains("nginx") || in_folder.contains("nginx") => kind(Syntax::Hash, RunsOn::Container),
        _ if SCRIPTS.iter().any(|end| name.ends_with(end)) => kind(Syntax::ShellScript, runs_on_script),
        "mk" | "just" => kind(Syntax::Shell, RunsOn::Either),
        "bat" | "cmd" => kind(Syntax::Batch, runs_on_script),
        _ if stem == "procfile" || name == "procfile" => kind(Syntax::Shell, RunsOn::Either),
        _ => None,
    }
}

/// `.env`, `.env.local`, `web.env`; no template.
fn is_env_file(name: &str) -> bool {
    let is_template = ["example", "sample", "template", "dist", "defaults"].iter().any(|word| name.contains(word));
    let is_env = name == ".env" || name.starts_with(".env.") || name.rsplit('.').next() == Some("env");
    is_env && !is_template
}

/// `vite.config`, `webpack.dev`, `karma.conf`, `proxy.conf`.
fn is_tool_settings(stem: &str, extension: &str) -> bool {
    let is_config = [".config", ".conf"].iter().any(|end| stem.ends_with(end));
    let is_part = [".config.", ".conf."].iter().any(|part| stem.contains(part)) && stem.rsplit('.').next() != Some("d");
    let is_webpack = stem.starts_with("webpack.") && extension != "json";
    is_config || is_part || is_webpack
}

/// Scripts that images contain: `docker/start.sh`, `entrypoint.sh`.
fn runs_in_container(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let in_folder =
        folders.split('/').any(|folder| matches!(folder, "docker" | ".docker" | "docker-entrypoint-initdb.d"));
    in_folder || ["entrypoint", "healthcheck", "docker-"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_searched_and_the_rest_is_not() {
        for (path, runs_on) in [
            ("playwright.config.ts", RunsOn::Host),
            ("web/vite.config.mts", RunsOn::Either),
            ("next.config.js", RunsOn::Either),
            ("vite.config.dev.ts", RunsOn::Either),
            ("build/webpack.dev.js", RunsOn::Either),
            ("src/proxy.conf.json", RunsOn::Either),
            (".vscode/launch.json", RunsOn::Host),
            ("app.code-workspace", RunsOn::Host),
            (".devcontainer/devcontainer.json", RunsOn::Either),
            ("web/package.json", RunsOn::Either),
            ("api/Makefile", RunsOn::Either),
            ("Procfile.dev", RunsOn::Either),
            ("scripts/seed.sh", RunsOn::Either),
            ("docker/seed.sh", RunsOn::Container),
            ("entrypoint.sh", RunsOn::Container),
            ("requests/items.http", RunsOn::Host),
            ("web/.env", RunsOn::Either),
            ("web/.env.development", RunsOn::Either),
            ("e2e.env", RunsOn::Either),
            ("src/main/resources/application-dev.yml", RunsOn::Either),
            ("Properties/launchSettings.json", RunsOn::Host),
            ("deploy/nginx/default.conf", RunsOn::Container),
        ] {
            assert_eq!(file_kind(path).map(|kind| kind.runs_on), Some(runs_on), "{path}");
        }
        for path in [
            "README.md",
            "src/api.ts",
            "package-lock.json",
            "yarn.lock",
            "node_modules/a/package.json",
            "vendor/x/Makefile",
            "tests/fixtures/.env",
            ".env.example",
            ".env.template",
            "example.env",
            ".github/workflows/ci.yml",
            "settings.json",
            "docker-compose.yml",
            "Dockerfile",
            "tsconfig.json",
            "vite.config.d.ts",
        ] {
            assert_eq!(file_kind(path), None, "{path}");
        }
    }
}
