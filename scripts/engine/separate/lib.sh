# shellcheck shell=bash
# Engines beside the one of this machine, each in namespaces of its own. Sourced by
# separate/up, separate/down, separate/init, ../in and ../scenarios.
#
# Such an engine sees this machine's files, with the programs and libraries of a later
# Debian laid over /usr and /etc (overlayfs): a program finds the libc and the
# configuration it was built for, and nothing is installed. It has its own network,
# processes, /run, and cgroups; so it cannot reach /var/run/docker.sock or change the
# firewall of this machine, and all of it ends with its first process.

# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# shellcheck source-path=SCRIPTDIR source=kinds
. "$engine_dir/separate/kinds"

# A folder for each engine: its data, and what is written to /usr and /etc.
SEPARATE_DATA=${SEPARATE_DATA:-/var/lib/dev-engines}

# row_of NAME: sets package, version, suites and about.
row_of() {
	# shellcheck disable=SC2034
	read -r _ package version suites about < <(engines | awk -v n="$1" '$1 == n') || true
	[ -n "${package-}" ] || die "no engine $1" "\`scripts/engine/up --help\` lists them"
}

list_engines() { engines | awk '{ n = $1; $1 = $2 = $3 = $4 = ""; sub(/^ +/, ""); printf "  %-20s %s\n", n, $0 }'; }

need_root() { [ "$(id -u)" = 0 ] || die 'separate engines are made of namespaces and need root' "\`sudo $0\`"; }

state_of() { printf '%s\n' "$SEPARATE_DATA/$1"; }

# started PID: when that process started; with the pid it identifies a process.
started() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }

# first_process NAME: its pid on this machine, if it lives.
first_process() {
	local pid start
	read -r pid start 2>/dev/null <"$(state_of "$1")/pid" || return 1
	[ "$(started "$pid")" = "$start" ] && echo "$pid"
}

# inner_process NAME: the same, once it has its own mounts. Before that its /run is this
# machine's, and its engine's socket would be that of this machine's engine.
inner_process() { [ -e "$(state_of "$1")/mounted" ] && first_process "$1"; }

# engine_env NAME: sets an array to what its users have in their environment. The ledger,
# the settings of Docker's client and caches are the engine's own. So is what cargo builds:
# it is linked to the libc of the layer, and may not run outside.
engine_env() {
	local home
	home=$(state_of "$1")/home
	# shellcheck disable=SC2034
	environment=(-u DOCKER_CONTEXT -u CONTAINER_HOST -u XDG_RUNTIME_DIR "DOCKER_HOST=unix://$(socket_of "$1")" "DOCKER_CONFIG=$home/.docker"
		"XTASK_STATE_DIR=$home/xtask" "XDG_STATE_HOME=$home/.local/state" "XDG_CONFIG_HOME=$home/.config"
		"XDG_DATA_HOME=$home/.local/share" "XDG_CACHE_HOME=$home/.cache" "CARGO_TARGET_DIR=$home/target")
	if is_rootless "$1"; then
		environment+=("HOME=$home" "USER=$rootless_user" "LOGNAME=$rootless_user"
			"XDG_RUNTIME_DIR=/run/user/$rootless_id")
	fi
}

# enter NAME COMMAND...: replaces this process by the command in the engine's namespaces,
# in the same folder, as the engine's user.
enter() {
	local name=$1 pid as=() environment
	shift
	pid=$(inner_process "$name") || die "engine $name is not up" "\`scripts/engine/up --engine $name\`"
	engine_env "$name"
	! is_rootless "$name" || as=(setpriv "--reuid=$rootless_id" "--regid=$rootless_id" --clear-groups)
	echo "$BASHPID" >"$(cat "$(state_of "$name")/cgroup")/machine/cgroup.procs"
	# A folder is found by its path, not by this process's own, which is outside.
	exec nsenter --target "$pid" --mount --net --pid --uts --ipc --cgroup \
		"${as[@]}" env "${environment[@]}" bash -c 'cd "$0" && exec "$@"' "$PWD" "$@"
}
