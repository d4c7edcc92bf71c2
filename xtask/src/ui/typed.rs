//! Quotes words of commands that users paste: in any shell a word stays one word, and nothing
//! in it is expanded or executed.

use std::path::Path;

use super::text::clean;

/// A word as typed in a command, for POSIX shells, fish and zsh; on Windows for `cmd` and
/// PowerShell. It is cleaned: names with control characters cannot be typed anyway.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || "-_./:@,+".contains(c) || if cfg!(windows) { c == '\\' } else { c == '%' }
    };
    // zsh expands `=ls` to the path of `ls`.
    let is_plain = |(at, c): (usize, char)| plain(c) || c == '=' && at > 0;
    if !word.is_empty() && word.char_indices().all(is_plain) {
        return word.to_owned();
    }
    clean(&if cfg!(windows) { windows(word) } else { format!("'{}'", word.replace('\'', "'\\''")) })
}

/// In double quotes `cmd` still expands `%…%`, and PowerShell `$…` and backtick escapes; `cmd`
/// does not know single quotes. No quoting works in both, so such characters are replaced.
fn windows(word: &str) -> String {
    let unsafe_there = |c: char| matches!(c, '%' | '$' | '`' | '"' | '\u{201c}'..='\u{201f}');
    format!("\"{}\"", word.replace(unsafe_there, "\u{fffd}"))
}

/// Quotes a name in a position where an option could be.
pub fn argument(word: &str) -> String {
    if word.starts_with('-') { format!("-- {}", quoted(word)) } else { quoted(word) }
}

/// Quotes a path in a command, with `~` for the home folder outside the quotes, where a shell
/// expands it.
pub fn quoted_path(path: &Path, home: Option<&Path>) -> String {
    let below = home.filter(|_| !cfg!(windows)).and_then(|home| path.strip_prefix(home).ok());
    match below {
        Some(rest) if rest.as_os_str().is_empty() => "~".to_owned(),
        Some(rest) => format!("~/{}", quoted(&rest.to_string_lossy())),
        None => {
            let text = path.to_string_lossy();
            // Keep a relative path from being read as an option.
            if text.starts_with('-') { format!("./{}", quoted(&text)) } else { quoted(&text) }
        }
    }
}

/// Escapes everything in a part of a URL that is invalid there or special to a shell, except
/// the punctuation in `kept`.
pub fn url_part(text: &str, kept: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-._~".contains(c) || kept.contains(c) {
            out.push(c);
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Separators of path, query and fragment, and `%`, which is an escape already.
pub const URL_PATH: &str = "/?#=&:@,+%";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_no_shell_changes_are_not_quoted() {
        for word in ["shop-web-1", "a_b", "/src/shop", "WEB_PORT=8001", "ben@box:22", "sha256:ab", "x,y"] {
            assert_eq!(quoted(word), word);
        }
    }

    #[cfg(unix)]
    #[test]
    fn nothing_in_a_quoted_word_is_expanded() {
        for (word, want) in [
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
            ("a;b", "'a;b'"),
            ("~root", "'~root'"),
            ("{a,b}", "'{a,b}'"),
            ("=ls", "'=ls'"),
            ("a\nb\u{1b}[m", "'a\u{fffd}b\u{fffd}[m'"),
            (r"docker-\x2d.service", r"'docker-\x2d.service'"),
        ] {
            assert_eq!(quoted(word), want);
        }
        assert_eq!(
            (argument("-x").as_str(), argument("--a b").as_str(), argument("x").as_str()),
            ("-- -x", "-- '--a b'", "x")
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_tilde_stays_outside_the_quotes() {
        let home = Some(Path::new("/h/ben"));
        for (path, want) in [
            ("/h/ben", "~"),
            ("/h/ben/src", "~/src"),
            ("/h/ben/my src/$(x)", "~/'my src/$(x)'"),
            ("/src/a b", "'/src/a b'"),
            ("-x/y", "./-x/y"),
        ] {
            assert_eq!(quoted_path(Path::new(path), home), want);
        }
    }

    #[test]
    fn on_windows_nothing_is_left_that_a_shell_there_expands() {
        assert_eq!(windows("a b"), "\"a b\"");
        assert_eq!(windows("%PATH%$(x)`\""), "\"\u{fffd}PATH\u{fffd}\u{fffd}(x)\u{fffd}\u{fffd}\"");
    }

    #[test]
    fn a_url_holds_nothing_that_a_shell_runs() {
        assert_eq!(url_part("/docs?a=b&c=%20#x", URL_PATH), "/docs?a=b&c=%20#x");
        assert_eq!(url_part("/$(x) `y`;z|'\"", URL_PATH), "/%24%28x%29%20%60y%60%3Bz%7C%27%22");
        assert_eq!(url_part("a b@c/ä", ""), "a%20b%40c%2F%C3%A4");
    }
}
