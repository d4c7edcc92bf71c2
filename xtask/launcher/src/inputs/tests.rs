use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use super::*;

static NEXT: AtomicUsize = AtomicUsize::new(0);

const LOCK: &str = "version = 4\n\n\
    [[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\nchecksum = \"aa\"\n\n\
    [[package]]\nname = \"other\"\nversion = \"1.0.0\"\nsource = \"registry+x\"\nchecksum = \"cc\"\n\n\
    [[package]]\nname = \"xtask\"\nversion = \"0.1.0\"\ndependencies = [\n \"a\",\n]\n";

/// A workspace that is never built, with a script as compiler.
struct Checkout {
    folder: PathBuf,
    environment: Variables,
    memo: Memo,
}

impl Checkout {
    fn new() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("xtask-launcher-key-{}-{number}", std::process::id()));
        let variables = [("CARGO_HOME", "home"), ("PATH", "bin")];
        let environment = variables.map(|(name, value)| (name.into(), folder.join(value).into())).into();
        let checkout = Checkout { folder, environment, memo: Memo::default() };
        for (name, text) in [
            ("w/Cargo.toml", "[workspace]\nmembers = [\"xtask\"]\n[profile.dev]\ndebug = false\n"),
            ("w/Cargo.lock", LOCK),
            ("w/README.md", "one\n"),
            ("w/.cargo/config.toml", "[alias]\nb = \"build\"\n"),
            ("w/xtask/Cargo.toml", "[package]\nname = \"xtask\"\n"),
            ("w/xtask/src/main.rs", "mod inner;\nconst T: &str = include_str!(\"../data/t.txt\");\nfn main() {}\n"),
            ("w/xtask/src/inner/mod.rs", "include!(\"../../more/m.rs\");\n"),
            ("w/xtask/more/m.rs", "const M: &[u8] = include_bytes!(\"deep.bin\");\n"),
            ("w/xtask/more/deep.bin", "deep"),
            ("w/xtask/data/t.txt", "text"),
            ("w/xtask/tests/it.rs", "// one\n"),
            ("bin/rustc", "#!/bin/sh\necho 'rustc 1'; echo 'commit-hash: 1'; echo 'release: 1'\n"),
            ("bin/cargo", "cargo"),
            ("home/config.toml", ""),
        ] {
            checkout.write(name, text);
        }
        fs::set_permissions(checkout.path("bin/rustc"), fs::Permissions::from_mode(0o755)).unwrap();
        for cargo in ["bin/cargo", "bin/rustc"] {
            let file = fs::File::open(checkout.path(cargo)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000)).unwrap();
        }
        checkout
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn places(&self) -> Places {
        Places {
            source: self.path("w/xtask"),
            root: self.path("w"),
            output: self.path("w/target/debug"),
            current: self.path("w"),
            cargo: self.path("bin/cargo"),
        }
    }

    /// The key at a point in time, with the memo of the previous call.
    fn key_at(&mut self, now: SystemTime) -> Result<Digest, String> {
        let (inputs, memo) = collect(&self.places(), &self.environment, &self.memo, now);
        self.memo = memo;
        inputs.map(|inputs| inputs.key)
    }

    fn key(&mut self) -> Digest {
        self.key_at(SystemTime::now()).unwrap()
    }

    fn objection(&mut self) -> String {
        self.key_at(SystemTime::now()).unwrap_err()
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

#[test]
fn the_same_content_has_the_same_key_in_every_folder() {
    let (mut one, mut other) = (Checkout::new(), Checkout::new());
    assert_eq!(one.key(), other.key());
    // With and without a memo.
    assert_eq!(one.key_at(SystemTime::now() + Duration::from_mins(1)).unwrap(), other.key());
    assert!(one.memo.tree.is_some());
    assert_eq!(one.key(), other.key());
}

#[test]
fn everything_that_a_build_reads_changes_the_key() {
    let mut base = Checkout::new();
    let key = base.key();
    for (name, text) in [
        ("w/xtask/src/main.rs", "fn main() { }\n"),
        ("w/xtask/src/new.rs", ""),
        ("w/xtask/data/t.txt", "tex2"),
        ("w/xtask/more/m.rs", "const M: &[u8] = include_bytes!(\"deep.bin\"); \n"),
        ("w/xtask/more/deep.bin", "deeq"),
        ("w/xtask/Cargo.toml", "[package]\nname = \"xtask\"\nedition = \"2024\"\n"),
        ("w/Cargo.toml", "[workspace]\nmembers = [\"xtask\"]\n[profile.dev]\ndebug = true\n"),
        ("w/Cargo.lock", &LOCK.replace("\"aa\"", "\"ab\"")),
        ("w/.cargo/config.toml", "[build]\njobs = 1\n"),
        (".cargo/config", "[term]\n"),
        ("home/config.toml", "[net]\n"),
        ("w/rust-toolchain.toml", "[toolchain]\n"),
        ("bin/rustc", "#!/bin/sh\necho 'rustc 2'; echo 'commit-hash: 2'; echo 'release: 2'\n"),
        ("bin/cargo", "cargo 2"),
    ] {
        let mut other = Checkout::new();
        other.write(name, text);
        assert_ne!(other.key(), key, "{name}");
    }
    let (mut empty, mut missing) = (Checkout::new(), Checkout::new());
    empty.write("w/xtask/data/t.txt", "");
    fs::remove_file(missing.path("w/xtask/data/t.txt")).unwrap();
    assert_ne!(empty.key(), missing.key());
    let mut other = Checkout::new();
    fs::rename(other.path("w/xtask/src/inner"), other.path("w/xtask/src/outer")).unwrap();
    assert_ne!(other.key(), key, "a file of another name");
    for (name, value) in [("RUSTFLAGS", "-Dwarnings"), ("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_INCREMENTAL", "0")] {
        let mut other = Checkout::new();
        other.environment.insert(name.into(), value.into());
        assert_ne!(other.key(), key, "{name}");
    }
}

#[test]
fn nothing_else_does() {
    let mut base = Checkout::new();
    let key = base.key();
    for (name, text) in [
        ("w/README.md", "two\n"),
        ("w/xtask/tests/it.rs", "// two\n"),
        ("w/xtask/benches/b.rs", ""),
        ("w/Cargo.lock", &LOCK.replace("\"cc\"", "\"cd\"")),
        ("w/other/Cargo.toml", "[package]\n"),
        ("w/xtask/src/.main.rs.swp", "what an editor leaves"),
        ("w/xtask/src/main.rs~", "what an editor leaves"),
        ("w/target/debug/x", ""),
    ] {
        let mut other = Checkout::new();
        other.write(name, text);
        assert_eq!(other.key(), key, "{name}");
    }
    for (name, value) in [
        ("HOME", "/x"),
        ("RUST_BACKTRACE", "1"),
        ("CARGO_TARGET_DIR", "/x"),
        ("CARGO_NET_OFFLINE", "true"),
        ("CARGO_TERM_COLOR", "never"),
    ] {
        let mut other = Checkout::new();
        other.environment.insert(name.into(), value.into());
        assert_eq!(other.key(), key, "{name}");
    }
}

#[test]
fn a_configuration_counts_from_where_the_command_is_typed() {
    let mut base = Checkout::new();
    let key = base.key();
    base.write("w/deep/er/.cargo/config.toml", "[profile.dev]\nopt-level = 1\n");
    assert_eq!(base.key(), key);
    let places = Places { current: base.path("w/deep/er"), ..base.places() };
    let inputs = collect(&places, &base.environment, &base.memo, SystemTime::now()).0.unwrap();
    assert_ne!(inputs.key, key);
    let places = Places { current: base.path("w/xtask/src"), ..base.places() };
    let inputs = collect(&places, &base.environment, &base.memo, SystemTime::now()).0.unwrap();
    assert_eq!(inputs.key, key);
}

#[test]
fn what_cannot_be_accounted_for_is_not_shared() {
    for (name, text, why) in [
        ("w/Cargo.lock", LOCK.replace("source = \"registry+x\"\nchecksum = \"aa\"\n", "").as_str(), "`a` is a folder"),
        ("w/.cargo/config.toml", "paths = [\"/x\"]\n", "(`paths`)"),
        ("home/config.toml", "include = \"x.toml\"\n", "includes another file"),
        ("home/config.toml", "[build]\nrustc = \"x\"\n", "`build.rustc`"),
        ("w/xtask/build.rs", "fn main() {}", "a build script"),
        ("w/xtask/src/main.rs", "include_str!(\"../../../outside.txt\")", "outside of the workspace"),
        ("bin/rustc", "#!/bin/sh\nexit 1\n", "does not tell its version"),
    ] {
        let mut base = Checkout::new();
        base.write(name, text);
        let objection = base.objection();
        assert!(objection.contains(why), "{name}: {objection}");
    }
    let mut linked = Checkout::new();
    symlink(linked.path("w/xtask/more"), linked.path("w/xtask/src/link")).unwrap();
    assert!(linked.objection().contains("link to a folder"));
}

/// File systems have coarse clocks: two edits may have the same time.
#[test]
fn an_edit_right_after_a_look_is_seen_although_size_and_time_stay() {
    let mut base = Checkout::new();
    let main = base.path("w/xtask/src/inner/mod.rs");
    let key = base.key();
    let time = fs::metadata(&main).unwrap().modified().unwrap();
    base.write("w/xtask/src/inner/mod.rs", "include!(\"../../more/M.rs\");\n");
    fs::File::open(&main).unwrap().set_modified(time).unwrap();
    assert_ne!(base.key(), key);
    assert!(base.memo.tree.is_none(), "what is so new is not remembered");
}

/// After that the change time, which cannot be set, differs.
#[test]
fn an_edit_that_sets_the_time_back_is_seen() {
    let mut base = Checkout::new();
    let main = base.path("w/xtask/src/main.rs");
    let later = SystemTime::now() + Duration::from_mins(1);
    let key = base.key_at(later).unwrap();
    assert!(base.memo.tree.is_some());
    let time = fs::metadata(&main).unwrap().modified().unwrap();
    let text = fs::read_to_string(&main).unwrap();
    base.write("w/xtask/src/main.rs", &text.replace("main()", "Main()"));
    fs::File::open(&main).unwrap().set_modified(time).unwrap();
    assert_ne!(base.key_at(later).unwrap(), key);
    base.write("w/xtask/src/main.rs", &text);
    assert_eq!(base.key_at(later).unwrap(), key);
}
