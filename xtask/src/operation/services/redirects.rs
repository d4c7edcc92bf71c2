//! Rules of this machine that send connections to a published port elsewhere, such as those of
//! Kubernetes, of a Swarm service, or made by hand.

use std::net::SocketAddr;

use super::answers::ServiceEndpoint;
use crate::decide::{NewConnection, Redirection, redirection};
use crate::error::Error;
use crate::model::NatRules;
use crate::project::Project;
use crate::ui;

/// What the rules do with connections from this machine, and with those from other machines where
/// these can reach the port. `Err`: why the rules could not be read.
pub(crate) struct Redirects {
    pub(crate) local: Redirection,
    pub(crate) remote: Redirection,
}

pub(crate) fn redirects(endpoint: &ServiceEndpoint<'_>, rules: &NatRules) -> Result<Redirects, String> {
    let tables = rules.of_family(endpoint.address.ip()).as_ref().map_err(Clone::clone)?;
    let ip = endpoint.address.ip();
    let attachments = endpoint.container.networks.iter();
    let targets: Vec<SocketAddr> =
        attachments.filter_map(|attachment| Some(SocketAddr::new(attachment.address?, endpoint.target))).collect();
    let port = endpoint.address.port();
    let of_all = |connection: NewConnection| {
        let mut found = Redirection::default();
        for table in tables {
            let next = redirection(table, connection, &targets);
            found.certain = found.certain.or(next.certain);
            found.possible.extend(next.possible);
        }
        found
    };
    let local = of_all(NewConnection { ip: Some(ip), port, is_local: true });
    let remote = if endpoint.is_wildcard {
        of_all(NewConnection { ip: None, port, is_local: false })
    } else if ip.is_loopback() {
        Redirection::default()
    } else {
        of_all(NewConnection { ip: Some(ip), port, is_local: false })
    };
    Ok(Redirects { local, remote })
}

/// The first port whose connections surely lead elsewhere, and an error that says so.
pub(crate) fn foreign_redirect(
    project: &Project,
    endpoints: &[ServiceEndpoint<'_>],
    rules: &NatRules,
) -> Option<(u16, Error)> {
    endpoints.iter().find_map(|endpoint| {
        let found = redirects(endpoint, rules).ok()?;
        let service = ui::clean(endpoint.service);
        let (rule, fact) = match (found.local.certain, found.remote.certain) {
            (Some(rule), _) => {
                let shown = ui::clean(&rule);
                let fact = format!(
                    "{} is redirected by `{shown}` before it reaches the container of `{service}`",
                    endpoint.address
                );
                (rule, fact)
            }
            (None, Some(rule)) => {
                let fact = format!(
                    "connections from other machines to port {} are redirected by `{}` before they reach the container of `{service}`",
                    endpoint.address.port(),
                    ui::clean(&rule)
                );
                (rule, fact)
            }
            (None, None) => return None,
        };
        let error = Error::new(fact).hint(removal(&rule, endpoint.address.is_ipv4()));
        Some((endpoint.address.port(), error.hint(other_port(project, endpoint)).finding()))
    })
}

fn removal(rule: &str, is_ipv4: bool) -> String {
    let chain = rule.split_whitespace().nth(1).unwrap_or_default();
    if chain.starts_with("DOCKER-INGRESS") {
        return "a Swarm service publishes this port: `docker service ls` shows which".to_owned();
    }
    if chain.starts_with("KUBE-") || chain.starts_with("CNI-") {
        return "Kubernetes publishes this port: `kubectl get services,pods --all-namespaces -o wide` shows for whom"
            .to_owned();
    }
    match rule.strip_prefix("-A ") {
        Some(rest) => {
            let tool = if is_ipv4 { "iptables" } else { "ip6tables" };
            format!("remove the rule as root: `{tool} -t nat -D {}`", ui::clean(rest))
        }
        None => "`nft -a list ruleset` shows the rule and its handle; `nft delete rule` removes it".to_owned(),
    }
}

fn other_port(project: &Project, endpoint: &ServiceEndpoint<'_>) -> String {
    let port = endpoint.address.port();
    let mut of_service = project.stack.ports().filter(|wanted| wanted.mapping.service == endpoint.service);
    let wanted = of_service.find(|wanted| {
        wanted.mapping.target == endpoint.target
            && wanted.mapping.published.is_some_and(|published| published.contains(port))
    });
    let origin = wanted.and_then(|wanted| wanted.origin.as_ref());
    match origin {
        Some(origin) => match &origin.variable {
            Some(name) => format!("or publish another port: `cargo xtask env set {name}=PORT`"),
            None => {
                format!("or publish another port: {}:{}", project.ctx.show(&origin.file), origin.line)
            }
        },
        None => format!("or publish another port for `{}`", ui::clean(endpoint.service)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cure_depends_on_who_made_the_rule() {
        for (rule, want) in [
            (
                "-A OUTPUT -p tcp -j REDIRECT --to-ports 9",
                "`iptables -t nat -D OUTPUT -p tcp -j REDIRECT --to-ports 9`",
            ),
            ("-A DOCKER-INGRESS -p tcp -j DNAT", "`docker service ls`"),
            ("-A CNI-DN-1 -p tcp -j DNAT", "`kubectl get"),
            ("inet my output handle 4", "`nft -a list ruleset`"),
        ] {
            assert!(removal(rule, true).contains(want), "{rule}");
        }
        assert!(removal("-A OUTPUT -j X", false).contains("`ip6tables -t nat -D OUTPUT -j X`"));
    }
}
