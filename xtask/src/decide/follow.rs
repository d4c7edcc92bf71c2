//! Which values of the model may change along with a published port: `follow` of
//! `xtask.toml`.

use super::same_model::ModelDifference;

/// Paths such as `frontend.environment.VITE_API_URL`, `*.environment.BACKEND_PORT` and
/// `backend.ports.target`. A path also covers what is below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Followers(Vec<String>);

impl Followers {
    /// The error is the index of the first bad entry, why it is bad, and what to write instead.
    pub fn new(entries: Vec<String>) -> Result<Followers, (usize, &'static str, &'static str)> {
        for (at, entry) in entries.iter().enumerate() {
            check(entry).map_err(|(why, cure)| (at, why, cure))?;
        }
        Ok(Followers(entries))
    }

    pub fn entries(&self) -> &[String] {
        &self.0
    }

    pub fn include(&self, difference: &ModelDifference) -> bool {
        // The address of a port, and the numbers of others, never change along with it.
        if difference.service.is_some()
            && matches!(difference.keys()[..], ["ports", ref rest @ ..] if rest != ["target"])
        {
            return false;
        }
        let path = difference.pattern();
        let below = |path: &str, entry: &str| {
            path.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let of_any = difference.service.as_ref().map(|_| difference.keys().join("."));
        self.0.iter().any(|entry| match (entry.strip_prefix("*."), &of_any) {
            (Some(rest), Some(path)) => below(path, rest),
            (Some(_), None) => false,
            (None, _) => below(&path, entry),
        })
    }
}

const EXAMPLE: &str = "write SERVICE.KEY and what is below it: \"frontend.environment.API_URL\", \
                       \"*.environment.API_PORT\", \"backend.ports.target\"";

fn check(entry: &str) -> Result<(), (&'static str, &'static str)> {
    let words: Vec<&str> = entry.split('.').collect();
    if words.len() < 2 || words.iter().any(|word| word.is_empty()) || entry.contains(char::is_whitespace) {
        return Err(("is not a path of Compose's model", EXAMPLE));
    }
    if words.iter().skip(1).any(|word| word.contains('*')) || (words[0].contains('*') && words[0] != "*") {
        return Err(("has a `*` that is not the whole service", EXAMPLE));
    }
    if entry.contains(['[', ']']) {
        return Err((
            "names one entry of a list",
            "leave the brackets out: a path covers the whole list, as in \"web.healthcheck.test\"",
        ));
    }
    if words[1] == "ports" && words[2..] != ["target"] {
        return Err(("covers more of a port than its target", "only the target port can follow: \"web.ports.target\""));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::same_model::Step;
    use super::*;

    fn difference(service: Option<&str>, path: &[&str]) -> ModelDifference {
        let mut steps: Vec<Step> = path.iter().map(|key| Step::Key((*key).to_owned())).collect();
        steps.insert(1, Step::Index(0));
        ModelDifference { service: service.map(str::to_owned), path: steps, before: None, after: None }
    }

    #[test]
    fn a_path_covers_what_is_below_it() {
        let followers = |entry: &str| Followers::new(vec![entry.to_owned()]).unwrap();
        let (url, target) = (["environment", "API_URL"], ["ports", "target"]);
        for (entry, service, path, want) in [
            ("web.environment.API_URL", Some("web"), &url[..], true),
            ("web.environment", Some("web"), &url, true),
            ("*.environment.API_URL", Some("web"), &url, true),
            ("*.environment.API", Some("web"), &url, false),
            ("web.environment.API", Some("web"), &url, false),
            ("web2.environment", Some("web"), &url, false),
            ("web.ports.target", Some("web"), &target, true),
            ("web.ports.target", Some("db"), &target, false),
            ("my.web.ports", Some("my.web"), &["ports", "host_ip"], false),
            ("my.web.environment", Some("my.web"), &url, true),
            ("web.labels.a.b", Some("web"), &["labels", "a.b"], true),
            ("configs.nginx.content", None, &["configs", "nginx", "content"], true),
            ("*.nginx", None, &["configs", "nginx"], false),
        ] {
            assert_eq!(followers(entry).include(&difference(service, path)), want, "{entry} {path:?}");
        }
        assert!(!Followers::default().include(&difference(Some("web"), &url)));
    }

    #[test]
    fn bad_entries_are_refused() {
        for (entry, want) in [
            ("", "is not a path"),
            ("web", "is not a path"),
            ("web.", "is not a path"),
            ("web..x", "is not a path"),
            ("web.environment. X", "is not a path"),
            ("web.*.X", "has a `*`"),
            ("w*.environment", "has a `*`"),
            ("web.ports", "covers more"),
            ("*.ports.host_ip", "covers more"),
            ("web.ports[0].target", "names one entry"),
        ] {
            let (at, why, cure) = Followers::new(vec!["a.b".to_owned(), entry.to_owned()]).unwrap_err();
            assert!(at == 1 && why.starts_with(want) && !cure.is_empty(), "{entry}: {why}");
        }
        for entry in ["web.environment.ports", "web.labels.ports.x", "*.build.args.PORT", "a.b.ports.target"] {
            assert!(Followers::new(vec![entry.to_owned()]).is_ok(), "{entry}");
        }
    }
}
