//! Which known name was meant by a misspelt one.

/// The known name that `name` is most like, if it is like any.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    let of_known = known.into_iter().map(|one| (distance(&upper(name), &upper(one)), one));
    of_known.filter(|(distance, _)| *distance <= limit).min().map(|(_, one)| one)
}

/// Whether `name` looks like `known` with a typing error, and not like a name beside it: only one of
/// its words differs, by a letter or two (`BACKED_PORT`), and not in a number (`KEY_1`, `KEY_2`).
pub fn is_misspelt(name: &str, known: &str) -> bool {
    let (name, known) = (upper(name), upper(known));
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit() && *c != '_').collect::<String>();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    if name == known || letters(&name) == letters(&known) {
        // In another case, or without an underscore.
        return digits(&name) == digits(&known);
    }
    let (words, others): (Vec<&str>, Vec<&str>) = (name.split('_').collect(), known.split('_').collect());
    let mut unequal = words.iter().zip(&others).filter(|(one, two)| one != two);
    let (Some((one, two)), None) = (unequal.next(), unequal.next()) else { return false };
    let length = one.chars().count().max(two.chars().count());
    let limit = if length >= 8 { 2 } else { usize::from(length >= 4) };
    words.len() == others.len() && digits(one) == digits(two) && distance(one, two) <= limit
}

fn upper(text: &str) -> String {
    text.to_ascii_uppercase()
}

/// Insertions, deletions, replacements and swaps of neighbours.
fn distance(one: &str, two: &str) -> usize {
    let (one, two): (Vec<char>, Vec<char>) = (one.chars().collect(), two.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=two.len()).collect();
    for i in 0..one.len() {
        let mut row = vec![i + 1];
        for j in 0..two.len() {
            let replaced = last[j] + usize::from(one[i] != two[j]);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && one[i] == two[j - 1] && one[i - 1] == two[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_told_from_names_beside() {
        for name in ["BACKED_PORT", "BACKEND_POTR", "backend_port", "BACKENDPORT", "BACKEND_PORTS", "BAKEND_PORT"] {
            assert!(is_misspelt(name, "BACKEND_PORT"), "{name}");
        }
        for (name, known) in [
            ("BACKEND_HOST", "BACKEND_PORT"),
            ("KEY_1", "KEY_2"),
            ("WEB2_PORT", "WEB1_PORT"),
            ("API_URL", "APP_URL"),
            ("DB_PORT", "BACKEND_PORT"),
            ("BACKEND", "BACKEND_PORT"),
            ("ZZ", "BACKEND_PORT"),
        ] {
            assert!(!is_misspelt(name, known), "{name} {known}");
        }
    }

    #[test]
    fn the_nearest_name_is_found() {
        let known = ["BACKEND_PORT", "FRONTEND_PORT", "DB_PASSWORD"];
        for (name, want) in [
            ("BACKED_PORT", Some("BACKEND_PORT")),
            ("FRONT_PORT", Some("FRONTEND_PORT")),
            ("DB_PASSWROD", Some("DB_PASSWORD")),
            ("LOG_LEVEL", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), want, "{name}");
        }
        assert_eq!(nearest("x", []), None);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("ab", "ba"), 1);
    }
}
