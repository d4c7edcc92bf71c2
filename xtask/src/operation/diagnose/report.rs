//! The findings of `diagnose` as text, as JSON, and as Markdown for an issue.

use std::fmt::Write as _;
use std::path::Path;

use console::style;
use serde::Serialize;

use super::apply_fix::Applied;
use super::finding::{Finding, Status};
use crate::context::Context;
use crate::operation::env;
use crate::ui;

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    checks: &'a [Finding],
    /// Empty without `--fix`.
    fixed: &'a [Applied],
}

/// Masks secrets and strips control characters: a finding may quote tools and containers.
fn sanitize(text: &str) -> String {
    text.lines().map(|line| ui::mask(&ui::clean(line))).collect::<Vec<_>>().join("\n")
}

fn sanitize_finding(finding: &Finding) -> Finding {
    Finding {
        title: sanitize(&finding.title),
        seen: sanitize(&finding.seen),
        why: finding.why.as_deref().map(sanitize),
        remedy: finding.remedy.as_deref().map(sanitize),
        ..finding.clone()
    }
}

/// `{"schema":1,"checks":[…],"fixed":[…]}`
pub fn json(findings: &[Finding], fixed: &[Applied]) {
    let checks: Vec<Finding> = findings.iter().map(sanitize_finding).collect();
    ui::json(&Report { schema: 1, checks: &checks, fixed });
}

/// One line per finding, with the advice below it; with `-q` only those that are not ok.
pub fn text(findings: &[Finding]) {
    for finding in findings.iter().filter(|finding| !ui::is_quiet() || finding.status != Status::Ok) {
        let finding = sanitize_finding(finding);
        let word = format!("{:<7}", finding.status.word());
        let word = match finding.status {
            Status::Ok => style(word).green(),
            Status::Note => style(word).cyan(),
            Status::Warning | Status::Unknown => style(word).yellow(),
            Status::Problem => style(word).red().bold(),
        };
        let mut lines = finding.seen.lines();
        ui::out(&format!("{word}  {}: {}", finding.title, lines.next().unwrap_or_default()));
        lines.for_each(|line| ui::out(&format!("           {line}")));
        if let Some(why) = finding.why {
            ui::out(&format!("         why: {why}"));
        }
        if let Some(remedy) = finding.remedy {
            ui::out(&format!("         do:  {remedy}"));
        }
    }
}

/// `1 problem, 2 ok`
pub fn summary(findings: &[Finding]) -> String {
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let part = |(status, many): (Status, &str)| match count(status) {
        0 => None,
        1 => Some(format!("1 {}", status.word())),
        n => Some(format!("{n} {many}")),
    };
    let all = [
        (Status::Problem, "problems"),
        (Status::Warning, "warnings"),
        (Status::Unknown, "unknown"),
        (Status::Note, "notes"),
        (Status::Ok, "ok"),
    ];
    all.into_iter().filter_map(part).collect::<Vec<_>>().join(", ")
}

/// For pasting into an issue: no secrets, and the home folder as `~`.
pub fn markdown(ctx: &Context, findings: &[Finding]) {
    let redactor = Redactor::new(ctx);
    ui::out(&redactor.text(&render(findings)));
}

fn render(findings: &[Finding]) -> String {
    let mut text = format!(
        "### cargo xtask diagnose\n\nxtask {} on {} {}: {}\n\n| status | what | seen |\n|---|---|---|\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        summary(findings)
    );
    let findings: Vec<Finding> = findings.iter().map(sanitize_finding).collect();
    for finding in &findings {
        let seen = finding.seen.lines().next().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            finding.status.word(),
            escape_markdown(&finding.title),
            escape_markdown(seen)
        );
    }
    for finding in findings.iter().filter(|finding| finding.status != Status::Ok) {
        let _ =
            write!(text, "\n**{}** {} (`{}`)\n", finding.status.word(), escape_markdown(&finding.title), finding.id);
        if finding.seen.lines().count() > 1 {
            let _ = write!(text, "\n```\n{}\n```\n", finding.seen.replace("```", "'''"));
        }
        for (word, part) in [("why", &finding.why), ("do", &finding.remedy)] {
            if let Some(part) = part {
                let _ = write!(text, "\n- {word}: {part}");
            }
        }
        text.push('\n');
    }
    text
}

/// Escapes Markdown, and breaks up mentions.
fn escape_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '|' | '<' | '*' | '_' | '`' | '[' | '\\' | '#') {
            out.push('\\');
        }
        out.push(c);
        if c == '@' {
            // GitHub would notify that user.
            out.push('\u{200b}');
        }
    }
    out
}

/// Removes what must not be pasted.
struct Redactor {
    secrets: Vec<String>,
    home: Option<String>,
}

/// Shorter values also occur as ordinary words.
const MIN_SECRET_LENGTH: usize = 4;

impl Redactor {
    /// Collects the values of variables with secret-like names from the shell and the env
    /// files. A value that the template has too is not secret.
    fn new(ctx: &Context) -> Redactor {
        let is_secret = |name: &str| ui::mask_value(name, "x") != "x";
        let project = env::gather(ctx).ok();
        let template = |name: &str| {
            let (_, document) = project.as_ref()?.template.as_ref()?;
            Some(document.get(name)?.value)
        };
        let files = project.iter().flat_map(|project| &project.files);
        let written = files.flat_map(|(_, document)| {
            document.names().into_iter().filter_map(|name| Some((document.get(&name)?.value, name)))
        });
        let shell = ctx.env.iter().map(|(name, value)| (value.clone(), name.clone()));
        let mut secrets: Vec<String> = shell
            .chain(written)
            .filter(|(value, name)| {
                is_secret(name) && value.len() >= MIN_SECRET_LENGTH && template(name).as_ref() != Some(value)
            })
            .map(|(value, _)| value)
            .collect();
        // Longest first: one may be part of another.
        secrets.sort_by(|one, two| two.len().cmp(&one.len()).then(one.cmp(two)));
        secrets.dedup();
        let home = ctx.home.as_deref().filter(|home| home.parent().is_some());
        Redactor { secrets, home: home.map(Path::display).map(|home| home.to_string()) }
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            // Table cells are escaped.
            text = text.replace(secret, "***").replace(&escape_markdown(secret), "***");
        }
        match &self.home {
            Some(home) => without_home(&text, home),
            None => text,
        }
    }
}

/// `/h/ben/x` becomes `~/x`; `/h/benny` stays.
fn without_home(text: &str, home: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(home) {
        let (before, after) = rest.split_at(at);
        let after = &after[home.len()..];
        let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '.';
        out.push_str(before);
        let whole = !after.starts_with(part_of_a_name) && !before.ends_with(part_of_a_name);
        out.push_str(if whole { "~" } else { home });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_the_home_folder_are_not_pasted() {
        let redactor = Redactor { secrets: vec!["hunter_2".into()], home: Some("/h/ben".into()) };
        let found =
            Finding::new("containers.state", "container db", Status::Problem, "hunter_2 refused\n  | pw=hunter_2")
                .remedy("cd /h/ben/demo");
        let text = redactor.text(&render(&[found]));
        assert!(!text.contains("hunter") && !text.contains("ben"), "{text}");
        assert!(text.contains("cd ~/demo") && text.contains("*** refused"), "{text}");
        assert_eq!(without_home("/h/benny /x/h/ben /h/ben", "/h/ben"), "/h/benny /x/h/ben ~");
    }

    #[test]
    fn foreign_text_makes_no_mark_up() {
        let found = Finding::new("ports.taken", "port 8000", Status::Problem, "a|b <img> @somebody *x*");
        let text = render(&[found]);
        assert!(text.contains("a\\|b \\<img> @\u{200b}somebody \\*x\\*"), "{text}");
    }

    #[test]
    fn a_summary_counts() {
        let found = |status| Finding::new("a.b", "t", status, "s");
        let all = [found(Status::Ok), found(Status::Ok), found(Status::Problem), found(Status::Note)];
        assert_eq!(summary(&all), "1 problem, 1 note, 2 ok");
    }
}
