//! Other settings that read the variable of a port, in a worktree that gets its own ports
//! unasked.

use crate::support::{LIMIT, Ports, command, docker, run};
use crate::worktrees::Repository;

/// A database on the loopback address only, a page that asks it by the same variable, and a
/// profile that Compose would refuse.
fn compose(port: u16) -> String {
    let own = "    image: engine-web\n    network_mode: bridge\n";
    format!(
        "services:\n  db:\n{own}    ports: [\"127.0.0.1:${{DB_PORT:-{port}}}:8080\"]\n  \
         page:\n{own}    environment: {{DB: \"db:${{DB_PORT:-{port}}}\"}}\n  \
         gpu: {{image: engine-web, profiles: [gpu], env_file: missing.env}}\n"
    )
}

/// What the worktree's database is published on, and what its page is told.
fn found(repository: &Repository, worktree: &str) -> (String, String) {
    let mut config = command("docker");
    config.args(["compose", "config", "--format", "json"]).current_dir(repository.dir(worktree));
    let model = run(config).exits(0).json();
    let name = repository.name(worktree);
    let bound = docker(["port", &format!("{name}-db-1"), "8080/tcp"]).exits(0).stdout.trim().to_owned();
    (bound, model["services"]["page"]["environment"]["DB"].as_str().unwrap().to_owned())
}

#[test]
fn a_worktree_moves_the_published_port_and_what_follows_it() {
    let mut repository = Repository::new(&[]);
    let (default, own) = (Ports::find(), Ports::find());
    let (port, first) = (default.first(), own.first());
    let range = format!("port_range = \"{first}-{}\"\n", first + 9);
    repository.commit(&[("docker-compose.yml", &compose(port)), ("xtask.toml", &range)]);
    repository.add_worktree("alone");
    let start = repository.start("alone", &[]).finish(LIMIT).exits(0);
    start.says(&format!("page.environment.DB db:{port} -> db:{first}")).says("follow = [\"page.environment.DB\"]");
    assert_eq!(found(&repository, "alone"), (format!("127.0.0.1:{first}"), format!("db:{port}")));
    // Kept, without another word of it.
    repository.start("alone", &[]).finish(LIMIT).exits(0).never_says("follow = ");
    assert_eq!(found(&repository, "alone").0, format!("127.0.0.1:{first}"));

    let declared = format!("{range}[ports]\nfollow = [\"page.environment\"]\n");
    repository.commit(&[("xtask.toml", &declared)]);
    repository.add_worktree("along");
    let second = first + 1;
    repository.start("along", &[]).finish(LIMIT).exits(0).says("moved along: page.environment.DB");
    assert_eq!(found(&repository, "along"), (format!("127.0.0.1:{second}"), format!("db:{second}")));

    // In the environment alone: the same, and no file.
    repository.commit(&[("xtask.toml", &range)]);
    repository.add_worktree("unwritten");
    repository.start("unwritten", &["--no-write"]).finish(LIMIT).exits(0).says("page.environment.DB");
    assert!(!repository.dir("unwritten").join(".env").exists());
    let containers = docker(["ps", "--format", "{{.Names}} {{.Ports}}", "--filter", "name=unwritten-db-1"]).stdout;
    assert!(containers.contains(&format!(" 127.0.0.1:{}->8080/tcp", first + 2)), "{containers}");
}
