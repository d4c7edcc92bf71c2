//! Shapes of public stacks, and all the odd projects of `compose/`: adopting
//! them crashes nowhere, keeps the model, and finds nothing to do twice.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use xtask::context::Context;
use xtask::model::{Source, Stack};
use xtask::operation::adopt::{self, Edit};

use crate::compose_cases::{Case, Copied, copy_out, fixtures, options, read, shapes};

/// Carries out what adopting would do to the compose files of the project that
/// is in `root`; says how many ports became variables, and where some stayed.
pub(crate) fn adopt_ports(case: &Case, cwd: &Path, root: &Path) -> (usize, Vec<String>) {
    let root = std::fs::read_dir(root).unwrap().next().unwrap().unwrap().path();
    let mut ctx = Context::new(cwd.to_path_buf(), options(&case.args));
    ctx.env.clone_from(&case.env);
    let plan = adopt::plan(&ctx, &root, false).unwrap();
    let is_compose = |edit: &&Edit| {
        let end = edit.path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        ["yml", "yaml"].contains(&end) && !edit.path.starts_with(root.join("xtask"))
    };
    let mut count = 0;
    for edit in plan.steps.iter().flat_map(|step| &step.edits).filter(is_compose) {
        let (before, after) = (edit.before.as_ref().unwrap(), edit.after.as_ref().unwrap());
        let lines =
            |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().lines().map(str::to_owned).collect::<Vec<_>>();
        let (old, new) = (lines(before), lines(after));
        assert_eq!(old.len(), new.len(), "{}", edit.path.display());
        count += old.iter().zip(&new).filter(|(old, new)| old != new).count();
        std::fs::write(&edit.path, after).unwrap();
    }
    (count, plan.skipped.into_iter().map(|left| format!("{}: {}", left.place, left.why)).collect())
}

fn without_origins(mut stack: Stack) -> Stack {
    for wanted in stack.services.iter_mut().flat_map(|service| &mut service.ports) {
        wanted.origin = None;
    }
    stack
}

/// Lines of literal ports that stay.
fn literals(stack: &Stack) -> BTreeSet<(PathBuf, usize)> {
    let origins =
        stack.ports().filter(|wanted| wanted.mapping.published.is_some()).filter_map(|wanted| wanted.origin.as_ref());
    let literal = origins.filter(|origin| origin.source == Source::Literal);
    literal.map(|origin| (origin.file.clone(), origin.line)).collect()
}

#[test]
fn adopting_keeps_every_model_and_leaves_no_literal_unnamed() {
    let mut adopted = 0;
    for fixture in fixtures().into_iter().chain(shapes()) {
        let is_shape = fixture.is_file();
        let Copied { name, case, cwd, temp } = copy_out(&fixture);
        let case = if is_shape { case.with_template(&cwd) } else { case };
        let before = read(&case, &cwd);
        let (count, left) = adopt_ports(&case, &cwd, temp.path());
        let after = read(&case, &cwd);
        match (before, after) {
            (Ok(before), Ok(after)) => {
                assert_eq!(without_origins(before), without_origins(after.clone()), "{name}");
                if is_shape {
                    for (file, line) in literals(&after) {
                        let place = format!("{}:{line}: ", file.file_name().unwrap().to_string_lossy());
                        // In a folder below the repository's there may be no project.
                        let is_named = |left: &String| left.contains(&place) || left.starts_with("compose files: ");
                        assert!(left.iter().any(is_named), "{name}: {place}{left:?}");
                    }
                }
            }
            (Err(_), Err(_)) if !is_shape => assert_eq!(count, 0, "{name}"),
            (before, after) => panic!("{name}: {before:?}\n{after:?}"),
        }
        assert_eq!(adopt_ports(&case, &cwd, temp.path()).0, 0, "{name}: once more");
        adopted += usize::from(count > 0);
    }
    assert!(adopted > 80, "{adopted} projects with literal ports");
}
