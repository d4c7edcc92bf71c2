//! What the built-in reader makes of every project of `compose/`, recorded: the
//! same on machines without Docker. `compose_oracle` proves the record right.

use std::fmt::Write as _;

use xtask::error::Result;
use xtask::model::{Service, Stack, Wanted};

use crate::compose_cases::{Copied, copy_out, fixtures, read};

#[test]
fn reads_as_recorded() {
    let mut record = String::new();
    for fixture in fixtures() {
        let Copied { name, case, cwd, temp } = copy_out(&fixture);
        let root = temp.path().canonicalize().unwrap();
        let text = describe(read(&case, &cwd)).replace(&format!("{}{}", root.display(), std::path::MAIN_SEPARATOR), "");
        write!(record, "{name}\n{text}\n").unwrap();
    }
    if cfg!(windows) {
        let slashes = |line: &str| if line.starts_with("    env ") { line.to_owned() } else { line.replace('\\', "/") };
        record = record.lines().map(|line| slashes(line) + "\n").collect();
    }
    insta::assert_snapshot!(record);
}

fn describe(stack: Result<Stack>) -> String {
    let mut text = String::new();
    match stack {
        Ok(stack) => {
            writeln!(text, "  name {}", stack.name).unwrap();
            for file in &stack.files {
                writeln!(text, "  file {}", file.display()).unwrap();
            }
            for service in &stack.services {
                text.push_str(&describe_service(service));
            }
        }
        Err(error) => {
            writeln!(text, "  error: {error}").unwrap();
            assert!(!error.hints().is_empty(), "no hint: {error}");
            for hint in error.hints() {
                writeln!(text, "  hint: {hint}").unwrap();
            }
        }
    }
    text
}

fn describe_service(service: &Service) -> String {
    let mut text = format!("  service {}", service.name);
    if let Some(image) = &service.image {
        write!(text, " image={image}").unwrap();
    }
    if let Some(mode) = &service.network_mode {
        write!(text, " network={mode}").unwrap();
    }
    for (word, is) in [("build", service.build), ("healthcheck", service.healthcheck)] {
        if is {
            write!(text, " {word}").unwrap();
        }
    }
    text.push('\n');
    for (name, value) in &service.environment {
        writeln!(text, "    env {name}={value:?}").unwrap();
    }
    for (name, condition) in &service.depends_on {
        writeln!(text, "    needs {name} {condition}").unwrap();
    }
    for (name, value) in &service.labels {
        let place = &service.label_places[name];
        writeln!(text, "    label {name}={value:?} {}:{}", place.file.display(), place.line).unwrap();
    }
    if !service.expose.is_empty() {
        writeln!(text, "    expose {:?}", service.expose).unwrap();
    }
    if service.networks.keys().any(|key| key != "default") {
        writeln!(text, "    networks {:?}", service.networks).unwrap();
    }
    for Wanted { mapping, origin } in &service.ports {
        let origin = origin.as_ref().unwrap();
        let variable = origin.variable.as_deref().unwrap_or("-");
        let (file, line, source) = (origin.file.display(), origin.line, &origin.source);
        writeln!(text, "    {} -> {} {variable} {source} {file}:{line}", mapping.address(), mapping.target).unwrap();
    }
    text
}
