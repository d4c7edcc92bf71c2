//! Stand-ins for the programs that tests need on PATH, in one binary that looks
//! at the name it was started by:
//!
//! * `docker`, `docker-compose`, `netsh`: answers by rules in the folder
//!   FAKE_DOCKER, and writes down how it was called. `docker system dial-stdio`
//!   is a way to the engine at FAKE_ENGINE, where that is set.
//! * `holder ADDRESS…`, `docker-proxy ADDRESS…`: listens there until it is ended.
//!   `udp:ADDRESS` for UDP; `client:ADDRESS=SERVER` connects from there to there;
//!   `child:ADDRESS` starts a child that listens there (`child:NAME=ADDRESS` under
//!   a name that is on PATH too); `lock:FILE` locks a file.
//!
//! It is a binary of this package because cargo then builds it for the tests and
//! tells them where it is. `cargo xtask` does not build it (`--bin xtask`).
#![expect(clippy::print_stderr, reason = "these programs talk to people")]

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

fn main() -> ExitCode {
    let mut args = std::env::args();
    let program = args.next().unwrap_or_default();
    let name = Path::new(&program).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let args: Vec<String> = args.collect();
    let done = match name.as_str() {
        "docker" if args == ["system", "dial-stdio"] && std::env::var_os("FAKE_ENGINE").is_some() => dial(),
        "docker" | "docker-compose" | "netsh" => by_rules(&name, &args),
        _ => hold(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{name}: {error}");
        ExitCode::from(99)
    })
}

/// Rules are folders, looked through by name; the first one fits whose `when`
/// has words that all occur in the command line, in this order.
fn by_rules(name: &str, args: &[String]) -> io::Result<ExitCode> {
    let dir = PathBuf::from(std::env::var_os("FAKE_DOCKER").ok_or_else(|| io::Error::other("no FAKE_DOCKER"))?);
    let line = format!("{name} {}\n", args.join(" "));
    fs::OpenOptions::new().create(true).append(true).open(dir.join("calls"))?.write_all(line.as_bytes())?;
    let mut rules: Vec<PathBuf> = fs::read_dir(dir.join("rules"))?.flatten().map(|entry| entry.path()).collect();
    rules.sort();
    for rule in rules {
        let text = |file: &str| fs::read_to_string(rule.join(file)).unwrap_or_default();
        let mut words = line.split_whitespace();
        if !text("when").split_whitespace().all(|wanted| words.any(|word| word == wanted)) {
            continue;
        }
        let given = text("given");
        if let Some((name, value)) = given.split_once('=')
            && std::env::var(name).as_deref() != Ok(value)
        {
            continue;
        }
        if let Ok(left) = text("left").trim().parse::<u32>() {
            if left == 0 {
                continue;
            }
            fs::write(rule.join("left"), (left - 1).to_string())?;
        }
        if let Ok(millis) = text("sleep").trim().parse() {
            std::thread::sleep(Duration::from_millis(millis));
        }
        let request = text("request");
        if !request.is_empty() {
            post(request.trim())?;
        }
        // A console's own bytes are passed on as they are.
        let out = fs::read(rule.join("stdout")).unwrap_or_default();
        let out = String::from_utf8(out)
            .map_or_else(std::string::FromUtf8Error::into_bytes, |text| values(&text).into_bytes());
        io::stdout().write_all(&out)?;
        eprint!("{}", values(&text("stderr")));
        return Ok(ExitCode::from(text("exit").trim().parse().unwrap_or(0)));
    }
    // What is asked after any call that failed: there is a Compose, unless a rule
    // says otherwise.
    if args == ["compose", "version", "--short"] {
        io::stdout().write_all(b"2.40.3\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    Err(io::Error::other(format!("no rule for: {}", line.trim())))
}

/// `{{NAME:default}}` becomes what the environment, otherwise `.env` of the current folder,
/// says.
fn values(text: &str) -> String {
    let env = fs::read_to_string(".env").unwrap_or_default();
    let value = |name: &str| env.lines().rev().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let mut parts = text.split("{{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (variable, rest) = part.split_once("}}").unwrap_or((part, ""));
        let (name, default) = variable.split_once(':').unwrap_or((variable, ""));
        let shell = std::env::var(name).ok();
        out.push_str(shell.as_deref().or_else(|| value(name)).unwrap_or(default));
        out.push_str(rest);
    }
    out
}

/// Tells the engine that the tests stand in for what Compose does to it.
#[cfg(unix)]
fn post(path: &str) -> io::Result<()> {
    use std::io::Read;
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let mut stream = std::os::unix::net::UnixStream::connect(host.trim_start_matches("unix://"))?;
    stream.write_all(format!("POST {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

#[cfg(not(unix))]
fn post(path: &str) -> io::Result<()> {
    use std::io::Read;
    let mut stream = engine()?;
    stream.write_all(format!("POST {path} HTTP/1.0\r\n\r\n").as_bytes())?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

fn engine() -> io::Result<std::net::TcpStream> {
    std::net::TcpStream::connect(std::env::var("FAKE_ENGINE").map_err(io::Error::other)?)
}

/// One question and its answer. Whoever asks may keep standard input open until
/// the answer is there: nothing reads on then (a process of Wine with a thread
/// that does hangs at its end now and again).
fn dial() -> io::Result<ExitCode> {
    let mut stream = engine()?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        stream.write_all(format!("{line}\r\n").as_bytes())?;
        if line.is_empty() {
            break;
        }
    }
    io::copy(&mut stream, &mut io::stdout())?;
    Ok(ExitCode::SUCCESS)
}

/// Said to a child of this program.
const CHILD: &str = "-child";

fn hold(args: &[String]) -> io::Result<ExitCode> {
    let mut listeners = Vec::new();
    let mut sockets = Vec::new();
    let mut clients = Vec::new();
    let mut locks = Vec::new();
    for address in args.iter().filter(|arg| !arg.starts_with('-')) {
        if let Some(address) = address.strip_prefix("udp:") {
            sockets.push(std::net::UdpSocket::bind(address)?);
        } else if let Some((from, to)) = address.strip_prefix("client:").and_then(|pair| pair.split_once('=')) {
            clients.push(connect(from, to)?);
        } else if let Some(address) = address.strip_prefix("child:") {
            start(address)?;
        } else if let Some(file) = address.strip_prefix("lock:") {
            let file = fs::OpenOptions::new().create(true).append(true).open(file)?;
            file.lock()?;
            locks.push(file);
        } else {
            listeners.push(std::net::TcpListener::bind(address)?);
        }
    }
    // Whoever wanted to know may be gone by the time of a second start.
    drop(writeln!(io::stdout(), "ready"));
    for listener in listeners {
        std::thread::spawn(move || answer(&listener));
    }
    // Ended by its test, or by time: nothing is to outlive a test run. A child
    // stays long enough after its parent for it to be seen that it was spared.
    if args.iter().any(|arg| arg == CHILD) {
        io::copy(&mut io::stdin(), &mut io::sink())?;
        std::thread::sleep(Duration::from_secs(10));
    } else {
        std::thread::sleep(Duration::from_mins(2));
    }
    drop((sockets, clients, locks));
    Ok(ExitCode::SUCCESS)
}

/// This program again, with an address of its own; it listens when this returns.
#[expect(clippy::disallowed_methods, reason = "what tests run, not a tool of the program")]
fn start(address: &str) -> io::Result<()> {
    let own = std::env::current_exe()?;
    let (program, address) = match address.split_once('=') {
        Some((name, address)) => (own.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX)), address),
        None => (own, address),
    };
    let mut command = std::process::Command::new(program);
    let mut child = command.args([CHILD, address]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let said = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
    io::BufReader::new(said).read_line(&mut String::new())?;
    // Its standard input ends with this process, however that ends.
    std::mem::forget(child);
    Ok(())
}

/// A client whose own port is a chosen one.
fn connect(from: &str, to: &str) -> io::Result<socket2::Socket> {
    let address = |text: &str| text.parse::<std::net::SocketAddr>().map_err(io::Error::other);
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&address(from)?.into())?;
    socket.connect(&address(to)?.into())?;
    Ok(socket)
}

/// An HTTP server of one answer.
fn answer(listener: &std::net::TcpListener) {
    for mut stream in listener.incoming().flatten() {
        // A client that is gone needs no answer.
        drop(io::Read::read(&mut stream, &mut [0; 512]));
        drop(stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    }
}
