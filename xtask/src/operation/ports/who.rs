//! What is known of ports, as text and as JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use console::style;
use serde::Serialize;

use super::stop_holders::Done;
use crate::context::Context;
use crate::model::{Container, Owner, Parent, Process, ProcessContext, Socket, SocketState, Verdict};
use crate::ports::{Holders, OwnerReport, PortHolders, reasons, taken_by};
use crate::stack::checkout_root;
use crate::{host, ui};

/// The JSON of `who`; every key is always there, absent is `null`.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    schema: u32,
    ports: Vec<PortReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<&'a [Done]>,
}

#[derive(Debug, Serialize)]
struct PortReport {
    port: u16,
    protocol: &'static str,
    verdict: &'static str,
    owners: Vec<Detailed>,
    advice: Option<String>,
}

#[derive(Debug, Serialize)]
struct Detailed {
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
    /// `kill --format json`: the same, and what was done then.
    pub(crate) fn and(self, actions: &[Done]) -> Report<'_> {
        Report { schema: self.schema, ports: self.ports, actions: Some(actions) }
    }
}

/// What is around each owner, each asked for once: one process may have
/// thousands of ports.
type Around = BTreeMap<u32, (ProcessContext, Option<PathBuf>)>;

fn around(found: &Holders) -> Around {
    let mut known = Around::new();
    for owner in found.ports.iter().flat_map(|port| port.verdict.owners()) {
        if let Owner::Process(process) = owner {
            known.entry(process.pid).or_insert_with(|| {
                let around = host::process_context(process);
                let tree = around.cwd.as_deref().and_then(checkout_root);
                (around, tree)
            });
        }
    }
    known
}

fn port_reports(found: &Holders) -> Vec<PortReport> {
    let around = around(found);
    found.ports.iter().map(|port| port_report(port, &around)).collect()
}

fn port_report(port: &PortHolders, around: &Around) -> PortReport {
    PortReport {
        port: port.port,
        protocol: port.protocol.as_str(),
        verdict: port.verdict.as_str(),
        owners: port.verdict.owners().iter().map(|owner| detailed(port, owner, around)).collect(),
        advice: port.advice.clone(),
    }
}

fn detailed(port: &PortHolders, owner: &Owner, around: &Around) -> Detailed {
    let mut detailed = Detailed {
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
            if let Some((around, tree)) = around.get(&process.pid) {
                let parent = |parent: &Parent| ParentReport { pid: parent.pid, name: ui::clean(&parent.name) };
                detailed.worktree = tree.as_deref().map(clean);
                detailed.cwd = around.cwd.as_deref().map(clean);
                detailed.unit = around.unit.as_ref().map(|unit| ui::clean(&unit.name));
                detailed.parents = around.parents.iter().map(parent).collect();
            }
            detailed.sockets = port.sockets_of(process.pid).into_iter().map(socket).collect();
        }
        Owner::Container(container) => {
            detailed.image = Some(ui::clean(&container.image));
            detailed.sockets = bindings(port, container);
        }
        Owner::Unknown { .. } => detailed.sockets = port.sockets.iter().map(socket).collect(),
    }
    detailed
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
        ui::out("nobody listens, and nothing is published");
    }
    let around = around(found);
    for port in &found.ports {
        let word = match &port.verdict {
            // Not seen is not free.
            Verdict::Free | Verdict::Ours(_) if found.is_around => style("no container has it").green(),
            Verdict::Free | Verdict::Ours(_) => style("free").green(),
            Verdict::Taken(_) if port.is_client_port() => style("taken, though nobody listens").red().bold(),
            Verdict::Taken(_) => style("taken").red().bold(),
            Verdict::Reserved { .. } => style("reserved").red().bold(),
            Verdict::Unknown { .. } | Verdict::NotPublished { .. } => style("unusable").red().bold(),
        };
        ui::out(&format!("{} {word}", style(port.address()).bold()));
        match &port.verdict {
            Verdict::Taken(owners) => owners.iter().for_each(|owner| print_owner(ctx, port, owner, &around)),
            verdict => reasons(ctx, verdict).iter().for_each(|why| ui::out(&format!("  {why}"))),
        }
        if let Some(advice) = &port.advice {
            ui::out(&format!("  {} {}", style("advice:").cyan(), ui::clean(advice)));
        }
    }
}

fn print_owner(ctx: &Context, port: &PortHolders, owner: &Owner, around: &Around) {
    ui::out(&format!("  {}", taken_by(ctx, owner)));
    let further = match owner {
        Owner::Process(process) => of_process(ctx, port, process, around),
        Owner::Container(container) => {
            let on: Vec<String> = bindings(port, container).into_iter().map(|socket| socket.address).collect();
            vec![format!("image {}, publishes {}", ui::clean(&container.image), on.join(" and "))]
        }
        Owner::Unknown { .. } => Vec::new(),
    };
    for line in further {
        ui::out(&format!("     {line}"));
    }
}

fn of_process(ctx: &Context, port: &PortHolders, process: &Process, around: &Around) -> Vec<String> {
    let Some((ProcessContext { cwd, parents, unit, container }, tree)) = around.get(&process.pid) else {
        return Vec::new();
    };
    let listens: Vec<String> = port.sockets_of(process.pid).into_iter().map(address).collect();
    let mut lines = vec![format!("listens on {}", listens.join(" and "))];
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

/// Says what could not be seen. An engine that is not there holds nothing; one
/// that does not answer may.
fn note_unseen(ctx: &Context, found: &Holders) {
    use crate::docker::EngineError;
    if found.is_around {
        ui::note(
            "note: this is a container, and its engine binds ports on the machine around it: processes there are not seen from here",
        );
    }
    match &found.containers {
        Ok(_) | Err(EngineError::Absent | EngineError::NotRunning) => {}
        Err(trouble) => ui::warn(&format!("containers are not seen: {}", ctx.engine_error(trouble))),
    }
}
