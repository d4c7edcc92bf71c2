//! An engine in a Swarm, imitated: whose ports these are, and what is done about them. Also
//! what other tools put on an engine: podman-compose, Compose 5, Engine 29.

use serde_json::{Value, json};

use crate::fake_docker::{comes_up, own, project, row};
use crate::support::engine::{Engine, container};
use crate::support::{Project, Rule, end, snapshot};

/// `GET /info` of a node whose managers listen on `port`.
fn info(is_manager: bool, port: u16) -> Value {
    let own = if is_manager { "node" } else { "other" };
    json!({ "ServerVersion": "28.5.2", "Swarm": {
        "NodeID": "node", "LocalNodeState": "active", "ControlAvailable": is_manager,
        "RemoteManagers": [{ "NodeID": own, "Addr": format!("192.0.2.1:{port}") }],
    } })
}

fn port(published: u16, target: u16, mode: &str) -> Value {
    json!({ "Protocol": "tcp", "TargetPort": target, "PublishedPort": published, "PublishMode": mode })
}

fn service(name: &str, ports: &[Value]) -> Value {
    json!({
        "ID": format!("{name}-id"),
        "Spec": { "Name": name, "Mode": { "Replicated": {} }, "Labels": { "com.docker.stack.namespace": "shop" } },
        "Endpoint": { "Ports": ports },
        "ServiceStatus": { "RunningTasks": 1, "DesiredTasks": 1 },
    })
}

/// The project's port, held by a `dockerd` for a service of a stack.
fn ingress(rules: Vec<Rule>) -> (Project, Engine, u32) {
    let (mut project, engine) = project(rules);
    let address = format!("0.0.0.0:{}", project.port(0));
    let dockerd = project.hold_as("dockerd", "", &[address]);
    engine.state().info = Some(info(true, 1));
    engine.state().services = Some(json!([service("shop_web", &[port(project.port(0), 8080, "ingress")])]));
    (project, engine, dockerd)
}

fn task(name: &str, stack: &str, port: u16) -> Value {
    let mut task = container(("x", "x", "/x"), ("running", "Up"), &[("0.0.0.0", port, 8080)]);
    (task["Id"], task["Names"]) = (json!("task"), json!([format!("/{name}.1.abc")]));
    task["Labels"] = json!({
        "com.docker.swarm.service.id": format!("{name}-id"), "com.docker.swarm.service.name": name,
        "com.docker.stack.namespace": stack,
    });
    task
}

fn updates(project: &Project) -> Vec<String> {
    let changes = |line: &&str| !line.contains("compose");
    project.calls().lines().filter(changes).map(str::to_owned).collect()
}

#[test]
fn only_a_port_that_nothing_explains_costs_a_question_about_swarm() {
    let asked = |engine: &Engine| engine.state().asked.clone();
    let (mut project, engine) = project(vec![]);
    project.run("check-ports").exits(0);
    let free = asked(&engine);
    assert!(free.iter().all(|path| path == "/containers/json"), "{free:?}");
    // Its owner is known.
    project.hold("0.0.0.0", &[0]);
    engine.state().asked.clear();
    project.run("check-ports").exits(1);
    assert!(asked(&engine).iter().all(|path| path == "/containers/json"), "{:?}", asked(&engine));
    // Held by an engine that is in no Swarm.
    let (project, engine, _) = ingress(vec![]);
    engine.state().info = None;
    let run = project.run("check-ports").exits(1);
    assert!(!run.stdout.contains("Swarm"), "{run}");
    let paths = asked(&engine);
    assert_eq!(paths.iter().filter(|path| *path == "/info").count(), 1, "{paths:?}");
    assert!(!paths.iter().any(|path| path == "/services"), "{paths:?}");
}

#[test]
fn an_ingress_port_is_named_by_its_service() {
    let (project, _engine, _) = ingress(vec![]);
    snapshot!("swarm-check-ports", project.run("check-ports").exits(1));
    let owners = row(&project.run("check-ports --format json"))["owners"].clone();
    assert_eq!(
        owners,
        json!([{ "kind": "swarm-service", "id": "shop_web-id", "name": "shop_web", "stack": "shop",
            "published": project.port(0), "target": 8080, "mode": "ingress" }])
    );
    snapshot!("swarm-who", project.run("who @0").exits(0));
    let run = project.run("start").exits(1);
    assert!(run.stdout.contains("by Swarm service shop_web (stack shop)"), "{run}");
    let run = project.run("diagnose --only ports").exits(1);
    assert!(run.stdout.contains("docker service update --detach --publish-rm"), "{run}");
}

/// Not even with --yes is a process signalled: success is that Swarm closed the port.
#[test]
fn kill_takes_the_port_from_the_service_and_ends_no_process() {
    let (project, engine, dockerd) = ingress(vec![Rule::when("docker service update").tells("updated")]);
    let other = port(project.port(1), 8080, "ingress");
    engine.state().services.as_mut().unwrap()[0]["Endpoint"]["Ports"].as_array_mut().unwrap().push(other);
    engine.on("updated", move |state| {
        state.services.as_mut().unwrap()[0]["Endpoint"]["Ports"] = json!([]);
        end(dockerd);
    });
    // Nobody can be asked.
    project.run("kill @0").exits(1);
    assert_eq!(updates(&project), [] as [&str; 0]);
    snapshot!("swarm-kill", project.run("kill @0 --yes").exits(0));
    let update = "docker service update --detach --publish-rm published=18000,target=8080,protocol=tcp,mode=ingress";
    assert_eq!(updates(&project), [format!("{update} shop_web-id")]);
}

#[test]
fn a_service_that_cannot_be_changed_keeps_the_port_and_nobody_is_signalled() {
    let refused = Rule::when("docker service update").stderr("Error response from daemon: no\n").exit(1);
    let (mut project, _engine, dockerd) = ingress(vec![refused]);
    let run = project.run("kill @0 --yes --force").exits(1);
    assert!(run.stderr.contains("error: still held: 18000/tcp\nhint: `docker service update"), "{run}");
    assert!(!run.raw.contains("free now"), "{run}");
    assert!(project.runs(dockerd));
}

#[test]
fn a_task_is_its_service_and_is_never_stopped_as_a_container() {
    let (project, engine) = project(vec![Rule::when("docker service update").tells("updated")]);
    let publishes = port(project.port(0), 8080, "host");
    engine.has(task("shop_web", "shop", project.port(0)));
    engine.state().info = Some(info(true, 1));
    engine.state().services = Some(json!([service("shop_web", &[publishes])]));
    engine.on("updated", |state| {
        state.services = Some(json!([service("shop_web", &[])]));
        state.containers.clear();
    });
    project.run("check-ports --stop-holders --yes").exits(0);
    let calls = updates(&project);
    assert!(calls.len() == 1 && calls[0].contains("mode=host") && calls[0].ends_with(" shop_web-id"), "{calls:?}");
}

#[test]
fn a_worker_says_where_to_ask() {
    let (mut project, engine, dockerd) = ingress(vec![]);
    (engine.state().info, engine.state().services) = (Some(info(false, 2377)), None);
    engine.has(task("shop_admin", "shop", project.port(1)));
    let kill = |at: u16| project.run(&format!("kill @{at} --yes")).exits(1);
    let run = kill(0);
    assert!(run.stderr.contains("a service of the Swarm of which this node is a worker"), "{run}");
    let run = kill(1);
    assert!(run.stderr.contains("only a manager of the Swarm (192.0.2.1:2377) can change the service"), "{run}");
    assert_eq!(updates(&project), [] as [&str; 0]);
    assert!(project.runs(dockerd));
    let run = project.run("ls").exits(0);
    assert!(run.stdout.contains("shop  Swarm stack") && run.stdout.contains("worker of 192.0.2.1:2377"), "{run}");
}

/// Its number can be chosen, and the engine says it.
#[test]
fn the_engine_s_own_port_is_left_alone() {
    let (mut project, engine, dockerd) = ingress(vec![]);
    (engine.state().info, engine.state().services) = (Some(info(true, project.port(0))), Some(json!([])));
    let run = project.run("kill @0 --yes --force").exits(1);
    assert!(run.stdout.contains("by Swarm's cluster management of this engine"), "{run}");
    assert!(run.stderr.contains("error: this tool refuses to stop any of the holders"), "{run}");
    assert!(project.runs(dockerd));
    let report = project.run("who @0 --format json").json();
    assert_eq!(report["ports"][0]["owners"][0]["kind"], "engine");
}

#[test]
fn ls_lists_stacks_with_their_ports() {
    let (project, engine) = project(vec![]);
    engine.has(task("shop_web", "shop", project.port(0)));
    engine.state().info = Some(info(true, 1));
    let ports = [port(project.port(0), 8080, "host"), port(project.port(1), 9000, "ingress")];
    engine.state().services = Some(json!([service("shop_web", &ports)]));
    snapshot!("swarm-ls", project.run("ls").exits(0));
    let stacks = project.run("ls --format json").json()["stacks"].clone();
    assert_eq!((&stacks[0]["stack"], &stacks[0]["services"][0]["running"]), (&json!("shop"), &json!(1)));
}

#[test]
fn prune_network_names_the_service_and_keeps_its_network() {
    let (project, engine) = project(vec![]);
    let mut task = task("shop_web", "shop", project.port(0));
    task["NetworkSettings"] = json!({ "Networks": { "shop_default": { "NetworkID": "n1" } } });
    engine.has(task);
    let network = |id: &str, name: &str| {
        json!({ "Id": id, "Name": name, "Scope": "swarm", "Driver": "overlay",
            "Labels": { "com.docker.stack.namespace": "shop" } })
    };
    engine.state().networks = vec![network("n1", "shop_default"), network("n2", "shop_back")];
    let run = project.run("prune-network --all --yes").exits(0);
    assert!(run.stdout.contains("in use by shop_web.1.abc of Swarm service shop_web"), "{run}");
    assert!(run.stdout.contains("of Swarm stack shop (`docker stack rm` removes it)"), "{run}");
    assert_eq!(engine.state().changes, [] as [&str; 0]);
}

#[test]
fn a_project_that_is_deployed_as_a_stack_is_not_started_beside_it() {
    let (project, engine) = project(vec![Rule::when("up").tells("up")]);
    engine.has(task("demo_web", "demo", project.port(1)));
    snapshot!("swarm-start-stack", project.run("start").exits(2));
    assert!(!project.calls().contains(" up "), "{}", project.calls());
    project.run("check-ports").exits(0);
}

/// A stack that the project's own file was deployed as: other ports would be no remedy, because
/// `start` refuses, and Compose has nothing that it could stop.
#[test]
fn the_project_s_own_stack_is_no_stranger() {
    let (project, engine) = project(vec![Rule::when("docker compose restart")]);
    engine.has(task("demo_web", "demo", project.port(0)));
    snapshot!("swarm-check-ports-stack", project.run("check-ports").exits(1));
    assert!(row(&project.run("check-ports --format json"))["suggestion"].is_null());
    for words in ["check-ports --reassign", "start --on-conflict reassign", "start --on-conflict stop"] {
        let run = project.run(words).exits(2);
        assert!(run.stderr.contains("hint: remove the stack first: `docker stack rm demo`"), "{words}: {run}");
    }
    assert!(!project.root().join("demo/.env").exists());
    let run = project.run("diagnose --only ports").exits(1);
    assert!(run.stdout.contains("docker stack rm demo") && !run.stdout.contains("reassign"), "{run}");
    for (words, cure) in [
        ("stop", "`docker stack rm demo`"),
        ("restart", "`docker service update --force demo_web`"),
        ("logs", "`docker service logs demo_web`"),
    ] {
        let run = project.run(words).exits(2);
        assert!(run.stderr.contains("error: `demo` runs as a Swarm stack"), "{words}: {run}");
        assert!(run.stderr.contains(cure), "{words}: {run}");
    }
    // Containers of Compose beside the stack: these are what `stop` is for.
    let mut own = own(&project, ("exited", "Exited (0) 1 minute ago"), project.port(1));
    own["Id"] = json!("own-id");
    engine.has(own);
    project.run("restart").exits(0);
}

/// dockerd may not listen on it: not yet, or for ever in a kernel without IPVS.
#[test]
fn an_ingress_port_that_nothing_holds_is_the_service_s_too() {
    let (project, engine) = project(vec![Rule::when("docker service update").tells("updated")]);
    engine.state().info = Some(info(true, 1));
    engine.state().services = Some(json!([service("shop_web", &[port(project.port(0), 8080, "ingress")])]));
    engine.on("updated", |state| state.services = Some(json!([service("shop_web", &[])])));
    let run = project.run("who @0").exits(0);
    assert!(run.stdout.contains("by Swarm service shop_web (stack shop)"), "{run}");
    assert!(run.stdout.contains("in the Swarm's routing mesh"), "{run}");
    let run = project.run("diagnose --only ports").exits(1);
    assert!(run.stdout.contains("Swarm service shop_web"), "{run}");
    // Nothing says for free that there is a Swarm.
    engine.state().asked.clear();
    project.run("check-ports").exits(0);
    assert!(!engine.state().asked.iter().any(|path| path == "/info"), "{:?}", engine.state().asked);
    engine.has(task("shop_web", "shop", project.port(1)));
    for words in ["check-ports", "start"] {
        let run = project.run(words).exits(1);
        assert!(run.stdout.contains("by Swarm service shop_web (stack shop)"), "{words}: {run}");
    }
    engine.state().containers.clear();
    project.run("kill @0 --yes").exits(0);
    assert_eq!(updates(&project).len(), 1, "{:?}", updates(&project));
}

/// Only Linux has all of 127.0.0.0/8. Another DOCKER_HOST was asked than the one in the Swarm.
#[cfg(target_os = "linux")]
#[test]
fn the_ports_of_another_engine_s_swarm_are_no_container_s() {
    let (mut project, engine) = project(vec![]);
    engine.state().info = None;
    // The port cannot be chosen. An address of this run's own, beside whatever holds 2377 here, which
    // must not be stopped either.
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let dockerd = project.hold_as("dockerd", "", &[format!("127.{}.{b}.{}:2377", a | 128, c.clamp(1, 254))]);
    let run = project.run("kill 2377 --dry-run").exits(1);
    assert!(run.stdout.contains("by Swarm's cluster management of another engine"), "{run}");
    assert!(run.stdout.contains("is left alone: the engine needs it"), "{run}");
    assert!(!run.raw.contains("stop that container"), "{run}");
    assert!(project.runs(dockerd));
}

/// Labels of podman-compose 1.6.0.
fn of_podman_compose(project: &Project) -> Value {
    let mut web = own(project, ("running", "Up 3 minutes"), project.port(0));
    (web["Id"], web["Names"]) = (json!("pc-id"), json!(["/demo_web_1"]));
    let labels = web["Labels"].as_object_mut().unwrap();
    labels.remove("com.docker.compose.oneoff");
    labels.insert("io.podman.compose.project".to_owned(), json!("demo"));
    labels.insert("io.podman.compose.service".to_owned(), json!("web"));
    web
}

#[test]
fn docker_compose_is_not_mixed_with_podman_compose() {
    let (project, engine) = project(vec![Rule::when("docker stop").tells("stopped")]);
    engine.has(of_podman_compose(&project));
    snapshot!("podman-compose-start", project.run("start").exits(2));
    for words in ["stop", "restart", "prune-network --recreate"] {
        let run = project.run(words).exits(2);
        assert!(run.stderr.contains("podman-compose down"), "{words}: {run}");
    }
    assert!(!project.calls().contains(" up ") && !project.calls().contains(" down"), "{}", project.calls());
    // It is this project's, but nothing that Compose replaces.
    let run = project.run("check-ports").exits(1);
    assert!(run.stdout.contains("by container demo_web_1 (service web of project demo)"), "{run}");
    assert!(run.stdout.contains("this project, under podman-compose: `cd ") && !run.raw.contains("reassign"), "{run}");
    let run = project.run("check-ports --reassign").exits(2);
    assert!(run.stderr.contains("podman-compose down"), "{run}");
    let run = project.run("ls").exits(0);
    assert!(run.stdout.contains("demo") && run.stdout.contains("running 1/1"), "{run}");
    engine.on("stopped", |state| state.containers.clear());
    project.run("check-ports --stop-holders --yes").exits(0);
    assert!(project.calls().contains("docker stop pc-id\n"), "{}", project.calls());
}

/// Compose 5 (docker/compose#13862) keeps the container of a `pre_start` hook that failed, with the labels of
/// its service. Engine 29 (API 1.52) gives health a field of its own, and leaves out what
/// `NetworkSettings` had beside `Networks`.
#[test]
fn a_hook_is_no_failed_service_and_health_has_a_field() {
    let (project, engine) = project(vec![Rule::when("docker compose up -d").tells("up")]);
    let mut hook = own(&project, ("exited", "Exited (1) 1 second ago"), project.port(1));
    (hook["Id"], hook["Names"]) = (json!("hook-id"), json!(["/demo-web-pre_start-0"]));
    let labels = hook["Labels"].as_object_mut().unwrap();
    labels.remove("com.docker.compose.oneoff");
    labels.insert("com.docker.compose.hook".to_owned(), json!("pre_start"));
    labels.insert("com.docker.compose.hook.index".to_owned(), json!("0"));
    engine.has(hook);
    let _proxies = comes_up(&project, &engine, "up", project.port(0), "");
    let run = project.run("start --format json").exits(0);
    assert_eq!(run.json()["services"][0]["state"], "running", "{run}");
    for container in &mut engine.state().containers {
        if container["Id"] != "hook-id" {
            container["Health"] = json!({ "Status": "healthy", "FailingStreak": 0 });
            container["NetworkSettings"] = json!({ "Networks": { "demo_default": { "IPAddress": "172.18.0.2" } } });
        }
    }
    engine.on("up", |_| {});
    let run = project.run("start --format json").exits(0);
    assert_eq!(run.json()["services"][0]["state"], "healthy", "{run}");
    // `-y` answers all questions of Compose, such as whether to recreate a volume with other data.
    let ups: Vec<String> = project.calls().lines().filter(|line| line.contains(" up ")).map(str::to_owned).collect();
    assert!(
        ups.len() == 2 && ups.iter().all(|up| !up.split(' ').any(|word| word == "-y" || word == "--yes")),
        "{ups:?}"
    );
}
