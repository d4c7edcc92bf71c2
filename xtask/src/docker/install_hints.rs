//! What to install on which system. The only place with names of packages, which differ between
//! distributions.

use std::path::Path;

use super::podman::Podman;

/// A system with its own package names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Debian, and derivatives with its versions; `None` = not released yet, or unknown.
    Debian(Option<u32>),
    /// Ubuntu and its derivatives.
    Ubuntu,
    Fedora,
    /// Red Hat Enterprise Linux and its rebuilds.
    RedHat,
    Arch,
    Alpine,
    /// openSUSE and SUSE.
    Suse,
    Macos,
    Windows,
    Other,
}

impl System {
    pub fn here() -> System {
        if cfg!(target_os = "macos") {
            return System::Macos;
        }
        if cfg!(windows) {
            return System::Windows;
        }
        // os-release(5): the second is the fallback.
        let files = ["/etc/os-release", "/usr/lib/os-release"];
        let text = files.iter().find_map(|file| std::fs::read_to_string(file).ok());
        text.map_or(System::Other, |text| System::from_os_release(&text))
    }

    /// From the text of os-release(5): ID, otherwise ID_LIKE, closest first.
    pub fn from_os_release(text: &str) -> System {
        let value = |name: &str| {
            let lines = text.lines().filter_map(|line| line.trim().split_once('='));
            lines.filter(|(key, _)| *key == name).map(|(_, value)| value.trim_matches(['"', '\''])).next_back()
        };
        let id = value("ID").unwrap_or_default();
        let version = || value("VERSION_ID")?.split('.').next()?.parse().ok();
        let like = value("ID_LIKE").unwrap_or_default().split_whitespace();
        std::iter::once(id)
            .chain(like)
            .find_map(|name| match name {
                // Kali and others have their own version numbers.
                "debian" | "raspbian" => {
                    Some(System::Debian(if ["debian", "raspbian"].contains(&id) { version() } else { None }))
                }
                "ubuntu" => Some(System::Ubuntu),
                "fedora" if id == "fedora" => Some(System::Fedora),
                "rhel" | "centos" | "fedora" => Some(System::RedHat),
                "arch" => Some(System::Arch),
                "alpine" => Some(System::Alpine),
                "suse" | "sles" | "opensuse" => Some(System::Suse),
                name if name.starts_with("opensuse") => Some(System::Suse),
                _ => None,
            })
            .unwrap_or(System::Other)
    }

    /// Whether the project's scripts/engine/up works there.
    pub fn has_set_up(self) -> bool {
        matches!(self, System::Debian(_))
    }
}

/// How the project's set-up script is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetUp {
    /// This user is root: `cargo xtask start --setup` runs it.
    Here,
    /// Root has to run the script at this path. Never `sudo cargo`: root usually has no cargo, and
    /// what it builds belongs to root.
    Script(String),
}

/// Hints for a system and a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallHints {
    pub system: System,
    pub is_root: bool,
    /// `sudo` is installed; a minimal Debian has none.
    pub has_sudo: bool,
    /// An engine is installed and perhaps only has to be started.
    pub has_engine: bool,
    /// The project's set-up script, if there is one for this system.
    pub set_up: Option<SetUp>,
    pub podman: Option<Podman>,
}

impl InstallHints {
    /// For this system and user. `script`: path of the project's scripts/engine/up, for display.
    pub fn here(script: Option<String>) -> InstallHints {
        let (system, is_root) = (System::here(), crate::disk::is_root());
        let set_up = |script| if is_root { SetUp::Here } else { SetUp::Script(script) };
        InstallHints {
            system,
            is_root,
            has_sudo: crate::exec::find("sudo").is_some(),
            has_engine: is_installed(),
            set_up: script.filter(|_| system.has_set_up()).map(set_up),
            podman: Podman::here(is_root),
        }
    }

    /// The hint to run the project's set-up script.
    pub fn set_up(&self) -> Option<String> {
        self.set_up.as_ref().map(|set_up| match set_up {
            SetUp::Here => "`cargo xtask start --setup` brings an engine with Compose up".to_owned(),
            SetUp::Script(path) => {
                format!("{} brings an engine with Compose up", self.as_root(&[&crate::ui::quoted(path)]))
            }
        })
    }

    pub fn compose(&self) -> Vec<String> {
        // The script is simpler than choosing packages, and installs buildx too.
        vec![self.set_up().unwrap_or_else(|| self.plugin())]
    }

    /// How to install the plugin or a newer one from packages.
    pub fn plugin(&self) -> String {
        let install = |words: &str| self.install(words);
        match self.system {
            // packages.debian.org/docker-compose: 1.29.2 up to bookworm, 2.26.1
            // in trixie, where it is the plugin.
            System::Debian(Some(version @ ..=12)) => format!(
                "Debian {version}'s docker-compose is 1.x, too old: install docker-compose-plugin from Docker's own repository, docs.docker.com/engine/install/debian"
            ),
            System::Debian(_) => install("apt-get install docker-compose"),
            // packages.ubuntu.com/docker-compose-v2
            System::Ubuntu => install("apt-get install docker-compose-v2"),
            // packages.fedoraproject.org/pkgs/docker-compose
            System::Fedora => install("dnf install docker-compose"),
            System::RedHat => "install docker-compose-plugin from Docker's own repository, docs.docker.com/engine/install/rhel".to_owned(),
            // archlinux.org/packages/extra/x86_64/docker-compose
            System::Arch => install("pacman -S docker-compose"),
            // pkgs.alpinelinux.org/package/edge/community/x86_64/docker-cli-compose
            System::Alpine => install("apk add docker-cli-compose"),
            // software.opensuse.org/package/docker-compose
            System::Suse => install("zypper install docker-compose"),
            // The formula's own caveats (formulae.brew.sh/formula/docker-compose).
            System::Macos => "Docker Desktop and OrbStack have it; else `brew install docker-compose`, and in ~/.docker/config.json `\"cliPluginsExtraDirs\": [\"HOMEBREW/lib/docker/cli-plugins\"]`, with what `brew --prefix` prints for HOMEBREW".to_owned(),
            System::Windows => "Docker Desktop has it: `winget install Docker.DockerDesktop`, and start it".to_owned(),
            System::Other => "docs.docker.com/compose/install says how to get it".to_owned(),
        }
    }

    /// How to install an engine with Compose, best first.
    pub fn engine(&self) -> Vec<String> {
        let mut hints: Vec<String> = self.set_up().into_iter().collect();
        let with_systemd = |words: &str| self.as_root(&[words, "systemctl enable --now docker"]);
        hints.push(match self.system {
            System::Debian(Some(..=12)) => {
                "install Docker with its Compose plugin from Docker's own repository, docs.docker.com/engine/install/debian".to_owned()
            }
            System::Debian(_) => self.install("apt-get install docker.io docker-cli docker-compose docker-buildx"),
            System::Ubuntu => self.install("apt-get install docker.io docker-compose-v2 docker-buildx"),
            System::Fedora => with_systemd("dnf install moby-engine docker-compose docker-buildx"),
            System::Arch => with_systemd("pacman -S docker docker-compose docker-buildx"),
            System::Alpine => {
                self.as_root(&["apk add docker docker-cli-compose docker-cli-buildx", "rc-service docker start"])
            }
            System::Suse => with_systemd("zypper install docker docker-compose docker-buildx"),
            System::Macos => "install Docker Desktop, OrbStack or Colima (`brew install colima docker docker-compose && colima start`)".to_owned(),
            System::Windows => "install Docker Desktop (`winget install Docker.DockerDesktop`) and start it".to_owned(),
            System::RedHat | System::Other => "install Docker Engine and its Compose plugin: docs.docker.com/engine/install".to_owned(),
        });
        hints
    }

    pub fn buildx(&self) -> String {
        match self.system {
            System::Debian(Some(..=12)) | System::RedHat => {
                "install docker-buildx-plugin from Docker's own repository, docs.docker.com/engine/install".to_owned()
            }
            System::Debian(_) | System::Ubuntu => self.install("apt-get install docker-buildx"),
            System::Fedora => self.install("dnf install docker-buildx"),
            System::Arch => self.install("pacman -S docker-buildx"),
            System::Alpine => self.install("apk add docker-cli-buildx"),
            System::Suse => self.install("zypper install docker-buildx"),
            System::Macos => "Docker Desktop and OrbStack have it; else `brew install docker-buildx`".to_owned(),
            System::Windows => "Docker Desktop has it: `winget install Docker.DockerDesktop`".to_owned(),
            System::Other => "docs.docker.com/build/install-buildx says how to get it".to_owned(),
        }
    }

    /// How to start the system's engine; `word` is `start` or `restart`.
    pub fn service(&self, word: &str) -> String {
        // sd_booted(3): the folder exists only if systemd is the init system.
        let systemd = Path::new("/run/systemd/system").is_dir();
        match self.system {
            System::Macos => format!("{word} Docker Desktop, OrbStack, or `colima {word}`"),
            System::Windows => format!("{word} Docker Desktop"),
            System::Alpine => format!("{word} it: {}", self.as_root(&[&format!("rc-service docker {word}")])),
            _ if systemd => format!(
                "{word} it: {} (rootless: `systemctl --user {word} docker`)",
                self.as_root(&[&format!("systemctl {word} docker")])
            ),
            _ => format!("{word} it: {}", self.as_root(&[&format!("service docker {word}")])),
        }
    }

    fn install(&self, words: &str) -> String {
        self.as_root(&[words])
    }

    /// The command line with which this user runs `commands` as root.
    pub fn as_root(&self, commands: &[&str]) -> String {
        let all = commands.join(" && ");
        match (self.is_root, self.has_sudo) {
            (true, _) => format!("`{all}`"),
            (false, true) => format!("`sudo {}`", commands.join(" && sudo ")),
            (false, false) => format!("`su -c {}`", crate::ui::quoted(&all)),
        }
    }
}

/// Whether an engine is installed on this machine; true if that is unknown.
fn is_installed() -> bool {
    // The sbin folders are only on root's PATH.
    let places = [
        "/usr/bin/dockerd",
        "/usr/sbin/dockerd",
        "/usr/local/bin/dockerd",
        "/usr/local/sbin/dockerd",
        "/snap/bin/docker",
    ];
    !cfg!(target_os = "linux")
        || crate::exec::find("dockerd").is_some()
        || places.iter().any(|place| Path::new(place).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install_hints(system: System) -> InstallHints {
        InstallHints { system, is_root: false, has_sudo: true, has_engine: false, set_up: None, podman: None }
    }

    #[test]
    fn a_system_is_told_by_its_os_release() {
        for (text, system) in [
            (
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n",
                System::Debian(Some(12)),
            ),
            ("VERSION_ID=\"13\"\nID=debian\n", System::Debian(Some(13))),
            ("PRETTY_NAME=\"Debian GNU/Linux forky/sid\"\nID=debian\n", System::Debian(None)),
            ("ID=raspbian\nID_LIKE=debian\nVERSION_ID=\"12\"\n", System::Debian(Some(12))),
            ("ID=kali\nVERSION_ID=\"2026.1\"\nID_LIKE=debian\n", System::Debian(None)),
            ("NAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nID=ubuntu\nID_LIKE=debian\n", System::Ubuntu),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"22\"\n", System::Ubuntu),
            ("ID=fedora\nVERSION_ID=43\n", System::Fedora),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", System::RedHat),
            ("ID=\"rhel\"\nID_LIKE=\"fedora\"\n", System::RedHat),
            ("ID=arch\n", System::Arch),
            ("ID=endeavouros\nID_LIKE='arch'\n", System::Arch),
            ("ID=alpine\nVERSION_ID=3.23.0\n", System::Alpine),
            ("ID=\"opensuse-tumbleweed\"\nID_LIKE=\"opensuse suse\"\n", System::Suse),
            ("ID=nixos\n", System::Other),
            ("", System::Other),
        ] {
            assert_eq!(System::from_os_release(text), system, "{text}");
        }
    }

    #[test]
    fn a_package_is_named_by_its_name_there() {
        for (system, words) in [
            (System::Debian(Some(13)), "`sudo apt-get install docker-compose`"),
            (System::Debian(None), "`sudo apt-get install docker-compose`"),
            (System::Debian(Some(12)), "docker-compose-plugin from Docker's own repository"),
            (System::Ubuntu, "`sudo apt-get install docker-compose-v2`"),
            (System::Fedora, "`sudo dnf install docker-compose`"),
            (System::RedHat, "docker-compose-plugin from Docker's own repository"),
            (System::Arch, "`sudo pacman -S docker-compose`"),
            (System::Alpine, "`sudo apk add docker-cli-compose`"),
            (System::Suse, "`sudo zypper install docker-compose`"),
            (System::Macos, "cliPluginsExtraDirs"),
            (System::Windows, "Docker Desktop has it"),
            (System::Other, "docs.docker.com/compose/install"),
        ] {
            let hints = install_hints(system).compose();
            assert!(hints.len() == 1 && hints[0].contains(words), "{system:?}: {hints:?}");
            assert!(!install_hints(system).engine().is_empty() && !install_hints(system).buildx().is_empty());
        }
        for bookworm in
            [install_hints(System::Debian(Some(12))).compose(), install_hints(System::Debian(Some(12))).engine()]
        {
            assert!(!bookworm.join("\n").contains("apt-get"), "{bookworm:?}");
        }
    }

    #[test]
    fn root_types_no_sudo_and_others_no_sudo_cargo() {
        let root = InstallHints { is_root: true, set_up: Some(SetUp::Here), ..install_hints(System::Debian(Some(13))) };
        assert_eq!(root.compose()[0], "`cargo xtask start --setup` brings an engine with Compose up");
        assert!(!root.compose().join("\n").contains("sudo"), "{:?}", root.compose());
        let ben = InstallHints {
            set_up: Some(SetUp::Script("scripts/engine/up".into())),
            ..install_hints(System::Debian(Some(12)))
        };
        assert_eq!(ben.engine()[0], "`sudo scripts/engine/up` brings an engine with Compose up");
    }

    #[test]
    fn without_sudo_there_is_su() {
        let ben = InstallHints { has_sudo: false, ..install_hints(System::Arch) };
        // Quoted for this system's shell.
        let su = |words: &str| [format!("`su -c {}`", crate::ui::quoted(words))];
        assert_eq!(ben.compose(), su("pacman -S docker-compose"));
        assert_eq!(ben.engine(), su("pacman -S docker docker-compose docker-buildx && systemctl enable --now docker"));
    }

    #[test]
    fn a_line_of_two_commands_is_one_to_paste() {
        assert_eq!(
            install_hints(System::Arch).engine(),
            ["`sudo pacman -S docker docker-compose docker-buildx && sudo systemctl enable --now docker`"]
        );
        let alpine = InstallHints { is_root: true, ..install_hints(System::Alpine) };
        assert_eq!(
            alpine.engine(),
            ["`apk add docker docker-cli-compose docker-cli-buildx && rc-service docker start`"]
        );
    }
}
