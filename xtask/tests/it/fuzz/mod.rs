//! What fuzzing began with and what it found, again: `tests/fixtures/fuzz/TARGET`
//! has seeds and every input that a target ever failed on.

mod bodies;

use std::fs;
use std::path::Path;

#[test]
fn what_fuzzing_has_found_stays_mended() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for (target, body) in bodies::ALL {
        let mut inputs = 0;
        for entry in fs::read_dir(fixtures.join("fuzz").join(target)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let ran = std::panic::catch_unwind(|| body(&bytes));
            assert!(ran.is_ok(), "{}", path.display());
            inputs += 1;
        }
        assert!(inputs > 0, "{target} has no seed");
    }
}
