//! A worktree whose containers cannot have the fixed names of the files: what asks for
//! such a name reaches the worktree's own container, or the start is refused.

use std::path::PathBuf;

use crate::support::{Output, Project, docker, git, repository, run};

/// A repository and its worktree, with a database of a fixed name.
struct Pair {
    project: Project,
    database: String,
}

impl Pair {
    /// `more` is put behind the services; `DB` in it is the fixed name.
    fn new(more: &str) -> Pair {
        let project = Project::new();
        let (database, port) = (format!("{}-db", project.name), project.port());
        let compose = format!(
            "services:\n  postgres:\n    image: postgres:17-alpine\n    container_name: {database}\n    \
             environment: {{POSTGRES_PASSWORD: pw}}\n    tmpfs: /var/lib/postgresql/data\n    \
             ports: [\"${{DB_PORT:-{port}}}:5432\"]\n    \
             healthcheck: {{test: [\"CMD\", \"pg_isready\", \"-q\", \"-h\", \"127.0.0.1\", \"-U\", \"postgres\"], \
             interval: 1s, start_period: 60s}}\n{}",
            more.replace("DB", &database)
        );
        project.write("docker-compose.yml", compose);
        project.write(".gitignore", ".env\n");
        let pair = Pair { project, database };
        repository(pair.project.dir());
        git(pair.project.dir(), &["worktree", "add", "-q", "--detach", "../other"]);
        pair
    }

    fn other(&self) -> PathBuf {
        self.project.home().join("other")
    }

    #[track_caller]
    fn run(&self, folder: PathBuf, words: &[&str]) -> Output {
        let mut xtask = self.project.command(words);
        xtask.current_dir(folder);
        run(xtask)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let mut stop = self.project.command(["stop", "--volumes", "--yes", "--timeout", "0"]);
        stop.current_dir(self.other());
        run(stop);
    }
}

/// What `psql` says in container `by` about the database that it knows as `host`.
fn ask(by: &str, host: &str, query: &str) -> Output {
    let connection = ["psql", "-h", host, "-U", "postgres", "-Atc", query];
    docker(["exec", "-e", "PGPASSWORD=pw", "-e", "PGCONNECT_TIMEOUT=5", by].iter().chain(&connection))
}

#[test]
fn the_old_name_leads_to_the_worktrees_own_container() {
    let api = "  api:\n    image: postgres:17-alpine\n    command: [sleep, infinity]\n    \
               depends_on: {postgres: {condition: service_healthy}}\n";
    let pair = Pair::new(api);
    pair.run(pair.project.dir(), &["start"]).exits(0);
    let told = pair.run(pair.other(), &["start"]).exits(0);
    told.says("services.postgres.container_name is `").never_says("can lead");
    let name = &pair.project.name;
    for (by, row) in [(format!("{name}-api-1"), "main"), (format!("{name}-other-api-1"), "other")] {
        let query = format!("create table rows (who text); insert into rows values ('{row}')");
        ask(&by, &pair.database, &query).exits(0);
    }
    for (database, row) in [(pair.database.clone(), "main"), (format!("{name}-other-postgres-1"), "other")] {
        assert_eq!(ask(&database, "127.0.0.1", "select who from rows").exits(0).stdout, format!("{row}\n"));
    }
    // Its own is stopped: the name is nobody's, though the main checkout has it.
    docker(["stop", "-t", "1", &format!("{name}-other-postgres-1")]).exits(0);
    assert_ne!(ask(&format!("{name}-other-api-1"), &pair.database, "select 1").code, 0);
    // A second start finds nothing to change.
    pair.run(pair.other(), &["start"]).exits(0).never_says("generated again");
}

#[test]
fn what_would_reach_the_main_checkouts_container_is_refused() {
    let service = "  api:\n    image: postgres:17-alpine\n    command: [sleep, infinity]\n";
    for (more, says, cure) in [
        ("    network_mode: container:DB\n", "services.api.network_mode", "network_mode: service:postgres"),
        ("    external_links: ['DB:db']\n", "services.api.external_links", "use `postgres`"),
        ("    volumes_from: ['container:DB']\n", "services.api.volumes_from", "volumes_from: [postgres]"),
    ] {
        let pair = Pair::new(&format!("{service}{more}"));
        let refused = pair.run(pair.other(), &["start"]).exits(2);
        refused.says(says).says("which belongs to the other checkout").says(cure).says(&pair.database);
        assert!(!pair.other().join("docker-compose.override.yml").exists());
    }
    let shared = "    networks: [default, shared]\nnetworks:\n  shared: {external: true, name: DB-net}\n";
    let pair = Pair::new(&format!("    networks: [default, shared]\n{service}{shared}"));
    let refused = pair.run(pair.other(), &["start"]).exits(2);
    refused.says("would resolve to the other checkout's container").says("remove `container_name`");
}
