//! `GET /services`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::{Context, Result};
use crate::model::{Protocol, PublishMode, STACK_LABEL, SwarmPort, SwarmService};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiService {
    #[serde(rename = "ID")]
    id: String,
    spec: ApiSpec,
    endpoint: Option<ApiEndpoint>,
    service_status: Option<ApiStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiSpec {
    name: String,
    labels: Option<BTreeMap<String, String>>,
    mode: Option<ApiMode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiMode {
    global: Option<serde::de::IgnoredAny>,
    global_job: Option<serde::de::IgnoredAny>,
}

/// With the ports that Swarm chose, which the spec lacks.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiEndpoint {
    ports: Option<Vec<ApiPort>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiPort {
    protocol: Option<String>,
    target_port: u16,
    published_port: Option<u16>,
    publish_mode: Option<String>,
}

/// Only with `?status=true`, and since API 1.41.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiStatus {
    running_tasks: u64,
    desired_tasks: u64,
}

pub fn services(json: &[u8]) -> Result<Vec<SwarmService>> {
    let list: Vec<ApiService> = serde_json::from_slice(json).context("read the engine's list of services")?;
    Ok(list.into_iter().map(service).collect())
}

fn service(api: ApiService) -> SwarmService {
    let ports = api.endpoint.and_then(|endpoint| endpoint.ports).unwrap_or_default();
    SwarmService {
        id: api.id,
        name: api.spec.name,
        is_global: api.spec.mode.is_some_and(|mode| mode.global.is_some() || mode.global_job.is_some()),
        stack: api.spec.labels.unwrap_or_default().remove(STACK_LABEL),
        ports: ports.iter().filter_map(port).collect(),
        tasks: api.service_status.map(|status| (status.running_tasks, status.desired_tasks)),
    }
}

/// SCTP, which Compose cannot publish, is left out.
fn port(api: &ApiPort) -> Option<SwarmPort> {
    Some(SwarmPort {
        // In host mode the engine of each node chooses the port.
        published: api.published_port.filter(|port| *port > 0)?,
        target: api.target_port,
        protocol: api.protocol.as_deref().unwrap_or("tcp").parse::<Protocol>().ok()?,
        mode: if api.publish_mode.as_deref() == Some("host") { PublishMode::Host } else { PublishMode::Ingress },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::engine::{containers, info};

    const SERVICES: &[u8] = include_bytes!("../../../tests/fixtures/tools/swarm-services-28.5.json");

    #[test]
    fn services_with_their_stacks_ports_and_tasks() {
        let found = services(SERVICES).unwrap();
        let names: Vec<(&str, Option<&str>)> =
            found.iter().map(|service| (service.name.as_str(), service.stack.as_deref())).collect();
        assert_eq!(
            names,
            [
                ("glob", None),
                ("shop_web", Some("shop")),
                ("rnd", None),
                ("solo", None),
                ("shop_job", Some("shop")),
                ("shop_admin", Some("shop")),
            ]
        );
        let ports: Vec<String> = found.iter().flat_map(|service| &service.ports).map(ToString::to_string).collect();
        assert_eq!(
            ports,
            [
                "published=9100,target=8080,protocol=tcp,mode=host",
                "published=5300,target=8080,protocol=udp,mode=ingress",
                "published=8000,target=8080,protocol=tcp,mode=ingress",
                // Swarm chose it.
                "published=30000,target=8080,protocol=tcp,mode=ingress",
                "published=8100,target=8080,protocol=tcp,mode=ingress",
                "published=9000,target=8080,protocol=tcp,mode=host",
            ]
        );
        assert_eq!(found[1].tasks, Some((2, 2)));
        assert!(found[0].is_global && !found[1].is_global);
        // A worker's answer.
        assert!(services(br#"{"message":"This node is not a swarm manager."}"#).is_err());
    }

    #[test]
    fn a_manager_and_a_worker_say_what_they_are() {
        let node = |json: &[u8]| info(json).unwrap().swarm.unwrap();
        let manager = node(include_bytes!("../../../tests/fixtures/tools/swarm-info-manager-28.5.json"));
        assert!(manager.is_manager);
        assert_eq!((manager.management_port, manager.data_port), (2377, 4789));
        let worker = node(include_bytes!("../../../tests/fixtures/tools/swarm-info-worker-28.5.json"));
        assert!(!worker.is_manager);
        assert_eq!(worker.managers, ["198.51.100.1:2377"]);
        for off in [
            r#"{"Swarm":{"NodeID":"","LocalNodeState":"inactive","ControlAvailable":false,"RemoteManagers":null}}"#,
            r#"{"Swarm":{"NodeID":"x","LocalNodeState":"locked","ControlAvailable":false,"RemoteManagers":null}}"#,
            r#"{"Swarm":null}"#,
        ] {
            assert_eq!(info(off.as_bytes()).unwrap().swarm, None, "{off}");
        }
    }

    #[test]
    fn a_container_names_the_service_of_its_task() {
        let found = containers(include_bytes!("../../../tests/fixtures/tools/swarm-containers-28.5.json")).unwrap();
        let of = |start: &str| found.iter().find(|container| container.name.starts_with(start)).unwrap();
        let admin = of("shop_admin.1.");
        let task = admin.task.as_ref().unwrap();
        assert_eq!((task.service.as_str(), task.stack.as_deref()), ("shop_admin", Some("shop")));
        assert_eq!(admin.bindings.len(), 2);
        // It serves port 8000 through the ingress network, and shows nothing of that.
        assert!(of("shop_web.1.").bindings.is_empty());
        assert_eq!(of("solo.1.").task.as_ref().unwrap().stack, None);
    }
}
