//! Templates of env files, which users copy after cloning.

use std::path::{Path, PathBuf};

/// Suffixes of templates, most common first.
const ENDS: [&str; 4] = [".template", ".example", ".sample", ".dist"];

/// Possible names of a template of the env file `name`, most common first:
/// `.env.example`, `env.example`, `example.env`; `db.env.example`.
fn template_names(name: &str) -> Vec<String> {
    let plain = name.strip_prefix('.').filter(|plain| !plain.is_empty());
    let mut names: Vec<String> =
        [Some(name), plain].into_iter().flatten().flat_map(|name| ENDS.map(|end| format!("{name}{end}"))).collect();
    // `example.env` of `.env`, `db.example.env` of `db.env`.
    if let Some(stem) = name.strip_suffix(".env") {
        let dot = if stem.is_empty() { "" } else { "." };
        names.extend(ENDS.map(|end| format!("{stem}{dot}{}.env", &end[1..])));
    }
    names
}

/// The template beside an env file.
pub fn template_of(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_str()?;
    template_names(name).into_iter().map(|name| file.with_file_name(name)).find(|template| template.is_file())
}

/// The template that applies to an env file: its own, otherwise that of the `.env` beside it.
pub fn template_for(file: &Path) -> Option<PathBuf> {
    template_of(file).or_else(|| template_in(file.parent()?))
}

pub fn template_in(dir: &Path) -> Option<PathBuf> {
    template_of(&dir.join(".env"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_templates_have() {
        let names = template_names(".env");
        assert_eq!(names[..2], [".env.template", ".env.example"]);
        for name in [".env.sample", ".env.dist", "env.example", "env.template", "example.env", "sample.env"] {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        let names = template_names("db.env");
        for name in ["db.env.example", "db.example.env"] {
            assert!(names.iter().any(|known| known == name), "{name}: {names:?}");
        }
        assert!(template_names("prod.cfg").contains(&"prod.cfg.example".to_owned()));
    }

    #[test]
    fn the_usual_one_wins() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(template_in(dir.path()), None);
        for name in ["env.example", ".env.sample", ".env.template"] {
            std::fs::write(dir.path().join(name), "").unwrap();
            assert_eq!(template_in(dir.path()).unwrap().file_name().unwrap(), name);
            assert_eq!(template_for(&dir.path().join("dev.env")), template_in(dir.path()));
        }
    }
}
