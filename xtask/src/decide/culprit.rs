//! Programs that often hold the ports of a development stack, and how to stop each.

use crate::model::Process;

struct Culprit {
    /// Beginnings of the process's name.
    names: &'static [&'static str],
    /// Parts of the command line; empty = the name is enough.
    words: &'static [&'static str],
    advice: &'static str,
}

/// The first match counts.
const CULPRITS: &[Culprit] = &[
    Culprit {
        names: &["ControlCenter", "ControlCe"],
        words: &[],
        advice: "AirPlay Receiver of macOS, which comes back when it is killed: switch it off in System Settings, General, AirDrop & Handoff",
    },
    Culprit {
        names: &["postgres"],
        words: &[],
        advice: "a PostgreSQL server of this machine: `sudo systemctl stop postgresql` (macOS: `brew services stop postgresql`), or move the stack's port",
    },
    Culprit {
        names: &["redis-server", "valkey-server"],
        words: &[],
        advice: "a Redis server of this machine: `sudo systemctl stop redis-server` (macOS: `brew services stop redis`), or move the stack's port",
    },
    Culprit {
        names: &["mysqld", "mariadbd"],
        words: &[],
        advice: "a MySQL or MariaDB server of this machine: `sudo systemctl stop mysql` or `mariadb`",
    },
    Culprit {
        names: &["nginx", "apache2", "httpd", "caddy", "lighttpd"],
        words: &[],
        advice: "a web server of this machine: `sudo systemctl stop` it, or move the stack's port",
    },
    Culprit {
        names: &[],
        words: &["manage.py runserver"],
        advice: "Django's development server: end it in its terminal with Ctrl-C",
    },
    Culprit { names: &[], words: &["http.server"], advice: "Python's http.server: end it in its terminal with Ctrl-C" },
    Culprit {
        names: &[],
        words: &["uvicorn", "gunicorn", "hypercorn"],
        advice: "a Python web server: end it in its terminal; with --reload end the parent, which restarts it",
    },
    Culprit {
        names: &["next-server"],
        words: &[],
        advice: "Next.js's development server: end `next dev` in its terminal with Ctrl-C",
    },
    Culprit {
        names: &[],
        words: &["next dev", "next/dist", "next-server"],
        advice: "Next.js's development server: end it in its terminal with Ctrl-C",
    },
    Culprit {
        names: &[],
        words: &["/vite", "vite "],
        advice: "Vite's development server: end it in its terminal with Ctrl-C",
    },
    Culprit {
        names: &[],
        words: &["webpack", "react-scripts", "ng serve", "nuxt", "astro dev"],
        advice: "a frontend's development server: end it in its terminal with Ctrl-C",
    },
    Culprit {
        names: &[],
        words: &["puma", "rails s", "rails server"],
        advice: "Rails's development server: end it in its terminal with Ctrl-C",
    },
    Culprit { names: &["php"], words: &["-S "], advice: "PHP's built-in server: end it in its terminal with Ctrl-C" },
    Culprit { names: &["ssh"], words: &["-L"], advice: "a port that ssh forwards: end that ssh session" },
    Culprit {
        names: &["Code Helper", "code-server", "code"],
        words: &[],
        advice: "a port that VS Code forwards: close it in its Ports view",
    },
];

/// How to stop this process, if it is one of the known programs.
pub fn advice(process: &Process) -> Option<&'static str> {
    let named =
        |culprit: &Culprit| culprit.names.is_empty() || culprit.names.iter().any(|name| process.name.starts_with(name));
    let said =
        |culprit: &Culprit| culprit.words.is_empty() || culprit.words.iter().any(|word| process.command.contains(word));
    if cfg!(windows) && process.pid == 4 {
        return Some(
            "the Windows kernel, for IIS or another service of http.sys: `netsh http show servicestate` names it; `net stop http` stops all of them",
        );
    }
    CULPRITS.iter().find(|culprit| named(culprit) && said(culprit)).map(|culprit| culprit.advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_programs_are_known_and_others_are_not() {
        let advice = |name: &str, command: &str| {
            let process = Process { pid: 100, name: name.into(), command: command.into(), ..Process::default() };
            advice(&process).map(|text| text.split([':', ',']).next().unwrap_or_default().to_owned())
        };
        for (name, command, want) in [
            ("python3", "python3 -m http.server 8000", Some("Python's http.server")),
            ("python3", "python3 manage.py runserver", Some("Django's development server")),
            ("next-server (v1", "next-server (v16.0.1)", Some("Next.js's development server")),
            ("node", "node /x/node_modules/.bin/vite --port 3000", Some("Vite's development server")),
            ("postgres", "/usr/lib/postgresql/15/bin/postgres -D /x", Some("a PostgreSQL server of this machine")),
            ("ControlCenter", "", Some("AirPlay Receiver of macOS")),
            ("mine", "mine --serve", None),
        ] {
            assert_eq!(advice(name, command).as_deref(), want, "{name}");
        }
    }
}
