//! The projects of `compose/`: each folder is one.
//!
//! It is copied to a place of its own before it is read, so that nothing above
//! it is found, and so that its `.env` (kept as `dot.env` here, since the
//! repository ignores `.env`) and the folder's name can be anything.
//! `case.toml` may say `args`, `env`, `cwd`, `dir` (the folder's name) and `follows`.
//!
//! And the shapes of `compat/`: modelled on public stacks, each one file. A line
//! `#== NAME` in it begins another file of the same project; what stands above
//! the first is `compose.yaml`, unless it is only a comment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use xtask::error::Result;
use xtask::model::{ComposeOptions, Stack};
use xtask::stack;

/// What `case.toml` says.
#[derive(Deserialize, Default, Clone)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: String,
    pub(crate) dir: Option<String>,
    /// Places in Compose's model that change with a moved port, because the template
    /// derives them.
    pub(crate) follows: Vec<String>,
}

impl Case {
    /// A project that still lacks its `.env`, read as if it had been made from the
    /// template beside it.
    pub(crate) fn with_template(&self, cwd: &Path) -> Case {
        let mut case = self.clone();
        let template = [".env.template", ".env.example"].into_iter().find(|name| cwd.join(name).is_file());
        if let Some(template) = template.filter(|_| !cwd.join(".env").is_file()) {
            case.args.extend(["--env-file".to_owned(), template.to_owned()]);
        }
        case
    }
}

/// A copy of a project; it goes away with this.
pub(crate) struct Copied {
    pub(crate) name: String,
    pub(crate) case: Case,
    pub(crate) cwd: PathBuf,
    pub(crate) temp: tempfile::TempDir,
}

/// Every project, by name.
pub(crate) fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/compose");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Every shape, by name.
pub(crate) fn shapes() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/compat");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "yml")).collect();
    files.sort();
    files
}

/// Copies a project to a place of its own.
pub(crate) fn copy_out(fixture: &Path) -> Copied {
    let name = fixture.file_stem().unwrap().to_string_lossy().into_owned();
    let parts = if fixture.is_file() { parts(&std::fs::read_to_string(fixture).unwrap()) } else { BTreeMap::new() };
    let text = parts.get("case.toml").cloned().or_else(|| std::fs::read_to_string(fixture.join("case.toml")).ok());
    let case: Case = text.map_or_else(Case::default, |text| toml::from_str(&text).unwrap());
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().canonicalize().unwrap().join(case.dir.as_deref().unwrap_or(&name));
    if fixture.is_dir() {
        copy(fixture, &dir);
    }
    for (name, text) in parts.iter().filter(|(name, _)| *name != "case.toml") {
        let path = dir.join(name.replace("dot.env", ".env"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let cwd = if case.cwd.is_empty() { dir } else { dir.join(&case.cwd) };
    Copied { name, case, cwd, temp }
}

/// The files of a shape.
fn parts(text: &str) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::from([("compose.yaml".to_owned(), String::new())]);
    let mut name = "compose.yaml";
    for line in text.split_inclusive('\n') {
        let next = line.strip_prefix("#== ").map(str::trim);
        name = next.unwrap_or(name);
        let part = parts.entry(name.to_owned()).or_default();
        part.push_str(if next.is_some() { "" } else { line });
    }
    let is_comment = |text: &String| text.lines().all(|line| line.starts_with('#'));
    parts.retain(|name, text| name != "compose.yaml" || !is_comment(text));
    parts
}

/// What our reader makes of it.
pub(crate) fn read(case: &Case, cwd: &Path) -> Result<Stack> {
    stack::read(&options(&case.args), cwd, &|name| case.env.get(name).cloned())
}

/// The options behind a command line.
pub(crate) fn options(args: &[String]) -> ComposeOptions {
    let mut options = ComposeOptions::default();
    for pair in args.chunks(2) {
        let [name, value] = pair else { panic!("options come in pairs: {args:?}") };
        match name.as_str() {
            "-f" => options.files.push(value.into()),
            "-p" => options.project_name = Some(value.clone()),
            "--profile" => options.profiles.push(value.clone()),
            "--env-file" => options.env_files.push(value.into()),
            "--project-directory" => options.project_directory = Some(value.into()),
            other => panic!("unknown option {other}"),
        }
    }
    options
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().replace("dot.env", ".env");
        let target = to.join(name);
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_name() != "case.toml" {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
