use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Data, Found, Node, check_ports, define, documents, literals, merge, select, strip_tags};
use crate::model::Source;

/// All steps of the reader on a text, without files.
fn read(text: &str, over: &str) {
    let file: Arc<Path> = Arc::from(Path::new("compose.yaml"));
    let lookup = |name: &str| (name == "A").then(|| ("8000".to_owned(), Source::Shell));
    let parse = |text: &str| documents(text, &file).ok().and_then(|documents| documents.into_iter().next());
    let (Some(mut base), Some(mut over)) = (parse(text), parse(over)) else { return };
    if base.interpolate("", &lookup).is_err() || over.interpolate("", &lookup).is_err() {
        return;
    }
    let mut merged = merge(base, over);
    strip_tags(&mut merged);
    let services = merged.get("services").map(Node::entries).unwrap_or_default();
    let _ = check_ports(services);
    let definitions = services.iter().map(|(name, service)| define(name, service, &|_| None));
    if let Ok(definitions) = definitions.collect() {
        let _ = select(definitions, &["*".to_owned()]);
    }
}

/// Compose files that are nearly valid.
fn compose_file() -> impl Strategy<Value = String> {
    let port = prop_oneof![
        "[0-9]{1,5}(-[0-9]{1,5})?(:[0-9]{1,5}(-[0-9]{1,5})?)?(/(tcp|udp|x))?",
        "(\\[::1\\]|127.0.0.1|x)?:?\\$\\{?[AB]?(:-[0-9]{1,4})?\\}?:[0-9]{0,5}",
        "\\{(target: [0-9]{1,5})?,? ?published: [0-9-]{1,9}\\}",
        "[ -~]{0,12}",
    ];
    let service = (prop::collection::vec(port, 0..4), "(!reset|!override|&a|\\*a)?", "[a-z]{0,3}");
    prop::collection::vec(service, 1..3).prop_map(|services| {
        let mut text = "services:\n".to_owned();
        for (ports, tag, name) in services {
            let _ = writeln!(text, "  {name}:\n    image: x\n    ports: {tag}");
            for port in ports {
                let _ = writeln!(text, "      - {port}");
            }
        }
        text
    })
}

proptest! {
    #[test]
    fn never_panics(text in prop_oneof![compose_file(), "(?s).{0,80}"], over in compose_file()) {
        read(&text, &over);
        // Its positions are positions in the text.
        for found in literals(&text, &Arc::from(Path::new("f.yaml"))).unwrap_or_default() {
            if let Found::Literal(literal) = found {
                prop_assert_eq!(&text[literal.digits], literal.published.to_string());
            }
        }
    }
}

fn node(text: &str) -> Node {
    documents(text, &Arc::from(Path::new("f.yaml"))).unwrap().remove(0)
}

#[test]
fn merge_keys_fill_gaps_and_lines_stay() {
    let node = node("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: {\"<<\": 4}\n");
    let b = node.get("b").unwrap();
    assert_eq!(b.get("x").unwrap().text(), Some("1"));
    assert_eq!(b.get("x").unwrap().line, 1);
    assert_eq!((b.get("y").unwrap().text(), b.get("y").unwrap().line), (Some("3"), 4));
    // A quoted `<<` is an ordinary key.
    assert_eq!(node.get("c").unwrap().get("<<").unwrap().text(), Some("4"));
}

#[test]
fn tags_reset_and_replace() {
    let base = node("a: [1]\nb: {x: 1, y: 2}\nc: 3\nd: [1]\n");
    let over = node("a: !override [2]\nb: {x: !reset null}\nc: !reset\nd: [2]\n");
    let mut merged = merge(base, over);
    strip_tags(&mut merged);
    assert!(merged.same(&node("a: [2]\nb: {y: 2}\nd: [1, 2]\n")), "{merged:?}");
    assert!(matches!(merged.data, Data::Map(_)));
}
