//! Fixed container names that something in the project relies on, so they can't be reset in
//! a secondary checkout.

use crate::context::Context;
use crate::error::{Error, Result};
use crate::model::Named;
use crate::stack::{How, NameUse};
use crate::ui;

/// An error if something in the project finds a container by one of the names in `resets`:
/// it would find the other checkout's container.
pub(super) fn refuse_used_names<'a>(
    ctx: &Context,
    uses: &[NameUse],
    resets: impl IntoIterator<Item = &'a Named>,
) -> Result<()> {
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
                "{key} ({place}) refers to container `{name}`, which belongs to the other checkout: \
                 the container of `{service}` cannot have that name here"
            ));
            error.hint(match key.rsplit('.').next().unwrap_or_default() {
                "volumes_from" => {
                    format!("refer to the service of this checkout instead: `volumes_from: [{service}]`")
                }
                "external_links" => format!("remove it, and use `{service}`, the service of this checkout"),
                key => format!("refer to the service of this checkout instead: `{key}: service:{service}`"),
            })
        }
        How::Network(network) => {
            let network = ui::clean(network);
            Error::new(format!(
                "services.{service}.container_name is `{name}` in every checkout ({place}), and on their shared network \
                 `{network}`, `{name}` would resolve to the other checkout's container"
            ))
            .hint(format!("remove `container_name` and use `{service}`; or prefix it with ${{COMPOSE_PROJECT_NAME}}-"))
            .hint(format!("or give each checkout its own network: `name: ${{COMPOSE_PROJECT_NAME}}-{network}` instead of `{network}`"))
        }
    })
}
