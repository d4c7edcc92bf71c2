//! Ports of this machine that a compose file names outside of `ports:`.

use std::path::Path;
use std::sync::Arc;

use super::mention::{Form, PortMention, is_port_name};
use super::text::{Syntax, in_text};
use crate::error::Result;
use crate::parse::compose::{Data, Node, documents};
use crate::parse::interpolate::mentions;

/// The part of a service that a mention is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Section {
    /// `environment:` and `build.args`.
    Values,
    Labels,
    /// `command:` and `entrypoint:`.
    Command,
}

/// A mention of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InService {
    pub service: String,
    pub section: Section,
    /// Name of the value: `NEXT_PUBLIC_API_URL`. Empty in a command.
    pub name: String,
    pub mention: PortMention,
}

/// The mentions in a compose file, in the order of its services. Text comes into a service through
/// anchors too; its line is where it is written. `is_set` says whether a variable has a value, so
/// that its default is not used.
///
/// Left out is what is about the container alone, `healthcheck:` above all.
pub fn in_compose(text: &str, file: &Path, is_set: &dyn Fn(&str) -> bool) -> Result<Vec<InService>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for document in documents(text, &Arc::from(file))? {
        for (service, node) in document.get("services").map(Node::entries).unwrap_or_default() {
            let mut search = Search { service, lines: &lines, is_set, found: &mut found };
            let build = node.get("build");
            let deploy = node.get("deploy");
            for (section, values) in [
                (Section::Values, node.get("environment")),
                (Section::Values, build.and_then(|build| build.get("args"))),
                (Section::Labels, build.and_then(|build| build.get("labels"))),
                (Section::Labels, node.get("labels")),
                (Section::Labels, deploy.and_then(|deploy| deploy.get("labels"))),
                (Section::Command, node.get("command")),
                (Section::Command, node.get("entrypoint")),
            ] {
                if let Some(values) = values {
                    search.values(&section, values);
                }
            }
        }
    }
    Ok(found)
}

struct Search<'a> {
    service: &'a str,
    lines: &'a [&'a str],
    is_set: &'a dyn Fn(&str) -> bool,
    found: &'a mut Vec<InService>,
}

impl Search<'_> {
    fn values(&mut self, section: &Section, values: &Node) {
        match &values.data {
            Data::Map(entries) => entries.iter().for_each(|(name, value)| self.value(section, name, value)),
            Data::List(items) => {
                for item in items {
                    let text = item.text().unwrap_or_default();
                    let name = text.split_once('=').map_or("", |(name, _)| name);
                    self.value(section, if *section == Section::Command { "" } else { name }, item);
                }
            }
            Data::Scalar(_) => self.value(section, "", values),
            Data::Null => {}
        }
    }

    fn value(&mut self, section: &Section, name: &str, value: &Node) {
        let Some(text) = value.text() else { return };
        let defaults = unused_defaults(text, self.is_set);
        let syntax = if *section == Section::Command { Syntax::Shell } else { Syntax::Value };
        let mut of_value = in_text(text.as_bytes(), syntax);
        if let Ok(port @ 1..) = text.parse::<u16>()
            && is_port_name(name)
        {
            let (form, text) = (Form::Assignment(name.to_owned()), format!("{name}: {text}"));
            of_value.push(PortMention { line: 1, port, form, text, span: 0..value.text().map_or(0, str::len) });
        }
        for mention in of_value {
            if defaults.iter().any(|range| range.contains(&mention.span.start)) {
                continue;
            }
            let line = self.line(value.line, &mention);
            self.found.push(InService {
                service: self.service.to_owned(),
                section: section.clone(),
                name: name.to_owned(),
                mention: PortMention { line, ..mention },
            });
        }
    }

    /// The line of a mention within a value that begins on line `first`: folded and block texts have
    /// several.
    fn line(&self, first: usize, mention: &PortMention) -> usize {
        let number = mention.port.to_string();
        let rest = self.lines.iter().enumerate().skip(first.saturating_sub(1));
        let mut of_value = rest.skip(mention.line - 1).filter(|(_, line)| line.contains(&number));
        of_value.next().map_or(first, |(at, _)| at + 1)
    }
}

/// The parts of a text that are not used, because the variable around them is set.
fn unused_defaults(text: &str, is_set: &dyn Fn(&str) -> bool) -> Vec<std::ops::Range<usize>> {
    let set = mentions(text).into_iter().filter(|mention| mention.default.is_some() && is_set(mention.name));
    set.flat_map(|mention| text.match_indices(mention.text).map(|(at, found)| at..at + found.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_services_are_read_through_anchors() {
        let text = "\
x-urls: &urls
  API_URL: http://localhost:8000
  DEFAULTED: ${API:-http://localhost:8000}
  OVERRIDDEN: ${SET:-http://localhost:8000}
services:
  web:
    build:
      args: [\"ORIGIN=http://localhost:3000\"]
    environment:
      <<: *urls
      HMR_PORT: 3000
      JSON: |
        {
          \"a\": \"http://localhost:9000\"
        }
    labels: { url: 'http://localhost:3000' } # http://localhost:1
    command: serve --cors http://localhost:3000
    healthcheck: { test: curl localhost:8000 }
    ports: ['8000:8000']
";
        let found = in_compose(text, Path::new("compose.yaml"), &|name| name == "SET").unwrap();
        let shown: Vec<(usize, &str, &str)> =
            found.iter().map(|one| (one.mention.line, one.name.as_str(), one.mention.text.as_str())).collect();
        let want = [
            (2, "API_URL", "localhost:8000"),
            (3, "DEFAULTED", "localhost:8000"),
            (11, "HMR_PORT", "HMR_PORT: 3000"),
            (14, "JSON", "localhost:9000"),
            (8, "ORIGIN", "localhost:3000"),
            (16, "url", "localhost:3000"),
            (17, "", "localhost:3000"),
        ];
        assert_eq!(shown.len(), want.len(), "{shown:?}");
        assert!(want.iter().all(|one| shown.contains(one)), "{shown:?}");
    }
}
