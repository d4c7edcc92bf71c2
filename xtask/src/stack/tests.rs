use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{EnvFiles, attach_origins, env_files, read};
use crate::error::Result;
use crate::model::ComposeOptions;
use crate::model::{Origin, Source, Stack};

mod addresses;
mod overrides;
#[cfg(unix)]
mod places;
mod wait;

/// A project in a folder of its own.
struct Project {
    temp: tempfile::TempDir,
    env: BTreeMap<String, String>,
    options: ComposeOptions,
}

impl Project {
    fn new(files: &[(&str, &str)]) -> Self {
        let temp = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = temp.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Project { temp, env: BTreeMap::new(), options: ComposeOptions::default() }
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn env_file(mut self, file: &str) -> Self {
        self.options.env_files.push(file.into());
        self
    }

    fn dir(&self) -> &Path {
        self.temp.path()
    }

    fn read(&self) -> Result<Stack> {
        read(&self.options, self.dir(), &|name| self.env.get(name).cloned())
    }

    fn env_files(&self, cwd: &str) -> Result<EnvFiles> {
        env_files(&self.options, &self.dir().join(cwd), &|name| self.env.get(name).cloned())
    }

    /// `FILE:LINE VARIABLE SOURCE` of every port.
    fn origins(&self) -> Vec<String> {
        let stack = self.read().unwrap();
        let origins = stack.ports().map(|wanted| wanted.origin.as_ref().unwrap());
        origins.map(|origin| self.describe(origin)).collect()
    }

    fn describe(&self, origin: &Origin) -> String {
        let file = origin.file.strip_prefix(self.dir()).unwrap().display();
        let variable = origin.variable.as_deref().unwrap_or("-");
        format!("{file}:{} {variable} {}", origin.line, origin.source)
    }

    /// The error without the folder's name.
    fn error(&self) -> String {
        let error = self.read().unwrap_err();
        error.to_string().replace(&format!("{}{}", self.dir().display(), std::path::MAIN_SEPARATOR), "")
    }
}

fn web(ports: &str) -> String {
    format!("services:\n  web:\n    image: nginx\n    ports:\n{ports}")
}

#[test]
fn origins_name_line_variable_and_source() {
    let ports = r#"      - "8000:80"
      - "${A:-8001}:81"
      - "$B:82"
      - "127.0.0.1:${C:-8003}:83"
      - "${IP:-127.0.0.1}:8004:84"
      - "80${D:-05}:85"
      - target: 86
        published: ${E:-8006}
      - "${F:-$B}:87"
      - "${G:+8008}:88"
      - "${RANGE:-9000-9001}:9000-9001"
      - "${WHOLE:-8010:80}"
      - "${UNSET}:89"
      - "8011:${TARGET:-90}"
      - "${G:+$B}:91"
"#;
    let project = Project::new(&[("compose.yaml", &web(ports)), (".env", "B=8002\n\nD=06\nG=1\n")])
        .env("C", "8033")
        .env("D", "07");
    assert_eq!(
        project.origins(),
        [
            "compose.yaml:5 - literal",
            "compose.yaml:6 A default",
            "compose.yaml:7 B .env:1",
            "compose.yaml:8 C shell",
            "compose.yaml:9 - literal",
            "compose.yaml:10 - shell",
            "compose.yaml:12 E default",
            "compose.yaml:13 F .env:1",
            "compose.yaml:14 - default",
            "compose.yaml:15 - default",
            "compose.yaml:15 - default",
            "compose.yaml:16 WHOLE default",
            "compose.yaml:17 UNSET default",
            "compose.yaml:18 - literal",
            "compose.yaml:19 - .env:1",
        ]
    );
}

#[test]
fn origins_are_in_the_file_that_says_it() {
    let project = Project::new(&[
        (
            "compose.yaml",
            "x-p: &p\n  - \"${A:-1}:1\"\nservices:\n  web:\n    extends: {file: base/b.yaml, service: b}\n    ports: *p\n",
        ),
        ("compose.override.yaml", "services:\n  web:\n    ports:\n      - 3:3\n"),
        ("base/b.yaml", "services:\n  b:\n    image: x\n    ports: ['2:2']\n"),
    ]);
    let base = Path::new("base").join("b.yaml");
    assert_eq!(
        project.origins(),
        [
            format!("{}:4 - literal", base.display()),
            "compose.yaml:2 A default".into(),
            "compose.override.yaml:4 - literal".into()
        ]
    );
}

#[test]
fn an_included_file_has_its_own_env() {
    let project = Project::new(&[
        ("compose.yaml", "include: [sub/compose.yaml]\nservices: {web: {image: x}}\n"),
        ("sub/compose.yaml", &web("      - ${P}:80\n      - ${Q}:81\n")),
        ("sub/.env", "P=8000\nQ=8001\n"),
        (".env", "Q=9001\n"),
    ]);
    // `web` of both would conflict.
    assert_eq!(project.error(), "compose.yaml:1: services.web conflicts with an included service");
    let sub = std::fs::read_to_string(project.dir().join("sub/compose.yaml")).unwrap();
    std::fs::write(project.dir().join("sub/compose.yaml"), sub.replace("web", "inner")).unwrap();
    let origins = project.origins();
    assert!(origins[0].ends_with("compose.yaml:5 P .env:1"), "{origins:?}");
    assert!(origins[1].ends_with("compose.yaml:6 Q .env:1"), "{origins:?}");
    let stack = project.read().unwrap();
    let sources: Vec<_> = stack.ports().map(|wanted| wanted.origin.clone().unwrap().source).collect();
    assert_eq!(sources[0], Source::EnvFile { path: project.dir().join("sub/.env"), line: 1 });
    assert_eq!(sources[1], Source::EnvFile { path: project.dir().join(".env"), line: 1 });
}

#[test]
fn the_stack_knows_its_folder_and_files() {
    let project = Project::new(&[("a/compose.yaml", &web("      - 1:1\n")), ("a/b/x", "")]);
    let stack = read(&project.options, &project.dir().join("a/b"), &|_| None).unwrap();
    assert_eq!(stack.dir, project.dir().join("a"));
    assert_eq!(stack.files, [project.dir().join("a/compose.yaml")]);
    assert_eq!(stack.name, "a");
}

#[test]
fn errors_name_place_value_and_cure() {
    let project = Project::new(&[("compose.yaml", &web("      - \"${P}:80\"\n")), (".env", "A=1\nP=abc # c\n")]);
    assert_eq!(project.error(), "compose.yaml:5: services.web.ports: invalid host port: `abc`, from `${P}:80`");
    let hints = project.read().unwrap_err().hints().to_vec();
    assert!(hints[0].starts_with("P is set in ") && hints[0].ends_with(".env:2"), "{hints:?}");

    let project = Project::new(&[("compose.yaml", &web("      - \"${P:?say P}:80\"\n"))]);
    assert_eq!(project.error(), "compose.yaml:5: services.web.ports: required variable P is missing a value: say P");

    let project = Project::new(&[("compose.yaml", "services:\n  web: [\n")]);
    assert!(project.error().starts_with("compose.yaml:3: not valid YAML: "), "{}", project.error());

    let project = Project::new(&[(
        "compose.yaml",
        "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d]\nf: [*e, *e, *e]\n",
    )]);
    assert_eq!(project.error(), "compose.yaml:6: too many aliases");

    let project = Project::new(&[("compose.yaml", &format!("a: {}{}", "[".repeat(100), "]".repeat(100)))]);
    assert_eq!(project.error(), "compose.yaml:1: nested too deeply");
}

#[test]
fn env_files_are_those_compose_reads() {
    let compose = web("      - ${P:-1}:80\n");
    let files = [("compose.yaml", compose.as_str()), (".env", "P=1\nQ=1\n"), ("sub/.env", "P=2\n"), ("a.env", "R=1\n")];
    let project = Project::new(&files);
    let [root, sub, named] = [".env", "sub/.env", "a.env"].map(|name| project.dir().join(name));

    let found = project.env_files("").unwrap();
    assert_eq!(found.files(), std::slice::from_ref(&root));
    assert_eq!(found.file_for("P").unwrap(), root);
    assert!(!found.is_explicit());

    // The current folder's file wins; the project's is read too.
    let found = project.env_files("sub").unwrap();
    assert_eq!(found.files(), [sub.clone(), root.clone()]);
    assert_eq!(found.get("P"), Some(("2", Source::EnvFile { path: sub.clone(), line: 1 })));
    assert_eq!(found.file_for("P").unwrap(), sub);
    assert_eq!(found.file_for("Q").unwrap(), root);
    assert_eq!(found.file_for("NEW").unwrap(), root);

    let project = project.env_file("a.env").env_file("sub/.env");
    let found = project.env_files("").unwrap();
    assert_eq!(found.files(), [named.clone(), sub.clone()]);
    assert_eq!(found.file_for("R").unwrap(), named);
    assert_eq!(found.file_for("NEW").unwrap(), sub);
    assert_eq!(found.get("Q"), None);
    assert!(found.is_explicit());
}

#[test]
fn without_env_files_a_new_one_belongs_to_the_project() {
    let compose = web("      - ${P:-1}:80\n");
    let project = Project::new(&[("compose.yaml", compose.as_str()), ("sub/x", "")]);
    let found = project.env_files("sub").unwrap();
    assert_eq!(found.files(), [] as [PathBuf; 0]);
    assert_eq!(found.file_for("P").unwrap(), project.dir().join(".env"));

    let project = project.env("COMPOSE_DISABLE_ENV_FILE", "1");
    assert!(project.env_files("").unwrap().file_for("P").unwrap_err().message().contains("COMPOSE_DISABLE_ENV_FILE"));
}

#[test]
fn ten_thousand_ports_get_their_origins() {
    let project =
        Project::new(&[("compose.yaml", &web("      - 10000-20000:10000-20000/udp\n      - 15000:15000/udp\n"))]);
    let ours = project.read().unwrap();
    assert_eq!(ours.ports().count(), 10001);
    let mut theirs = ours.clone();
    for wanted in &mut theirs.services[0].ports {
        wanted.origin = None;
    }
    attach_origins(&mut theirs, &ours);
    assert_eq!(theirs, ours);
}

#[test]
fn origins_go_to_the_ports_of_compose() {
    let project =
        Project::new(&[("compose.yaml", &web("      - ${A:-8000}:80\n      - 8001:80\n      - \"9000:90\"\n"))]);
    let ours = project.read().unwrap();
    let mut theirs = ours.clone();
    for wanted in theirs.services.iter_mut().flat_map(|service| &mut service.ports) {
        wanted.origin = None;
    }
    // Compose may return a host IP or published port that the reader does not know.
    theirs.services[0].ports[0].mapping.host_ip = Some("0.0.0.0".parse().unwrap());
    theirs.services[0].ports[2].mapping.published = None;
    theirs.services[0].ports.reverse();
    attach_origins(&mut theirs, &ours);
    let lines: Vec<_> = theirs.ports().map(|wanted| wanted.origin.as_ref().map(|origin| origin.line)).collect();
    assert_eq!(lines, [Some(7), Some(6), Some(5)]);
    // A service of another name gets none.
    theirs.services[0].name = "other".into();
    theirs.services[0].ports[0].origin = None;
    attach_origins(&mut theirs, &ours);
    assert_eq!(theirs.services[0].ports[0].origin, None);
}
