//! Names instead of ports: which service gets which host name at the shared Traefik, the
//! labels for it, a linter for hand-written labels, and Traefik's own configuration. Pure:
//! nothing here touches a disk or an engine.
//!
//! Sources for what Traefik does with labels: doc.traefik.io (v3.7), and its source
//! (`pkg/provider/docker`, `pkg/config/label`, `pkg/server/router/tcp`); tried on 3.7.15.

#![expect(missing_docs, reason = "a comment says what the name does not")]

mod clashes;
mod compose_file;
mod finding;
mod kind;
mod labelled;
mod link;
mod lint;
mod matching;
mod names;
mod rivals;
mod routes;
mod rule;
mod traefik;
mod version;

pub use clashes::fallbacks;
pub use compose_file::{FILE, HEADER, compose_file, network_key};
pub use finding::Finding;
pub use kind::{Kind, kind};
pub use labelled::LabelledContainer;
pub use link::{LINK_VARIABLE, is_link, link_network};
pub use lint::lint;
pub use names::{DOMAIN, HOST_VARIABLE, NETWORK, NETWORK_VARIABLE};
pub use rivals::{Rival, rivals};
pub use routes::{Route, RouteOptions, Unrouted, is_host, routes};
pub use rule::{Router, Transport, hosts, routers};
pub use traefik::{
    CERTIFICATES, DASHBOARD, Ports, Proxy, compose, constraint, dashboard_labels, dynamic, socket_source,
};
pub use version::{check_engine, image_is_too_old};
