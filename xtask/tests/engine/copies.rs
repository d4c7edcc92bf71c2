//! Two copies of a project without git, in folders of one name.

use crate::support::{Project, docker, run};

fn volumes(project: &str) -> String {
    docker(["volume", "ls", "-q", "--filter", &format!("label=com.docker.compose.project={project}")]).stdout
}

#[test]
fn the_second_copy_has_data_of_its_own_and_takes_the_first_one_s_never() {
    let first = Project::new();
    let port = first.port();
    let second = Project::named(&first.name);
    let compose = format!(
        "services:\n  web:\n    image: engine-web\n    ports: [\"${{WEB_PORT:-{port}}}:8080\"]\n    volumes: [data:/data]\nvolumes:\n  data:\n"
    );
    for project in [&first, &second] {
        project.write("docker-compose.yml", &compose);
    }
    let xtask = |project: &Project, words: &[&str]| {
        let mut command = project.command(words);
        command.env("XTASK_STATE_DIR", first.home().join("state"));
        run(command)
    };
    xtask(&first, &["start"]).exits(0);
    xtask(&first, &["stop"]).exits(0);
    let data = volumes(&first.name);
    assert!(data.contains("_data"), "{data}");
    // Never started, it has nothing to take.
    xtask(&second, &["stop", "--volumes", "--yes"]).exits(2).says("is the project of");
    let said = xtask(&second, &["start"]).exits(0).stderr;
    let own = said.split_once("gets its own project name: ").unwrap().1.lines().next().unwrap().to_owned();
    let suffix = own.strip_prefix(&format!("{}-", second.name)).unwrap().to_owned();
    assert_eq!(second.also(&suffix), own);
    assert!(volumes(&own).contains("_data"));
    xtask(&second, &["stop", "--volumes", "--yes"]).exits(0);
    assert_eq!((volumes(&own), volumes(&first.name)), (String::new(), data));
    xtask(&first, &["stop", "--volumes", "--yes"]).exits(0);
    assert_eq!(volumes(&first.name), "");
}
