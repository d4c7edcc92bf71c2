//! Processes of this machine that hold ports, in Python.

use std::net::TcpStream;
use std::process::Stdio;

use super::{Ending, command, find, first_line, wait_until};

/// How they get sockets of each kind.
const PRELUDE: &str = r"
import os, signal, socket, sys, time
PORT = 8000
def bind(ip, port=PORT, kind=socket.SOCK_STREAM, v6only=None, reuse=True, share=False):
    family = socket.AF_INET6 if ':' in ip else socket.AF_INET
    s = socket.socket(family, kind)
    if reuse and kind == socket.SOCK_STREAM: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if share: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if v6only is not None: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(v6only))
    s.bind((ip, port))
    return s
def listen(ip, port=PORT, **options):
    s = bind(ip, port, **options)
    s.listen()
    return s
def name(text):
    with open('/proc/self/comm', 'w') as comm: comm.write(text)
def fork(run):
    pid = os.fork()
    if pid == 0:
        try: run()
        finally: os._exit(0)
    return pid
def rest(): time.sleep(600)
";

pub(crate) fn python() -> String {
    find("python3").expect("python3 (scripts/test installs it)").display().to_string()
}

/// A whole program: once `script` is done it says its process id, and stays.
pub(crate) fn holder_script(script: &str) -> String {
    format!("{PRELUDE}\n{script}\nos.write(1, b'%d\\n' % os.getpid())\nrest()\n")
}

/// Listens at `KIND IP PORT` of its command line; `KIND` is `tcp` or `udp`, and an
/// IPv6 socket is for IPv6 only.
pub(crate) fn listener() -> String {
    holder_script(
        "
kind, ip, port = sys.argv[1:4]
v6only = True if ':' in ip else None
s = listen(ip, int(port), v6only=v6only) if kind == 'tcp' else bind(ip, int(port), kind=socket.SOCK_DGRAM, v6only=v6only)
",
    )
}

#[derive(Debug)]
pub(crate) struct Holder(Ending);

impl Holder {
    /// `python3 -m http.server`: what people forget in another terminal.
    pub(crate) fn http(port: u16) -> Holder {
        let mut server = command(python());
        server.args(["-m", "http.server", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let holder = Holder(Ending(server.spawn().unwrap()));
        let answers = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        wait_until(|| format!("http.server does not come up on {port}"), answers);
        holder
    }

    /// A socket on one address, as `listener` has it.
    pub(crate) fn socket(kind: &str, ip: &str, port: u16) -> Holder {
        Holder::script(&listener(), &[kind, ip, &port.to_string()])
    }

    /// A client of `server` whose own port is `port`.
    pub(crate) fn client(port: u16, server: u16) -> Holder {
        let connect = format!("s = bind('127.0.0.1', {port}, reuse=False)\ns.connect(('127.0.0.1', {server}))");
        Holder::script(&holder_script(&connect), &[])
    }

    /// A socket that is bound and never listens.
    pub(crate) fn idle(port: u16) -> Holder {
        Holder::script(&holder_script(&format!("s = bind('127.0.0.1', {port}, reuse=False)")), &[])
    }

    fn script(text: &str, words: &[&str]) -> Holder {
        let mut python = command(python());
        python.args(["-c", text]).args(words).stdout(Stdio::piped());
        let mut child = Ending(python.spawn().unwrap());
        assert_eq!(first_line(&mut child.0), child.0.id().to_string(), "{words:?}");
        Holder(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.0.id()
    }

    pub(crate) fn is_gone(&mut self) -> bool {
        self.0.0.try_wait().unwrap().is_some()
    }
}
