use super::*;

const ID: &str = "183e5873d00e372b74c520baf9c82913c666e3efee365b68b1fab8b646ea8a49";

fn process(name: &str, exe: &str, command: &str) -> Process {
    Process {
        pid: 4711,
        name: name.into(),
        exe: (!exe.is_empty()).then(|| exe.into()),
        command: command.into(),
        user: Some("ben".into()),
        ..Process::default()
    }
}

/// Command lines of real engines (Docker 28.5, Podman 5.8.6 and 6.1.1 of Debian), shortened;
/// those of other systems follow their documentation.
const CONMON: &str = "/usr/bin/conmon --api-version 1 -c 183e5873d00e372b74c520baf9c82913c666e3efee365b68b1fab8b646ea8a49 -u x \
     -r /usr/bin/crun -b /x/userdata -n shop_web_1 --exit-dir /run/libpod/exits \
     --exit-command /usr/bin/podman --exit-command-arg -n --exit-command-arg other";
const SHIM: &str = "/usr/bin/containerd-shim-runc-v2 -namespace moby \
     -id 183e5873d00e372b74c520baf9c82913c666e3efee365b68b1fab8b646ea8a49 -address /run/containerd/containerd.sock";
const PROXY: &str = "/usr/sbin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8000 -container-ip 172.17.0.2 -container-port 80 -use-listen-fd";
const PASTA: &str =
    "/usr/bin/pasta --config-net -t 8479-8479:80-80 --quiet --netns /run/user/1000/netns/netns-5f629a02";

/// Process, file, command line; whom it serves, and the remedy.
type Known = (&'static str, &'static str, &'static str, &'static str, &'static str);

const KNOWN: &[Known] = &[
    (
        "docker-proxy",
        "/usr/sbin/docker-proxy",
        PROXY,
        "the container at 172.17.0.2, port 80 of Docker",
        "stop that container (`docker ps`, on every engine and context)",
    ),
    (
        "containerd-shim",
        "/usr/bin/containerd-shim-runc-v2",
        SHIM,
        "container 183e5873d00e of Docker",
        "`docker stop 183e5873d00e` on its engine",
    ),
    ("conmon", "/usr/bin/conmon", CONMON, "container shop_web_1 of Podman", "`podman stop shop_web_1` as user ben"),
    // Another user's: no file, and its command line is readable.
    ("conmon", "", CONMON, "container shop_web_1 of Podman", "`podman stop shop_web_1` as user ben"),
    (
        "rootlessport",
        "/usr/libexec/podman/rootlessport",
        "rootlessport",
        "a container of rootless Podman",
        "stop that container (`podman ps` as user ben)",
    ),
    (
        "exe",
        "/usr/libexec/podman/rootlessport",
        "rootlessport-child",
        "a container of rootless Podman",
        "stop that container (`podman ps` as user ben)",
    ),
    (
        "exe",
        "",
        "rootlessport-child",
        "a container of rootless Podman",
        "stop that container (`podman ps` as user ben)",
    ),
    (
        "pasta.avx2",
        "/usr/bin/pasta.avx2",
        PASTA,
        "a container of rootless Podman",
        "stop that container (`podman ps` as user ben)",
    ),
    (
        "podman",
        "/usr/bin/podman",
        "podman system service --time=0 unix:///run/podman/podman.sock",
        "a container of Podman",
        "stop that container (`podman ps` as user ben)",
    ),
    (
        "dockerd",
        "/usr/sbin/dockerd",
        "dockerd --userland-proxy=false",
        "a container of Docker",
        "stop that container (`docker ps`, on every engine and context)",
    ),
    (
        "rootlesskit",
        "/usr/bin/rootlesskit",
        "rootlesskit --state-dir=/run/user/1000/dockerd-rootless",
        "a container of rootless Docker",
        "stop that container (`docker --context rootless ps`)",
    ),
    (
        "slirp4netns",
        "/usr/bin/slirp4netns",
        "slirp4netns --mtu 65520 -r 3 99 tap0",
        "a container of a rootless engine",
        "stop that container (`podman ps`, or `docker ps` on its context as user ben)",
    ),
    (
        "com.docker.back",
        "/Applications/Docker.app/Contents/MacOS/com.docker.backend",
        "",
        "a container of Docker Desktop",
        "stop that container (`docker --context desktop-linux ps`)",
    ),
    (
        "ssh",
        "/usr/bin/ssh",
        "ssh: /Users/x/.colima/_lima/colima/ssh.sock [mux]",
        "a container of Lima or Colima",
        "stop that container (`docker ps` on its context (`docker context ls`), or `limactl list`)",
    ),
    (
        "OrbStack Helper",
        "/Applications/OrbStack.app/Contents/Frameworks/OrbStack Helper.app/Contents/MacOS/OrbStack Helper",
        "",
        "a container of OrbStack",
        "stop that container (`docker --context orbstack ps`)",
    ),
    (
        "wslrelay.exe",
        r"C:\Program Files\WSL\wslrelay.exe",
        r"C:\Program Files\WSL\wslrelay.exe --mode 2",
        "a container of WSL",
        "stop that container (`docker ps` in the distributions of `wsl --list --running`)",
    ),
];

#[test]
fn each_helper_is_recognised_with_its_engine_and_container() {
    for (name, exe, command, serves, remedy) in KNOWN {
        let process = process(name, exe, command);
        let found = helper(&process).unwrap_or_else(|| panic!("{name} {command}"));
        assert_eq!((found.serves().as_str(), found.remedy().as_str()), (*serves, *remedy), "{name}");
    }
}

#[test]
fn every_row_of_the_table_is_recognised_by_each_of_its_names() {
    for (of, name) in
        HELPERS.iter().filter(|row| row.words.is_empty()).flat_map(|row| row.names.iter().map(|n| (row.of, n)))
    {
        let name = if name.ends_with('.') { format!("{name}backend") } else { (*name).to_owned() };
        for (process_name, exe, command) in [
            (name.as_str(), "", ""),
            ("exe", format!("/usr/bin/{name}").as_str(), ""),
            ("exe", "", format!("/usr/bin/{name} --option").as_str()),
            (format!("{name}.exe").as_str(), "", ""),
        ] {
            // A name with a blank is not the first word of a command line.
            if command.is_empty() || !name.contains(' ') {
                assert_eq!(helper(&process(process_name, exe, command)).map(|found| found.of), Some(of), "{name}");
            }
        }
    }
}

#[test]
fn other_programs_are_no_helpers() {
    for (name, command) in [
        ("python3", "python3 -m http.server 8000"),
        ("node", "node dockerd.js"),
        ("next-server (v1", "next-server (v16.0.1)"),
        ("ssh", "ssh -L 8000:localhost:8000 host"),
        ("podmanager", "podmanager"),
        ("pastaserver", "/opt/pastaserver"),
        // What lsof's columns leave of a name; those are not read.
        ("docker-pr", ""),
    ] {
        assert_eq!(helper(&process(name, "", command)), None, "{name}");
    }
}

#[test]
fn text_that_cannot_be_a_containers_name_is_not_believed() {
    for name in ["--all", "$(x)", "-a", "a/b"] {
        let named = |id: &str| process("conmon", "", &format!("conmon -c {id} -n {name}"));
        assert_eq!(helper(&named(ID)).unwrap().container, Some(ServedContainer::Id(ID)), "{name}");
        assert_eq!(helper(&named("short")).unwrap().container, None, "{name}");
    }
    for line in ["docker-proxy -container-ip $(x) -container-port 80", "docker-proxy -container-ip", "docker-proxy"] {
        assert_eq!(helper(&process("docker-proxy", "", line)).unwrap().container, None, "{line}");
    }
}

#[test]
fn open_files_may_name_the_container_of_a_rootlessport() {
    let process = Process { serves: Some("shop_web_1".into()), ..process("rootlessport", "", "rootlessport") };
    let found = helper(&process).unwrap();
    assert_eq!(found.serves(), "container shop_web_1 of rootless Podman");
    assert_eq!(found.remedy(), "`podman stop shop_web_1` as user ben");
}

#[test]
fn a_served_container_is_found_among_those_of_the_engine() {
    use crate::model::{Attachment, State};
    let at = Attachment { address: "172.17.0.2".parse().ok(), ..Attachment::new("bridge", "x") };
    let container = |state| Container {
        id: ID.into(),
        name: "web".into(),
        networks: vec![at.clone()],
        state,
        ..Container::default()
    };
    let address = ServedContainer::Address("172.17.0.2".parse().unwrap(), "80");
    let running = container(State::Running);
    for served in [ServedContainer::Name("web"), ServedContainer::Id(ID), address] {
        assert!(served.is(&running), "{served:?}");
    }
    assert!(!address.is(&container(State::Exited)) && !ServedContainer::Name("we").is(&running));
}
