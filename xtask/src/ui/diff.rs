//! The changes in a text, as `diff` shows them.

/// Removed (`-`) and added (`+`) lines, each run below the number of its first line. Meant
/// for small edits: if the number of lines changes, everything between the first and the
/// last difference is one run.
pub fn diff(before: &str, after: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    if old.len() == new.len() {
        let mut out = Vec::new();
        let differs = |at: usize| old[at] != new[at];
        let mut at = 0;
        while at < old.len() {
            let end = (at..old.len()).find(|at| !differs(*at)).unwrap_or(old.len());
            run(&mut out, at, &old[at..end], &new[at..end]);
            at = end + 1;
        }
        return out;
    }
    let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let same = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(old, new)| old == new).count();
    let mut out = Vec::new();
    run(&mut out, start, &old[start..old.len() - same], &new[start..new.len() - same]);
    out
}

fn run(out: &mut Vec<String>, start: usize, old: &[&str], new: &[&str]) {
    if old.is_empty() && new.is_empty() {
        return;
    }
    let line = |sign: char, text: &str| format!("{sign}{}", super::clean(text));
    let style = |text: String| console::style(text);
    out.push(style(format!("@@ line {} @@", start + 1)).cyan().to_string());
    out.extend(old.iter().map(|text| style(line('-', text)).red().to_string()));
    out.extend(new.iter().map(|text| style(line('+', text)).green().to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_is_shown() {
        assert_eq!(diff("a\nb\nc\nd\n", "a\nB\nc\nD\n"), ["@@ line 2 @@", "-b", "+B", "@@ line 4 @@", "-d", "+D"]);
        assert_eq!(diff("a\nc\n", "a\nb\nc\n"), ["@@ line 2 @@", "+b"]);
        assert_eq!(diff("", "a\n"), ["@@ line 1 @@", "+a"]);
        assert_eq!(diff("a\n", "a\n"), Vec::<String>::new());
    }
}
