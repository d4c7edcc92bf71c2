//! URLs and assignments in the lines of a text.

use super::comments::{Comments, blank};
use super::mention::{Form, Host, PortMention, is_port_name};

/// The syntax of a file, as far as the search needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// JavaScript, TypeScript, JSON with comments.
    Script,
    /// Like `Script`, with command lines in its values: `package.json`, `tasks.json`.
    ScriptWithCommands,
    /// Makefile, Procfile, command lines.
    Shell,
    /// Shell scripts. They also print and compare texts, so only assignments and known clients count.
    ShellScript,
    /// Batch files of Windows.
    Batch,
    /// Env files, TOML, YAML, properties.
    Hash,
    Ini,
    /// Requests for an editor: `*.http`.
    Http,
    /// No comments: a value that was taken from its file.
    Value,
}

impl Syntax {
    fn comments(self) -> Option<Comments> {
        match self {
            Syntax::Script | Syntax::ScriptWithCommands => Some(Comments::Slashes),
            Syntax::Shell | Syntax::ShellScript | Syntax::Hash => Some(Comments::Hash),
            Syntax::Batch => Some(Comments::Batch),
            Syntax::Ini => Some(Comments::HashOrSemicolon),
            Syntax::Http => Some(Comments::LineStart),
            Syntax::Value => None,
        }
    }

    /// Whether `-p 8000` and `--port 8000` are options of a command.
    fn has_commands(self) -> bool {
        matches!(self, Syntax::ScriptWithCommands | Syntax::Shell | Syntax::ShellScript | Syntax::Batch)
    }
}

/// Nobody writes such lines: they are minified or data.
const LONGEST_LINE: usize = 2000;

/// Commands whose ports are those of another machine, or of a container.
const ELSEWHERE: [&str; 9] = [
    "docker exec",
    "docker run",
    "docker-compose exec",
    "docker-compose run",
    "compose exec",
    "compose run",
    "podman exec",
    "podman run",
    "kubectl ",
];

/// Commands that connect to the address which they are given.
const CLIENTS: [&str; 14] = [
    "curl",
    "wget",
    "xh",
    "psql",
    "pg_dump",
    "pg_isready",
    "mysql",
    "mongosh",
    "redis-cli",
    "nc",
    "wait-on",
    "wait-for-it",
    "open",
    "xdg-open",
];

/// All mentions in order. Comments and very long lines are skipped.
pub fn in_text(bytes: &[u8], syntax: Syntax) -> Vec<PortMention> {
    let mut found = Vec::new();
    let mut in_block = false;
    let mut start = 0;
    for (at, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let (begin, number) = (start, at + 1);
        start += line.len();
        if line.len() > LONGEST_LINE {
            continue;
        }
        let mut line = line.to_vec();
        if let Some(comments) = syntax.comments() {
            blank(&mut line, comments, &mut in_block);
        }
        let lower = || String::from_utf8_lossy(&line).to_ascii_lowercase();
        if syntax.has_commands() && ELSEWHERE.iter().any(|command| lower().contains(command)) {
            continue;
        }
        if syntax == Syntax::ShellScript && !uses_a_port(&lower()) {
            continue;
        }
        let mut of_line: Vec<Match> = urls(&line);
        for other in assignments(&line, syntax.has_commands()) {
            // `--port localhost:8000`, `port: 127.0.0.1:8000`.
            if !of_line.iter().any(|url| url.end == other.end) {
                of_line.push(other);
            }
        }
        of_line.sort_by_key(|one| one.start);
        found.extend(of_line.into_iter().map(|one| PortMention {
            line: number,
            port: one.port,
            form: one.form,
            text: String::from_utf8_lossy(&line[one.start..one.end]).into_owned(),
            span: begin + one.start..begin + one.end,
        }));
    }
    found
}

/// Whether a line of a script assigns a value or runs a client.
fn uses_a_port(line: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if line.split(|c| !is_word(c)).any(|word| CLIENTS.contains(&word)) {
        return true;
    }
    let line = line.trim_start();
    let prefixes = ["export ", "readonly ", "local ", "$env:", "$"];
    let line = prefixes.iter().find_map(|prefix| line.strip_prefix(prefix)).unwrap_or(line);
    let name = line.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    name.len() < line.len() && name.trim_start().starts_with('=')
}

/// A mention, with its place in the line.
struct Match {
    start: usize,
    end: usize,
    port: u16,
    form: Form,
}

fn urls(line: &[u8]) -> Vec<Match> {
    let colons = line.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    let url = |colon: usize| {
        let (port, end) = number(line, colon + 1)?;
        let start = host_start(&line[..colon])?;
        let host = Host::parse(std::str::from_utf8(&line[start..colon]).ok()?)?;
        Some(Match { start, end, port, form: Form::Url(host) }).filter(|_| ends_a_port(&line[end..]))
    };
    colons.filter_map(url).collect()
}

/// Where the host begins that ends with these bytes.
fn host_start(before: &[u8]) -> Option<usize> {
    let start = if before.ends_with(b"]") {
        before.iter().rposition(|byte| *byte == b'[')?
    } else {
        let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        before.iter().rposition(|byte| !is_host(byte)).map_or(0, |at| at + 1)
    };
    let is_part = start > 0 && matches!(before[start - 1], b'_' | b'$' | b'}');
    (start < before.len() && !is_part).then_some(start)
}

/// The port that begins at `at`, without leading zeros, and where it ends.
fn number(line: &[u8], at: usize) -> Option<(u16, usize)> {
    let digits = line.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = std::str::from_utf8(&line[at..at + digits]).ok()?;
    let port: u16 = text.parse().ok().filter(|port| *port > 0)?;
    (!text.starts_with('0')).then_some((port, at + digits))
}

/// Whether what follows a number in a URL lets it be a whole port: not a longer word, a range, a
/// mapping (`127.0.0.1:8000:80`), a version or a variable.
fn ends_a_port(after: &[u8]) -> bool {
    let next_is_digit = after.get(1).is_some_and(u8::is_ascii_digit);
    match after.first() {
        Some(byte) if byte.is_ascii_alphanumeric() => false,
        Some(b'_' | b'$' | b'{') => false,
        Some(b'-' | b':' | b'.') => !next_is_digit,
        _ => true,
    }
}

/// Values of names that say port; with `commands` also values of `-p`.
fn assignments(line: &[u8], commands: bool) -> Vec<Match> {
    let mut found = Vec::new();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let mut at = 0;
    while at < line.len() {
        if !is_name(line[at]) {
            at += 1;
            continue;
        }
        let start = at;
        at += line[start..].iter().take_while(|byte| is_name(**byte)).count();
        let Ok(name) = std::str::from_utf8(&line[start..at]) else { continue };
        let is_option = name.starts_with('-');
        // `$PORT` and `${PORT:-8000}` follow the variable.
        let is_use = start > 0 && matches!(line[start - 1], b'$' | b'{' | b'%');
        let named = is_port_name(name) || name == "-p" && commands;
        if !named || is_use || is_option && !commands {
            continue;
        }
        let Some(value) = value_start(line, at, is_option) else { continue };
        let Some((port, end)) = number(line, value) else { continue };
        if ends_a_value(&line[end..]) {
            found.push(Match { start, end, port, form: Form::Assignment(name.to_owned()) });
        }
    }
    found
}

/// Where the value begins of a name that ends at `at`: behind `=`, `:`, `:=`, `?=` or `=>`; of an
/// option also behind a space, or in the next word of a list (`"--port", "8000"`).
fn value_start(line: &[u8], at: usize, is_option: bool) -> Option<usize> {
    let skip = |mut at: usize, bytes: &[u8]| {
        while line.get(at).is_some_and(|byte| bytes.contains(byte)) {
            at += 1;
        }
        at
    };
    let name_end = match line.get(at) {
        Some(b'"' | b'\'') => at + 1,
        _ => at,
    };
    let next = skip(name_end, b" \t");
    let rest = &line[next..];
    let separators: [&[u8]; 5] = [b":=", b"?=", b"=>", b"=", b":"];
    let separator = separators.iter().find(|separator| rest.starts_with(separator));
    let value = match separator {
        // A comparison.
        Some(_) if rest.starts_with(b"==") => return None,
        Some(separator) => next + separator.len(),
        None if is_option && name_end > at && rest.starts_with(b",") => next + 1,
        None if is_option && next > name_end => next,
        None => return None,
    };
    let value = skip(value, b" \t");
    Some(if matches!(line.get(value), Some(b'"' | b'\'')) { value + 1 } else { value })
}

fn ends_a_value(after: &[u8]) -> bool {
    after.first().is_none_or(|byte| byte.is_ascii_whitespace() || b"\"'`,;)}]\\&|<>#/".contains(byte))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const ALL: [Syntax; 9] = [
        Syntax::ShellScript,
        Syntax::Script,
        Syntax::ScriptWithCommands,
        Syntax::Shell,
        Syntax::Batch,
        Syntax::Hash,
        Syntax::Ini,
        Syntax::Http,
        Syntax::Value,
    ];

    fn texts(text: &str, syntax: Syntax) -> Vec<String> {
        in_text(text.as_bytes(), syntax).into_iter().map(|found| format!("{}:{}", found.line, found.text)).collect()
    }

    #[test]
    fn urls_and_assignments_are_found() {
        for (text, syntax, want) in [
            ("url: 'http://localhost:8000/api',", Syntax::Script, "1:localhost:8000"),
            ("\n  proxy: { \"/api\": \"http://127.0.0.1:8000\" }", Syntax::Script, "2:127.0.0.1:8000"),
            ("ws://[::1]:8000", Syntax::Value, "1:[::1]:8000"),
            ("http://App.localhost:8000", Syntax::Value, "1:App.localhost:8000"),
            ("postgres://u:p@localhost:5432/db", Syntax::Value, "1:localhost:5432"),
            ("GET localhost:8000/items", Syntax::Http, "1:localhost:8000"),
            ("curl http://host.docker.internal:8000", Syntax::Shell, "1:host.docker.internal:8000"),
            ("API_PORT=8000 # 9000", Syntax::Hash, "1:API_PORT=8000"),
            ("API_PORT ?= 8000", Syntax::Shell, "1:API_PORT ?= 8000"),
            ("port: 8000", Syntax::Hash, "1:port: 8000"),
            ("  \"port\": \"8000\",", Syntax::Script, "1:port\": \"8000"),
            ("server.port = 8081", Syntax::Ini, "1:server.port = 8081"),
            ("\"dev\": \"vite --port 8000 --host\"", Syntax::ScriptWithCommands, "1:--port 8000"),
            ("web: next dev -p 8000", Syntax::Shell, "1:-p 8000"),
            ("\"args\": [\"--port\", \"8000\"]", Syntax::ScriptWithCommands, "1:--port\", \"8000"),
            ("uvicorn app --port=8000", Syntax::Shell, "1:--port=8000"),
            ("  export API=http://localhost:8000", Syntax::ShellScript, "1:localhost:8000"),
            ("$env:API = 'http://localhost:8000'", Syntax::ShellScript, "1:localhost:8000"),
            ("if curl -f localhost:8000/health; then", Syntax::ShellScript, "1:localhost:8000"),
        ] {
            assert_eq!(texts(text, syntax), [want], "{text}");
        }
    }

    #[test]
    fn other_numbers_are_not() {
        for (text, syntax) in [
            ("http://backend:8000", Syntax::Value),
            ("http://mylocalhost:8000 my_localhost:8000", Syntax::Value),
            ("http://localhost:80001 localhost:8000x localhost:8000-8010", Syntax::Value),
            ("-p 127.0.0.1:8000:80 localhost:8000.1", Syntax::Value),
            ("http://localhost:${PORT:-8000}", Syntax::Value),
            ("http://localhost:08000 http://localhost:", Syntax::Value),
            ("\"8000:8000\" EXPOSE 8000 1.8000.0 18000 :8000", Syntax::Value),
            ("// port: 8000\n/* port: 8000\n localhost:8000 */", Syntax::Script),
            ("# localhost:8000\nREPORT=8000 SUPPORT=8000 PORTS=8000", Syntax::Hash),
            ("echo $PORT=8000 ${PORT:-8000}", Syntax::Shell),
            ("PORT=80000 PORT=8000ms PORT=8000-8010 PORT=8000:80 PORT=8000.5", Syntax::Hash),
            ("docker compose exec web curl localhost:8000", Syntax::Shell),
            ("if port == 8000: port = port + 8000", Syntax::Value),
            ("tar -p 8000", Syntax::Hash),
            ("echo http://localhost:8000; [ \"$x\" = localhost:8000 ]", Syntax::ShellScript),
        ] {
            assert_eq!(texts(text, syntax), [] as [&str; 0], "{text}");
        }
        let long = format!("{}http://localhost:8000", "x ".repeat(LONGEST_LINE / 2));
        assert_eq!(texts(&long, Syntax::Script), [] as [&str; 0]);
    }

    /// A mention is where it says, and contains its port.
    fn hold(bytes: &[u8]) {
        for syntax in ALL {
            for found in in_text(bytes, syntax) {
                let span = &bytes[found.span.clone()];
                assert!(span.ends_with(found.port.to_string().as_bytes()), "{found:?}");
                let line = bytes[..found.span.start].split(|byte| *byte == b'\n').count();
                assert_eq!(line, found.line, "{found:?}");
            }
        }
    }

    const PIECES: &[&str] = &[
        "localhost",
        "127.0.0.1",
        "[::1]",
        "0.0.0.0",
        ":",
        "8000",
        "5432",
        "port",
        "PORT",
        "API_PORT",
        "=",
        ":=",
        " ",
        "\n",
        "\r\n",
        "\"",
        "'",
        "//",
        "/*",
        "*/",
        "#",
        "--port",
        "-p",
        "http://",
        "@",
        "é",
        "\0",
        ",",
        "::",
        "REM ",
    ];

    proptest! {
        #[test]
        fn arbitrary_bytes_hold(bytes in vec(any::<u8>(), 0..300)) {
            hold(&bytes);
        }

        #[test]
        fn shuffled_pieces_hold(pieces in vec(prop::sample::select(PIECES), 0..40)) {
            hold(pieces.concat().as_bytes());
        }
    }
}
