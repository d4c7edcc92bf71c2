//! Fixed names of containers that a checkout cannot do without: they would be those of
//! the other checkout.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::model::Named;
use crate::stack::{How, NameUse};
use crate::ui;

/// Refuses to leave the names in `resets` to Compose where something in the project
/// finds a container by such a name, and would find the other checkout's.
pub(super) fn refuse<'a>(ctx: &Context, uses: &[NameUse], resets: impl IntoIterator<Item = &'a Named>) -> Result<()> {
    let services: Vec<&str> = resets
        .into_iter()
        .filter_map(|what| if let Named::Container(service) = what { Some(service.as_str()) } else { None })
        .collect();
    let Some(used) = uses.iter().find(|used| services.contains(&used.service.as_str())) else { return Ok(()) };
    let place = format!("{}:{}", ctx.show(&used.file), used.line);
    let (service, name) = (ui::clean(&used.service), ui::clean(&used.name));
    Err(match &used.how {
        How::Key(key) => {
            let key = ui::clean(key);
            let error = Error::new(format!(
                "{key} ({place}) names container `{name}`, which is the other checkout's: \
                 here the container of `{service}` cannot have that name"
            ));
            error.hint(match key.rsplit('.').next().unwrap_or_default() {
                "volumes_from" => {
                    format!("name the service, which is this checkout's own: `volumes_from: [{service}]`")
                }
                "external_links" => format!("take it out, and ask for `{service}`, which is this checkout's own"),
                key => format!("name the service, which is this checkout's own: `{key}: service:{service}`"),
            })
        }
        How::Network(network) => {
            let network = ui::clean(network);
            Error::new(format!(
                "services.{service}.container_name is `{name}` in every checkout ({place}), and on network `{network}`, \
                 which they share, `{name}` would lead to the other checkout's container"
            ))
            .hint(format!("take `container_name` out, and ask for `{service}`; or begin it with ${{COMPOSE_PROJECT_NAME}}-"))
            .hint(format!("or give each checkout a network: `name: ${{COMPOSE_PROJECT_NAME}}-{network}` in place of `{network}`"))
        }
    })
}
