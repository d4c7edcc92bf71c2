//! Our own override file, read back; its place; fixed names.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::{Project, web};
use crate::decide::{Changes, Slot, is_generated, published, render, slots};
use crate::model::{FixedName, Named, Stack};
use crate::stack::{fixed_names, override_place, read};

/// Without what tells where things stand.
fn bare(mut stack: Stack) -> Stack {
    for wanted in stack.services.iter_mut().flat_map(|service| &mut service.ports) {
        wanted.origin = None;
    }
    stack.files.clear();
    stack
}

/// Entries of `ports:`; `@` is a published port of its own.
fn entry() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\"@:80\"".to_owned()),
        Just("\"127.0.0.1:@:80/tcp\"".to_owned()),
        Just("\"[::1]:@:80\"".to_owned()),
        Just("\"@:53/udp\"".to_owned()),
        Just("\"${A:-@}:81\"".to_owned()),
        Just("\"${ADDRESS:-127.0.0.1}:@:${TARGET:-82}\"".to_owned()),
        Just("\"${ADDRESS}:${B:-${C:-@}}:83/udp\"".to_owned()),
        Just("\"@-+:90-91\"".to_owned()),
        Just("\"@-+:92\"".to_owned()),
        Just("3000".to_owned()),
        Just("\"0:3001\"".to_owned()),
        Just("\"127.0.0.1::3002\"".to_owned()),
        Just("{target: 443, published: @, mode: host, app_protocol: http, name: \"a: b\"}".to_owned()),
        Just("{target: \"${TARGET:-82}\", published: \"${A:-@}\", host_ip: \"::1\", protocol: udp}".to_owned()),
        Just("{target: 445}".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// What is generated reads back as the same project with the ports moved,
    /// tells what it moves, and does not depend on itself.
    #[test]
    fn the_generated_file_moves_exactly_the_ports(
        services in prop::collection::vec(prop::collection::vec(entry(), 0..6), 1..4),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let mut text = "services:\n".to_owned();
        let mut port = 10_000;
        for (at, entries) in services.iter().enumerate() {
            let _ = write!(text, "  s{at}:\n    image: x\n    ports:{}\n", if entries.is_empty() { " []" } else { "" });
            for entry in entries {
                let entry = entry.replace('@', &port.to_string()).replace('+', &(port + 1).to_string());
                let _ = writeln!(text, "      - {entry}");
                port += 2;
            }
        }
        let project = Project::new(&[("compose.yaml", &text), (".env", "ADDRESS=127.0.0.2\nC=9\n")]);
        let before = project.read().unwrap();
        let known: Vec<Slot> = published(&before).into_keys().collect();
        let picked = picks.iter().filter(|_| !known.is_empty()).map(|pick| pick.get(&known).clone());
        let moves: BTreeMap<Slot, u16> = picked.zip(40_000..).collect();
        let changes = Changes { moves, ..Changes::default() };
        let generated = render(&before, &changes, None);
        prop_assert!(is_generated(generated.as_bytes()));
        std::fs::write(project.dir().join("compose.override.yaml"), &generated).unwrap();
        let after = project.read().unwrap();

        let mut wanted = before.clone();
        for service in &mut wanted.services {
            for (slot, wanted) in slots(service).into_iter().zip(&mut service.ports) {
                if let Some(to) = changes.moves.get(&slot) {
                    wanted.mapping.published = Some(crate::model::PortRange::one(*to));
                }
            }
        }
        prop_assert_eq!(bare(after.clone()), bare(wanted), "{}", generated);
        prop_assert_eq!(&Changes::between(&before, &after), &changes);
        // Variables of what was not moved have their say.
        std::fs::write(project.dir().join(".env"), "ADDRESS=\nTARGET=99\n").unwrap();
        let after = bare(project.read().unwrap());
        std::fs::remove_file(project.dir().join("compose.override.yaml")).unwrap();
        let before = bare(project.read().unwrap());
        for (one, two) in before.ports().zip(after.ports()) {
            let (mut one, two) = (one.mapping.clone(), two.mapping.clone());
            if two.published.is_some_and(|range| range.first >= 40_000) {
                one.published = two.published;
            }
            prop_assert_eq!(one, two, "{}", generated);
        }
    }
}

/// `FILE:LINE PATH VALUE` of every fixed name.
fn names(project: &Project) -> Vec<String> {
    let found = fixed_names(&project.options, project.dir(), &|name| project.env.get(name).cloned()).unwrap();
    let line = |name: &FixedName| {
        let file = name.file.strip_prefix(project.dir()).unwrap().display().to_string().replace('\\', "/");
        format!("{file}:{} {} {}", name.line, name.what, name.value)
    };
    found.iter().map(line).collect()
}

#[test]
fn fixed_names_are_told_with_their_line() {
    let compose = "\
name: fixed
include: [sub/compose.yaml]
services:
  web:
    image: x
    container_name: my-web
  db:
    image: x
    container_name: ${COMPOSE_PROJECT_NAME}-db
  cache:
    image: x
    container_name: ${PREFIX:-p}-cache
    profiles: [other]
  gone:
    image: x
    container_name: gone
networks:
  back: {name: backend}
  shared: {name: shared, external: true}
  old: {external: {name: old}}
  made: {name: \"${COMPOSE_PROJECT_NAME:-x}_made\"}
  default:
volumes:
  data:
    external: false
    name: data
  plain: {}
";
    let project = Project::new(&[
        ("compose.yaml", compose),
        ("compose.override.yaml", "services: {gone: {container_name: !reset null}}\n"),
        (
            "sub/compose.yaml",
            "services: {in: {image: x, container_name: inner}}\nnetworks: {deep: {name: deep}}\nvolumes: {v: }\n",
        ),
    ]);
    assert_eq!(
        names(&project),
        [
            "compose.yaml:1 name fixed",
            "compose.yaml:6 services.web.container_name my-web",
            "compose.yaml:12 services.cache.container_name p-cache",
            "sub/compose.yaml:1 services.in.container_name inner",
            "compose.yaml:18 networks.back.name backend",
            "sub/compose.yaml:2 networks.deep.name deep",
            "compose.yaml:26 volumes.data.name data",
        ]
    );
    // What is reset is not fixed any more.
    let resets = [Named::Container("web".into()), Named::Network("deep".into()), Named::Volume("data".into())];
    let changes = Changes { resets: resets.into(), ..Changes::default() };
    std::fs::remove_file(project.dir().join("compose.override.yaml")).unwrap();
    let text = render(&project.read().unwrap(), &changes, None);
    std::fs::write(project.dir().join("compose.override.yaml"), text).unwrap();
    let left = names(&project);
    assert!(
        !left.iter().any(|name| name.contains("my-web") || name.contains("deep") || name.contains("data")),
        "{left:?}"
    );
    assert_eq!(left.len(), 5, "{left:?}");
}

/// The file, relative to the project's folder, and the two values of
/// COMPOSE_FILE; or the error and its hints.
fn place(project: &Project, cwd: &str) -> Result<String, String> {
    let folder = format!("{}{}", project.dir().display(), std::path::MAIN_SEPARATOR);
    let show = |text: String| text.replace(&folder, "").replace('\\', "/");
    let found = override_place(&project.options, &project.dir().join(cwd), &|name| project.env.get(name).cloned());
    let found = found.map_err(|error| show(format!("{error}\n{}", error.hints().join("\n"))))?;
    let list = found.list.map(|list| {
        format!(
            " {} {} <- {}{}",
            list.env_file.display(),
            list.with,
            list.without,
            if list.added { " added" } else { "" }
        )
    });
    let flags = [(found.present, " present"), (found.pinned, " pinned")];
    let flags: String = flags.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
    Ok(show(format!("{}{flags}{}", found.file.display(), list.unwrap_or_default())))
}

#[test]
#[cfg(unix)]
fn a_file_goes_where_compose_reads_it() {
    let compose = web("      - 1:1\n");
    let compose = compose.as_str();
    let ours = render(&Stack::default(), &Changes::default(), None);
    let at = |files: &[(&str, &str)]| place(&Project::new(files), "").unwrap();

    // Compose's own names for what it picks up by itself.
    assert_eq!(at(&[("compose.yaml", compose)]), "compose.override.yaml");
    assert_eq!(at(&[("compose.yml", compose)]), "compose.override.yml");
    assert_eq!(at(&[("docker-compose.yml", compose)]), "docker-compose.override.yml");
    assert_eq!(at(&[("docker-compose.yaml", compose)]), "docker-compose.override.yaml");
    let project = Project::new(&[("compose.yaml", compose), ("sub/x", "")]);
    assert_eq!(place(&project, "sub").unwrap(), "compose.override.yaml");

    // Ours is used again, whatever its name.
    let files = [("compose.yaml", compose), ("docker-compose.override.yml", ours.as_str())];
    assert_eq!(at(&files), "docker-compose.override.yml present");

    // A person's is left alone.
    let files = [("compose.yaml", compose), ("compose.override.yml", compose)];
    let with = "compose.yaml:compose.override.yml:docker-compose.xtask.yml";
    let without = "compose.yaml:compose.override.yml";
    assert_eq!(at(&files), format!("docker-compose.xtask.yml .env {with} <- {without} added"));
    let project = Project::new(&[files[0], files[1], (".env", "COMPOSE_PATH_SEPARATOR=,\n")]);
    assert!(place(&project, "").unwrap().contains("compose.yaml,compose.override.yml,docker-compose.xtask.yml <- "));

    // COMPOSE_FILE in the env file: the list is kept as it is written.
    let dotenv = "COMPOSE_FILE=./deploy/a.yaml:b.yaml\n";
    let files = [("deploy/a.yaml", compose), ("b.yaml", compose), (".env", dotenv)];
    let with = "./deploy/a.yaml:b.yaml:./deploy/docker-compose.xtask.yml";
    assert_eq!(at(&files), format!("deploy/docker-compose.xtask.yml .env {with} <- ./deploy/a.yaml:b.yaml"));
    let dotenv = format!("COMPOSE_FILE={with}\n");
    let files = [files[0], files[1], ("deploy/docker-compose.xtask.yml", ours.as_str()), (".env", dotenv.as_str())];
    assert_eq!(at(&files), format!("deploy/docker-compose.xtask.yml present .env {with} <- ./deploy/a.yaml:b.yaml"));
    let project = Project::new(&[("a.yaml", compose), ("my.env", "COMPOSE_FILE=a.yaml\n")]).env_file("my.env");
    let list = "my.env a.yaml:docker-compose.xtask.yml <- a.yaml";
    assert_eq!(place(&project, "").unwrap(), format!("docker-compose.xtask.yml {list}"));
}

#[test]
#[cfg(unix)]
fn where_no_file_would_be_read_it_is_said() {
    let compose = web("      - 1:1\n");
    let files = [("compose.yaml", compose.as_str()), ("sub/x", "")];
    let ours = render(&Stack::default(), &Changes::default(), None);

    let mut project = Project::new(&files);
    project.options.files = vec!["compose.yaml".into()];
    let says = |project: &Project, cwd: &str, words: &[&str]| {
        let error = place(project, cwd).unwrap_err();
        assert!(words.iter().all(|words| error.contains(words)), "{error}");
    };
    says(&project, "", &["named by -f on the command line", "in .env instead", "COMPOSE_FILE=compose.yaml\n"]);
    std::fs::write(project.dir().join("mine.yml"), &ours).unwrap();
    project.options.files.push("mine.yml".into());
    assert_eq!(place(&project, "").unwrap(), "mine.yml present pinned");

    let project = Project::new(&files).env("COMPOSE_FILE", "compose.yaml");
    says(&project, "", &["named by COMPOSE_FILE in the shell", "`unset COMPOSE_FILE`"]);

    let project = Project::new(&[files[0], files[1], ("compose.override.yaml", &compose)]);
    says(&project, "sub", &["does not read COMPOSE_FILE of ", "\nrun this again in the project's folder: `cd "]);

    std::fs::write(project.dir().join("docker-compose.xtask.yml"), &compose).unwrap();
    says(&project, "", &["docker-compose.xtask.yml is there and was not generated by this tool"]);

    let project = Project::new(&[files[0], files[1], ("compose.override.yaml", &compose)]);
    let project = project.env("COMPOSE_DISABLE_ENV_FILE", "1");
    assert!(place(&project, "").unwrap_err().starts_with("there is no file to write COMPOSE_FILE to"));
    assert!(read(&project.options, project.dir(), &|_| None).is_ok());
}
