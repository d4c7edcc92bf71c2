//! A link: a checkout's own network with the proxy. On a network that projects share, the
//! engine resolves a service's name to any project's container of that name. So each
//! checkout has its own network, and the proxy joins all of them.

/// The variable with the name of a checkout's link. The generated file reads it; `start`
/// sets it.
pub const LINK_VARIABLE: &str = "PROXY_LINK";

/// The name of a project's link to the proxy of `network`.
///
/// It begins with that network's name, so it sorts after it: the engine attaches a
/// container's ports and its default route to the first of its networks, and the proxy's
/// must not move when it joins another one. Neither a project's name nor a proxy's network
/// contains a dot, so links are unique and never equal to Compose's `NAME_KEY`.
pub fn link_network(network: &str, project: &str) -> String {
    format!("{}{project}", prefix(network))
}

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
