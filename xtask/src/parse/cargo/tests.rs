use super::*;

const LINE: &str = "xtask = \"run --quiet --package xtask-launcher --bin xtask-launcher --\"";

#[test]
fn an_alias_is_added_where_it_belongs() {
    for (before, after) in [
        (String::new(), format!("[alias]\n{LINE}\n")),
        ("[build]\njobs = 2\n".into(), format!("[build]\njobs = 2\n\n[alias]\n{LINE}\n")),
        ("[build]\njobs = 2".into(), format!("[build]\njobs = 2\n\n[alias]\n{LINE}\n")),
        ("[alias] # ours\nb = \"build\"\n".into(), format!("[alias] # ours\n{LINE}\nb = \"build\"\n")),
        ("[alias]".into(), format!("[alias]\n{LINE}\n")),
        ("alias.b = \"build\"\n[net]\n".into(), format!("alias.{LINE}\nalias.b = \"build\"\n[net]\n")),
        ("[net]\r\noffline = true\r\n".into(), format!("[net]\r\noffline = true\r\n\r\n[alias]\r\n{LINE}\r\n")),
    ] {
        assert_eq!(with_alias(&before).unwrap().as_deref(), Some(after.as_str()), "{before:?}");
        assert_eq!(with_alias(&after).unwrap(), None, "{after:?}");
    }
}

#[test]
fn an_alias_of_its_own_stays_and_another_one_is_named() {
    for same in
        ["\"run -p xtask --\"", "[\"run\", \"--package=xtask\", \"--\"]", "\"run --manifest-path xtask/Cargo.toml --\""]
    {
        assert_eq!(with_alias(&format!("[alias]\nxtask = {same}\n")).unwrap(), None, "{same}");
    }
    let error = with_alias("[net]\n[alias]\nxtask = \"run -p tools --\"\n").unwrap_err();
    assert_eq!(error.message(), "line 3: the alias `xtask` is another command: run -p tools --");
    let error = with_alias("[alias]\nxtask = \n").unwrap_err();
    assert!(error.message().starts_with("line 2: "), "{error}");
    let error = with_alias("alias = {b = \"build\"}\n").unwrap_err();
    assert_eq!(error.message(), "there is no place for one more alias");
}

#[test]
fn an_older_alias_of_ours_becomes_the_present_one() {
    let older = OLDER_ALIAS;
    let words = older.split(' ').map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    for (before, after) in [
        (
            format!("# x\n[alias]\nxtask = \"{older}\" # y\nb = \"build\"\n"),
            format!("# x\n[alias]\n{LINE} # y\nb = \"build\"\n"),
        ),
        (format!("[alias]\r\nxtask = [{words}]\r\n"), format!("[alias]\r\n{LINE}\r\n")),
        (format!("alias.xtask = '{older}'\n"), format!("alias.{LINE}\n")),
    ] {
        assert_eq!(with_alias(&before).unwrap().as_deref(), Some(after.as_str()), "{before:?}");
        assert_eq!(with_alias(&after).unwrap(), None);
    }
}

#[test]
fn a_profile_is_added_and_one_that_is_there_stays() {
    for before in
        ["", "[workspace]\n", "[profile.dev]\nopt-level = 1\n", "[profile.dev.package.\"*\"]\ndebug = false\n"]
    {
        let after = with_profile(before).unwrap().unwrap();
        assert!(after.starts_with(before) && after.ends_with("[profile.dev.package.xtask-sha256]\nopt-level = 3\n"));
        assert_eq!(with_profile(&after).unwrap(), None);
    }
    assert_eq!(with_profile("[profile.dev.package]\nxtask-sha256 = {opt-level = 2}\n").unwrap(), None);
    let error = with_profile("profile = {dev = {debug = false}}\n").unwrap_err();
    assert_eq!(error.message(), "there is no place for one more profile");
}

#[test]
fn a_member_is_added_as_the_others_are_written() {
    for (before, after) in [
        ("[workspace]\nmembers = [\"a\"]\n", "[workspace]\nmembers = [\"a\", \"xtask\", \"xtask/launcher\"]\n"),
        ("[workspace]\nmembers = [\"a\",]\n", "[workspace]\nmembers = [\"a\", \"xtask\", \"xtask/launcher\",]\n"),
        ("[workspace]\nmembers = []\n", "[workspace]\nmembers = [\"xtask\", \"xtask/launcher\"]\n"),
        (
            "[workspace]\nmembers = [\n    \"a\", # x\n    \"crates/*\", # y\n]\nresolver = \"2\"\n",
            "[workspace]\nmembers = [\n    \"a\", # x\n    \"crates/*\", # y\n    \"xtask\",\n    \"xtask/launcher\",\n]\nresolver = \"2\"\n",
        ),
        (
            "[workspace]\r\nmembers = [\r\n  'a'\r\n]\r\n",
            "[workspace]\r\nmembers = [\r\n  'a',\r\n  \"xtask\",\r\n  \"xtask/launcher\"\r\n]\r\n",
        ),
        (
            "[workspace]\nresolver = \"3\"\n",
            "[workspace]\nmembers = [\"xtask\", \"xtask/launcher\"]\nresolver = \"3\"\n",
        ),
        (
            "[package]\nname = \"a\"\n",
            "[package]\nname = \"a\"\n\n[workspace]\nmembers = [\"xtask\", \"xtask/launcher\"]\n",
        ),
        (
            "[workspace.package]\nedition = \"2021\"\n",
            "[workspace.package]\nedition = \"2021\"\n\n[workspace]\nmembers = [\"xtask\", \"xtask/launcher\"]\n",
        ),
    ] {
        assert_eq!(with_member(before, &[]).unwrap().as_deref(), Some(after), "{before:?}");
        assert_eq!(with_member(after, &[]).unwrap(), None, "{after:?}");
    }
    for there in ["*\", \"*/*", "xtask/\", \"./xtask/launcher", "x*\", \"xtask/*"] {
        assert_eq!(with_member(&format!("[workspace]\nmembers = [\"{there}\"]\n"), &[]).unwrap(), None, "{there}");
    }
    // Written by an older version.
    let older = with_member("[workspace]\nmembers = [\"xtask\"]\n", &[]).unwrap().unwrap();
    assert_eq!(older, "[workspace]\nmembers = [\"xtask\", \"xtask/launcher\"]\n");
    let error = with_member("[workspace]\nmembers = [\"a\"]\nexclude = [\"xtask\"]\n", &[]).unwrap_err();
    assert_eq!(error.message(), "line 3: the workspace excludes `xtask`");
    assert!(with_member("workspace = {members = [\"a\"]}\n", &[]).unwrap().is_some());
}

#[test]
fn a_new_workspace_leaves_packages_of_their_own_alone() {
    let text = new_workspace(&["api".to_owned(), "tools/x".to_owned()]);
    let table = read(&text).unwrap();
    assert_eq!(table["workspace"]["exclude"].as_array().unwrap().len(), 2);
    assert_eq!(table["workspace"]["resolver"].as_str(), Some("3"));
    assert_eq!(with_member(&text, &[]).unwrap(), None);
    assert_eq!(with_profile(&text).unwrap(), None);
    assert!(new_workspace(&[]).starts_with(
        "# For `cargo xtask`, whose program is in xtask/.\n[workspace]\nresolver = \"3\"\nmembers = [\"xtask\", \"xtask/launcher\"]\n"
    ));
}

#[test]
fn our_own_manifest_goes_elsewhere_without_tests_and_benches() {
    let own = include_str!("../../../Cargo.toml");
    let text = manifest_elsewhere(own);
    let (before, after) = (read(own).unwrap(), read(&text).unwrap());
    for key in ["package", "lints", "dependencies", "dev-dependencies", "target"] {
        assert_eq!(before.get(key), after.get(key), "{key}");
    }
    assert_eq!((after.get("bin"), after.get("bench")), (None, None));
    assert!(is_ours(&text) && !is_ours("[package]\nname = \"xtask\"\n"));
    assert!(
        !text.contains(".workspace") && !text.contains("workspace ="),
        "it must not need anything of its workspace"
    );
    assert_eq!(manifest_elsewhere(&text), text);
}
