//! The proxy's own names and numbers.

/// The network that the proxy shares with what it routes to, unless
/// [`NETWORK_VARIABLE`] says otherwise.
pub const NETWORK: &str = "web";
/// The variable that names another network, and so another proxy.
pub const NETWORK_VARIABLE: &str = "PROXY_NETWORK";
/// The variable that holds the project's host name without `.localhost`.
pub const HOST_VARIABLE: &str = "PROXY_HOST";
/// All names end so: RFC 6761 keeps it for this machine.
pub const DOMAIN: &str = "localhost";
/// The priority of every router of a generated file: above whatever a rule's
/// length or a person gives, so that no catch-all of another project comes first.
/// Below 2^31, which is the limit of a Traefik for 32 bits.
pub(super) const PRIORITY: u32 = 2_000_000_000;
