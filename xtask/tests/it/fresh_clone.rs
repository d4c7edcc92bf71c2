//! A fresh clone: services read a `.env` that only its template is there of.

use crate::bad_input::web;
use crate::fake_docker::{comes_up, config};
use crate::support::engine::Engine;
use crate::support::{Project, Rule};

/// Every way to say it.
const FORMS: [&str; 5] = [
    "env_file: .env",
    "env_file: ./.env",
    "env_file: [.env]",
    "env_file: [{path: .env}]",
    "env_file: [{path: ./.env, required: true}]",
];

const TEMPLATES: [&str; 6] =
    [".env.template", ".env.example", ".env.sample", ".env.dist", "env.example", "example.env"];

/// A project with this line in its service, and this template.
fn clone(env_file: &str, template: &str) -> Project {
    let project = Project::new(&format!("{}    {env_file}\n", web("${WEB_PORT:-@5}")));
    project.file(template, "# the page\nWEB_PORT=@0\nSECRET=change-me\n");
    project
}

/// Commands that only look judge by the template, and write nothing.
#[test]
fn the_template_is_judged_and_nothing_is_written() {
    for (form, template) in
        FORMS.iter().map(|form| (*form, ".env.example")).chain(TEMPLATES.map(|name| (FORMS[0], name)))
    {
        let mut project = clone(form, template);
        // Compose would refuse; it is not asked before the file is there.
        if !project.real_docker() {
            project.fake_docker(&[Rule::when("config").stderr("env file .env not found: stat .env\n").exit(1)]);
        }
        let before = project.everything();
        let run = project.run("check-ports").exits(0);
        assert!(
            run.stdout.contains("18000") && run.stdout.contains(&format!("WEB_PORT ({template}:2")),
            "{form}: {run}"
        );
        let words = "note: .env does not exist, but service `web` reads it (compose.yaml:6): the built-in reader was used instead";
        assert!(run.stderr.contains(words), "{form}: {run}");
        assert!(run.stderr.contains("hint: `cargo xtask env init` makes it from its template"), "{run}");
        let run = project.run("diagnose --only project --only ports").exits(0);
        assert!(run.stdout.contains(&format!(".env: missing, but there is {template}")), "{form}: {run}");
        project.run("proxy labels").exits(0);
        project.run("proxy labels --lint").exits(0);
        assert_eq!(project.everything(), before);
    }
}

/// `start` makes it first, and asks Compose then.
#[test]
fn start_makes_it() {
    for template in [".env.template", "env.example"] {
        let mut project = clone("env_file: .env", template);
        let engine = Engine::start(&mut project);
        project.fake_docker(&[config(), Rule::when("up -d").tells("up")]);
        let _proxies = comes_up(&project, &engine, "up", project.port(0), "Up 1 second (healthy)");
        let run = project.run("start --dry-run").exits(0);
        assert!(run.stderr.contains(&format!(".env would be created from {template}")), "{run}");
        assert!(!project.path(".env").exists() && project.calls().is_empty());
        let run = project.run("start --no-write").exits(2);
        assert!(run.stderr.starts_with("error: .env does not exist, but service `web` reads it (compose.yaml:6): --no-write cannot create it\nhint: "), "{run}");
        for command in ["stop", "restart", "logs"] {
            let run = project.run(command).exits(2);
            assert!(run.stderr.contains("hint: `cargo xtask env init` makes it"), "{run}");
        }
        let run = project.run("start").exits(0);
        assert!(run.stderr.contains(&format!(".env created from {template}")), "{run}");
        assert_eq!(project.read(".env"), project.fill("# the page\nWEB_PORT=@0\nSECRET=change-me\n"));
    }
}

/// A port that is taken: the template becomes `.env`, and the port in it moves.
#[test]
fn other_ports_go_into_the_new_file() {
    let mut project = clone("env_file: .env", ".env.sample");
    if !project.real_docker() {
        return;
    }
    project.file("xtask.toml", "[ports]\nfollow = [\"web.environment.WEB_PORT\"]\n");
    project.hold("0.0.0.0", &[0]);
    project.run("check-ports --reassign").exits(0);
    assert_eq!(project.read(".env"), project.fill("# the page\nWEB_PORT=@1\nSECRET=change-me\n"));
}

/// Any other file that is missing: the hint names the template beside it.
#[test]
fn the_template_of_another_env_file_is_named() {
    for (file, template, hint) in [
        ("x.env", Some("x.env.example"), "`cp x.env.example x.env`"),
        ("./conf/db.env", Some("conf/db.env.sample"), "`cp conf/db.env.sample conf/db.env`"),
        ("conf/db.env", Some("conf/db.example.env"), "`cp conf/db.example.env conf/db.env`"),
        ("x.env", None, "required: false"),
    ] {
        let mut project = Project::new(&format!("{}    env_file: {file}\n", web("@0")));
        if let Some(template) = template {
            project.file(template, "A=1\n");
        }
        if !project.real_docker() {
            project.fake_docker(&[Rule::when("config").stderr("env file not found\n").exit(1)]);
        }
        let run = project.run("check-ports").exits(2);
        let fact = format!(
            "error: {} does not exist, but service `web` reads it (compose.yaml:6)\nhint: ",
            file.trim_start_matches("./")
        );
        assert!(run.stderr.starts_with(&fact) && run.stderr.contains(hint), "{run}");
    }
    let project = Project::new(&web("@0"));
    project.file("dev.env.example", "A=1\n");
    let run = project.run("check-ports --env-file dev.env").exits(2);
    assert!(
        run.stderr.contains("hint: make it from its template: `cp [root]/demo/dev.env.example [root]/demo/dev.env`"),
        "{run}"
    );
}
