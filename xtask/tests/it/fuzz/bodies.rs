//! What is done with bytes that anybody may have made: the bodies of the fuzz
//! targets in `fuzz/`, and of the test that replays what fuzzing has found.
//! Each reads its bytes, and asserts what must hold whatever they are; that
//! nothing panics, overflows or runs for ever is held by being called.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xtask::decide;
use xtask::envfile::{self, Document, PortMove};
use xtask::labels;
use xtask::ledger;
use xtask::model::{ComposeOptions, PortMapping, Service, Stack, Wanted};
use xtask::parse::{
    accounts, cgroup, compose, compose_config, engine, engine_message, interpolate, ip_table, iptables_save, lsof,
    netsh, netstat, nft_chains, own_container, port_mentions, proc_net, proc_route, sock_diag, ss, sysctl,
};
use xtask::stack;
use xtask::ui;

/// A target: its name, which is that of its folder of seeds, and its body.
type Target = (&'static str, fn(&[u8]));

/// All of them.
pub(crate) const ALL: [Target; 9] = [
    ("tools", tools),
    ("engine_message", engine_message),
    ("engine_api", engine_api),
    ("compose", compose),
    ("env", env),
    ("ledger", ledger),
    ("labels", labels),
    ("port_mentions", port_mentions),
    ("text", text),
];

/// Outputs of lsof, netstat, netsh, ss, and the kernel's tables.
pub(crate) fn tools(bytes: &[u8]) {
    let mut sockets = lsof::listeners(bytes);
    sockets.extend(netstat::windows(bytes));
    sockets.extend(netstat::macos(bytes));
    sockets.extend(ss::listeners(bytes));
    for layout in [ip_table::TCP4, ip_table::TCP6, ip_table::UDP4, ip_table::UDP6] {
        sockets.extend(ip_table::sockets(bytes, &layout));
    }
    let all = netstat::windows(bytes);
    let merged = netstat::with_hidden(sockets, all.clone());
    for socket in all {
        assert!(merged.iter().any(|one| one.port == socket.port), "{socket:?} is lost");
    }
    for range in netsh::excluded_ranges(bytes).unwrap_or_default() {
        assert!(range.range.first <= range.range.last, "{range:?}");
    }
    if let Some(range) = netsh::dynamic_ports(bytes) {
        assert!(range.first <= range.last, "{range:?}");
    }
    if let Some(range) = sysctl::range(bytes) {
        assert!(range.first <= range.last, "{range:?}");
    }
    drop(proc_net::rows(bytes, u32::MAX));
    if let Some(table) = iptables_save::nat(bytes) {
        // Loops among the chains included.
        for is_local in [true, false] {
            let connection = decide::NewConnection { ip: None, port: 80, is_local };
            drop(decide::redirection(&table, connection, &[]));
        }
    }
    drop(sock_diag::part(bytes));
    drop(nft_chains::part(bytes));
    drop(cgroup::manager(&String::from_utf8_lossy(bytes)));
    drop(own_container::own_ids(bytes));
    let _ = proc_route::gateway(bytes);
    drop(accounts::group(&String::from_utf8_lossy(bytes), 0));
    drop(accounts::user(&String::from_utf8_lossy(bytes), 0));
}

/// What an engine or Compose says when something is in the way.
pub(crate) fn engine_message(bytes: &[u8]) {
    let problems = engine_message::port_problems(bytes);
    assert_eq!(engine_message::port_problem(bytes), problems.first().cloned());
    for (at, problem) in problems.iter().enumerate() {
        assert!(!problems[..at].contains(problem), "told twice: {problem:?}");
    }
    drop(engine_message::name_conflict(bytes));
    drop(engine_message::network_problem(bytes));
}

/// JSON of the engine and of `docker compose config`.
pub(crate) fn engine_api(bytes: &[u8]) {
    drop(engine::containers(bytes));
    drop(engine::detail(bytes));
    drop(engine::network(bytes));
    drop(engine::networks(bytes));
    drop(engine::volumes(bytes));
    drop(engine::version(bytes));
    drop(engine::image(bytes));
    drop(engine::error_message(bytes));
    if let Ok(stack) = compose_config::parse(bytes) {
        of_stack(&stack);
    }
}

/// A compose file and, behind a NUL, the `.env` beside it: the whole reader,
/// with `extends` and `include`.
pub(crate) fn compose(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (file, env) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let text = String::from_utf8_lossy(file);
    // The folder decides what a path in the file leads to; devices and pipes
    // of this machine are not what is tried.
    if ["/dev", "/proc", "/sys"].iter().any(|place| text.contains(place)) {
        return;
    }
    let dir = scratch("compose");
    fs::write(dir.join("compose.yaml"), file).unwrap();
    fs::write(dir.join(".env"), env).unwrap();
    let nothing = |_: &str| None;
    let options = ComposeOptions::default();
    match stack::read(&options, &dir, &nothing) {
        Ok(stack) => of_stack(&stack),
        Err(error) => assert!(!error.message().is_empty()),
    }
    if let Ok(project) = stack::locate(&options, &dir, &nothing) {
        drop(stack::variable_uses(&project, &nothing));
    }
    drop(stack::fixed_names(&options, &dir, &nothing));
    drop(stack::name_uses(&options, &dir, &nothing));
    drop(stack::override_place(&options, &dir, &nothing));
    // A document merged with itself twice is what it is merged with itself once.
    let place: Arc<Path> = Arc::from(Path::new("compose.yaml"));
    for document in compose::documents(&text, &place).unwrap_or_default() {
        drop(compose::merge(document.clone(), document));
    }
}

/// What is made of a model, wherever it came from.
fn of_stack(stack: &Stack) {
    let wanted: Vec<&Wanted> = stack.ports().collect();
    let mappings: Vec<&PortMapping> = wanted.iter().map(|wanted| &wanted.mapping).collect();
    let clashes = decide::clashes(&mappings);
    assert_eq!(clashes.len(), mappings.len());
    drop(decide::published(stack));
    let (routes, unrouted) = labels::routes(stack, &BTreeMap::new());
    assert!(routes.len() + unrouted.len() <= stack.services.len());
    drop(labels::compose_file("demo", labels::network_key(stack), &routes, &unrouted, &[]));
    drop(labels::lint(stack, labels::NETWORK, &BTreeMap::new(), &[]));
}

/// A `.env`, and behind a NUL its template: what is read is rendered, one value
/// changes alone, and what is added is there.
pub(crate) fn env(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (file, template) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let nothing = |_: &str| None;
    let Ok(document) = Document::parse(file) else { return };
    assert_eq!(document.render(), file);
    drop(document.values(&nothing, &nothing));
    drop(document.issues(&nothing));
    drop(document.commented());
    let before: Vec<_> = document.assigned().collect();
    let names = document.names();
    for name in names.iter().map(String::as_str).chain(["NEW_ONE"]).take(8) {
        for value in ["8001", "", "a b # 'c' \"d\" $E ${F} \\n"] {
            let mut changed = document.clone();
            if changed.set(name, value).is_err() {
                assert_eq!(changed, document, "a refusal that changed the file");
                continue;
            }
            let after: Vec<_> = changed.assigned().collect();
            let at = before.iter().rposition(|line| line.name == name);
            assert_eq!(after.len(), before.len() + usize::from(at.is_none()), "set {name} to {value:?}");
            for (index, line) in before.iter().enumerate().filter(|(index, _)| Some(*index) != at) {
                assert_eq!((&line.name, &line.text), (&after[index].name, &after[index].text), "set {name}");
            }
        }
        let mut moved = document.clone();
        let changed = moved.change(name, "[::1]:8001", &nothing, &nothing).is_ok() && moved != document;
        if let Some(was) = document.written_form(name).filter(|_| changed)
            && moved.put_back(name, &was)
        {
            assert_eq!(moved.render(), file, "back from a move of {name}");
        }
    }
    let Ok(template) = Document::parse(template) else { return };
    let moves = [("A", 8000, 8001), ("NEW_ONE", 1, 2)].map(|(name, from, to): (&str, u16, u16)| PortMove {
        variable: name.to_owned(),
        from,
        to,
        before: from.to_string(),
        after: format!("[::1]:{to}"),
    });
    drop(envfile::dependents(&template, &document, &nothing, &moves));
    drop(envfile::mentions(&document, &moves));
    drop(envfile::stale(&template, &document, &nothing));
    drop(template.changes_in(&document));
    let missing = template.missing_from(std::slice::from_ref(&document));
    let missing: Vec<String> = missing.into_iter().map(|(name, _)| name).collect();
    let mut longer = document.clone();
    match longer.append_from(&template, &missing) {
        Ok(()) => assert_eq!(template.missing_from(&[longer]), []),
        Err(_) => assert_eq!(longer, document, "a refusal that changed the file"),
    }
}

/// The files of the leases and of the checkouts: what is written is what is read.
pub(crate) fn ledger(bytes: &[u8]) {
    let path = Path::new("leases.json");
    if let Ok(Some(records)) = ledger::checkouts::decode(bytes, path) {
        let written = ledger::checkouts::encode(&records).unwrap();
        assert_eq!(ledger::checkouts::decode(&written, path).unwrap(), Some(records));
    }
    let Ok(Some(mut leases)) = ledger::decode(bytes, path) else { return };
    let written = ledger::encode(&leases).unwrap();
    assert_eq!(ledger::decode(&written, path).unwrap(), Some(leases.clone()));
    let Some((project, dir)) = leases.tenants.first().map(|tenant| (tenant.project.clone(), tenant.dir.clone())) else {
        return;
    };
    let ports: Vec<_> = leases.tenants.iter().flat_map(|t| &t.leases).map(|l| (l.published, l.protocol)).collect();
    for (port, protocol) in ports {
        leases.take_over(port, protocol, &project, &dir);
        assert!(!leases.others(&project, &dir).any(|other| other.has_lease(port, protocol)));
    }
}

/// Labels, a line each: `KEY=VALUE`; versions and names as well.
pub(crate) fn labels(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let labels: BTreeMap<String, String> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    for router in labels::routers(&labels) {
        for host in labels::hosts(&router.rule) {
            assert!(!host.is_empty());
            labels::is_host(&host);
        }
    }
    let service = |name: &str| Service { name: name.to_owned(), labels: labels.clone(), ..Service::default() };
    let dir = PathBuf::from("/src/demo");
    let services = vec![service("web"), service("db")];
    let stack = Stack { name: "demo".to_owned(), dir, files: Vec::new(), services, ..Stack::default() };
    let running = [labels::LabelledContainer { project: "other", container: "other-web-1", labels: &labels }];
    drop(labels::lint(&stack, labels::NETWORK, &BTreeMap::new(), &running));
    labels::hosts(&text);
    let _ = text.parse::<xtask::model::Version>();
    drop(compose::normalise_name(&text));
}

/// Files that may name a port, in each syntax; a path; a compose file.
pub(crate) fn port_mentions(bytes: &[u8]) {
    use port_mentions::{Syntax, file_kind, in_compose, in_text};
    let syntaxes = [Syntax::Script, Syntax::ScriptWithCommands, Syntax::Shell, Syntax::ShellScript, Syntax::Batch];
    for syntax in syntaxes.into_iter().chain([Syntax::Hash, Syntax::Ini, Syntax::Http, Syntax::Value]) {
        for found in in_text(bytes, syntax) {
            assert!(bytes[found.span.clone()].ends_with(found.port.to_string().as_bytes()), "{found:?}");
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = file_kind(&text);
    for found in in_compose(&text, Path::new("compose.yaml"), &|name| name.len() < 3).unwrap_or_default() {
        assert!(found.mention.line <= text.lines().count().max(1), "{found:?}");
    }
}

/// Text that is shown, with variables in it, and our own settings.
pub(crate) fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let clean = ui::clean(&text);
    assert!(!clean.chars().any(char::is_control), "{clean:?}");
    assert_eq!(ui::clean(&clean), clean);
    assert!(ui::clip(&text, 40).chars().count() <= 40);
    drop((ui::mask(&text), ui::mask_value("DB_PASSWORD", &text)));
    let lookup = |name: &str| (name.len() < 3).then(|| (name.to_owned(), ()));
    drop(interpolate::interpolate(&text, &lookup));
    for mention in interpolate::mentions(&text) {
        assert!(text.contains(mention.text) && mention.text.contains(mention.name), "{mention:?}");
    }
    let dir = scratch("text");
    fs::write(dir.join("xtask.toml"), bytes).unwrap();
    fs::write(dir.join(".xtask.env"), bytes).unwrap();
    drop(stack::Settings::read(&dir));
    let _ = decide::added_line(bytes);
}

/// A folder of this process and thread, used again by each call.
fn scratch(name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "");
    let dir = base.join(format!("xtask-fuzz-{name}-{}-{thread}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    dir
}
