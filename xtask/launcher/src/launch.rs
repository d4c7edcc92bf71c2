//! Finds the program for a key: the one that this checkout built, one from the cache, or a new
//! build.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use xtask_sha256::Digest;

use crate::cache::{Cache, Entry};
use crate::cargo_build::{self, Built};
use crate::identity::Identity;
use crate::inputs::{self, Inputs};
use crate::memo::{Memo, Program};
use crate::places::Places;
use crate::variables::{self, SOURCE, Variables};
use crate::{prune, run, say, tree};

/// Result of a build.
enum Outcome {
    /// Compiled from exactly the inputs of the key.
    Proven(Program),
    /// Only to be run in this checkout, like cargo would.
    Other(PathBuf),
}

/// A key for a program that cargo reused from an earlier build. It is only valid while no file's time
/// changes, because cargo would rebuild then.
fn stamped_key(inputs: &Inputs) -> Digest {
    xtask_sha256::of(&[inputs.key, inputs.stamp].concat())
}

struct Launch {
    places: Places,
    /// The environment for cargo and the program.
    environment: Variables,
    arguments: Vec<OsString>,
    now: SystemTime,
    /// The memo of the previous run, and of this one.
    old: Memo,
    memo: Memo,
}

/// Runs the program with the arguments of this process; returns the exit code.
pub(crate) fn launch(environment: &Variables) -> i32 {
    let places = match Places::find(environment) {
        Ok(places) => places,
        Err(why) => {
            say::line(&why);
            return 2;
        }
    };
    let environment = variables::for_children(environment, &places.library_folders());
    let now = SystemTime::now();
    let old = Memo::load(&places.memo(), &places.root);
    let (inputs, memo) = inputs::collect(&places, &environment, &old, now);
    let arguments = std::env::args_os().skip(1).collect();
    let mut launch = Launch { places, environment, arguments, now, old, memo };
    match inputs {
        Ok(inputs) => launch.shared(&inputs),
        Err(why) => {
            launch.note(&format!("not shared with other checkouts: {why}"));
            launch.unshared()
        }
    }
}

impl Launch {
    fn shared(&mut self, inputs: &Inputs) -> i32 {
        let key = inputs.key;
        let rebuild = variables::is_on(&self.environment, "XTASK_REBUILD");
        let cache = Cache::find(&self.environment).map_err(|why| self.note(&format!("no cache: {why}"))).ok();
        if !rebuild && let Some(program) = self.find(cache.as_ref(), inputs) {
            return self.run(&program);
        }
        let waiting = || say::line("waiting for another `cargo xtask` that builds the same program");
        let lock = cache.as_ref().map(|cache| cache.lock(&key, waiting));
        let lock = lock.and_then(|lock| lock.map_err(|error| self.note(&format!("no cache: {error}"))).ok());
        // The previous holder of the lock may have built it.
        if !rebuild
            && lock.is_some()
            && let Some(program) = self.find(cache.as_ref(), inputs)
        {
            drop(lock);
            return self.run(&program);
        }
        let program = match self.built(&key).filter(|_| !rebuild) {
            Some(program) => program,
            None => match self.build(inputs, rebuild || lock.is_some()) {
                Ok(Outcome::Proven(program)) => program,
                Ok(Outcome::Other(program)) => {
                    drop(lock);
                    return self.run(&program);
                }
                Err(code) => return code,
            },
        };
        // Without a lock it is not stored: the cache is not writable.
        if let Some(cache) = cache.filter(|_| lock.is_some()) {
            match cache.store(&program, &self.places.root) {
                Ok(_) => prune::prune(&cache, &key, self.now),
                Err(error) => self.note(&format!("not stored: {error}")),
            }
        }
        drop(lock);
        self.run(&program.path)
    }

    /// Builds the program and records the key. `proven`: recompiles even what cargo considers fresh by
    /// modification times, because those can be set.
    fn build(&mut self, inputs: &Inputs, proven: bool) -> Result<Outcome, i32> {
        let mut built = cargo_build::build(&self.places, &self.environment, true)?;
        if proven && built.fresh && built.make_stale() {
            built = cargo_build::build(&self.places, &self.environment, true)?;
        }
        match self.approve(&built, inputs) {
            Ok(program) if built.fresh => {
                self.note("not stored: cargo took it from an earlier build");
                self.memo.built = Some(Program { key: stamped_key(inputs), ..program });
                Ok(Outcome::Other(built.program))
            }
            Ok(program) => {
                self.memo.built = Some(program.clone());
                Ok(Outcome::Proven(program))
            }
            Err(why) => {
                self.note(&format!("not shared with other checkouts: {why}"));
                Ok(Outcome::Other(built.program))
            }
        }
    }

    /// Builds and runs like plain cargo.
    fn unshared(&mut self) -> i32 {
        self.memo.built = None;
        match cargo_build::build(&self.places, &self.environment, false) {
            Ok(built) => self.run(&built.program),
            Err(code) => code,
        }
    }

    /// The program, if it exists already.
    fn find(&mut self, cache: Option<&Cache>, inputs: &Inputs) -> Option<PathBuf> {
        let key = &inputs.key;
        // A reused build comes last: the cache may have a proven one.
        let earlier = || self.built(&stamped_key(inputs)).map(|program| program.path);
        let Some(cache) = cache else { return self.built(key).map(|program| program.path).or_else(earlier) };
        // If the cache has no entry, continue, and store it.
        if let Some(program) = self.built(key).filter(|_| cache.has(key)) {
            return Some(program.path);
        }
        match cache.look_up(key, self.old.cached.as_ref()) {
            Entry::Good(program) => {
                let path = program.path.clone();
                self.memo.cached = Some(program).filter(|program| program.identity.is_settled(self.now));
                Some(path)
            }
            Entry::None => earlier(),
            Entry::Bad(why) => {
                self.note(&format!("not used: {why}"));
                earlier()
            }
        }
    }

    /// The program that this checkout built for the key, if it was not rebuilt since.
    fn built(&self, key: &Digest) -> Option<Program> {
        let program = self.old.built.clone().filter(|program| program.key == *key)?;
        let there = fs::metadata(&program.path).ok()?;
        (Identity::of(&there) == program.identity).then_some(program)
    }

    /// A build is valid for a key if the key is the same afterwards, and the build read nothing else.
    fn approve(&mut self, built: &Built, before: &Inputs) -> Result<Program, String> {
        let (_, files) = tree::read(&self.places)?;
        let identity = built.is_made_of(&files)?;
        let (after, memo) = inputs::collect(&self.places, &self.environment, &self.old, SystemTime::now());
        self.memo = memo;
        self.memo.built = None;
        if after? != *before {
            return Err("something changed while it was built".to_owned());
        }
        Ok(Program { key: before.key, path: built.program.clone(), identity })
    }

    fn run(&self, program: &Path) -> i32 {
        if self.memo != self.old {
            self.memo.save(&self.places.memo(), &self.places.root);
        }
        let mut environment = self.environment.clone();
        environment.insert(SOURCE.into(), self.places.source.clone().into());
        let Err(error) = run::run(program, &self.arguments, &environment);
        // The cache is on a file system mounted noexec, or the entry was just
        // removed: use the checkout's own build.
        self.note(&format!("{} could not be started: {error}", program.display()));
        match cargo_build::build(&self.places, &self.environment, false) {
            Ok(built) => {
                let Err(error) = run::run(&built.program, &self.arguments, &environment);
                say::line(&format!("{} could not be started: {error}", built.program.display()));
                2
            }
            Err(code) => code,
        }
    }

    /// Prints with `-v` only.
    fn note(&self, text: &str) {
        let own = self.arguments.iter().take_while(|argument| *argument != "--");
        if own.clone().any(|argument| argument == OsStr::new("-v") || argument == OsStr::new("--verbose")) {
            say::line(&format!("cargo xtask: {text}"));
        }
    }
}
