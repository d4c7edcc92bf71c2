//! Who is on a port, and ending that one: from the socket to its process, the
//! tree that ends with it, and the port afterwards.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::{Output, Project, wait_until};

fn can_be_bound(project: &Project, at: u16) -> bool {
    TcpListener::bind(("127.0.0.1", project.port(at))).is_ok()
}

/// A server on port 0 with a child that listens on port 1.
fn family(project: &mut Project) -> (u32, u32) {
    let addresses = [format!("127.0.0.1:{}", project.port(0)), format!("child:127.0.0.1:{}", project.port(1))];
    let parent = project.hold_as("holder", "", &addresses);
    (parent, pid_on(&project.run("who @1 --format json").exits(0)))
}

fn owner(run: &Output) -> Value {
    run.json()["ports"][0]["owners"][0].clone()
}

fn pid_on(run: &Output) -> u32 {
    owner(run)["pid"].as_u64().unwrap_or_else(|| panic!("{run}")).try_into().unwrap()
}

#[test]
fn a_listener_leads_to_its_process() {
    for ip in ["127.0.0.1", "0.0.0.0", "[::1]"] {
        let mut project = Project::empty();
        let pid = project.hold(ip, &[0]);
        let run = project.run("who @0 --format json").exits(0);
        let found = owner(&run);
        let shown =
            [&run.json()["ports"][0]["verdict"], &found["kind"], &found["pid"], &found["name"]].map(Clone::clone);
        assert_eq!(shown, [json!("taken"), json!("process"), json!(pid), json!("holder.exe")], "{run}");
        assert_eq!(found["sockets"], json!([{ "address": format!("{ip}:{}", project.port(0)), "state": "listen" }]));
        assert!(found["started"].is_string() && found["parents"][0]["pid"] == json!(std::process::id()), "{run}");
        let said = project.run("who @0").exits(0);
        assert!(said.raw.contains(&format!("holder.exe (pid {pid}, since ")), "{said}");
    }
}

#[test]
fn a_port_that_nobody_has_is_free() {
    let project = Project::empty();
    let run = project.run("who @0 --format json").exits(0);
    assert_eq!((&run.json()["ports"][0]["verdict"], &run.json()["ports"][0]["owners"]), (&json!("free"), &json!([])));
    project.run("kill @0 --yes").exits(0);
}

#[test]
fn kill_with_force_ends_the_tree_that_it_lists_and_the_port_is_free() {
    let mut project = Project::empty();
    let (parent, child) = family(&mut project);
    let run = project.run("kill @0 --force --yes").exits(0);
    assert!(run.raw.contains(&format!("stop: taskkill /F /PID {parent}   # holder.exe (pid {parent},")), "{run}");
    assert!(run.raw.contains(&format!("  together with: holder.exe (pid {child},")), "{run}");
    assert!(run.raw.contains(&format!("{}/tcp: free now", project.port(0))), "{run}");
    assert!(!project.runs(parent));
    assert!(can_be_bound(&project, 0));
    // The child is no child of ours: its port tells that it has ended.
    wait_until(|| "the child lives", || can_be_bound(&project, 1));
}

#[test]
fn in_json_the_tree_is_told_beside_it() {
    let mut project = Project::empty();
    let (parent, child) = family(&mut project);
    let run = project.run("kill @0 --force --yes --format json").exits(0);
    let action = run.json()["actions"][0].clone();
    assert_eq!((&action["owner"]["pid"], &action["result"]), (&json!(parent), &json!("done")), "{run}");
    assert!(run.stderr.contains("together with: holder.exe (pid "), "{run}");
    assert_ne!(parent, child);
}

#[test]
fn a_child_is_ended_without_its_parent() {
    let mut project = Project::empty();
    let (parent, child) = family(&mut project);
    let run = project.run("kill @1 --force --yes").exits(0);
    assert!(run.raw.contains(&format!("/PID {child} ")) && !run.raw.contains("together with"), "{run}");
    assert!(project.runs(parent) && can_be_bound(&project, 1) && !can_be_bound(&project, 0));
}

#[test]
fn nothing_is_signalled_without_leave() {
    let mut project = Project::empty();
    let (parent, child) = family(&mut project);
    let dry = project.run("kill @0 --force --yes --dry-run").exits(0);
    assert!(
        dry.raw.contains(&format!("together with: holder.exe (pid {child},")) && !dry.raw.contains("free now"),
        "{dry}"
    );
    let unasked = project.run("kill @0 --force").exits(1);
    assert!(unasked.stderr.contains("add --yes"), "{unasked}");
    // There is no signal that a program could answer by ending cleanly.
    let gentle = project.run("kill @0 --yes").exits(1);
    assert!(gentle.stderr.contains("Windows cannot ask process") && gentle.stderr.contains("--force"), "{gentle}");
    assert!(project.runs(parent) && !can_be_bound(&project, 0) && !can_be_bound(&project, 1));
}

#[test]
fn who_publishes_for_an_engine_is_left_alone_with_all_above_it() {
    let mut project = Project::empty();
    let engine = project.hold_as("com.docker.backend", "", &[format!("0.0.0.0:{}", project.port(0))]);
    let run = project.run("kill @0 --force --yes").exits(1);
    assert!(run.raw.contains("publishes ports for a container engine") && !run.raw.contains("stop: "), "{run}");
    assert!(project.runs(engine));
    project.tool("com.docker.backend");
    let (own, of_child) = (project.port(1), project.port(2));
    let addresses = [format!("127.0.0.1:{own}"), format!("child:com.docker.backend=127.0.0.1:{of_child}")];
    let parent = project.hold_as("holder", "", &addresses);
    let run = project.run("kill @1 --force --yes").exits(1);
    assert!(run.raw.contains("a container engine runs under it") && !run.raw.contains("stop: "), "{run}");
    assert!(project.runs(parent) && !can_be_bound(&project, 2));
}

#[test]
fn this_command_does_not_end_what_it_runs_under() {
    let project = Project::empty();
    let _listener = TcpListener::bind(("127.0.0.1", project.port(0))).unwrap();
    let run = project.run("kill @0 --force --yes").exits(1);
    assert!(run.raw.contains("this command runs under it"), "{run}");
}
