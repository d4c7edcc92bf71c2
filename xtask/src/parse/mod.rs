//! Parses foreign text into the model: pure, compiled and tested on every system.
//!
//! Output of tools is passed as bytes, because Windows consoles use the code page of
//! their language, not UTF-8. Only numbers, addresses and fixed ASCII words are read,
//! never headings or states that a system translates. `tests/fixtures/tools/INDEX.md`
//! lists the samples and their sources.

#![expect(missing_docs, reason = "a comment says what the name does not")]

pub mod accounts;
mod address;
pub(crate) mod cargo;
pub mod cgroup;
pub mod compose;
pub mod compose_config;
pub(crate) mod dockerd;
pub mod engine;
pub mod engine_message;
pub mod firewall;
pub mod interpolate;
pub mod ip_table;
pub mod iptables_save;
pub mod lsof;
pub mod netlink;
pub mod netsh;
pub mod netstat;
pub mod nft_chains;
pub mod own_container;
pub mod port_mentions;
pub mod proc_net;
pub mod proc_route;
mod rows;
pub mod sock_diag;
pub mod ss;
pub mod sysctl;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn parse_all(bytes: &[u8]) {
        drop(lsof::listeners(bytes));
        drop(netstat::windows(bytes));
        drop(netstat::macos(bytes));
        drop(netsh::excluded_ranges(bytes));
        let _ = netsh::dynamic_ports(bytes);
        drop(ss::listeners(bytes));
        drop(proc_net::rows(bytes, u32::MAX));
        drop(proc_net::sockets(bytes));
        drop(proc_route::routes(bytes));
        let _ = firewall::macos(bytes);
        let _ = firewall::windows(bytes);
        let _ = firewall::ufw_conf(bytes);
        let _ = firewall::drops_input(bytes);
        drop(iptables_save::nat(bytes));
        drop(nft_chains::part(bytes));
        let _ = sysctl::range(bytes);
        for layout in [ip_table::TCP4, ip_table::TCP6, ip_table::UDP4, ip_table::UDP6] {
            drop(ip_table::sockets(bytes, &layout));
        }
        drop(engine_message::port_problems(bytes));
        drop(engine_message::name_conflict(bytes));
        drop(engine_message::network_problem(bytes));
    }

    /// Parts of real outputs, to reach the inner branches of the parsers.
    const PIECES: &[&str] = &[
        " ",
        "\n",
        "\r\n",
        "\t",
        "TCP",
        "UDP",
        "LISTEN",
        "UNCONN",
        "0.0.0.0:0",
        "[::]:0",
        "[",
        "]",
        "::",
        ":",
        ".",
        "*",
        "*:*",
        "*.*",
        "4",
        "65535",
        "65536",
        "99999999999",
        "-",
        "----",
        "p",
        "n",
        "TST=LISTEN",
        "f7",
        "tIPv6",
        "->",
        "\"",
        "\",\"",
        "pid=",
        "%eth0",
        "é",
        "\u{fffd}",
        "HTTP://+:80/",
        "http://",
        "Bind for ",
        " failed: ",
        "port is already allocated",
        "address already in use",
        "failed to bind host port ",
        "for ",
        "exposing port ",
        "ports are not available: ",
        "listen tcp4 ",
        ": bind: ",
        "on endpoint ",
        " (",
        "cannot start service ",
        "The container name \"/",
        "\" is already in use by container \"",
        "Error response from daemon: ",
        "udp46",
        "tcp4",
        "network ",
        " not found",
        "declared as external",
        "*nat\n",
        "-A OUTPUT ",
        "! ",
        "-d 127.0.0.0/8 ",
        "--dport ",
        "-j DNAT --to-destination ",
        "[fd00::2]:80-",
        "--comment \"",
        "\\",
    ];

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
            parse_all(&bytes);
        }

        #[test]
        fn shuffled_pieces_of_real_output_never_panic(pieces in vec(prop::sample::select(PIECES), 0..40)) {
            parse_all(pieces.concat().as_bytes());
        }

        #[test]
        fn a_cut_or_damaged_sample_never_panics(cut in 0usize..2000, at in 0usize..2000, byte in any::<u8>()) {
            for sample in [
                &include_bytes!("../../tests/fixtures/tools/netstat-windows-ja.cp932.bin")[..],
                include_bytes!("../../tests/fixtures/tools/netsh-excludedportrange-windows-zh.cp936.bin"),
                include_bytes!("../../tests/fixtures/tools/lsof-F-macos.txt"),
                include_bytes!("../../tests/fixtures/tools/netstat-anv-macos.txt"),
                include_bytes!("../../tests/fixtures/tools/ss-H-ltnp-linux-root.txt"),
                include_bytes!("../../tests/fixtures/tools/iptables-save-nat-docker.txt"),
            ] {
                let mut sample = sample.to_vec();
                sample.truncate(cut);
                if let Some(old) = sample.get_mut(at) {
                    *old = byte;
                }
                parse_all(&sample);
            }
        }
    }
}
