//! Single things of the engine, by name.

use super::http::escape;
use super::{Engine, Trouble};
use crate::error::Error;
use crate::exec::Command;
use crate::parse::engine_api::{self, EngineVersion, Image, Network};

impl Engine {
    /// What the engine is.
    pub fn version(&self) -> Result<EngineVersion, Trouble> {
        engine_api::version(&self.get("/version")?).map_err(|error| unreadable(&error))
    }

    /// An image that is there.
    pub fn image(&self, name: &str) -> Result<Option<Image>, Trouble> {
        let path: Vec<String> = name.split('/').map(escape).collect();
        let found = self.find(&format!("/images/{}/json", path.join("/")))?;
        found.map(|body| engine_api::image(&body).map_err(|error| unreadable(&error))).transpose()
    }

    /// A network that is there.
    pub fn network(&self, name: &str) -> Result<Option<Network>, Trouble> {
        let found = self.find(&format!("/networks/{}", escape(name)))?;
        let network = found.map(|body| engine_api::network(&body).map_err(|error| unreadable(&error))).transpose()?;
        // The beginning of an id would do for the engine.
        Ok(network.filter(|network| network.name == name))
    }
}

fn unreadable(error: &Error) -> Trouble {
    Trouble::Other(error.message().to_owned())
}

/// Gets an image from its registry.
pub fn pull(image: &str) -> Command {
    Command::new("docker").args(["pull", image])
}

/// Runs an image's program once, away from any network.
pub fn run_once(image: &str, args: &[&str]) -> Command {
    Command::new("docker").args(["run", "--rm", "--network", "none", image]).args(args)
}

/// Makes a network that containers of any project may join.
pub fn create_network(name: &str, labels: &[(&str, String)]) -> Command {
    let command = Command::new("docker").args(["network", "create", "--attachable"]);
    let label = |command: Command, (key, value): &(&str, String)| command.arg("--label").arg(format!("{key}={value}"));
    labels.iter().fold(command, label).arg("--").arg(name)
}
