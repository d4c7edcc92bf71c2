//! Reads the generated override file back; and fixed names.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::Project;
use crate::decide::{Changes, Slot, is_generated, published, render, slots};
use crate::model::{FixedName, Named, Stack};
use crate::stack::fixed_names;

/// Removes positions.
fn bare(mut stack: Stack) -> Stack {
    for wanted in stack.services.iter_mut().flat_map(|service| &mut service.ports) {
        wanted.origin = None;
    }
    stack.files.clear();
    stack
}

/// Entries of `ports:`; `@` becomes a unique published port.
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

    /// The generated file reads back as the same project with the ports moved, and only those.
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
        // Variables of ports that were not moved still take effect.
        std::fs::write(project.dir().join(".env"), "ADDRESS=\nTARGET=99\nC=9\n").unwrap();
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
    // A name that is reset is not fixed.
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
