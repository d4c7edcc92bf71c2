//! Where there is a cache, and where there is none.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::time::{Duration, SystemTime};

use crate::support::{Run, Sandbox, is_root};

#[test]
fn the_cache_is_its_user_s_alone() {
    let sandbox = Sandbox::new();
    sandbox.checkout("first", "1").run(&[]).says("1");
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let entry = sandbox.entry();
    assert_eq!((mode(&sandbox.cache()), mode(&entry)), (0o700, 0o700));
    assert_eq!((mode(&entry.join("xtask")), mode(&entry.join("about"))), (0o700, 0o600));
    let left: Vec<_> = fs::read_dir(sandbox.cache())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name.as_encoded_bytes().starts_with(b"."))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn without_a_cache_it_runs_from_the_target_folder() {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.join("file");
    fs::write(&file, "").unwrap();
    let open = sandbox.folder.join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let link = sandbox.folder.join("link");
    let elsewhere = sandbox.folder.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &link).unwrap();
    for (name, cache) in [("a", None), ("b", Some(&file)), ("c", Some(&open)), ("d", Some(&link))] {
        let checkout = sandbox.checkout(name, "1");
        let run = |words: &[&str]| {
            let mut command = checkout.command(words);
            command.env_remove("HOME").env_remove("XDG_CACHE_HOME").env_remove("XTASK_CACHE_DIR");
            command.envs(cache.map(|cache| ("XTASK_CACHE_DIR", cache)));
            Run::of(command)
        };
        run(&[]).says("1");
        let verbose = run(&["-v"]).says("1");
        assert!(verbose.stderr.contains("no cache: "), "{name}: {verbose:?}");
        // Nothing is asked of cargo the second time.
        fs::remove_dir_all(checkout.target.join("debug/.fingerprint")).unwrap();
        run(&[]).says("1");
        assert!(!checkout.has_built(), "{name}");
        checkout.version("2");
        run(&[]).says("2");
    }
    assert_eq!(fs::read_dir(&open).unwrap().count() + fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn a_cache_that_cannot_be_written_is_read() {
    let sandbox = Sandbox::new();
    sandbox.checkout("first", "1").run(&[]).says("1");
    if is_root() {
        // Root writes everywhere: a lock that cannot be made stands for the rest.
        fs::remove_dir_all(sandbox.cache().join("locks")).unwrap();
        fs::write(sandbox.cache().join("locks"), "").unwrap();
    } else {
        fs::set_permissions(sandbox.cache(), fs::Permissions::from_mode(0o500)).unwrap();
    }
    let second = sandbox.checkout("second", "1");
    second.run(&[]).says("1");
    assert!(!second.has_built());
    second.version("2");
    let run = second.run(&["-v"]).says("2");
    assert!(run.stderr.contains("no cache: "), "{run:?}");
    assert_eq!(sandbox.entries().len(), 1);
    fs::set_permissions(sandbox.cache(), fs::Permissions::from_mode(0o700)).unwrap();
}

/// `sudo` may keep HOME.
#[test]
fn root_does_not_use_another_user_s_home() {
    if !is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    let home = sandbox.folder.join("home");
    fs::create_dir_all(home.join(".cache")).unwrap();
    let run = |name: &str, value: &std::path::Path| {
        let mut command = checkout.command(&["-v"]);
        command.env_remove("XTASK_CACHE_DIR").env_remove("XDG_CACHE_HOME").env("HOME", &home).env(name, value);
        Run::of(command).says("1")
    };
    for path in [&home, &home.join(".cache")] {
        chown(path, Some(12345), Some(12345)).unwrap();
    }
    for (name, value) in
        [("HOME", home.clone()), ("XDG_CACHE_HOME", home.join(".cache")), ("XDG_CACHE_HOME", home.join("new"))]
    {
        let run = run(name, &value);
        assert!(run.stderr.contains("no cache: ") && run.stderr.contains("belongs to somebody else"), "{run:?}");
    }
    assert_eq!(fs::read_dir(home.join(".cache")).unwrap().count(), 0);
    for path in [&home, &home.join(".cache")] {
        chown(path, Some(0), Some(0)).unwrap();
    }
    run("HOME", &home);
    assert_eq!(fs::read_dir(home.join(".cache/cargo-xtask-ports")).unwrap().count(), 2, "the entry and the locks");
}

#[test]
fn a_checkout_that_cannot_be_written_needs_only_a_target_folder() {
    let sandbox = Sandbox::new();
    let mut checkout = sandbox.checkout("first", "1");
    checkout.target = sandbox.folder.join("target");
    let locked = ["", "xtask", "xtask/src"].map(|name| checkout.path(name));
    for folder in &locked {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
    }
    for _ in 0..2 {
        let mut command = checkout.command(&[]);
        command.env("CARGO_TARGET_DIR", &checkout.target);
        Run::of(command).says("1");
    }
    for folder in &locked {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    }
    assert!(!checkout.path("target").exists() && checkout.memo().exists());
    assert_eq!(sandbox.entries().len(), 1);
}

#[test]
fn what_is_old_or_too_much_goes() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    let touch = |path: &std::path::Path, days: u64| {
        let time = SystemTime::now() - Duration::from_hours(24 * days);
        fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    };
    checkout.run(&[]).says("1");
    let first = sandbox.entry();
    // Used again: it counts from then on.
    touch(&first.join("about"), 20);
    sandbox.checkout("second", "1").run(&[]).says("1");
    let used = fs::metadata(first.join("about")).unwrap().modified().unwrap();
    assert!(used.elapsed().unwrap() < Duration::from_hours(1));
    // Somebody builds it at this moment.
    touch(&first.join("about"), 40);
    let lock = sandbox.cache().join("locks").join(first.file_name().unwrap());
    let lock = fs::File::options().write(true).open(lock).unwrap();
    lock.lock().unwrap();
    checkout.version("2");
    checkout.run(&[]).says("2");
    assert_eq!(sandbox.entries().len(), 2);
    drop(lock);
    checkout.version("3");
    checkout.run(&[]).says("3");
    assert!(!first.exists() && sandbox.entries().len() == 2);
    // Of one checkout three stay.
    for version in ["4", "5", "6"] {
        checkout.version(version);
        checkout.run(&[]).says(version);
    }
    assert_eq!(sandbox.entries().len(), 3);
}

#[test]
fn rebuild_passes_the_cache_by_and_replaces_the_entry() {
    let sandbox = Sandbox::new();
    let (first, second) = (sandbox.checkout("first", "1"), sandbox.checkout("second", "1"));
    first.run(&[]).says("1");
    let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(sandbox.entry().join("xtask")).unwrap());
    let before = inode();
    for checkout in [&first, &second] {
        let mut command = checkout.command(&[]);
        command.env("XTASK_REBUILD", "1");
        Run::of(command).says("1");
    }
    assert!(second.has_built());
    assert_ne!(inode(), before);
}
