//! Addresses that stand in variables: whatever moves a port, it is reachable from
//! where it was and from nowhere else.

use serde_json::Value;

use crate::support::{Output, Project, Rule, snapshot};

/// One service with this entry, and a second one if there are two.
fn compose(entries: &[&str]) -> String {
    let service = |(at, entry): (usize, &&str)| format!("  s{at}:\n    image: x\n    ports:\n      - {entry}\n");
    format!("services:\n{}", entries.iter().enumerate().map(service).collect::<String>())
}

fn project(entries: &[&str], env: &str) -> Project {
    let project = Project::new(&compose(entries));
    if !env.is_empty() {
        project.file(".env", env);
    }
    project
}

/// `IP:PUBLISHED:TARGET/PROTOCOL` of each port, by Compose itself.
fn by_compose(project: &Project) -> Vec<String> {
    let mut docker = project.command(project.root().join("bin/docker"));
    let output = docker.args(["compose", "config", "--format", "json"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let config: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found = Vec::new();
    for service in config["services"].as_object().unwrap().values() {
        for port in service["ports"].as_array().unwrap() {
            let text = |key: &str| port[key].as_str().unwrap_or("*").to_owned();
            found.push(format!("{}:{}:{}/{}", text("host_ip"), text("published"), port["target"], text("protocol")));
        }
    }
    found
}

/// Entry, `.env` before, held address, `.env` after; ports are `@N`.
#[rustfmt::skip]
const SHAPES: &[(&str, &str, &str, &str)] = &[
    (r#""${P:-127.0.0.1:@0}:6379""#, "", "127.0.0.1:@0", "P=127.0.0.1:@1\n"),
    (r#""${P:-@5}:6379""#, "P=127.0.0.1:@0 # db\r\nX=1", "127.0.0.1:@0", "P=127.0.0.1:@1 # db\r\nX=1"),
    (r#""${P:-@5}:6379""#, "export P='[::1]:@0'\n", "[::1]:@0", "export P='[::1]:@1'\n"),
    (r#""${BIND}${P:-@0}:80""#, "BIND=127.0.0.1:\n", "127.0.0.1:@0", "BIND=127.0.0.1:\nP=@1\n"),
    (r#""${P:-@0}${TAIL}""#, "TAIL=:8080/udp\n", "udp:0.0.0.0:@0", "TAIL=:8080/udp\nP=@1\n"),
    (r#""$MAPPING""#, "MAPPING=127.0.0.1:@0:80/tcp\n", "127.0.0.1:@0", "MAPPING=127.0.0.1:@1:80/tcp\n"),
    (r#""$MAPPING""#, "MAPPING=\"@0:@0/udp\"\n", "udp:0.0.0.0:@0", "MAPPING=\"@1:@0/udp\"\n"),
    (r#""${P}:80""#, "H=127.0.0.1\nP=${H}:@0\n", "127.0.0.1:@0", "H=127.0.0.1\nP=${H}:@1\n"),
    (r#""${P}:80""#, "N=@0\nP=\"127.0.0.1:$N\" # x\n", "127.0.0.1:@0", "N=@0\nP=\"127.0.0.1:@1\" # x\n"),
    (r#""${A:-${B:-127.0.0.1:@0}}:80""#, "", "127.0.0.1:@0", "A=127.0.0.1:@1\n"),
    (r#""${A:-${B:-@5}}:80""#, "B=[::1]:@0\n", "[::1]:@0", "B=[::1]:@0\nA='[::1]:@1'\n"),
    ("{target: 80, published: \"${P:-@0}\", host_ip: \"${H:-127.0.0.1}\"}", "", "127.0.0.1:@0", "P=@1\n"),
];

/// Ports become the next free one; the rest of the address is as before.
fn reassigned(project: &mut Project, held: &str) -> Output {
    let address = project.fill(held);
    project.hold_as("holder", "", &[address]);
    project.run("check-ports --reassign").exits(0)
}

#[test]
fn a_variable_is_written_with_all_that_stands_around_its_port() {
    for (entry, before, held, after) in SHAPES {
        let mut project = project(&[entry], before);
        let run = reassigned(&mut project, held);
        assert_eq!(project.read(".env"), project.fill(after), "{entry}\n{run}");
    }
}

#[test]
fn compose_agrees_that_only_the_number_changed() {
    std::thread::scope(|scope| {
        for shapes in SHAPES.chunks(SHAPES.len().div_ceil(3)) {
            scope.spawn(move || {
                for (entry, before, held, after) in shapes {
                    let mut project = project(&[entry], before);
                    if !project.real_docker() {
                        return;
                    }
                    let was = by_compose(&project);
                    let run = reassigned(&mut project, held);
                    assert_eq!(project.read(".env"), project.fill(after), "{entry}\n{run}");
                    let number = |text: &str, at| text.replacen(&project.port(at).to_string(), "N", 1);
                    let one = |ports: &[String], at| ports.iter().map(|port| number(port, at)).collect::<Vec<_>>();
                    assert_eq!(one(&by_compose(&project), 1), one(&was, 0), "{entry}\n{run}");
                }
            });
        }
    });
}

/// What one value cannot move alone is moved by the override file: the host's
/// side, and nothing else.
#[test]
fn where_the_number_cannot_be_replaced_alone_the_host_s_side_moves() {
    for (entries, env, held, want) in [
        (vec![r#""${A}${B}:80""#], "A=127.0.0.1:\nB=@0\n", "127.0.0.1:@0", vec!["127.0.0.1:@1:80/tcp"]),
        (vec![r#""${P:-@0}:${P:-@0}""#], "", "0.0.0.0:@0", vec!["*:@1:@0/tcp"]),
        (vec![r#""${A:+127.0.0.1:@0}:80""#], "A=1\n", "127.0.0.1:@0", vec!["127.0.0.1:@1:80/tcp"]),
        (
            vec![r#""${P:-@0}:80""#, r#""${P:-127.0.0.1:@5}:81""#],
            "",
            "0.0.0.0:@0",
            vec!["*:@1:80/tcp", "127.0.0.1:@5:81/tcp"],
        ),
        (vec![r#""${P:-@0}:80""#, r#""@5:${P:-81}""#], "", "0.0.0.0:@0", vec!["*:@1:80/tcp", "*:@5:81/tcp"]),
        (
            vec![r#""${R:-127.0.0.1:@0-@1}:80-81""#],
            "",
            "127.0.0.1:@0",
            vec!["127.0.0.1:@2:80/tcp", "127.0.0.1:@1:81/tcp"],
        ),
    ] {
        let mut project = project(&entries, env);
        if !project.real_docker() {
            return;
        }
        let run = reassigned(&mut project, held);
        let want: Vec<String> = want.into_iter().map(|port| project.fill(port)).collect();
        if entries[0].contains("${A}${B}") {
            // The number is all of B, so that this one is B's.
            assert_eq!(project.read(".env"), project.fill("A=127.0.0.1:\nB=@1\n"), "{run}");
        } else {
            assert!(!project.path(".env").exists() || project.read(".env") == project.fill(env), "{entries:?}\n{run}");
        }
        assert_eq!(by_compose(&project), want, "{entries:?}\n{run}");
    }
}

/// Without Compose there is no proof of an override file, so it is refused.
#[test]
fn without_compose_it_is_refused_with_the_reason() {
    let mut project = project(&[r#""${P:-@0}:80""#, r#""${P:-127.0.0.1:@5}:81""#], "");
    project.hold("0.0.0.0", &[0]);
    snapshot!("addresses-refused", project.run("check-ports --reassign").exits(1));
    assert!(!project.path(".env").exists());
}

/// What the template makes of such a value goes along.
#[test]
fn what_belongs_to_the_value_moves_along() {
    let env = "P=127.0.0.1:@0\nURL=redis://127.0.0.1:@0/1 # ours\n";
    let mut project = project(&[r#""${P:-@5}:6379""#], env);
    project.file(".env.template", "P=127.0.0.1:@5\n#URL=redis://${P}/1\n");
    let run = reassigned(&mut project, "127.0.0.1:@0");
    assert_eq!(project.read(".env"), project.fill(&env.replace("@0", "@1")), "{run}");
    project.run("env set P=127.0.0.1:@2").exits(0);
    assert_eq!(project.read(".env"), project.fill(&env.replace("@0", "@2")));
}

// --- proved, or put back -----------------------------------------------------

/// A Compose that publishes on every address after all.
fn model(host_ip: &str) -> String {
    let host_ip = if host_ip.is_empty() { String::new() } else { format!(r#""host_ip":"{host_ip}","#) };
    format!(
        r#"{{"name":"demo","services":{{"s0":{{"image":"x","ports":[{{"mode":"ingress",{host_ip}"target":6379,"published":"{{{{P:@0}}}}","protocol":"tcp"}}]}}}}}}"#
    )
}

#[test]
fn a_port_that_would_be_reachable_from_more_addresses_is_put_back() {
    let env = "# mine\r\nP=@0 # why";
    let mut project = project(&[r#""127.0.0.1:${P:-@0}:6379""#], env);
    project.fake_docker(&[
        Rule::when("docker compose version").stdout("2.40.3\n"),
        Rule::when("docker compose config").stdout(model("127.0.0.1").replace("{{P:@0}}", "@0")).times(1),
        Rule::when("docker compose config").stdout(model("").replace("{{P:@0}}", "@1")),
    ]);
    project.hold("127.0.0.1", &[0]);
    let run = project.run("check-ports --reassign").exits(2);
    snapshot!("addresses-put-back", run);
    assert_eq!(project.read(".env"), project.fill(env));
}

// --- env set -----------------------------------------------------------------

#[test]
fn set_takes_a_value_with_an_address_and_keeps_what_stands_around() {
    let project = project(
        &[r#""${P:-127.0.0.1:@0}:6379""#, "\"${R:-127.0.0.1:@4-@5}:80-81\"", "\"${M}\""],
        "M=127.0.0.1:@7:80/udp\n",
    );
    project.run("env set P=127.0.0.1:@1 R=127.0.0.1:@2-@3 M=127.0.0.1:@8:80/udp").exits(0);
    assert_eq!(project.read(".env"), project.fill("M=127.0.0.1:@8:80/udp\nP=127.0.0.1:@1\nR=127.0.0.1:@2-@3\n"));
    snapshot!("addresses-set-bare", refused(&project, "env set P=@6"));
    snapshot!("addresses-set-other-ip", refused(&project, "env set P=192.168.1.2:@6"));
    snapshot!("addresses-set-target", refused(&project, "env set M=127.0.0.1:@8:81/udp"));
    snapshot!("addresses-set-no-port", refused(&project, "env set P=127.0.0.1:99999"));
}

#[test]
fn set_may_take_addresses_away() {
    let project = project(&[r#""${IP:-0.0.0.0}:${P:-@0}:6379""#, r#""${Q:-@1}:80""#], "");
    project.run("env set IP=127.0.0.1 Q=127.0.0.1:@2").exits(0);
    assert!(refused(&project, "env set IP=0.0.0.0").stderr.contains("currently it is on 127.0.0.1:18000"));
}

/// Runs it; it must fail and change nothing.
#[track_caller]
fn refused(project: &Project, words: &str) -> Output {
    let before = project.everything();
    let run = project.run(words).exits(2);
    assert_eq!(project.everything(), before, "{run}");
    run
}

#[test]
fn set_is_proved_by_compose() {
    let text = "services:\n  db:\n    image: x\n    mem_limit: ${MEM:-64m}\n    ports: [\"${P:-@0}:80\"]\n    \
                volumes: [\"${DATA_DIR:-./data}:/data\", \"${CACHE:-./cache}:/cache\"]\nvolumes: {named: {}}\n";
    let mut project = Project::new(text);
    project.file(".env", "A=1 # kept\n");
    if !project.real_docker() {
        return;
    }
    snapshot!("addresses-set-volume", refused(&project, "env set DATA_DIR=data"));
    snapshot!("addresses-set-named-volume", refused(&project, "env set DATA_DIR=named"));
    snapshot!("addresses-set-memory", refused(&project, "env set MEM=lots"));
    project.run("env set DATA_DIR=./other MEM=128m P=@1").exits(0);
    assert_eq!(project.read(".env"), project.fill("A=1 # kept\nDATA_DIR=./other\nMEM=128m\nP=@1\n"));
    // What Compose cannot read already is mended one value at a time.
    project.file(".env", "MEM=lots\nDATA_DIR=data\n");
    project.run("env set MEM=1g").exits(0);
    project.run("env set DATA_DIR=./data").exits(0);
}

/// The template's default says less than the compose file's.
#[test]
fn a_missing_line_of_the_template_opens_no_port() {
    let project = project(&[r#""${P:-127.0.0.1:@0}:6379""#], "A=1\n");
    project.file(".env.template", "A=1\nP=@0\n");
    snapshot!("addresses-init-missing", refused(&project, "env init --missing"));
    project.file(".env.template", "A=1\nP=127.0.0.1:@0\n");
    project.run("env init --missing").exits(0);
    assert_eq!(project.read(".env"), project.fill("A=1\nP=127.0.0.1:@0\n"));
}

// --- adopt -------------------------------------------------------------------

#[test]
fn the_template_of_adopt_keeps_the_address() {
    let entries = [
        r#""${P:-127.0.0.1:@0}:6379""#,
        r#""${M:-[::1]:@1:80/udp}""#,
        r#""${BIND}${Q:-@2}:80""#,
        r#""${S:-@3}:80""#,
        r#""${S:-127.0.0.1:@4}:81""#,
    ];
    let project = project(&entries, "");
    let run = project.run("adopt --yes").exits(0);
    let template = project.read(".env.template");
    let lines: Vec<String> =
        template.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect();
    assert_eq!(lines, [project.fill("P=127.0.0.1:@0"), project.fill("M=[::1]:@1:80/udp"), project.fill("Q=@2")]);
    let why = "left: .env.template: S has no line: S=18003 would publish 81/tcp of service `s4` on port 18003 of every address; currently it is on 127.0.0.1:18004";
    assert!(run.stderr.contains(why), "{run}");
    assert!(!run.stderr.contains("only part of the published port"), "{run}");
    // And the template is a true copy of the defaults.
    let before = project.run("check-ports --format json").exits(0).json();
    project.run("env init").exits(0);
    let addresses = |report: &Value| -> Vec<Value> {
        let ports = report["ports"].as_array().unwrap().iter();
        ports.flat_map(|port| [port["host_ip"].clone(), port["published"].clone(), port["target"].clone()]).collect()
    };
    assert_eq!(addresses(&project.run("check-ports --format json").exits(0).json()), addresses(&before));
}
