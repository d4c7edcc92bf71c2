//! What runs a project instead of Docker Compose: podman-compose, or a Swarm as a stack.

use super::resolved::Project;
use crate::error::{Error, Result};
use crate::model::{Container, Owner, SwarmTask};
use crate::ui;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OtherManager {
    PodmanCompose,
    Stack,
}

impl Project {
    /// What else runs it, according to its containers. A stack without a task on this node is
    /// not seen.
    pub(crate) fn other_manager(&self) -> Option<OtherManager> {
        if self.own_containers().any(|container| container.podman_compose) {
            return Some(OtherManager::PodmanCompose);
        }
        self.stack_tasks().next().map(|_| OtherManager::Stack)
    }

    /// The tasks of a stack of this name on this engine's node.
    fn stack_tasks(&self) -> impl Iterator<Item = &SwarmTask> {
        let tasks = self.containers.iter().flatten().filter_map(|container| container.task.as_deref());
        tasks.filter(|task| task.stack.as_deref() == Some(&self.stack.name))
    }

    /// Whether a holder of a port is this project, under another manager.
    pub(crate) fn is_own_elsewhere(&self, owner: &Owner) -> bool {
        match owner {
            Owner::SwarmService(held) => held.service.stack.as_deref() == Some(&self.stack.name),
            Owner::Container(container) => {
                container.podman_compose && container.belongs_to(&self.stack.name, &self.real_dir())
            }
            Owner::Process(_) | Owner::Engine(_) | Owner::Unknown { .. } => false,
        }
    }

    /// The command that ends what `manager` runs.
    pub(crate) fn end_command(&self, manager: OtherManager) -> String {
        match manager {
            OtherManager::PodmanCompose => format!("cd {} && podman-compose down", self.ctx.typed(&self.stack.dir)),
            OtherManager::Stack => format!("docker stack rm {}", ui::argument(&self.stack.name)),
        }
    }

    /// Docker Compose does not see podman-compose's containers (podman-compose 1.6.0 gives them
    /// no `com.docker.compose.oneoff`), so `up` would start a second set of them, and `down`
    /// would end none. Of a stack, Compose refuses the network (its labels are not Compose's),
    /// and the same file gives the same ports.
    pub(crate) fn manager_error(&self, manager: OtherManager) -> Error {
        let (name, end) = (ui::clean(&self.stack.name), self.end_command(manager));
        match manager {
            OtherManager::PodmanCompose => Error::new(format!(
                "project `{name}` has containers of podman-compose, which Docker Compose neither sees nor replaces"
            ))
            .hint(format!("end it there first: `{end}`")),
            OtherManager::Stack => Error::new(format!(
                "`{name}` is deployed as a Swarm stack on this engine: its network and its ports would clash with this project's"
            ))
            .hint(format!("remove the stack first: `{end}`"))
            .hint(format!(
                "or give this project its own name: COMPOSE_PROJECT_NAME={name}-2 in {}",
                self.ctx.show(&self.stack.dir.join(".env"))
            )),
        }
    }

    /// An error if the project cannot be started because something else runs it.
    pub(crate) fn refuse_other_manager(&self) -> Result<()> {
        self.other_manager().map_or(Ok(()), |manager| Err(self.manager_error(manager)))
    }

    /// An error if Compose would find none of the containers that run. `command` is Swarm's for
    /// one service, such as `docker service logs`; `None` if the whole stack is meant.
    pub(crate) fn refuse_unseen_containers(&self, command: Option<&str>) -> Result<()> {
        let Some(manager) = self.other_manager() else { return Ok(()) };
        let is_of_compose = |container: &Container| !container.podman_compose;
        if manager == OtherManager::PodmanCompose {
            return Err(self.manager_error(manager));
        }
        // Compose acts on these.
        if self.own_containers().any(is_of_compose) {
            return Ok(());
        }
        let name = ui::clean(&self.stack.name);
        let error =
            Error::new(format!("`{name}` runs as a Swarm stack on this engine, and Compose has no container of it"));
        let service = self.stack_tasks().map(|task| task.service.as_str()).min();
        let (Some(command), Some(service)) = (command, service) else {
            return Err(error.hint(format!("the stack is removed by `{}`", self.end_command(manager))));
        };
        Err(error
            .hint(format!("for one of its services: `{command} {}`", ui::argument(service)))
            .hint(format!("the services: `docker stack services {}`", ui::argument(&self.stack.name))))
    }
}
