//! Processes and containers that hold ports.

use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::*;

/// A container outside any project of ours.
#[derive(Debug)]
pub(crate) struct Lone(String);

impl Lone {
    /// `docker run -d` with these words before the image.
    pub(crate) fn run(name: &str, words: &[&str]) -> Lone {
        need_engine();
        let lone = Lone(name.to_owned());
        docker(["run", "-d", "--name", name].iter().chain(words).chain(&["engine-web"])).exits(0);
        lone
    }

    /// One that somebody else will start.
    pub(crate) fn expected(name: &str) -> Lone {
        Lone(name.to_owned())
    }

    pub(crate) fn is_running(&self) -> bool {
        docker(["inspect", "--format", "{{.State.Running}}", &self.0]).stdout.trim() == "true"
    }
}

impl Drop for Lone {
    fn drop(&mut self) {
        docker(["rm", "-f", &self.0]);
    }
}

/// A process of this machine that has a port.
#[derive(Debug)]
pub(crate) struct Holder(Child);

pub(crate) fn python() -> &'static str {
    // Not a shim of pyenv, which takes as long as a whole check.
    if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" }
}

impl Holder {
    /// `python3 -m http.server`: what people forget in another terminal.
    pub(crate) fn http(port: u16) -> Holder {
        let mut server = command(python());
        server.args(["-m", "http.server", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let holder = Holder(server.spawn().unwrap());
        let deadline = Instant::now() + LIMIT;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "http.server does not come up on {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
        holder
    }

    /// A socket on one address; an IPv6 one is for IPv6 only. `kind` is `tcp`
    /// or `udp`.
    pub(crate) fn socket(kind: &str, ip: &str, port: u16) -> Holder {
        Holder::script(LISTEN, &[kind, ip, &port.to_string()])
    }

    /// A client of `server` whose own port is `port`.
    pub(crate) fn client(port: u16, server: u16) -> Holder {
        let script = "
import os, signal, socket, sys
s = socket.socket()
s.bind(('127.0.0.1', int(sys.argv[1])))
s.connect(('127.0.0.1', int(sys.argv[2])))
os.write(1, b'r')
signal.pause()
";
        Holder::script(script, &[&port.to_string(), &server.to_string()])
    }

    /// A socket that is bound and never listens.
    pub(crate) fn idle(port: u16) -> Holder {
        let script = "
import os, signal, socket, sys
s = socket.socket()
s.bind(('127.0.0.1', int(sys.argv[1])))
os.write(1, b'r')
signal.pause()
";
        Holder::script(script, &[&port.to_string()])
    }

    /// Python that writes a byte when it is ready.
    fn script(text: &str, words: &[&str]) -> Holder {
        let mut python = command(python());
        python.args(["-c", text]).args(words).stdout(Stdio::piped());
        let mut child = python.spawn().unwrap();
        let mut ready = [0; 1];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        Holder(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn is_gone(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Gone already where a test had it stopped.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) const LISTEN: &str = "
import os, signal, socket, sys
kind, ip, port = sys.argv[1:4]
family = socket.AF_INET6 if ':' in ip else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM if kind == 'udp' else socket.SOCK_STREAM)
if family == socket.AF_INET6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((ip, int(port)))
if kind == 'tcp': s.listen()
os.write(1, b'r')
signal.pause()
";
