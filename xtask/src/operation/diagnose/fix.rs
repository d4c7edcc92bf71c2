//! The fixes that `diagnose --fix` knows.

use crate::operation::ports::stop_holders::Request;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// Bring up the engine of scripts/engine.
    Engine,
    /// Create or complete `.env` from its template, and have git ignore it.
    Env {
        /// `.env` exists; add the lines of the template that it lacks.
        missing: bool,
    },
    /// Stop a docker-proxy that its engine left behind.
    Proxy(Box<Request>),
    /// Remove networks that nothing uses.
    Networks,
    /// Release ports that are kept for deleted folders.
    Leases,
    /// `docker compose build`.
    Build,
    /// `docker compose pull`.
    Pull,
}

impl Fix {
    /// The action, as the question names it.
    pub fn describe(&self) -> String {
        match self {
            Fix::Engine => "run scripts/engine/up of this project (Debian, as root)".to_owned(),
            Fix::Env { missing: true } => {
                "add the missing variables to .env (`cargo xtask env init --missing`)".to_owned()
            }
            Fix::Env { missing: false } => {
                "create .env from its template and have git ignore it (`cargo xtask env init`)".to_owned()
            }
            Fix::Proxy(request) => format!("stop the docker-proxy on {}", request.address),
            Fix::Networks => "remove networks of projects without containers (`cargo xtask prune-network`)".to_owned(),
            Fix::Leases => "release ports that are kept for deleted folders".to_owned(),
            Fix::Build => "docker compose build".to_owned(),
            Fix::Pull => "docker compose pull".to_owned(),
        }
    }
}
