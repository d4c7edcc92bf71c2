//! Answers of the engine's HTTP API (docs.docker.com, Engine API 1.41 and later): one
//! file and one decoder per endpoint.

mod about;
mod containers;
mod error_message;
mod images;
mod inspect;
mod networks;
mod services;
mod volumes;

pub use about::{EngineKind, EngineVersion, Info, info, kind_of_server, version};
pub use containers::containers;
pub use error_message::error_message;
pub use images::{Image, image, images};
pub use inspect::{Detail, detail, podman_restarts};
pub use networks::{network, networks, podman_interfaces};
pub use services::services;
pub use volumes::volumes;
