//! Entries that are not what they should be.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use crate::support::{Sandbox, is_root};

const POISON: &str = "#!/bin/sh\necho version poison\n";

/// Spoils the only entry; a second checkout must build its own, and mend it.
#[track_caller]
fn spoiled(spoil: impl FnOnce(&Path)) {
    let sandbox = Sandbox::new();
    sandbox.checkout("first", "1").run(&[]).says("1");
    let entry = sandbox.entry();
    spoil(&entry);
    let second = sandbox.checkout("second", "1");
    let run = second.run(&["-v"]).says("1");
    assert!(run.stderr.contains("not used: "), "{run:?}");
    assert!(second.has_built());
    let third = sandbox.checkout("third", "1");
    assert_eq!(third.run(&["-v"]).says("1").stderr, "");
    assert!(!third.has_built(), "it was not mended");
    assert_eq!(sandbox.entry(), entry);
}

#[test]
fn a_poisoned_program_is_replaced() {
    spoiled(|entry| fs::write(entry.join("xtask"), POISON).unwrap());
}

#[test]
fn a_program_with_one_other_bit_is_replaced() {
    spoiled(|entry| {
        let mut bytes = fs::read(entry.join("xtask")).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(entry.join("xtask"), bytes).unwrap();
    });
}

#[test]
fn a_truncated_program_is_replaced() {
    spoiled(|entry| fs::File::options().write(true).open(entry.join("xtask")).unwrap().set_len(4096).unwrap());
}

#[test]
fn a_program_without_its_note_is_replaced() {
    spoiled(|entry| fs::write(entry.join("about"), "").unwrap());
    spoiled(|entry| fs::remove_file(entry.join("about")).unwrap());
    spoiled(|entry| fs::remove_file(entry.join("xtask")).unwrap());
}

#[test]
fn what_others_can_write_is_replaced() {
    for name in ["", "xtask", "about"] {
        spoiled(|entry| fs::set_permissions(entry.join(name), fs::Permissions::from_mode(0o777)).unwrap());
    }
}

#[test]
fn a_link_is_replaced_and_what_it_leads_to_stays() {
    for name in ["", "xtask", "about"] {
        let mut moved = None;
        spoiled(|entry| {
            let place = entry.join(name);
            let elsewhere = entry.parent().unwrap().with_file_name("elsewhere");
            fs::rename(&place, &elsewhere).unwrap();
            symlink(&elsewhere, entry.join(name).components().as_path()).unwrap();
            moved = Some(elsewhere);
        });
        drop(moved);
    }
}

#[test]
fn what_belongs_to_somebody_else_is_replaced() {
    if !is_root() {
        return;
    }
    for name in ["", "xtask", "about"] {
        spoiled(|entry| chown(entry.join(name), Some(12345), Some(12345)).unwrap());
    }
}

/// A checkout that has compared it once compares it again when it changes.
#[test]
fn an_entry_that_is_spoiled_after_its_first_use_is_noticed() {
    let sandbox = Sandbox::new();
    sandbox.checkout("first", "1").run(&[]).says("1");
    let second = sandbox.checkout("second", "1");
    second.run(&[]).says("1");
    second.run(&[]).says("1");
    fs::write(sandbox.entry().join("xtask"), POISON).unwrap();
    second.run(&[]).says("1");
    assert!(second.has_built());
}

#[test]
fn a_damaged_memo_is_none() {
    let sandbox = Sandbox::new();
    let checkout = sandbox.checkout("first", "1");
    checkout.run(&[]).says("1");
    let bytes = fs::read(checkout.memo()).unwrap();
    for spoiled in [&bytes[..bytes.len() / 2], b"", &[0; 4096]] {
        fs::write(checkout.memo(), spoiled).unwrap();
        checkout.run(&[]).says("1");
    }
    checkout.version("2");
    fs::write(checkout.memo(), &bytes).unwrap();
    checkout.run(&[]).says("2");
}
