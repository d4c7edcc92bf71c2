//! The parts of an entry of `ports:` as written.

use std::collections::BTreeMap;
use std::ops::Range;

use super::node::{Node, Scalar, Template};
use super::number::numbers;
use crate::model::Written;

/// Range of the published part in a short entry as written: between the last two
/// colons outside `${…}`. Empty if there is none.
pub(super) fn published_part(scalar: &Scalar) -> Range<usize> {
    let Some(template) = &scalar.template else {
        return 0..0;
    };
    match outer_colons(template)[..] {
        [] => 0..0,
        [only] => 0..only,
        [.., first, last] => first + 1..last,
    }
}

/// Positions of colons outside `${…}`.
fn outer_colons(template: &Template) -> Vec<usize> {
    let outer = |at: &usize| !template.uses.iter().any(|used| !used.nested && used.range.contains(at));
    template.raw.match_indices(':').map(|(at, _)| at).filter(outer).collect()
}

pub(super) fn written_short(scalar: &Scalar, published: &str) -> Written {
    let mut written = Written { published: zero(published), ..Written::default() };
    let Some(template) = &scalar.template else { return written };
    let outer = outer_colons(template);
    // `${WHOLE}` may contain several parts, which cannot be separated then.
    if outer.len() != scalar.text.matches(':').count() {
        written.whole = Some(template.raw.clone());
        return written;
    }
    let raw = template.raw.as_str();
    let with_variables = |text: &str| text.contains('$').then(|| text.to_owned());
    let (ip, port, target) = match outer[..] {
        [] => ("", "", raw),
        [only] => ("", &raw[..only], &raw[only + 1..]),
        [.., first, last] => (&raw[..first], &raw[first + 1..last], &raw[last + 1..]),
    };
    let ip = ip.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(ip);
    let protocol = target.rfind('/').filter(|at| !template.uses.iter().any(|used| used.range.contains(at)));
    let target = protocol.map_or(target, |at| &target[..at]);
    written.host_ip = with_variables(ip);
    written.published = with_variables(port).or(written.published);
    // The target's variable may contain the protocol: `${TARGET:-80/udp}`.
    written.target = with_variables(target).filter(|_| protocol.is_some() || !scalar.text.contains('/'));
    written
}

pub(super) fn written_long(item: &Node) -> Written {
    let raw = |scalar: &Scalar| scalar.template.as_ref().map(|template| template.raw.clone());
    let template = |key: &str| item.get(key).and_then(Node::scalar).and_then(raw);
    let published = item.get("published").and_then(Node::text).unwrap_or_default();
    let known = ["target", "published", "host_ip", "protocol"];
    let more = item.entries().iter().filter(|(key, _)| !known.contains(&key.as_str()));
    let text = |(key, node): &(String, Node)| {
        let scalar = node.scalar().filter(|scalar| !scalar.text.is_empty())?;
        Some((key.clone(), raw(scalar).unwrap_or_else(|| scalar.text.clone())))
    };
    Written {
        host_ip: template("host_ip"),
        published: template("published").or_else(|| zero(published)),
        target: template("target"),
        whole: None,
        keys: more.filter_map(text).collect::<BTreeMap<_, _>>(),
    }
}

fn zero(published: &str) -> Option<String> {
    numbers(published).filter(|range| *range == (0, 0)).map(|_| "0".to_owned())
}
