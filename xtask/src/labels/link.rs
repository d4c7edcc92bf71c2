//! A checkout's own network with the proxy. On a network that projects share the
//! engine answers a service's name with any project's container of that name: each
//! checkout has one of its own, and the proxy joins them all.

/// The variable that names a checkout's own network with the proxy. The generated
/// file reads it; `start` sets it.
pub const LINK_VARIABLE: &str = "PROXY_LINK";

/// The name of a project's own network with the proxy of `network`.
///
/// It begins with that network's name, so it sorts behind it: the engine gives a
/// container's ports and its way out to the first of its networks, and those of the
/// proxy stay where they are when it joins another one. Neither a project's name nor
/// a proxy's network has a dot, so no two links are the same, and none is `NAME_KEY`,
/// as Compose calls its own.
pub fn link_network(network: &str, project: &str) -> String {
    format!("{}{project}", prefix(network))
}

/// Whether `name` is a link of the proxy of `network`.
pub fn is_link(network: &str, name: &str) -> bool {
    name.starts_with(&prefix(network))
}

fn prefix(network: &str) -> String {
    format!("{network}-link.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_one_for_each_proxy_and_project() {
        let link = link_network("web", "shop_a");
        assert_eq!(link, "web-link.shop_a");
        assert!(is_link("web", &link) && !is_link("web-link", &link) && !is_link("we", &link));
        assert!(!is_link("web", "web") && !is_link("web", "web-link_default"));
        assert!("web" < link.as_str());
    }
}
