//! Which published ports have to answer before a stack is up.

use crate::model::WaitFor;

/// What is expected of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// It has to answer, or the start fails: `[wait]` names it.
    Required,
    /// Nobody waits for it: `[wait]` excludes it.
    Excluded,
    /// It has to answer unless its service is up without it.
    Default,
}

/// A published port that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waited<'a> {
    pub service: &'a str,
    pub published: u16,
    pub demand: Demand,
    /// The healthcheck of its service has passed.
    pub is_healthy: bool,
    pub answers: bool,
}

/// `rule`: what `[wait]` says about the service.
pub fn demand(rule: Option<&WaitFor>, target: u16) -> Demand {
    match rule {
        None => Demand::Default,
        Some(WaitFor::Every) => Demand::Required,
        Some(WaitFor::Ports(targets)) if targets.contains(&target) => Demand::Required,
        Some(WaitFor::Ports(_) | WaitFor::Nothing) => Demand::Excluded,
    }
}

/// Whether port number `at` may stay silent: its service is healthy, or another port of it answers.
/// A port that answers on one of its addresses has to answer on all.
pub fn may_stop_waiting(ports: &[Waited<'_>], at: usize) -> bool {
    let Some(port) = ports.get(at) else { return true };
    let mut answering = ports.iter().filter(|other| other.answers && other.service == port.service);
    let has_other = answering.clone().any(|other| other.published != port.published);
    let answers_elsewhere = answering.any(|other| other.published == port.published);
    port.demand == Demand::Default && (port.is_healthy || has_other) && !answers_elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_decide_first() {
        for (rule, want) in [
            (None, Demand::Default),
            (Some(WaitFor::Every), Demand::Required),
            (Some(WaitFor::Nothing), Demand::Excluded),
            (Some(WaitFor::Ports(vec![80, 8000])), Demand::Required),
            (Some(WaitFor::Ports(vec![8000])), Demand::Excluded),
        ] {
            assert_eq!(demand(rule.as_ref(), 80), want, "{rule:?}");
        }
    }

    #[test]
    fn a_silent_port_is_excused_by_health_or_by_another_port() {
        let port = |published, is_healthy, answers| Waited {
            service: "api",
            published,
            demand: Demand::Default,
            is_healthy,
            answers,
        };
        // Its only port, without a healthcheck.
        assert!(!may_stop_waiting(&[port(8000, false, false)], 0));
        assert!(may_stop_waiting(&[port(8000, true, false)], 0));
        assert!(may_stop_waiting(&[port(8000, false, true), port(9229, false, false)], 1));
        assert!(!may_stop_waiting(&[port(8000, false, false), port(9229, false, false)], 1));
        // Another service says nothing about this one.
        let other = Waited { service: "web", ..port(8000, false, true) };
        assert!(!may_stop_waiting(&[other, port(9229, false, false)], 1));
        // The same port on another address: it is served, and has to be reachable on both.
        assert!(!may_stop_waiting(&[port(8000, true, true), port(8000, true, false)], 1));
        let required = Waited { demand: Demand::Required, ..port(9229, true, false) };
        assert!(!may_stop_waiting(&[port(8000, true, true), required], 1));
    }
}
