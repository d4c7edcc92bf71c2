//! Values that Compose cannot publish: no ports, or one port for two mappings.

use super::files::EnvProject;
use super::finding::{Finding, FindingSource};
use crate::context::Context;
use crate::decide::clashes;
use crate::model::{Source, Wanted};
use crate::{stack, ui};

pub(super) fn check(ctx: &Context, env: &EnvProject) -> Vec<Finding> {
    let mut found = not_ports(ctx, env);
    found.extend(same_ports(ctx));
    found
}

fn not_ports(ctx: &Context, env: &EnvProject) -> Vec<Finding> {
    let wrong = stack::wrong_ports(&env.project, &|name| ctx.var(name));
    let finding = |wrong: &stack::WrongPort| {
        let source = FindingSource { ctx, path: &wrong.set_in.file };
        let name = &wrong.variable;
        let message = format!(
            "{name}={} is not a port, but service `{}` publishes it ({}:{})",
            ui::mask_value(name, &wrong.value),
            wrong.service,
            ctx.show(&wrong.used_in.file),
            wrong.used_in.line
        );
        let remedy = "use a number from 1 to 65535, or a range such as 8000-8009".to_owned();
        source.finding("not_a_port", name, wrong.set_in.line, &message, remedy)
    };
    wrong.iter().map(finding).collect()
}

/// Two mappings that need the same port, if an env file sets one of them.
fn same_ports(ctx: &Context) -> Vec<Finding> {
    let Ok(model) = stack::read(&ctx.options, &ctx.dir, &|name| ctx.var(name)) else { return Vec::new() };
    let ports: Vec<&Wanted> = model.ports().collect();
    let mappings: Vec<_> = ports.iter().map(|wanted| &wanted.mapping).collect();
    let pairs =
        clashes(&mappings).into_iter().enumerate().filter_map(|(at, earlier)| Some((ports[at], ports[earlier?])));
    let finding = |(later, earlier): (&Wanted, &Wanted)| {
        let (of, other) = if set_in(later).is_some() { (later, earlier) } else { (earlier, later) };
        let (variable, path, line) = set_in(of)?;
        let source = FindingSource { ctx, path };
        let by = if let Some((name, path, line)) = set_in(other) {
            format!("{name} ({}:{line})", ctx.show(path))
        } else {
            let origin = other.origin.as_ref()?;
            format!("{}:{}", ctx.show(&origin.file), origin.line)
        };
        let message = format!(
            "{variable} gives service `{}` port {}, which {by} gives service `{}`",
            of.mapping.service,
            of.mapping.published.map(|range| range.first).unwrap_or_default(),
            other.mapping.service
        );
        let remedy = format!("give it another port: `cargo xtask env set {variable}=PORT`");
        Some(source.finding("same_port", variable, line, &message, remedy))
    };
    pairs.filter_map(finding).collect()
}

/// The variable of an env file that sets a port.
fn set_in(wanted: &Wanted) -> Option<(&str, &std::path::Path, usize)> {
    let origin = wanted.origin.as_ref()?;
    let Source::EnvFile { path, line } = &origin.source else { return None };
    Some((origin.variable.as_deref()?, path, *line))
}
