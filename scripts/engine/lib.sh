# shellcheck shell=bash
# Settings and helpers that up, down and images/build share. Sourced.
# Every setting is an environment variable with a default.

# shellcheck disable=SC2034
engine_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# A subshell: os-release sets variables with common names (NAME, VERSION, ID).
read -r os_id os_like os_codename < <(
	ID='' ID_LIKE='' VERSION_CODENAME=''
	# shellcheck source=/dev/null
	[ ! -r /etc/os-release ] || . /etc/os-release
	printf '%s %s %s\n' "${ID:-unknown}" "${ID_LIKE// /,}," "$VERSION_CODENAME"
) || true

# The client may be put there, and a service's PATH may not have it.
PATH=$PATH:/usr/local/bin
# What is made here is for every user: the client, its plugins, files in images.
umask 022

# HOME may be unset, or, under sudo, still another user's, in whose folders
# root's files would be in the way.
cache_home() {
	if [ "$(id -u)" = 0 ] && [ "$(stat -c %u "${HOME-}" 2>/dev/null)" != 0 ]; then
		echo /root/.cache
	else
		printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}"
	fi
}
# Downloads, unpacked engines and image tarballs: all of it can be deleted, and
# up makes it anew. Keep it between runs and up takes seconds.
ENGINE_CACHE=${ENGINE_CACHE:-$(cache_home)/dev-engine}
# The engine's own data, apart from /var/lib/docker: whatever engine this
# machine has or gets later never meets data of another version.
ENGINE_DATA=${ENGINE_DATA:-/var/lib/dev-engine}
ENGINE_RUN=${ENGINE_RUN:-/run/dev-engine}
ENGINE_LOG=${ENGINE_LOG:-/var/log/dev-engine.log}
# The default socket, so that `docker` needs no DOCKER_HOST and no context.
ENGINE_SOCK=${ENGINE_SOCK:-/var/run/docker.sock}
# Debian suites to take the engine from, the best first. One is passed over
# when its binaries do not run on this libc.
ENGINE_SUITES=${ENGINE_SUITES:-forky trixie}
# runc is linked to more than libc and wants this machine's own suite, or, where
# that is not one of Debian's, an old one.
if [ "$os_id" = debian ]; then
	ENGINE_RUNC_SUITE=${ENGINE_RUNC_SUITE:-$os_codename}
else
	ENGINE_RUNC_SUITE=${ENGINE_RUNC_SUITE:-bookworm}
fi
# Where Debian's packages are. Empty: the mirror that this machine already uses.
ENGINE_MIRROR=${ENGINE_MIRROR:-}
# Extra options for dockerd, for instance: --userland-proxy=false
ENGINE_DOCKERD_ARGS=${ENGINE_DOCKERD_ARGS:-}

say() { printf '%s\n' "engine: $*" >&2; }
# die FACT [HINT...]: 2 is the project's exit code for "could not do it".
# scripts/start keeps the message in a file until the build is over.
die() {
	local text hint
	text="error: $1"
	shift
	for hint in "$@"; do text+=$'\n'"hint: $hint"; done
	if [ -n "${ENGINE_ERRORS-}" ]; then printf '%s\n' "$text" >>"$ENGINE_ERRORS"; else printf '%s\n' "$text" >&2; fi
	exit 2
}

# end_children PID: ends what PID started, but not what has a session of its own
# (dockerd, and apt-get while it installs).
end_children() {
	local family
	mapfile -t family < <(descendants "$1" "$(session_of "$1")")
	[ ${#family[@]} = 0 ] || kill "${family[@]}" 2>/dev/null || true
}
descendants() {
	local child
	for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		[ "$(session_of "$child")" = "$2" ] || continue
		echo "$child"
		descendants "$child" "$2"
	done
}
# The session is the fourth field behind the name, which may hold blanks.
session_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 4; }

# Ask our own engine, not one that the caller's environment points to.
engine_docker() { env -u DOCKER_CONTEXT DOCKER_HOST="unix://$ENGINE_SOCK" docker "$@"; }
# A socket can accept and never answer: hence the limit.
engine_answers() {
	timeout 5 env -u DOCKER_CONTEXT DOCKER_HOST="unix://$ENGINE_SOCK" \
		docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}
# Did up start it? Any other engine has a registry to pull from, and images of
# its own that ours must not take the names of.
engine_is_ours() {
	local pid
	pid=$(cat "$ENGINE_RUN/dockerd.pid" 2>/dev/null) && alive "$pid" dockerd
}

# The mirror that this machine's own apt uses.
debian_mirror() {
	if [ -n "$ENGINE_MIRROR" ]; then
		printf '%s\n' "$ENGINE_MIRROR"
	else
		# shellcheck disable=SC2016
		apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
			awk -v s="$os_codename" '$2 == s { print $1; exit }'
	fi
}

# apt_for SUITE: point APT_CONFIG at a private apt that knows just that suite
# and believes that nothing is installed, so that its answers do not depend on
# this machine, and /etc/apt stays as it is. Run it in a subshell.
apt_for() {
	local root=$ENGINE_CACHE/apt/$1 mirror
	mkdir -p "$root"
	# The engine and the images are made side by side and may meet here.
	exec 8>"$root/lock"
	flock 8
	if [ ! -e "$root/ready" ]; then
		mkdir -p "$root/lists/partial" "$root/cache/archives/partial"
		: >"$root/status"
		cat >"$root/apt.conf" <<-APT
			Dir::State::status "$root/status";
			Dir::Cache "$root/cache";
			APT::Install-Recommends "false";
			APT::Sandbox::User "root";
		APT
		# The machine's own suite needs no second copy of its index.
		if [ "$os_id" != debian ] || [ "$1" != "$os_codename" ]; then
			mirror=$(debian_mirror)
			[ -n "$mirror" ] || die "apt has no index of $os_codename: run apt-get update"
			cat >"$root/suite.sources" <<-APT
				Types: deb
				URIs: $mirror
				Suites: $1
				Components: main
				Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
			APT
			# A mirror may lag behind: an index that is signed and some weeks old still
			# has a newer engine than the next suite. The target left out is 5 MB that
			# only app stores read.
			cat >>"$root/apt.conf" <<-APT
				Dir::Etc::SourceList "$root/suite.sources";
				Dir::Etc::SourceParts "-";
				Dir::State::lists "$root/lists";
				Acquire::Check-Valid-Until "false";
				Acquire::Languages "none";
				Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
			APT
			# Spelled out, for the callers that take a failure in their stride
			# and so have switched `set -e` off in here.
			APT_CONFIG=$root/apt.conf private_apt update || return
		fi
		: >"$root/ready"
	fi
	exec 8>&-
	export APT_CONFIG=$root/apt.conf
}

# Images of Debian switch apt's parsed index off, which costs a second a call.
private_apt_options=(-qq -o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=srcpkgcache.bin)
private_apt() { apt-get "${private_apt_options[@]}" "$@"; }

# unpack_debs SUITE DIR PACKAGE...: fetch the packages, not what they depend
# on, and unpack them into DIR without running any of their scripts.
unpack_debs() {
	local suite=$1 dir=$2 debs=$ENGINE_CACHE/debs/$1
	shift 2
	mkdir -p "$dir" "$debs"
	(
		apt_for "$suite" || exit
		cd "$debs" || exit
		# The engine and the images may want the same file at the same time.
		exec 8>"$debs/lock"
		flock 8
		if ! fetch_debs "$@" 2>/dev/null; then
			# A stale index names versions that the mirror no longer has.
			private_apt update && fetch_debs "$@" || exit
		fi
		exec 8>&-
		unpack_files "$dir" 2>/dev/null && exit
		# A file that was cut off or damaged is fetched anew, once.
		exec 8>"$debs/lock"
		flock 8
		rm -f "${files[@]}"
		fetch_debs "$@" && unpack_files "$dir"
	)
}

# Some at a time: xz is the slow part. tar and not `dpkg-deb -x`, which would put
# a folder in the place of a merged /usr's link.
unpack_files() {
	# shellcheck disable=SC2016
	printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 1 bash -o pipefail -c \
		'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$0"' "$1"
}

# Sets files to the packages' file names, by the index, and fetches what is
# missing. Asked for in a folder without them, as apt leaves out what is there,
# and moved when they are whole.
fetch_debs() {
	local f missing=() name
	mapfile -t files < <(cd / && private_apt --print-uris download "$@" | awk '{ print $2 }')
	[ "${#files[@]}" = $# ] || return
	for f in "${files[@]}"; do
		# The package's name comes first.
		[ -e "$f" ] || missing+=("${f%%_*}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	rm -rf part
	mkdir part
	(cd part && private_apt download "${missing[@]}") || return
	for name in part/*.deb; do mv "$name" .; done
}

# alive PID NAME: is it still that program? A number may belong to another
# process by now, and a dead child of a slow init stays as a zombie for a while,
# which dockerd would take for a living one.
alive() {
	local key value comm='' state=''
	while read -r key value _; do
		case $key in
		Name:) comm=$value ;;
		State:) state=$value ;;
		esac
	done 2>/dev/null <"/proc/$1/status" || return 1
	[ "$comm" = "${2:0:15}" ] && [ "$state" != Z ]
}

# pids_of NAME WORD: processes of that name whose command line has that word.
pids_of() {
	local p args
	for p in /proc/[0-9]*; do
		alive "${p#/proc/}" "$1" || continue
		args=$(tr '\0' ' ' <"$p/cmdline" 2>/dev/null) || continue
		case $args in *"$2"*) echo "${p#/proc/}" ;; esac
	done
}

# A docker-proxy is a child of its dockerd. One that has been given to init has
# lost it, and holds its port for nobody.
stop_orphan_proxies() {
	local p
	for p in $(pids_of docker-proxy -container-ip); do
		if [ "$(awk '{ print $4 }' "/proc/$p/stat" 2>/dev/null)" = 1 ]; then
			say "ends docker-proxy $p, which has no dockerd"
			kill "$p" || true
		fi
	done
}

# Containers outlive a killed engine, each under a shim. Used once containerd
# has stopped: then nobody is left to ask them politely.
stop_orphan_shims() {
	local shim
	for shim in $(pids_of containerd-shim-runc-v2 "$ENGINE_RUN/exec/"); do
		say "ends containerd-shim $shim and its container"
		xargs -r kill -KILL <"/proc/$shim/task/$shim/children" || true
		kill -KILL "$shim" || true
	done
}
