//! Two checkouts whose folders change places, or take each other's path, keep their data and ports.

use std::fs;

use crate::same_data::{Folders, marked, published};
use crate::support::{command, docker, git, run};

fn two_clones(folders: &Folders, paths: [&str; 2]) {
    for path in paths {
        fs::create_dir_all(folders.path(path).parent().unwrap()).unwrap();
        git(folders.project.home(), &["clone", "-q", folders.name(), path]);
    }
}

fn lose_env(folders: &Folders, path: &str) {
    drop(fs::remove_file(folders.path(path).join(".env")));
}

fn volumes(name: &str) -> String {
    docker(["volume", "ls", "-q", "--filter", &format!("name={name}_data")]).stdout.trim().to_owned()
}

/// The path of the one that was used last is taken by the other, which has no `.env`.
#[test]
fn a_path_that_another_checkout_takes_does_not_give_it_the_data() {
    let folders = Folders::new(true);
    let [shop, second] = ["shop", "shop2"].map(|name| folders.project.also(name));
    let paths = [format!("A/{shop}"), format!("A/{second}")];
    two_clones(&folders, [&paths[0], &paths[1]]);
    let of_second = folders.starts_new(&paths[1], &second, "data of second");
    // Both run, so that each has a port of its own.
    folders.run(&paths[0], &["start", "--on-conflict", "reassign"]).exits(0);
    folders.mark(&shop, "data of first");
    let of_first = (shop.as_str(), published(&shop), "data of first");
    folders.run(&paths[1], &["stop"]).exits(0);
    folders.run(&paths[0], &["stop"]).exits(0);
    fs::create_dir(folders.path("B")).unwrap();
    folders.rename(&paths[0], "B/old");
    folders.rename(&paths[1], &paths[0]);
    lose_env(&folders, &paths[0]);
    lose_env(&folders, "B/old");
    folders.run(&paths[0], &["stop", "--dry-run"]).exits(0);
    folders.comes_back(&paths[0], of_second);
    folders.comes_back("B/old", of_first);
    folders.run(&paths[0], &["stop", "--volumes", "--yes"]).exits(0);
    assert_eq!((volumes(&second), volumes(&shop)), (String::new(), format!("{shop}_data")));
    // With the other one's name in its `.env` the data is not its own either.
    folders.run("B/old", &["stop"]).exits(0);
    fs::write(folders.path(&paths[0]).join(".env"), format!("COMPOSE_PROJECT_NAME={shop}\n")).unwrap();
    folders.run(&paths[0], &["stop", "--volumes", "--yes"]).exits(2);
    assert_eq!(volumes(&shop), format!("{shop}_data"));
}

/// Both names come from files or folders; the `.env` of one or both is lost, or was never written.
#[test]
fn two_checkouts_that_change_places_keep_their_data_and_ports() {
    for [first, last, how] in [["app", "app", ""], ["app", "app", "--no-write"], ["alpha", "beta", ""]] {
        let folders = Folders::new(true);
        let [first, last] = [first, last].map(|name| folders.project.also(name));
        let paths = [format!("A/{first}"), format!("B/{last}")];
        two_clones(&folders, [&paths[0], &paths[1]]);
        let start = |path: &str| {
            let words = ["start", "--on-conflict", "reassign", how];
            folders.run(path, &words[..if how.is_empty() { 3 } else { 4 }]).exits(0)
        };
        start(&paths[0]);
        start(&paths[1]);
        let [(a, of_a), (b, of_b)] = [0, 1].map(|at: usize| {
            let name = folders.name_of(&paths[at]);
            folders.project.also(name.strip_prefix(&format!("{}-", folders.name())).unwrap());
            folders.mark(&name, &format!("data of {at}"));
            let port = published(&name);
            folders.run(&paths[at], &["stop"]).exits(0);
            (name, port)
        });
        assert!(a != b && of_a != of_b, "{a} {b}");
        folders.rename(&paths[0], "aside");
        folders.rename(&paths[1], &paths[0]);
        folders.rename("aside", &paths[1]);
        lose_env(&folders, &paths[0]);
        lose_env(&folders, &paths[1]);
        // Each is asked for its own volumes.
        folders.run(&paths[0], &["stop", "--volumes"]).says(&format!("{b}_data"));
        folders.comes_back(&paths[0], (&b, of_b, "data of 1"));
        folders.comes_back(&paths[1], (&a, of_a, "data of 0"));
        folders.run(&paths[0], &["stop", "--volumes", "--yes"]).exits(0);
        assert_eq!((volumes(&b), volumes(&a)), (String::new(), format!("{a}_data")));
        // The path of one that is deleted.
        folders.run(&paths[1], &["stop"]).exits(0);
        folders.run(&paths[0], &["start"]).exits(0);
        folders.run(&paths[0], &["stop"]).exits(0);
        fs::remove_dir_all(folders.path(&paths[0])).unwrap();
        folders.rename(&paths[1], &paths[0]);
        lose_env(&folders, &paths[0]);
        folders.comes_back(&paths[0], (&a, of_a, "data of 0"));
    }
}

/// A copy without git, where only Compose was used: nothing says whose the volumes are.
#[test]
fn data_of_a_name_that_nobody_recorded_is_asked_about() {
    let folders = Folders::new(false);
    let name = folders.project.also("zip");
    let [first, second] = ["one", "two"].map(|parent| format!("{parent}/{name}"));
    for path in [&first, &second] {
        folders.write_files(&folders.path(path));
    }
    let compose = |words: &[&str]| {
        let mut compose = command("docker");
        compose.arg("compose").args(words).current_dir(folders.path(&first));
        run(compose).exits(0)
    };
    compose(&["up", "-d"]);
    folders.mark(&name, "data of one");
    compose(&["down"]);
    let data = format!("{name}_data");
    folders.run(&second, &["start"]).exits(1).says(&data).says(&format!("`cargo xtask start -p {name}`"));
    folders.run(&second, &["stop", "--volumes", "--yes"]).exits(2).says(&data).says("nothing was removed");
    assert_eq!(volumes(&name), data);
    // Who says so once is not asked again.
    folders.run(&first, &["start", "-p", &name]).exits(0).never_says("belongs to");
    folders.run(&first, &["stop"]).exits(0);
    folders.run(&first, &["start"]).exits(0);
    assert_eq!(marked(&name).as_deref(), Some("data of one"));
    folders.run(&first, &["stop"]).exits(0);
    // The other one is a copy from now on. `-p` decides, and the note says whose the name is.
    let dry = folders.run(&second, &["start", "--dry-run", "-p", &name]);
    dry.says(&format!("project {name} belongs to"));
}
