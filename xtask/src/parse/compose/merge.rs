//! Merging compose files: mappings by key, lists appended, the rest replaced.

use super::node::{Data, Node, Scalar, Tag};

/// Merges `over` on top of `base`. Tags on `over` are obeyed and kept, because the
/// result may itself be merged on top of an earlier file; see [`strip_tags`].
#[must_use]
pub fn merge(base: Node, over: Node) -> Node {
    merge_at(base, over, "")
}

fn merge_at(base: Node, over: Node, key: &str) -> Node {
    if over.tag != Tag::None || key.starts_with("x-") || key == "test" || base.is_null() {
        return over;
    }
    if over.is_null() {
        return base;
    }
    let (base, over) = match key {
        "environment" => {
            // Compose cannot reset a single variable of a list.
            let list = matches!(base.data, Data::List(_));
            let mut over = by_name(over, '=');
            if let (true, Data::Map(entries)) = (list, &mut over.data) {
                entries.retain(|(_, value)| value.tag != Tag::Reset);
            }
            (by_name(base, '='), over)
        }
        "labels" => (by_name(base, '='), by_name(over, '=')),
        "depends_on" | "networks" => (by_name(base, '\0'), by_name(over, '\0')),
        _ => (base, over),
    };
    let Node { data: base_data, tag, .. } = base;
    let data = match (base_data, over.data) {
        (Data::Map(mut entries), Data::Map(more)) => {
            for (key, value) in more {
                match entries.iter_mut().find(|(known, _)| *known == key) {
                    Some((_, known)) => {
                        let old = std::mem::replace(&mut known.data, Data::Null);
                        let old = Node { data: old, tag: known.tag, file: known.file.clone(), line: known.line };
                        *known = merge_at(old, value, &key);
                    }
                    None => entries.push((key, value)),
                }
            }
            Data::Map(entries)
        }
        (Data::List(mut items), Data::List(more)) => {
            items.extend(more);
            Data::List(items)
        }
        (_, data) => data,
    };
    Node { data, tag, file: over.file, line: over.line }
}

/// Turns `[A=1, B]` into `{A: 1, B: null}`, because lists of names merge by name.
pub(super) fn by_name(node: Node, separator: char) -> Node {
    let Node { data, tag, file, line } = node;
    let data = match data {
        Data::List(items) => {
            let mut entries: Vec<(String, Node)> = Vec::with_capacity(items.len());
            for item in items {
                let Some(text) = item.text() else { continue };
                let (name, value) = text.split_once(separator).map_or((text, None), |(n, v)| (n, Some(v)));
                let name = name.to_owned();
                let data = value.map_or(Data::Null, |value| {
                    Data::Scalar(Scalar { text: value.to_owned(), quoted: true, ..Scalar::default() })
                });
                let value = Node { data, tag: Tag::None, file: item.file, line: item.line };
                match entries.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => *known = value,
                    None => entries.push((name, value)),
                }
            }
            Data::Map(entries)
        }
        other => other,
    };
    Node { data, tag, file, line }
}

/// Removes what `!reset` resets, and all tags, which have been obeyed.
pub fn strip_tags(node: &mut Node) {
    node.tag = Tag::None;
    match &mut node.data {
        Data::Map(entries) => {
            entries.retain(|(_, value)| value.tag != Tag::Reset);
            for (_, value) in entries {
                strip_tags(value);
            }
        }
        Data::List(items) => {
            items.retain(|value| value.tag != Tag::Reset);
            for item in items {
                strip_tags(item);
            }
        }
        Data::Null | Data::Scalar(_) => {}
    }
}
