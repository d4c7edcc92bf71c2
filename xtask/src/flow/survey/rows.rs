//! One row a published port, in the order of the model.

use super::Row;
use super::machine::Machine;
use crate::decide::{clashes, too_many};
use crate::model::{Owner, PortMapping, Stack, Verdict, Wanted};

/// That a service has more containers than ports to publish, which no other port
/// would mend.
pub fn crowd(stack: &Stack, mapping: &PortMapping) -> Option<String> {
    let count = too_many(stack.service(&mapping.service)?, mapping)?;
    Some(format!("{count} containers of `{}` cannot all publish {}", mapping.service, mapping.address()))
}

pub(super) fn rows(machine: &Machine<'_>, stack: &Stack) -> Vec<Row> {
    let wanted: Vec<Wanted> = stack.ports().cloned().collect();
    let mappings: Vec<&PortMapping> = wanted.iter().map(|wanted| &wanted.mapping).collect();
    // What is not bound is in nobody's way.
    let bound = |mapping: &&PortMapping| {
        machine.effective(mapping).unwrap_or_else(|| PortMapping { published: None, ..(*mapping).clone() })
    };
    let effective: Vec<PortMapping> = mappings.iter().map(bound).collect();
    let clashes = clashes(&effective.iter().collect::<Vec<_>>());
    let verdict = |(i, clash): (usize, &Option<usize>)| match clash {
        Some(earlier) => {
            let other = mappings[*earlier];
            let why = format!("service `{}` of this project publishes {} too", other.service, other.address());
            Verdict::Taken(vec![Owner::Unknown { why }])
        }
        None => match crowd(stack, mappings[i]).filter(|_| machine.effective(mappings[i]).is_some()) {
            Some(why) => Verdict::Taken(vec![Owner::Unknown { why }]),
            None => machine.verdict(mappings[i]),
        },
    };
    let verdicts: Vec<Verdict> = clashes.iter().enumerate().map(verdict).collect();
    let row = |((wanted, verdict), clash)| Row { wanted, verdict, clash, suggestion: None, kept_for: None };
    wanted.into_iter().zip(verdicts).zip(clashes).map(row).collect()
}
