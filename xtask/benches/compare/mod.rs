//! Whole processes, side by side.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Something to measure.
pub(crate) struct Subject<'a> {
    pub(crate) name: &'static str,
    pub(crate) command: Box<dyn Fn() -> Command + 'a>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(name: &'static str, command: impl Fn() -> Command + 'a) -> Self {
        Subject { name, command: Box::new(command) }
    }
}

/// Runs every subject `rounds` times, forwards then backwards, and prints the
/// medians with their ratio to the first. Returns the medians. With few rounds each
/// is a long one, and none is run before to warm the caches.
pub(crate) fn compare(title: &str, rounds: usize, before: &dyn Fn(), subjects: &[Subject<'_>]) -> Vec<Duration> {
    let mut times: Vec<Vec<Duration>> = subjects.iter().map(|_| Vec::new()).collect();
    for round in usize::from(rounds <= 3)..=rounds {
        let mut order: Vec<usize> = (0..subjects.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for i in order {
            before();
            let begin = Instant::now();
            let status = (subjects[i].command)().stdout(Stdio::null()).stderr(Stdio::null()).status();
            let time = begin.elapsed();
            assert!(status.is_ok_and(|status| status.success()), "{} failed", subjects[i].name);
            // Round 0 warms the caches.
            if round > 0 {
                times[i].push(time);
            }
        }
    }
    println!("{title} ({rounds} rounds, median)");
    let medians: Vec<Duration> = times.iter_mut().map(|times| median(times)).collect();
    for (subject, median) in subjects.iter().zip(&medians) {
        let ratio = median.as_secs_f64() / medians[0].as_secs_f64();
        println!("  {:<44} {:>9.2} ms  x {ratio:.2}", subject.name, median.as_secs_f64() * 1000.0);
    }
    println!();
    medians
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// A Rust program that does nothing: the floor under every process here.
pub(crate) fn empty_program(dir: &Path) -> PathBuf {
    let source = dir.join("empty.rs");
    std::fs::write(&source, "fn main() {}").expect("write the empty program");
    let program = dir.join("empty");
    let status = Command::new("rustc").arg("-O").arg("-o").arg(&program).arg(&source).status();
    assert!(status.is_ok_and(|status| status.success()), "rustc failed");
    program
}
