//! Advice about the owner of a port.

use crate::decide::{self, advice, helper};
use crate::docker;
use crate::host;
use crate::model::{Container, EnginePurpose, Owner, Process, ServicePort, State, Verdict};
use crate::ui;

/// Advice about the first owner for which there is any. `can_bind`: the port can be bound
/// despite its owner. `containers`: all of the engine's, if it answered.
pub(crate) fn advise(verdict: &Verdict, can_bind: bool, containers: Option<&[Container]>) -> Option<String> {
    if matches!(verdict, Verdict::Reserved { .. }) {
        return Some("as administrator, `net stop winnat` and `net start winnat` move the reserved ranges; or choose another port".to_owned());
    }
    verdict.owners().iter().find_map(|owner| match owner {
        // Between two runs nothing listens for it.
        Owner::Container(container) if container.state == State::Restarting => Some(format!(
            "it ends and restarts again and again, and takes the port each time; stop it: `{}`",
            docker::stop_container(container.reference()).line()
        )),
        Owner::Container(container) if can_bind => Some(format!(
            "nothing listens for this container, its port forwarder has died: `docker restart {}`",
            container.reference()
        )),
        Owner::Container(container) => {
            Some(format!("stop it: `{}`", docker::stop_container(container.reference()).line()))
        }
        Owner::Process(process) => about_process(process, containers.is_some()),
        Owner::SwarmService(held) => Some(about_service(held)),
        Owner::Engine(engine) if engine.purpose == EnginePurpose::Api => {
            Some("the engine and its clients need it: choose another port".to_owned())
        }
        Owner::Engine(engine) if engine.purpose.is_of_other_engine() => Some(
            "that engine needs it as long as it is in its Swarm: choose another port (`docker context ls` lists engines)"
                .to_owned(),
        ),
        Owner::Engine(_) => {
            Some("the engine needs it as long as it is in the Swarm (`docker node ls`): choose another port".to_owned())
        }
        Owner::Unknown { .. } => None,
    })
}

/// Never `docker stop`: Swarm starts another container within seconds.
fn about_service(held: &ServicePort) -> String {
    let name = ui::argument(held.service.reference());
    let stack = held
        .service
        .stack
        .as_deref()
        .map(|stack| format!("; `docker stack rm {}` removes the whole stack", ui::argument(stack)));
    let scale = (!held.service.is_global).then(|| format!("; `docker service scale {name}=0` stops the service"));
    let remedy = format!(
        "`{}` stops publishing it{}{}",
        docker::unpublish_port(held.service.reference(), held.port).line(),
        scale.unwrap_or_default(),
        stack.unwrap_or_default()
    );
    match held.managers.as_deref() {
        None => remedy,
        Some([]) => format!("on a manager of the Swarm, {remedy}"),
        Some(managers) => format!("on a manager of the Swarm ({}), {remedy}", ui::clean(&managers.join(", "))),
    }
}

fn about_process(process: &Process, knows_containers: bool) -> Option<String> {
    let Some(helper) = helper(process) else { return advice(process).map(str::to_owned) };
    // It belongs to another engine, or no engine owns it any more.
    Some(if knows_containers && is_leftover_proxy(process, false) {
        format!(
            "a docker-proxy that its engine left behind without a container: `kill {}` is safe; restarting the engine does not end it",
            process.pid
        )
    } else {
        let unknown = if knows_containers { ", which this engine does not know" } else { "" };
        format!("it holds the port for {}{unknown}: {}", helper.serves(), helper.remedy())
    })
}

/// `is_published`: a container publishes the process's port.
pub(crate) fn is_leftover_proxy(process: &Process, is_published: bool) -> bool {
    let parent = process.parent.and_then(|pid| host::processes(&[pid]).pop());
    decide::is_leftover_proxy(process, parent.as_ref(), is_published)
}
