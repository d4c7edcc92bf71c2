//! Finds the files that a Rust source includes. Pure.

const MACROS: [&str; 3] = ["include_str", "include_bytes", "include"];

/// The paths in `include!`, `include_str!` and `include_bytes!` as written. Arguments other than string
/// literals (`concat!`) are ignored: before a program is stored, the compiler's list of files is
/// compared with this one.
pub(crate) fn paths(source: &str) -> Vec<String> {
    let mut found: Vec<String> = source.match_indices("include").filter_map(|(at, _)| path(source, at)).collect();
    found.sort();
    found.dedup();
    found
}

fn path(source: &str, at: usize) -> Option<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let name = source[at..].split(|c: char| !is_name(c)).next()?;
    if source[..at].ends_with(is_name) || !MACROS.contains(&name) {
        return None;
    }
    let rest = source[at + name.len()..].trim_start().strip_prefix('!')?;
    let rest = rest.trim_start().strip_prefix(['(', '[', '{'])?;
    literal(rest.trim_start())
}

/// A string literal, raw or not.
fn literal(text: &str) -> Option<String> {
    if let Some(raw) = text.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let inner = raw[hashes..].strip_prefix('"')?;
        let end = inner.find(&format!("\"{}", "#".repeat(hashes)))?;
        return Some(inner[..end].to_owned());
    }
    let mut path = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some(path),
            '\\' => match chars.next()? {
                c @ ('\\' | '"' | '\'') => path.push(c),
                _ => return None,
            },
            c => path.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_and_nothing_else() {
        let source = r##"
            let a = include_str!("a.txt");
            let b = &include_bytes! [ r"b\b.bin" ][..];
            include!(
                r#"c".rs"#
            );
            std::include_str!{"d \"d\".txt"};
            my_include_str!("no"); include_dir!("no"); includes!("no"); include!(concat!("no", "no"));
            include_str!("a.txt"); include_str("no"); include_str!("no
        "##;
        assert_eq!(paths(source), ["a.txt", r"b\b.bin", "c\".rs", "d \"d\".txt"]);
        assert_eq!(paths("include"), Vec::<String>::new());
    }
}
