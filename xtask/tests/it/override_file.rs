//! The generated compose file, made without a command line around it: names that
//! are fixed, and the way back.

use serde_json::json;
use xtask::context::Context;
use xtask::decide::Slot;
use xtask::model::ComposeOptions;
use xtask::operation::change::overrides::{self, Request};
use xtask::operation::change::tracked::WriteMode;
use xtask::operation::check::project::check_project;
use xtask::project::{self, resolve};

use crate::overrides::{config, one, project};
use crate::support::Project;

/// The program's own functions in the project, with the machine's Compose.
fn context(project: &Project) -> Context {
    let mut ctx = Context::new(project.dir(), ComposeOptions::default());
    ctx.env.retain(|name, _| !name.starts_with("COMPOSE_"));
    ctx.env.insert("XTASK_STATE_DIR".into(), project.root().join("state").display().to_string());
    ctx
}

fn apply(ctx: &Context, request: &Request) -> xtask::error::Result<project::Project> {
    overrides::apply(&resolve(ctx)?, request, WriteMode::Files)
}

#[test]
fn fixed_names_are_left_to_compose_and_come_back() {
    let compose = "\
name: fixed
services:
  web:
    image: x
    container_name: my-web
    ports: [\"@0:80\"]
    networks: [back, plain]
    volumes: [{type: volume, source: data, target: /a}, {type: volume, source: plain, target: /b}]
  other:
    image: x
    networks: [shared]
networks:
  back: {name: backend}
  plain: {}
  shared: {name: shared, external: true}
volumes:
  data: {name: data}
  plain: {}
";
    let Some(project) = project(&[("compose.yaml", compose)]) else { return };
    let before = (config(&project, ""), project.everything());
    let ctx = context(&project);
    let names = xtask::stack::fixed_names(&ctx.options, &ctx.dir, &|name| ctx.var(name)).unwrap();
    assert_eq!(names.len(), 4, "{names:?}");
    apply(&ctx, &Request::reset_names(&names)).unwrap();
    let mut wanted = before.0.clone();
    wanted["services"]["web"].as_object_mut().unwrap().remove("container_name");
    // Who asks for the old name still finds it, on networks of this project alone.
    for network in ["back", "plain"] {
        wanted["services"]["web"]["networks"][network] = json!({ "aliases": ["my-web"] });
    }
    wanted["networks"]["back"]["name"] = json!("fixed_back");
    assert_eq!(wanted["volumes"]["data"]["name"], "data");
    wanted["volumes"]["data"]["name"] = json!("fixed_data");
    assert_eq!(config(&project, ""), wanted);
    // A port moves in the same file, and names stay as they are then.
    let mut found = check_project(&ctx).unwrap();
    found.rows.truncate(1);
    let slot = overrides::slot_of(&found, &found.rows[0]).unwrap();
    let request = Request { moves: [(slot.clone(), project.port(1))].into(), ..Request::default() };
    apply(&ctx, &request).unwrap();
    wanted["services"]["web"]["ports"][0]["published"] = json!(project.port(1).to_string());
    assert_eq!(config(&project, ""), wanted);
    // Both go back, one after the other; with the last the file goes.
    apply(&ctx, &Request { moves: [(slot, project.port(0))].into(), ..Request::default() }).unwrap();
    assert!(project.path("compose.override.yaml").exists());
    apply(&ctx, &Request::reset_names(&[])).unwrap();
    assert_eq!((config(&project, ""), project.everything()), before);
}

#[test]
fn a_literal_moves_without_a_word_in_the_project() {
    let text = one("\"@0:80\"");
    let mine = "services: {web: {environment: {A: b}}}";
    let files =
        [("compose.yaml", text.as_str()), ("compose.override.yaml", mine), (".env", "COMPOSE_PATH_SEPARATOR=,\n")];
    let Some(mut project) = project(&files) else { return };
    let (mut before, everything) = (config(&project, ""), project.everything());
    let ctx = context(&project);
    let found = check_project(&ctx).unwrap();
    let slot = overrides::slot_of(&found, &found.rows[0]).unwrap();
    let request = Request { moves: [(slot, project.port(1))].into(), ..Request::default() };
    let after = overrides::apply_in_environment(&found, &request).unwrap();
    for name in ["COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR"] {
        project.set(name, after.ctx.var(name).unwrap());
    }
    before["services"]["web"]["ports"][0]["published"] = json!(project.port(1).to_string());
    assert_eq!(config(&project, ""), before);
    assert_eq!(project.everything(), everything);
    let unchanged = overrides::apply_in_environment(&found, &Request::default()).unwrap();
    assert_eq!(unchanged.ctx.var("COMPOSE_FILE"), None);
    let named = ctx.with_options(ComposeOptions { files: vec!["compose.yaml".into()], ..ComposeOptions::default() });
    let error = overrides::apply_in_environment(&check_project(&named).unwrap(), &request).unwrap_err();
    assert!(error.message().starts_with("-f on the command line"), "{error}");
}

/// From a folder below, and with an `.env` that was made for one line alone.
#[test]
fn files_that_were_not_there_are_gone_again() {
    let text = one("\"@0:80\"");
    let mine = "services: {web: {environment: {A: b}}}";
    for (files, folder, made) in [
        (&[("compose.yaml", text.as_str()), ("sub/x", "")][..], "sub", vec!["compose.override.yaml"]),
        (&[("compose.yaml", &text), ("compose.override.yaml", mine)], "", vec![".env", "docker-compose.xtask.yml"]),
    ] {
        let Some(project) = project(files) else { return };
        let before = project.everything();
        let mut ctx = context(&project);
        ctx.dir = project.path(folder);
        let found = check_project(&ctx).unwrap();
        let slot = overrides::slot_of(&found, &found.rows[0]).unwrap();
        let to = |port| Request { moves: [(slot.clone(), port)].into(), ..Request::default() };
        apply(&ctx, &to(project.port(1))).unwrap();
        let after = project.everything();
        let new: Vec<_> = after.keys().filter(|path| !before.contains_key(*path)).collect();
        assert_eq!(new, made.iter().map(|name| project.path(name)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
        let moved = overrides::moved_ports(&check_project(&ctx).unwrap()).unwrap();
        assert_eq!((moved[0].own, moved[0].now), (project.port(0), project.port(1)));
        // A slot that is not there is an error, and nothing happens.
        let gone = Slot { nth: 7, ..slot.clone() };
        let request = Request { moves: [(gone, project.port(2))].into(), ..Request::default() };
        let error = apply(&ctx, &request).unwrap_err();
        assert!(error.message().contains("publishes web:80 on a fixed port"), "{error}");
        assert_eq!(project.everything(), after);
        apply(&ctx, &to(project.port(0))).unwrap();
        assert_eq!(project.everything(), before);
    }
}
