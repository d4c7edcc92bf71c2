//! The holders of ports, as text and as JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use console::style;
use serde::Serialize;

use super::stop_holders::ActionReport;
use crate::context::Context;
use crate::model::{
    Container, Owner, Parent, Process, ProcessContext, PublishMode, ServicePort, Socket, SocketState, Verdict,
};
use crate::ports::{Holders, OwnerReport, PortHolders, reasons, taken_by};
use crate::stack::checkout_root;
use crate::{host, ui};

/// The JSON of `who`; missing values are `null`.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    schema: u32,
    ports: Vec<PortReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<&'a [ActionReport]>,
}

#[derive(Debug, Serialize)]
struct PortReport {
    port: u16,
    protocol: &'static str,
    verdict: &'static str,
    owners: Vec<OwnerDetails>,
    advice: Option<String>,
}

#[derive(Debug, Serialize)]
struct OwnerDetails {
    #[serde(flatten)]
    owner: OwnerReport,
    image: Option<String>,
    cwd: Option<String>,
    worktree: Option<String>,
    parents: Vec<ParentReport>,
    unit: Option<String>,
    sockets: Vec<SocketReport>,
}

#[derive(Debug, Serialize)]
struct ParentReport {
    pid: u32,
    name: String,
}

#[derive(Debug, Serialize)]
struct SocketReport {
    address: String,
    state: &'static str,
}

/// `who --format json`.
pub(crate) fn json(ctx: &Context, found: &Holders) -> Report<'static> {
    note_unseen(ctx, found);
    Report { schema: 1, ports: port_reports(found), actions: None }
}

impl Report<'static> {
    /// For `kill --format json`.
    pub(crate) fn with_actions(self, actions: &[ActionReport]) -> Report<'_> {
        Report { schema: self.schema, ports: self.ports, actions: Some(actions) }
    }
}

/// Surroundings and worktree by pid, each looked up once: one process may have thousands of
/// ports.
type Contexts = BTreeMap<u32, (ProcessContext, Option<PathBuf>)>;

fn process_contexts(found: &Holders) -> Contexts {
    let mut known = Contexts::new();
    for owner in found.ports.iter().flat_map(|port| port.verdict.owners()) {
        if let Owner::Process(process) = owner {
            known.entry(process.pid).or_insert_with(|| {
                let context = host::process_context(process);
                let tree = context.cwd.as_deref().and_then(checkout_root);
                (context, tree)
            });
        }
    }
    known
}

fn port_reports(found: &Holders) -> Vec<PortReport> {
    let contexts = process_contexts(found);
    found.ports.iter().map(|port| port_report(port, &contexts)).collect()
}

fn port_report(port: &PortHolders, contexts: &Contexts) -> PortReport {
    PortReport {
        port: port.port,
        protocol: port.protocol.as_str(),
        verdict: port.verdict.as_str(),
        owners: port.verdict.owners().iter().map(|owner| owner_details(port, owner, contexts)).collect(),
        advice: port.advice.clone(),
    }
}

fn owner_details(port: &PortHolders, owner: &Owner, contexts: &Contexts) -> OwnerDetails {
    let mut details = OwnerDetails {
        owner: OwnerReport::from(owner),
        image: None,
        cwd: None,
        worktree: None,
        parents: Vec::new(),
        unit: None,
        sockets: Vec::new(),
    };
    match owner {
        Owner::Process(process) => {
            if let Some((context, tree)) = contexts.get(&process.pid) {
                let parent = |parent: &Parent| ParentReport { pid: parent.pid, name: ui::clean(&parent.name) };
                details.worktree = tree.as_deref().map(clean);
                details.cwd = context.cwd.as_deref().map(clean);
                details.unit = context.unit.as_ref().map(|unit| ui::clean(&unit.name));
                details.parents = context.parents.iter().map(parent).collect();
            }
            details.sockets = port.sockets_of(process.pid).into_iter().map(socket).collect();
        }
        Owner::Container(container) => {
            details.image = Some(ui::clean(&container.image));
            details.sockets = bindings(port, container);
            if details.sockets.is_empty() {
                details.sockets = port.sockets.iter().map(socket).collect();
            }
        }
        Owner::SwarmService(_) | Owner::Engine(_) | Owner::Unknown { .. } => {
            details.sockets = port.sockets.iter().map(socket).collect();
        }
    }
    details
}

fn clean(path: &Path) -> String {
    ui::clean(&path.display().to_string())
}

fn socket(socket: &Socket) -> SocketReport {
    SocketReport { address: address(socket), state: state(socket.state) }
}

fn address(socket: &Socket) -> String {
    std::net::SocketAddr::new(socket.ip, socket.port).to_string()
}

fn state(state: SocketState) -> &'static str {
    match state {
        SocketState::Listen => "listen",
        SocketState::Bound => "bound",
        SocketState::Connected => "connected",
    }
}

fn bindings(port: &PortHolders, container: &Container) -> Vec<SocketReport> {
    let on_port = container.bindings.iter().filter(|b| b.published == port.port && b.protocol == port.protocol);
    on_port
        .map(|b| SocketReport {
            address: std::net::SocketAddr::new(b.host_ip, b.published).to_string(),
            state: "published",
        })
        .collect()
}

/// `who`, and `kill` before it asks.
pub(crate) fn text(ctx: &Context, found: &Holders) {
    note_unseen(ctx, found);
    if found.ports.is_empty() {
        ui::out("no listeners and no published ports");
    }
    let contexts = process_contexts(found);
    for port in &found.ports {
        let word = match &port.verdict {
            // Other holders are not visible from inside a container.
            Verdict::Free | Verdict::Ours(_) if found.in_container => style("no container has it").green(),
            Verdict::Free | Verdict::Ours(_) => style("free").green(),
            Verdict::Taken(_) if port.is_client_port() => style("taken, but without a listener").red().bold(),
            Verdict::Taken(_) => style("taken").red().bold(),
            Verdict::Reserved { .. } => style("reserved").red().bold(),
            Verdict::Unknown { .. } | Verdict::NotPublished { .. } => style("unusable").red().bold(),
        };
        ui::out(&format!("{} {word}", style(port.address()).bold()));
        match &port.verdict {
            Verdict::Taken(owners) => owners.iter().for_each(|owner| print_owner(ctx, port, owner, &contexts)),
            verdict => reasons(ctx, verdict).iter().for_each(|why| ui::out(&format!("  {why}"))),
        }
        if let Some(advice) = &port.advice {
            ui::out(&format!("  {} {}", style("advice:").cyan(), ui::clean(advice)));
        }
    }
}

fn print_owner(ctx: &Context, port: &PortHolders, owner: &Owner, contexts: &Contexts) {
    ui::out(&format!("  {}", taken_by(ctx, owner)));
    let further = match owner {
        Owner::Process(process) => of_process(ctx, port, process, contexts),
        Owner::Container(container) => {
            vec![format!("image {}, {}", ui::clean(&container.image), holds(port, container))]
        }
        Owner::SwarmService(held) => vec![of_service(port, held)],
        Owner::Engine(_) | Owner::Unknown { .. } => Vec::new(),
    };
    for line in further {
        ui::out(&format!("     {line}"));
    }
}

fn of_service(on: &PortHolders, held: &ServicePort) -> String {
    let (published, target) = (held.port.published, held.port.target);
    let how = match held.port.mode {
        PublishMode::Ingress if on.sockets.is_empty() => {
            "in the Swarm's routing mesh: every node is to listen, and nothing does on this one now"
        }
        PublishMode::Ingress => "on every node of the Swarm: the engine listens, and no container shows the port",
        PublishMode::Host => "through the container of a task on this node, which Swarm replaces when it stops",
    };
    let tasks = held.service.tasks.map(|(running, desired)| format!(", {running} of {desired} tasks run"));
    format!("publishes {published}->{target}/{} {how}{}", held.port.protocol, tasks.unwrap_or_default())
}

/// What a container holds. On the host's network it has no bindings: the port's sockets are
/// those of its programs.
fn holds(port: &PortHolders, container: &Container) -> String {
    let join = |addresses: Vec<SocketReport>| {
        let addresses: Vec<String> = addresses.into_iter().map(|socket| socket.address).collect();
        addresses.join(" and ")
    };
    match bindings(port, container) {
        published if !published.is_empty() => format!("publishes {}", join(published)),
        _ => format!("on the host's network, listens on {}", join(port.sockets.iter().map(socket).collect())),
    }
}

fn of_process(ctx: &Context, port: &PortHolders, process: &Process, contexts: &Contexts) -> Vec<String> {
    let Some((ProcessContext { cwd, parents, unit, container }, tree)) = contexts.get(&process.pid) else {
        return Vec::new();
    };
    let sockets = port.sockets_of(process.pid);
    let on: Vec<String> = sockets.iter().map(|socket| address(socket)).collect();
    let listens = sockets.iter().any(|socket| socket.state == SocketState::Listen);
    let mut lines = vec![if listens {
        format!("listens on {}", on.join(" and "))
    } else {
        format!("has bound {}, without listening", on.join(" and "))
    }];
    if let Some(cwd) = cwd {
        let tree =
            tree.as_ref().filter(|tree| *tree != cwd).map(|tree| format!(", in the git worktree {}", ctx.show(tree)));
        lines.push(format!("in {}{}", ctx.show(cwd), tree.unwrap_or_default()));
    }
    if !parents.is_empty() {
        let chain: Vec<String> =
            parents.iter().map(|parent| format!("{} ({})", ui::clean(&parent.name), parent.pid)).collect();
        lines.push(format!("started by {}", chain.join(" < ")));
    }
    if let Some(unit) = unit {
        lines.push(format!("systemd unit {}", ui::clean(&unit.name)));
    }
    if let Some(id) = container {
        lines.push(format!("in container {}", &id[..12.min(id.len())]));
    }
    lines
}

/// Prints what could not be seen. If there is no engine nothing is missing; if it does not
/// answer, its containers are.
fn note_unseen(ctx: &Context, found: &Holders) {
    use crate::docker::EngineError;
    if found.in_container {
        ui::note(
            "note: this runs in a container, and the engine binds ports on the machine outside: processes there are not visible here",
        );
    }
    match &found.containers {
        Ok(_) | Err(EngineError::Absent | EngineError::NotRunning) => {}
        Err(trouble) => ui::warn(&format!("containers cannot be listed: {}", ctx.engine_error(trouble))),
    }
}
