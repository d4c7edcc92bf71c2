//! Masks secrets in one-letter options of a command line:
//! `mysql -pSECRET`, `redis-cli -a SECRET`, `curl -u user:SECRET`.

use super::names::names_secret_variable;

/// One-letter options of programs whose values are secrets.
struct Program {
    /// Their names, without a path and `.exe`.
    names: &'static [&'static str],
    letters: &'static str,
    /// Whether the value may be a separate word.
    apart: bool,
}

/// Sources: the manuals of each.
const PROGRAMS: &[Program] = &[
    // `-p` alone prompts, and the name of a database may follow.
    Program {
        names: &[
            "mysql",
            "mysqladmin",
            "mysqldump",
            "mysqlcheck",
            "mysqlimport",
            "mariadb",
            "mariadb-admin",
            "mariadb-dump",
        ],
        letters: "p",
        apart: false,
    },
    Program { names: &["7z", "7za", "rar", "unrar"], letters: "p", apart: false },
    Program { names: &["unzip", "zip"], letters: "P", apart: true },
    Program {
        names: &["sshpass", "mongo", "mongosh", "mongodump", "mongorestore", "login"],
        letters: "p",
        apart: true,
    },
    Program { names: &["redis-cli", "valkey-cli"], letters: "a", apart: true },
    Program { names: &["ldapsearch", "ldapmodify", "ldapadd", "ldapwhoami", "ipmitool"], letters: "wP", apart: true },
    Program { names: &["sqlcmd", "bcp", "isql"], letters: "P", apart: true },
    Program { names: &["snmpwalk", "snmpget"], letters: "AX", apart: true },
];
/// Programs that take `-u user:SECRET`.
const ACCOUNTS: [&str; 3] = ["curl", "http", "https"];

/// Options of other programs that begin with `-p` and hold no secret.
const PLAIN: [&str; 38] = [
    "package",
    "page",
    "parallel",
    "parent",
    "pass",
    "passin",
    "passout",
    "password",
    "path",
    "pattern",
    "peer",
    "pid",
    "pidfile",
    "platform",
    "plugin",
    "plugins",
    "policy",
    "poll",
    "pool",
    "port",
    "prefix",
    "preload",
    "pretty",
    "print",
    "process",
    "pprof",
    "prof",
    "profile",
    "program",
    "project",
    "prompt",
    "properties",
    "proto",
    "protocol",
    "provider",
    "proxy",
    "public",
    "publish",
];

/// The command line with `***` instead of secrets.
pub(super) fn mask_options(command: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut program: Option<&Program> = None;
    let mut is_account = false;
    let mut hide_next = Hide::Nothing;
    for word in command.split(' ') {
        let hidden = std::mem::replace(&mut hide_next, Hide::Nothing);
        let is_option = word.starts_with('-') && word.len() > 1;
        let shown = match hidden {
            _ if word.is_empty() => {
                hide_next = hidden;
                String::new()
            }
            Hide::All if !is_option => "***".to_owned(),
            Hide::Password => account(word),
            _ if !is_option => {
                let name = name_of(word);
                program = PROGRAMS.iter().find(|known| known.names.contains(&name)).or(program);
                is_account |= ACCOUNTS.contains(&name);
                word.to_owned()
            }
            _ => {
                let (shown, next) = option(word, program, is_account);
                hide_next = next;
                shown
            }
        };
        out.push(shown);
    }
    out.join(" ")
}

#[derive(Clone, Copy)]
enum Hide {
    Nothing,
    All,
    Password,
}

/// The masked option, and what to mask in the next word.
fn option(word: &str, program: Option<&Program>, is_account: bool) -> (String, Hide) {
    if let Some(long) = word.strip_prefix("--") {
        return match long.split_once('=') {
            Some((name, value)) if names_secret_variable(name) && !value.is_empty() => {
                (format!("--{name}=***"), Hide::Nothing)
            }
            None if names_secret_variable(long) => (word.to_owned(), Hide::All),
            _ => (word.to_owned(), Hide::Nothing),
        };
    }
    let mut chars = word[1..].chars();
    let letter = chars.next().unwrap_or_default();
    let value = chars.as_str();
    if let Some(program) = program.filter(|program| program.letters.contains(letter)) {
        return match value {
            "" if program.apart => (word.to_owned(), Hide::All),
            "" => (word.to_owned(), Hide::Nothing),
            _ => (format!("-{letter}***"), Hide::Nothing),
        };
    }
    if is_account && letter == 'u' {
        return if value.is_empty() {
            (word.to_owned(), Hide::Password)
        } else {
            (format!("-u{}", account(value)), Hide::Nothing)
        };
    }
    // An unknown program.
    if letter == 'p' && !value.is_empty() && !is_plain(word) {
        return ("-p***".to_owned(), Hide::Nothing);
    }
    (word.to_owned(), Hide::Nothing)
}

/// A number, a port mapping, or an option with several letters.
fn is_plain(word: &str) -> bool {
    let word = &word[1..];
    let numbers = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || b".:/-".contains(&byte));
    let name = word.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    numbers(&word[1..]) || PLAIN.contains(&name)
}

/// `user:***`
fn account(word: &str) -> String {
    match word.split_once(':') {
        Some((user, password)) if !password.is_empty() => format!("{user}:***"),
        _ => word.to_owned(),
    }
}

fn name_of(word: &str) -> &str {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    name.strip_suffix(".exe").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_options_are_not_shown() {
        for (raw, want) in [
            ("/usr/bin/mysql -u root -phunter2 shop", "/usr/bin/mysql -u root -p*** shop"),
            ("mysql -p12345 -P 3306", "mysql -p*** -P 3306"),
            ("mysql -p shop", "mysql -p shop"),
            ("sshpass -p hunter2 ssh -p 22 box", "sshpass -p *** ssh -p *** box"),
            ("sshpass -phunter2 scp a box:", "sshpass -p*** scp a box:"),
            ("docker login -u ben -p hunter2 hub", "docker login -u ben -p *** hub"),
            ("mongosh -u a -p  hunter2", "mongosh -u a -p  ***"),
            ("redis-cli -a hunter2 -p 6379", "redis-cli -a *** -p 6379"),
            ("curl -u ben:hunter2 http://h/", "curl -u ben:*** http://h/"),
            ("curl -uben:hunter2 http://h/", "curl -uben:*** http://h/"),
            (r"C:\bin\sqlcmd.exe -U sa -P hunter2", r"C:\bin\sqlcmd.exe -U sa -P ***"),
            ("tool -pSECRET run", "tool -p*** run"),
            ("tool -psecret run", "tool -p*** run"),
            ("tool --auth abc --pin=4711 --port 1", "tool --auth *** --pin=*** --port 1"),
        ] {
            assert_eq!(mask_options(raw), want);
        }
    }

    #[test]
    fn ports_and_options_of_several_letters_stay() {
        for raw in [
            "serve -p8080 -p 8080",
            "docker run -p8080:80 -p 127.0.0.1:1:2 web",
            "java -port=8000 -path /x -profile dev",
            "tool -pidfile=/run/x.pid -parallel 4",
            "docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8000",
            "ssh -p 22 box -p",
            "openssl x -passin env:X",
            "node --auth-mode oidc --author me --pinned",
            "- -p",
        ] {
            assert_eq!(mask_options(raw), raw);
        }
    }
}
