//! What `diagnose --fix` can mend by itself.

use crate::operation::ports::stop_holders::Request;

/// One way of mending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mend {
    /// Bring up the engine of scripts/engine.
    Engine,
    /// `.env` from its template, what it lacks, and git to ignore it.
    Env {
        /// Add the lines that the template has and `.env` has not.
        missing: bool,
    },
    /// End a docker-proxy that its engine left behind.
    Proxy(Box<Request>),
    /// Remove networks that nobody needs.
    Networks,
    /// Give ports of folders that are gone back.
    Leases,
    /// `docker compose build`.
    Build,
    /// `docker compose pull`.
    Pull,
}

impl Mend {
    /// What will be done, for the question.
    pub fn describe(&self) -> String {
        match self {
            Mend::Engine => "run scripts/engine/up of this project (Debian, as root)".to_owned(),
            Mend::Env { missing: true } => {
                "add to .env what its template has (`cargo xtask env init --missing`)".to_owned()
            }
            Mend::Env { missing: false } => {
                "make .env from its template and have git ignore it (`cargo xtask env init`)".to_owned()
            }
            Mend::Proxy(request) => format!("end the docker-proxy on {}", request.address),
            Mend::Networks => "remove networks of projects without containers (`cargo xtask prune-network`)".to_owned(),
            Mend::Leases => "forget ports that are kept for folders which are gone".to_owned(),
            Mend::Build => "docker compose build".to_owned(),
            Mend::Pull => "docker compose pull".to_owned(),
        }
    }
}
