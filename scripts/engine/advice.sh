# shellcheck shell=bash
# Advice if up cannot continue: other systems, ordinary users, Podman as `docker`.
# Sourced by up. Each command works as printed.
# shellcheck disable=SC2016  # backticks are part of the messages

# A dangling script or link is not a client, and prevents installing one.
refuse_broken() {
	local path
	path=$(command -v docker) || return 0
	if docker --version >/dev/null 2>&1; then return; fi
	die "\`docker\` at $path cannot be run: $(docker --version 2>&1 | tail -n 1)" \
		"\`${as_root}rm $path\`, then \`make start\`"
}

# The package podman-docker makes `docker` a script that calls podman, which has no
# Compose and acts as the engine (its --version says podman). Since Debian 13 (5.4.2)
# its /etc/profile.d/podman-docker.sh sets DOCKER_HOST; as a configuration file it stays
# if the package is removed without purging.
refuse_shim() {
	command -v docker >/dev/null || return 0
	case $(docker --version 2>/dev/null) in
	podman*) ;;
	*) return 0 ;;
	esac
	if has_plugin compose; then return; fi
	die '`docker` is Podman under that name (package podman-docker), which has no Compose' \
		"\`${as_root}apt-get purge podman-docker && unset DOCKER_HOST\`, then \`make start\`"
}

# Exits with advice on how to get an engine, if this script cannot install one.
other_platforms() {
	case $(uname -s) in
	Linux) ;;
	Darwin)
		die "$1" 'install one and start it: Docker Desktop (`brew install --cask docker-desktop`), OrbStack (`brew install orbstack`) or Colima (`brew install colima docker docker-compose && colima start`)'
		;;
	MINGW* | MSYS* | CYGWIN*) die "$1" 'install Docker Desktop (`winget install Docker.DockerDesktop`) and start it' ;;
	*) die "$1" "$(uname -s) has no engine of its own: set DOCKER_HOST to one" ;;
	esac
	case $os_id,$os_like in
	debian,*) ;;
	fedora,*) die "$1" "\`${as_root}dnf install moby-engine docker-compose docker-buildx && ${as_root}systemctl enable --now docker\`" ;;
	arch,* | *,*arch*) die "$1" "\`${as_root}pacman -S docker docker-compose docker-buildx && ${as_root}systemctl enable --now docker\`" ;;
	alpine,*) die "$1" "\`${as_root}apk add docker docker-cli-compose docker-cli-buildx && ${as_root}rc-service docker start\`" ;;
	opensuse*) die "$1" "\`${as_root}zypper install docker docker-compose docker-buildx && ${as_root}systemctl enable --now docker\`" ;;
	*ubuntu*) die "$1" "\`${as_root}apt-get install docker.io docker-compose-v2 docker-buildx\`" ;;
	*) die "$1" 'install Docker Engine and its Compose plugin with the packages of this distribution: docs.docker.com/engine/install says how' ;;
	esac
}

# The commands that an ordinary user has to type.
as_root=
[ "$(id -u)" = 0 ] || as_root='sudo '
as_root_command() {
	local script
	script=$(realpath --relative-base="$PWD" "$engine_dir/up")
	if command -v sudo >/dev/null; then printf 'sudo %s\n' "$script"; else printf "su -c '%s'\n" "$(realpath "$script")"; fi
}
# Membership counts after the next login; with `sg` it counts for one command.
join_group() {
	local usermod="/usr/sbin/usermod -aG $1 $2"
	if command -v sudo >/dev/null; then printf 'sudo %s\n' "$usermod"; else printf "su -c '%s'\n" "$usermod"; fi
}

# Exits for other users if root is needed.
not_root() {
	local me group
	me=$(id -un)
	if [ -S "$ENGINE_SOCK" ] && [ ! -w "$ENGINE_SOCK" ] && [ -n "$(pids_of dockerd '')" ]; then
		group=$(stat -c %G "$ENGINE_SOCK")
		if [ "$group" = root ] || [ "$group" = UNKNOWN ]; then
			die "the Docker engine here is for root alone" \
				"\`$(as_root_command)\` gives its socket to the group docker, then \`make start\` again"
		fi
		case " $(id -nG "$me") " in
		*" $group "*) die "$me is in the group $group since this login began" "\`sg $group -c 'make start'\`, or log in again" ;;
		esac
		die "$me is not in the group $group, which may use the Docker engine here" \
			"\`$(join_group "$group" "$me")\`" \
			"then \`sg $group -c 'make start'\`; after the next login \`make start\` alone"
	fi
	die 'no Docker engine runs here, and only root can start one' \
		"\`$(as_root_command)\`" \
		"\`$(join_group docker "$me")\` lets $me use it" \
		"then \`sg docker -c 'make start'\`; after the next login \`make start\` alone"
}
