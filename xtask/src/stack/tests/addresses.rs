//! The text around the number in the value of a variable.

use super::*;

/// `VARIABLE BEFORE|AFTER ADDRESS` of each port of this entry.
fn around(entry: &str, env: &str) -> Vec<String> {
    let project = Project::new(&[("compose.yaml", &web(&format!("      - {entry}\n"))), (".env", env)]);
    let stack = project.read().unwrap();
    let describe = |wanted: &crate::model::Wanted| {
        let origin = wanted.origin.as_ref().unwrap();
        let (variable, around) = (origin.variable.as_deref().unwrap_or("-"), &origin.affixes);
        format!("{variable} {}|{} {}", around.before, around.after, wanted.mapping.address())
    };
    stack.ports().map(describe).collect()
}

#[test]
fn the_text_around_the_number_is_known_wherever_the_value_stands() {
    for (entry, env, want) in [
        (r#""${P:-8000}:80""#, "", "P | 8000"),
        (r#""${P:-127.0.0.1:8000}:80""#, "", "P 127.0.0.1:| 127.0.0.1:8000"),
        (r#""${P:-8000}:80""#, "P=127.0.0.1:8001\n", "P 127.0.0.1:| 127.0.0.1:8001"),
        (r#""${P:-8000}:80""#, "P=\"[::1]:8001\" # here\n", "P [::1]:| [::1]:8001"),
        (r#""${P}:80""#, "H=127.0.0.1\nP=${H}:8001\n", "P 127.0.0.1:| 127.0.0.1:8001"),
        (r#""${BIND}${P:-8000}:80""#, "BIND=127.0.0.1:\n", "P | 127.0.0.1:8000"),
        (r#""${BIND}8000:80""#, "BIND=127.0.0.1:\n", "- | 127.0.0.1:8000"),
        (r#""${P:-8000}${TAIL}""#, "TAIL=:80/udp\n", "P | 8000/udp"),
        (r#""${M}""#, "M=127.0.0.1:8000:80/tcp\n", "M 127.0.0.1:|:80/tcp 127.0.0.1:8000"),
        (r#""${M}/udp""#, "M=8000:80\n", "M |:80 8000/udp"),
        (r#""127.0.0.1:${M}""#, "M=8000:80\n", "M |:80 127.0.0.1:8000"),
        (r#""${A:-${B:-127.0.0.1:8000}}:80""#, "", "A 127.0.0.1:| 127.0.0.1:8000"),
        (r#""${A:-${B:-127.0.0.1:8000}}:80""#, "B=[::1]:8002\n", "A [::1]:| [::1]:8002"),
        (r#""${P:-127.0.0.1:8000-8009}:80""#, "", "P 127.0.0.1:| 127.0.0.1:8000-8009"),
        ("{target: 80, published: \"${P:-8000}\", host_ip: \"${H:-127.0.0.1}\"}", "", "P | 127.0.0.1:8000"),
        // The model tells what becomes of the target port.
        (r#""${P}:${P}""#, "P=8000\n", "P | 8000"),
        // The number cannot be replaced alone.
        (r#""${A}${B}:80""#, "A=127.0.0.1:80\nB=01\n", "- | 127.0.0.1:8001"),
        (r#""80${N}:80""#, "N=01\n", "- | 8001"),
        (r#""${P:+127.0.0.1:}${P:-8000}:80""#, "P=8001\n", "- | 127.0.0.1:8001"),
        (r#""${A:+127.0.0.1:8000}:80""#, "A=1\n", "- | 127.0.0.1:8000"),
    ] {
        assert_eq!(around(entry, env), [want], "{entry} {env}");
    }
    let range = around(r#""${R:-127.0.0.1:8000-8001}:80-81""#, "");
    assert_eq!(range, ["- | 127.0.0.1:8000", "- | 127.0.0.1:8001"]);
}
