# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154,SC2016 # names that run, these and the cases share
# What machines are made of: tools, Debian's base systems, Rust, the checkout.
# Sourced by run. Nothing here changes the machine it runs on, apart from one
# folder of downloads and file systems, which can be deleted.

# shellcheck disable=SC2034,SC2154,SC2016  # names that run and the cases share

bare_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BARE_CACHE=${BARE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/bare-machines}
# Base systems older than this many days are made anew, with the newest packages.
BARE_MAX_AGE=${BARE_MAX_AGE:-7}
# Bookworm's pasta runs on later Debians too, and its debootstrap knows them.
BARE_TOOLS=$BARE_CACHE/tools
export BARE_TOOLS

say() { printf '%s\n' "bare: $*" >&2; }
die() { say "error: $*"; exit 2; }

# The mirror that this machine's apt uses, told without fetching anything.
host_mirror() {
	local uri
	uri=$(apt-get --print-uris update 2>/dev/null | awk -F "'" '/\/dists\/[a-z]+\/InRelease/ { print $2; exit }')
	printf '%s\n' "${uri%%/dists/*}"
}

# unpack SUITE DIR PACKAGE...: without installing them.
unpack() {
	(
		ENGINE_CACHE=$BARE_CACHE/apt ENGINE_MIRROR=$mirror
		# shellcheck source-path=SCRIPTDIR source=../engine/lib.sh
		. "$bare_dir/../engine/lib.sh"
		# With an index of its own, for this machine's may be missing or old.
		# shellcheck disable=SC2034
		os_codename=none
		unpack_debs "$@"
	)
}

# locked NAME COMMAND...: one at a time, among all runs on this machine.
locked() {
	local lock=$BARE_CACHE/locks/$1
	shift
	mkdir -p "$BARE_CACHE/locks"
	(
		exec 6>"$lock"
		flock 6
		"$@" 6>&-
	)
}

prepare_host() {
	local need
	[ "$(id -u)" = 0 ] || die "machines are made of namespaces and need root: sudo $0"
	for need in apt-get dpkg-deb wget curl unshare nsenter flock git cargo; do
		command -v "$need" >/dev/null || die "$need is needed"
	done
	[ -e /dev/net/tun ] || die '/dev/net/tun is needed for the network of a machine'
	grep -q ' cgroup2 ' /proc/self/mounts || die 'cgroup2 is not mounted'
	mkdir -p "$BARE_CACHE"
	chmod 755 "$BARE_CACHE"
	sweep
	mirror=$(host_mirror)
	[ -n "$mirror" ] || die 'apt knows no mirror of Debian'
	locked tools fetch_tools
}

# What is of no use any more: machines whose runner and keeper were both killed,
# base systems that no case asked for in two weeks.
sweep() {
	local found
	find "$BARE_CACHE" -maxdepth 1 -name 'run.*' -mmin +600 | while read -r found; do
		flock --nonblock "$found" rm -rf --one-file-system "$found" || true
	done
	[ ! -d "$BARE_CACHE/base" ] || find "$BARE_CACHE/base" -maxdepth 1 -name '*.used' -mtime +14 | while read -r found; do
		rm -rf "${found%.used}" "${found%.used}.ready" "${found%.used}.log" "$found"
	done
}

fetch_tools() {
	[ ! -e "$BARE_TOOLS/ready" ] || return 0
	rm -rf "$BARE_TOOLS"
	unpack bookworm "$BARE_TOOLS" debootstrap passt
	: >"$BARE_TOOLS/ready"
}

# fresh FILE: is it there, and young enough?
fresh() { [ -n "$(find "$1" -mtime "-$BARE_MAX_AGE" 2>/dev/null)" ]; }

# base_of SUITE PACKAGE...: prints the folder of a base system, made if need be.
base_of() {
	local suite=$1 packages key dir
	shift
	packages=$(printf '%s\n' "$@" | sort -u | xargs)
	key=$(declare -f make_minbase make_base | cat - <(echo "$mirror $packages") | sha256sum | cut -c1-12)
	dir=$BARE_CACHE/base/$suite-$key
	locked "base-$suite" make_base "$suite" "$dir" "$packages"
	: >"$dir.used"
	printf '%s\n' "$dir"
}

make_base() {
	local suite=$1 dir=$2 packages=$3
	if fresh "$dir.ready"; then return; fi
	make_minbase "$suite"
	rm -rf "$dir" "$dir.ready"
	if [ -n "$packages" ]; then
		say "$suite: installing $packages (kept for other runs)"
		new_folder "$suite" "$BARE_CACHE/base/$suite"
		boot
		# shellcheck disable=SC2086
		as_root "export DEBIAN_FRONTEND=noninteractive
			apt-get -qq update && apt-get -qq install -y --no-install-recommends $packages" >"$dir.log" 2>&1 ||
			{ cat "$dir.log" >&2; die "$suite: cannot install $packages"; }
		keep_archives "$suite"
		as_root 'rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin'
		mkdir "$dir"
		inside tar -C / --one-file-system -c . | tar -C "$dir" -x
		inside tar -C / -c ./var/lib | tar -C "$dir" -x
		shut_down
	else
		cp -a "$BARE_CACHE/base/$suite" "$dir"
	fi
	: >"$dir.ready"
}

# Debian's smallest system: what is essential, and apt.
make_minbase() {
	local suite=$1 dir=$BARE_CACHE/base/$1
	if fresh "$dir.ready"; then return; fi
	say "$suite: debootstrap (kept for $BARE_MAX_AGE days)"
	rm -rf "$dir" "$dir.ready"
	mkdir -p "$dir" "$BARE_CACHE/debootstrap-$suite"
	# It mounts /proc and /sys in there: not in the host's sight.
	DEBOOTSTRAP_DIR=$BARE_TOOLS/usr/share/debootstrap \
		unshare --mount --propagation private "$BARE_TOOLS/usr/sbin/debootstrap" --variant=minbase \
		--cache-dir="$BARE_CACHE/debootstrap-$suite" "$suite" "$dir" "$mirror" >"$dir.log" 2>&1 ||
		{ tail -n 20 "$dir.log" >&2; die "debootstrap of $suite failed"; }
	# As an image of Debian is published: no index, no packages, no services
	# started by an installation.
	rm -rf "$dir"/var/lib/apt/lists/* "$dir"/var/cache/apt/archives/*.deb
	printf '#!/bin/sh\nexit 101\n' >"$dir/usr/sbin/policy-rc.d"
	chmod 755 "$dir/usr/sbin/policy-rc.d"
	printf '127.0.0.1 localhost bare\n::1 localhost ip6-localhost ip6-loopback\n' >"$dir/etc/hosts"
	echo bare >"$dir/etc/hostname"
	cp /etc/resolv.conf "$dir/etc/resolv.conf"
	# Authorities that this machine's administrator added: the way out may need
	# them. The package ca-certificates takes them in.
	mkdir -p "$dir/usr/local/share/ca-certificates"
	cp /usr/local/share/ca-certificates/*.crt "$dir/usr/local/share/ca-certificates/" 2>/dev/null || true
	: >"$dir.ready"
}

# new_folder SUITE BASE: sets $folder to that of a new machine. Packages that some
# machine's apt has fetched are there for it: links, as apt locks their folder.
new_folder() {
	folder=$(mktemp -d "$BARE_CACHE/run.XXXXXX")
	chmod 755 "$folder"
	ln -s "$2" "$folder/base"
	mkdir -p "$BARE_CACHE/archives/$1" "$folder/archives"
	find "$BARE_CACHE/archives/$1" -name '*.deb' -exec cp -l -t "$folder/archives" {} +
	bind "$folder/archives" /var/cache/apt/archives rw
}
keep_archives() {
	find "$folder/archives" -maxdepth 1 -name '*.deb' -exec mv -n -t "$BARE_CACHE/archives/$1" {} +
}

# bind FROM TO ro|rw: FROM will be seen at TO in the machine.
bind() { printf '%s %s %s\n' "$@" >>"$folder/binds"; }

# boot: starts the machine in $folder; sets $init and $cgroup.
boot() {
	local i
	exec {life}> >(exec "$bare_dir/machine" "$folder")
	supervisor=$!
	for ((i = 0; i < 400; i++)); do
		if [ -e "$folder/pid" ]; then break; fi
		kill -0 "$supervisor" 2>/dev/null || die 'the machine did not come up'
		sleep 0.05
	done
	init=$(cat "$folder/pid")
	cgroup=$(cat "$folder/cgroup")
}

shut_down() {
	[ -n "${life-}" ] || return 0
	exec {life}>&-
	life=
	wait "$supervisor" || true
}

# inside COMMAND...: as root in the machine, with nothing of our environment.
inside() {
	in_machine || die 'the machine is gone'
	(
		exec {life}>&-
		echo "$BASHPID" >"$cgroup/machine/cgroup.procs"
		exec nsenter --target "$init" --all env --chdir / -i TERM="${terminal:-xterm}" LANG=C.UTF-8 \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"
	)
}
# A pid can be given to another process. Commands as root that are meant for a
# machine must never reach the host, so its mounts have to be others than ours.
in_machine() {
	local theirs
	theirs=$(readlink "/proc/$init/ns/mnt" 2>/dev/null) && [ "$theirs" != "$(readlink /proc/self/ns/mnt)" ] &&
		[ "$(awk '$1 == "NSpid:" { print $NF }' "/proc/$init/status" 2>/dev/null)" = 1 ]
}
as_root() { inside bash -c "$1" </dev/null; }
