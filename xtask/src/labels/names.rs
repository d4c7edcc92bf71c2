//! Names and numbers of the proxy.

/// Default of [`NETWORK_VARIABLE`].
pub const NETWORK: &str = "web";
/// The variable that names the network which the proxy shares with its services; another
/// network means another proxy.
pub const NETWORK_VARIABLE: &str = "PROXY_NETWORK";
/// The variable with the project's host name without `.localhost`.
pub const HOST_VARIABLE: &str = "PROXY_HOST";
/// All names end in it: RFC 6761 reserves it for this machine.
pub const DOMAIN: &str = "localhost";
/// Priority of every router in a generated file: higher than a rule's length or a
/// hand-written priority, so that no catch-all of another project comes first. Below 2^31,
/// the limit of a 32-bit Traefik.
pub(super) const PRIORITY: u32 = 2_000_000_000;
