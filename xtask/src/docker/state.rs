//! What the engine says of itself, of its networks and of its images.

use super::http;
use super::{Engine, Trouble};
use crate::error::Error;
use crate::parse::engine_info::{self, Info};
use crate::parse::engine_networks::{self, Attached, Network};

impl Engine {
    /// Its version, its settings.
    pub fn info(&self) -> Result<Info, Trouble> {
        engine_info::info(&self.get("/info")?).map_err(|error| unread(&error))
    }

    /// The oldest version of its API that it speaks.
    pub fn min_api(&self) -> Result<Option<(u32, u32)>, Trouble> {
        engine_info::min_api(&self.get("/version")?).map_err(|error| unread(&error))
    }

    /// All networks.
    pub fn all_networks(&self) -> Result<Vec<Network>, Trouble> {
        engine_networks::networks(&self.get("/networks")?).map_err(|error| unread(&error))
    }

    /// Names of the containers that are on a network now.
    pub fn endpoints(&self, id: &str) -> Result<Vec<String>, Trouble> {
        let body = self.get(&format!("/networks/{}", http::escape(id)))?;
        engine_networks::endpoints(&body).map_err(|error| unread(&error))
    }

    /// All containers, running or not, with their networks.
    pub fn attached(&self) -> Result<Vec<Attached>, Trouble> {
        engine_networks::attached(&self.get("/containers/json?all=1")?).map_err(|error| unread(&error))
    }

    /// The first process of a container, as the engine's machine numbers it.
    pub fn init_pid(&self, id: &str) -> Result<Option<u32>, Trouble> {
        let body = self.get(&format!("/containers/{}/json", http::escape(id)))?;
        engine_info::init_pid(&body).map_err(|error| unread(&error))
    }

    /// Whether it has the image, by any name that Docker understands.
    pub fn has_image(&self, name: &str) -> Result<bool, Trouble> {
        Ok(self.find(&format!("/images/{}/json", http::escape(name)))?.is_some())
    }
}

fn unread(error: &Error) -> Trouble {
    Trouble::Other(error.message().to_owned())
}
