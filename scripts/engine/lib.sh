# shellcheck shell=bash
# Settings and helpers of up, down and images/build. Sourced. Every setting is an
# environment variable with a default.

# shellcheck disable=SC2034
engine_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# In a subshell: os-release sets variables with common names (NAME, VERSION, ID).
read -r os_id os_like os_codename < <(
	ID='' ID_LIKE='' VERSION_CODENAME=''
	# shellcheck source=/dev/null
	[ ! -r /etc/os-release ] || . /etc/os-release
	printf '%s %s %s\n' "${ID:-unknown}" "${ID_LIKE// /,}," "$VERSION_CODENAME"
) || true

# The client may be installed there, and the PATH of a service may lack it.
PATH=$PATH:/usr/local/bin
# Every user must be able to read the client, its plugins, and files in images.
umask 022

# HOME may be unset, or, under sudo, still belong to another user, whose folders must
# not contain root's files.
cache_home() {
	if [ "$(id -u)" = 0 ] && [ "$(stat -c %u "${HOME-}" 2>/dev/null)" != 0 ]; then
		echo /root/.cache
	else
		printf '%s\n' "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}"
	fi
}
# Downloads, unpacked engines and image tarballs. All of it can be deleted; with it up
# takes seconds.
ENGINE_CACHE=${ENGINE_CACHE:-$(cache_home)/dev-engine}
# The engine's data, separate from /var/lib/docker, so that no other engine on this
# machine finds data of another version.
ENGINE_DATA=${ENGINE_DATA:-/var/lib/dev-engine}
ENGINE_RUN=${ENGINE_RUN:-/run/dev-engine}
ENGINE_LOG=${ENGINE_LOG:-/var/log/dev-engine.log}
# The default socket, so that `docker` needs no DOCKER_HOST and no context.
ENGINE_SOCK=${ENGINE_SOCK:-/var/run/docker.sock}
# Debian suites for the engine, best first. A suite is skipped if its binaries do not
# run with this libc.
ENGINE_SUITES=${ENGINE_SUITES:-forky trixie}
# runc is linked to more than libc and needs this machine's own suite, or, if that is
# not one of Debian's, an old one.
if [ "$os_id" = debian ]; then
	ENGINE_RUNC_SUITE=${ENGINE_RUNC_SUITE:-$os_codename}
else
	ENGINE_RUNC_SUITE=${ENGINE_RUNC_SUITE:-bookworm}
fi
# Mirror of Debian's packages. Empty: the one that this machine uses already.
ENGINE_MIRROR=${ENGINE_MIRROR:-}
# Extra options for dockerd, for example: --userland-proxy=false
ENGINE_DOCKERD_ARGS=${ENGINE_DOCKERD_ARGS:-}

say() { printf '%s\n' "engine: $*" >&2; }
# die FACT [HINT...]: exits with 2, the project's code for "could not do it".
# scripts/start keeps the message in a file until the build has ended.
die() {
	local text hint
	text="error: $1"
	shift
	for hint in "$@"; do text+=$'\n'"hint: $hint"; done
	if [ -n "${ENGINE_ERRORS-}" ]; then printf '%s\n' "$text" >>"$ENGINE_ERRORS"; else printf '%s\n' "$text" >&2; fi
	exit 2
}

# end_children PID: ends the children of PID, except those with their own session
# (dockerd, and apt-get during an installation).
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
# The session is the fourth field after the name, which may contain spaces.
session_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 4; }

# Uses our own engine, not the one in the caller's environment.
engine_docker() { env -u DOCKER_CONTEXT DOCKER_HOST="unix://$ENGINE_SOCK" docker "$@"; }
# With a time limit, because an engine may accept and never answer.
engine_answers() {
	timeout 5 env -u DOCKER_CONTEXT DOCKER_HOST="unix://$ENGINE_SOCK" \
		docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}
# Whether up started the engine. Other engines have a registry, and our images must
# not take the names of theirs.
engine_is_ours() {
	local pid
	pid=$(cat "$ENGINE_RUN/dockerd.pid" 2>/dev/null) && alive "$pid" dockerd
}

# The mirror of this machine's apt.
debian_mirror() {
	if [ -n "$ENGINE_MIRROR" ]; then
		printf '%s\n' "$ENGINE_MIRROR"
	else
		# shellcheck disable=SC2016
		apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
			awk -v s="$os_codename" '$2 == s { print $1; exit }'
	fi
}

# apt_for SUITE[+SUITE]: sets APT_CONFIG to a private apt with only that and no installed
# packages, so that its results do not depend on this machine, and /etc/apt stays
# unchanged. Run it in a subshell.
apt_for() {
	local root=$ENGINE_CACHE/apt/$1 mirror
	mkdir -p "$root"
	# The engine and the images are prepared in parallel.
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
		# The machine's own suite has an index already.
		if [ "$os_id" != debian ] || [ "$1" != "$os_codename" ]; then
			mirror=$(debian_mirror)
			[ -n "$mirror" ] || die "apt has no index of $os_codename: run apt-get update"
			cat >"$root/suite.sources" <<-APT
				Types: deb
				URIs: $mirror
				Suites: ${1//+/ }
				Components: main
				Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
			APT
			# A mirror may lag behind: even a signed index that is some weeks old has a
			# newer engine than the next suite. The target that is left out is 5 MB for
			# app stores.
			cat >>"$root/apt.conf" <<-APT
				Dir::Etc::SourceList "$root/suite.sources";
				Dir::Etc::SourceParts "-";
				Dir::State::lists "$root/lists";
				Acquire::Check-Valid-Until "false";
				Acquire::Languages "none";
				Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
			APT
			# Explicit, because `set -e` has no effect here if the caller handles
			# the failure.
			APT_CONFIG=$root/apt.conf private_apt update || return
		fi
		: >"$root/ready"
	fi
	exec 8>&-
	export APT_CONFIG=$root/apt.conf
}

# Debian's container images disable apt's parsed index, which costs a second per call.
private_apt_options=(-qq -o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=srcpkgcache.bin)
private_apt() { apt-get "${private_apt_options[@]}" "$@"; }

# unpack_debs SUITE DIR PACKAGE...: downloads the packages without dependencies, and
# unpacks them into DIR without running their scripts.
unpack_debs() {
	local suite=$1 dir=$2 debs=$ENGINE_CACHE/debs/$1
	shift 2
	mkdir -p "$dir" "$debs"
	(
		apt_for "$suite" || exit
		cd "$debs" || exit
		# The engine and the images may need the same file at the same time.
		exec 8>"$debs/lock"
		flock 8
		if ! fetch_debs "$@" 2>/dev/null; then
			# A stale index lists versions that the mirror no longer has.
			private_apt update && fetch_debs "$@" || exit
		fi
		exec 8>&-
		unpack_files "$dir" 2>/dev/null && exit
		# A truncated or damaged file is downloaded once more.
		exec 8>"$debs/lock"
		flock 8
		rm -f "${files[@]}"
		fetch_debs "$@" && unpack_files "$dir"
	)
}

# In parallel, because xz is slow. Uses tar, because `dpkg-deb -x` would replace the
# link of a merged /usr with a folder.
unpack_files() {
	# shellcheck disable=SC2016
	printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 1 bash -o pipefail -c \
		'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$0"' "$1"
}

# Sets files to the packages' file names in the index, and downloads missing ones. Done
# in another folder, because apt skips existing files; complete files are then moved.
fetch_debs() {
	local f missing=() name
	mapfile -t files < <(cd / && private_apt --print-uris download "$@" | awk '{ print $2 }')
	[ "${#files[@]}" = $# ] || return
	for f in "${files[@]}"; do
		# File names begin with the package's name.
		[ -e "$f" ] || missing+=("${f%%_*}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	rm -rf part
	mkdir part
	(cd part && private_apt download "${missing[@]}") || return
	for name in part/*.deb; do mv "$name" .; done
}

# alive PID NAME: whether it is still that program. The pid may be reused, and a dead
# child of a slow init stays a zombie for a while, which dockerd would treat as alive.
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

# pids_of NAME WORD: processes with that name and that word in their command line.
pids_of() {
	local p args
	for p in /proc/[0-9]*; do
		alive "${p#/proc/}" "$1" || continue
		args=$(tr '\0' ' ' <"$p/cmdline" 2>/dev/null) || continue
		case $args in *"$2"*) echo "${p#/proc/}" ;; esac
	done
}

# A docker-proxy is a child of its dockerd. If its parent is init, dockerd is gone, and
# it holds its port for nobody.
stop_orphan_proxies() {
	local p
	for p in $(pids_of docker-proxy -container-ip); do
		if [ "$(awk '{ print $4 }' "/proc/$p/stat" 2>/dev/null)" = 1 ]; then
			say "ends docker-proxy $p, which has no dockerd"
			kill "$p" || true
		fi
	done
}

# Containers survive a killed engine, each under a shim. Only used after containerd has
# stopped, so nothing else can stop them.
stop_orphan_shims() {
	local shim
	for shim in $(pids_of containerd-shim-runc-v2 "$ENGINE_RUN/exec/"); do
		say "ends containerd-shim $shim and its container"
		xargs -r kill -KILL <"/proc/$shim/task/$shim/children" || true
		kill -KILL "$shim" || true
	done
}
