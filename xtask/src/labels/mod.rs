//! Names in place of ports: which service gets which host name at the shared
//! Traefik, the labels that say so, the rules that hand-written labels must
//! keep, and Traefik's own configuration. Text in, text out: nothing here
//! touches a disk or an engine.
//!
//! What Traefik does with labels, and where each of these facts comes from:
//! doc.traefik.io (v3.7), and its source (`pkg/provider/docker`,
//! `pkg/config/label`, `pkg/server/router/tcp`); tried on 3.7.15.

mod clashes;
mod compose_file;
mod kind;
mod link;
mod lint;
mod matching;
mod rivals;
mod routes;
mod rule;
mod traefik;
mod version;

pub use clashes::{Labelled, fallbacks};
pub use compose_file::{FILE, HEADER, compose_file, network_key};
pub use kind::{Kind, kind};
pub use link::{LINK_VARIABLE, is_link, link_network};
pub use lint::{Finding, lint};
pub use rivals::{Rival, rivals};
pub use routes::{Route, Unrouted, Wish, is_host, routes};
pub use rule::{Router, Transport, hosts, routers};
pub use traefik::{
    CERTIFICATES, DASHBOARD, Ports, Proxy, compose, constraint, dashboard_labels, dynamic, socket_source,
};
pub use version::{Version, check_engine, image_is_too_old};

/// The network that the proxy shares with what it routes to, unless
/// [`NETWORK_VARIABLE`] says otherwise.
pub const NETWORK: &str = "web";
/// The variable that names another network, and so another proxy.
pub const NETWORK_VARIABLE: &str = "PROXY_NETWORK";
/// The variable that holds the project's host name without `.localhost`.
pub const HOST_VARIABLE: &str = "PROXY_HOST";
/// All names end so: RFC 6761 keeps it for this machine.
pub const DOMAIN: &str = "localhost";
/// The priority of every router of a generated file: above whatever a rule's
/// length or a person gives, so that no catch-all of another project comes first.
/// Below 2^31, which is the limit of a Traefik for 32 bits.
const PRIORITY: u32 = 2_000_000_000;
