//! Masks secrets in foreign text: values after names that indicate a secret, passwords in
//! URLs, and text with the shape of a token.

mod names;
mod options;

use std::ops::Range;

use names::{is_header, names_secret, names_secret_variable};

/// Prefixes of recognisable tokens and their minimum length: GitHub, GitLab, Slack, Stripe and
/// others, AWS, JSON Web Tokens.
const SHAPES: [(&str, usize); 17] = [
    ("ghp_", 12),
    ("gho_", 12),
    ("ghu_", 12),
    ("ghs_", 12),
    ("ghr_", 12),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("npm_", 30),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("sk-", 24),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("AIza", 35),
    ("AKIA", 16),
    ("ASIA", 16),
    ("eyJ", 16),
];

/// Masks a command line: like [`mask`], and also the values of one-letter options.
pub fn mask_command(text: &str) -> String {
    mask(&options::mask_options(text))
}

/// Masks secrets in command lines, log lines and DSNs: `--password=…`,
/// `TOKEN=…`, `"token": "…"`, `Authorization: …`, `postgres://user:…@host`. Values become
/// `***`.
pub fn mask(text: &str) -> String {
    let text = text.split(' ').map(|word| mask_hook(&mask_account(word))).collect::<Vec<_>>().join(" ");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c: char| !in_name(c)).unwrap_or(rest.len());
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (name, after) = rest.split_at(length);
        let value = value_after(&out, name, after).filter(|value| !value.is_empty());
        out.push_str(if value.is_none() && is_token(name) { "***" } else { name });
        rest = value.map_or(after, |value| {
            out.push_str(&after[..value.start]);
            out.push_str("***");
            &after[value.end..]
        });
    }
    out
}

/// The cleaned value of a variable; `***` if its name indicates a secret, and without the
/// password of a DSN.
pub fn mask_value(name: &str, value: &str) -> String {
    let hidden = names_secret(name) || names_secret_variable(name);
    if hidden && !value.is_empty() { "***".to_owned() } else { super::clean(&mask(value)) }
}

/// Webhook URLs: whoever knows the path may post there.
const HOOKS: [&str; 5] = [
    "hooks.slack.com/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "webhook.office.com/",
    "api.telegram.org/bot",
];

/// Masks the secret part of a webhook's URL.
fn mask_hook(word: &str) -> String {
    let Some((at, hook)) = HOOKS.iter().find_map(|hook| Some((word.find(hook)?, hook))) else { return word.to_owned() };
    let secret = &word[at + hook.len()..];
    let end = secret.find(|c: char| quotes(c) || matches!(c, ',' | ';' | ')' | '}')).unwrap_or(secret.len());
    format!("{}***{}", &word[..at + hook.len()], &secret[end..])
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn is_token(word: &str) -> bool {
    SHAPES.iter().any(|(begin, length)| word.starts_with(begin) && word.len() >= *length)
}

/// Range of the secret in the text after a name.
fn value_after(before: &str, name: &str, after: &str) -> Option<Range<usize>> {
    let at = |rest: &str| after.len() - rest.len();
    let bare = name.trim_start_matches('-');
    if bare.eq_ignore_ascii_case("bearer") {
        let value = after.strip_prefix(' ')?;
        let end = value.find(|c: char| c.is_whitespace() || quotes(c)).unwrap_or(value.len());
        // Shorter values are words: "bearer token".
        return (end >= 16).then(|| 1..1 + end);
    }
    // The shell's PWD begins with `/`, the password of a DSN rarely does.
    let is_folder = |value: &str| bare == "PWD" && value.starts_with('/');
    let is_variable = after.starts_with('=') && !bare.contains(|c: char| c.is_ascii_lowercase());
    if !names_secret(bare) && bare != "PWD" && !(is_variable && names_secret_variable(bare)) {
        return None;
    }
    if before.ends_with("${") {
        let default = after.strip_prefix(":-")?;
        return Some(2..2 + default.find('}')?);
    }
    if name.starts_with('-') && after.starts_with(' ') {
        let value = after.trim_start_matches(' ');
        if !value.starts_with(['-', '=', ':']) {
            return Some(extent(value, false, None, at(value)));
        }
    }
    let closed = after.trim_start_matches(|c| quotes(c) || matches!(c, '\\' | ']'));
    let is_field = closed.len() < after.len();
    let sign = closed.trim_start_matches([' ', '\t']);
    let value = match sign.strip_prefix(':') {
        Some(rest) if rest.starts_with(':') || rest.starts_with("//") => return None,
        Some(rest) if !is_field && is_port(before, bare, rest) => return None,
        Some(rest) => rest.trim_start_matches('='),
        None => sign.strip_prefix('=')?.trim_start_matches(['=', '>']),
    };
    let value = value.trim_start_matches([' ', '\t']);
    // MySQL's message about a failed login: "(using password: YES)".
    if is_folder(value) || matches!(value.trim_end_matches(')'), "YES" | "NO") {
        return None;
    }
    let around = before.chars().next_back().filter(|c| quotes(*c) && !is_field);
    let words = is_header(&bare.to_ascii_lowercase());
    let around = around.filter(|quote| value.contains(*quote));
    let end = around.or(if words { Some('\0') } else { None });
    Some(extent(value, is_field, end, at(value)))
}

fn quotes(c: char) -> bool {
    matches!(c, '"' | '\'')
}

/// `token-service:8000` and `//token:x@host` are addresses.
fn is_port(before: &str, name: &str, rest: &str) -> bool {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let is_number = (1..=5).contains(&digits) && !rest[digits..].starts_with(in_name);
    let is_password = name.to_ascii_lowercase().contains("pass");
    before.ends_with("//") || before.ends_with('@') || is_number && !is_password
}

/// The end of a value: its closing quote; the quote `around` it and its name, or any quote if
/// it may have several words (`\0`); otherwise the next space, in a field also the field's end.
fn extent(value: &str, is_field: bool, around: Option<char>, start: usize) -> Range<usize> {
    let opening = value.len() - value.trim_start_matches('\\').trim_start_matches(quotes).len();
    let is_quoted = value[..opening].ends_with(quotes);
    let opening = &value[..if is_quoted { value.find(quotes).map_or(0, |at| at + 1) } else { 0 }];
    let inner = &value[opening.len()..];
    let length = match around {
        _ if is_quoted => closing(inner, opening),
        Some('\0') => inner.find(quotes),
        Some(quote) => inner.find(quote),
        None if is_field => inner.find(|c: char| c.is_whitespace() || matches!(c, ',' | '}')),
        None => inner.find(char::is_whitespace),
    };
    let start = start + opening.len();
    start..start + length.unwrap_or(inner.len())
}

/// Position of the quote that closes `opening` (`"`, `\"`).
fn closing(inner: &str, opening: &str) -> Option<usize> {
    let is_escaped = |at: usize| opening.len() == 1 && inner[..at].ends_with('\\') && !inner[..at].ends_with("\\\\");
    inner.match_indices(opening).map(|(at, _)| at).find(|at| !is_escaped(*at))
}

/// Masks the password in `scheme://user:password@host`.
fn mask_account(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((account, host)) = rest.rsplit_once('@')
        && let Some((user, password)) = account.split_once(':')
        && !password.is_empty()
        && !account.contains('/')
    {
        return format!("{scheme}://{user}:***@{host}");
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_in_every_usual_form() {
        for (raw, want) in [
            ("psql postgres://app:s3cret@db:5432/x", "psql postgres://app:***@db:5432/x"),
            ("mysqld --password=abc --port=3306", "mysqld --password=*** --port=3306"),
            ("tool --api-key abc run", "tool --api-key *** run"),
            ("tool --api-key 'a b' run", "tool --api-key '***' run"),
            ("env GITHUB_TOKEN=abc node x.js", "env GITHUB_TOKEN=*** node x.js"),
            ("redis://:pw@localhost", "redis://:***@localhost"),
            ("password: hunter2", "password: ***"),
            ("password = x", "password = ***"),
            (r#"{"password":"hunter2","token": "abc"}"#, r#"{"password":"***","token": "***"}"#),
            (r#"{"token":123,"port":80}"#, r#"{"token":***,"port":80}"#),
            (r#"{\"password\":\"hunter2\",\"a\":1}"#, r#"{\"password\":\"***\",\"a\":1}"#),
            (r#"{"secret": "a\"b", "a": 1}"#, r#"{"secret": "***", "a": 1}"#),
            ("{'db_password': 'x'}", "{'db_password': '***'}"),
            ("config['password'] = 'x y'", "config['password'] = '***'"),
            ("Authorization: Bearer abc", "Authorization: ***"),
            ("curl -H 'Authorization: Basic abc=' http://h/", "curl -H 'Authorization: ***' http://h/"),
            ("sent Bearer 0123456789abcdef on", "sent Bearer *** on"),
            ("Cookie: session=abc; theme=dark", "Cookie: ***"),
            ("jdbc:postgresql://h/db?user=a&password=x", "jdbc:postgresql://h/db?user=a&password=***"),
            ("Server=db;User Id=sa;Password=x;", "Server=db;User Id=sa;Password=***"),
            ("UID=sa;PWD=x;", "UID=sa;PWD=***"),
            (r#"MYSQL_PWD="a b" mysql"#, r#"MYSQL_PWD="***" mysql"#),
            (r#"docker run -e "DB_PASSWORD=a b" web"#, r#"docker run -e "DB_PASSWORD=***" web"#),
            ("postgres://app:${DB_PASS:-abc}@db", "postgres://app:***@db"),
            ("x ${DB_PASS:-abc}/y", "x ${DB_PASS:-***}/y"),
            ("accessKey: abc", "accessKey: ***"),
            ("pushed with ghp_0123456789abcdef.", "pushed with ***"),
            ("id AKIAIOSFODNN7EXAMPLE used", "id *** used"),
            ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln!", "got ***!"),
            ("größe ok, password: 日本", "größe ok, password: ***"),
        ] {
            assert_eq!(mask(raw), want);
        }
    }

    #[test]
    fn what_is_no_secret_stays_readable() {
        for raw in [
            "git clone https://host/a:b@c",
            "python3 -m http.server 8000",
            "keyboard: us, key concepts, monkey=1, turkey: 2",
            "listening on 0.0.0.0:8000, see http://localhost:8000/a?b=c&d=e",
            "http://token-service:8000/x and vault-token:8200",
            "PWD=/src/ann OLDPWD=/tmp",
            "Access denied for user 'root'@'localhost' (using password: YES)",
            "wrong password.",
            "password: ",
            "token::Parser, secret://x",
            "unexpected token } in JSON at position 4",
            "${DB_PASSWORD:?is missing}",
            "ask-me, sk-short, eyJ",
            "bearer token is missing",
        ] {
            assert_eq!(mask(raw), raw);
        }
    }

    #[test]
    fn a_variable_with_the_name_of_a_secret_shows_nothing() {
        assert_eq!(mask_value("DB_PASSWORD", "a b"), "***");
        assert_eq!(mask_value("SMTP_PASS", "x"), "***");
        assert_eq!(mask_value("MYSQL_PWD", "x"), "***");
        for name in [
            "BASIC_AUTH",
            "SIM_PIN",
            "PASSWORD_SALT",
            "SIGNING_X",
            "AWS_CRED",
            "GCP_CREDS",
            "SLACK_WEBHOOK_URL",
            "apiAuth",
        ] {
            assert_eq!(mask_value(name, "4711"), "***", "{name}");
        }
        for name in [
            "AUTHOR",
            "PING",
            "SHIPPING",
            "BASALT",
            "CREDIT",
            "PINNED",
            "AUTH_PORT",
            "AUTH_URL",
            "SALT_ROUNDS",
            "OAUTH_HOST",
        ] {
            assert_eq!(mask_value(name, "4711"), "4711", "{name}");
        }
        assert_eq!(mask_value("NOTIFY", "https://hooks.slack.com/services/T0/B0/x"), "https://hooks.slack.com/***");
        assert_eq!(
            mask("post 'https://discord.com/api/webhooks/1/x', now"),
            "post 'https://discord.com/api/webhooks/***', now"
        );
        assert_eq!(mask("BASIC_AUTH=a:b node auth: failed, pin=4"), "BASIC_AUTH=*** node auth: failed, pin=4");
        assert_eq!(mask_value("PWD", "/src/ann"), "/src/ann");
        assert_eq!(mask_value("DB_PASSWORD", ""), "");
        assert_eq!(mask_value("DATABASE_URL", "postgres://app:s3cret@db/x"), "postgres://app:***@db/x");
        assert_eq!(mask_value("PORT", "80\x1b[m"), "80\u{fffd}[m");
    }
}
