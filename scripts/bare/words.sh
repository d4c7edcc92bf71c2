# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154,SC2016 # names that run, these and the cases share
# The words that cases are written in. Sourced by run, which knows the machine.
#
# A case says first what the machine is like:
#   about TEXT         one line for the list
#   on SUITE...        Debian's suites it is tried on, the first one by default
#   has PACKAGE...     what is installed beside Debian's smallest system
#   user NAME [sudo]   who types; root unless told. With sudo: may use it, unasked
#   rust KIND          rustup (default), elsewhere (RUSTUP_HOME, CARGO_HOME), none
#   downloads KIND     warm: all that earlier runs kept (default); files: what was
#                      downloaded, but nothing made of it; none
#   built              the program is compiled already: the case is about the rest
#   slow               only when it is named
# and then, as functions, how it is prepared (as root) and what happens:
#   prepare() { ... }
#   story() { ... }

# shellcheck disable=SC2034,SC2154,SC2016  # names that run and the cases share

# What somebody installs who reads the README.
person=(make gcc libc6-dev)

about() { about=$*; }
on() { suites=("$@"); }
has() { packages=("$@"); }
user() { who=$1 may_sudo=${2-}; }
rust() { rust=$1; }
downloads() { downloads=$1; }
built() { built=yes; }
slow() { slow=yes; }

# What must never be printed, whatever the machine is like.
never=(
	'unknown flag'           # a docker without Compose, asked as if it had it
	'unknown shorthand flag'
	'sudo cargo'             # root has no cargo
	'docker-compose-plugin'  # Debian has no such package
	'panicked at'
	'failed to parse manifest'
)

note() { printf '%s\n' "$@" >>"$transcript"; }

# fails TEXT: goes on, so that one run tells all that is wrong.
fails() {
	note "!! $*"
	printf '%s\n' "$*" >>"$faults"
}
# The rest of the story would only be noise.
gives_up() { fails "$*"; exit 1; }

# types COMMAND: in the checkout, in a terminal of its own, freshly logged in.
types() { types_as "$who" "$*"; }
types_as() {
	local name=$1 line=$2 begin=$SECONDS busy text prompt='$'
	[ "$name" != root ] || prompt='#'
	note '' "$name@bare:performia$prompt $line"
	printf 'stty cols 100 rows 40\ncd %q\n%s\n' "$checkout" "$line" |
		inside tee /run/typed >/dev/null
	code=0
	busy=$(cpu_seconds)
	: >"$output.raw"
	inside timeout --foreground -k 20 "$limit" script -qefc "su - $name -c '. /run/typed'" /dev/null \
		<&"$keys" >"$output.raw" 2>&1 || code=$?
	"$bare_dir/screen" <"$output.raw" >"$output"
	took=$((SECONDS - begin))
	cat -s "$output" >>"$transcript"
	note "[exit code $code, $took s]"
	[ "$code" != 124 ] || gives_up "$line: no end after $limit s"
	for text in "${never[@]}"; do
		if grep -qF -- "$text" "$output.raw"; then fails "$line: prints '$text'"; fi
	done
	if [ "$line" = "$start" ] && [ -z "${started-}" ]; then
		started=$took
		worked=$(awk -v from="$busy" -v to="$(cpu_seconds)" 'BEGIN { printf "%.1f", to - from }')
	fi
}

# What the machine and its containers have worked so far, on all cores together:
# that hardly depends on what else the host does.
cpu_seconds() { awk '$1 == "usage_usec" { print $2 / 1e6 }' "$cgroup/cpu.stat"; }

# ends CODE: how the last command has to end; nothing else makes sense otherwise.
ends() { [ "$code" = "$1" ] || gives_up "exit code $code, not $1: $(last_line)"; }
last_line() { grep -v '^ *$' "$output" | tail -n 1; }

says() { grep -qF -- "$1" "$output" || fails "does not print '$1'"; }
says_one_of() {
	local text
	for text in "$@"; do
		if grep -qF -- "$text" "$output"; then return; fi
	done
	fails "prints none of: $(printf "'%s' " "$@")"
}
says_not() { if grep -qF -- "$1" "$output"; then fails "prints '$1'"; fi; }
# Not a wall of text: a fact and what to do about it.
says_at_most() {
	local lines
	lines=$(grep -cv '^ *$' "$output" || true)
	[ "$lines" -le "$1" ] || fails "prints $lines lines, where $1 would do"
}

# get URL: the machine's own network, this machine's curl.
get() { nsenter --target "$init" --net curl -sS --max-time 10 "$1" 2>&1; }
page_answers() {
	local page health
	note '' "http://localhost:3000, http://localhost:8000/health"
	page=$(get http://localhost:3000/) || fails "the page does not answer: $page"
	grep -qi '<html' <<<"$page" || fails 'the page is none'
	health=$(get http://localhost:8000/health) || fails "the backend does not answer: $health"
	grep -q ok <<<"$health" || fails "the backend is not well: $health"
	note "$(grep -i '<title' <<<"$page")" "$health"
}

# What is printed to be typed: what stands between backticks in a hint, and where
# there is none, all that follows "sudo" on its line.
printed_commands() {
	local hints
	hints=$(grep -E '^(engine: )?hint:' "$output" | grep -oE '`[^`]+`' | tr -d '`' || true)
	[ -n "$hints" ] || hints=$(grep -oE '(^|[ :])sudo .*' "$output" | sed -E 's/^[ :]*//' || true)
	[ -z "$hints" ] || awk '!seen[$0]++' <<<"$hints"
}

# follow: each of them, in order, to the letter. Somebody without sudo knows who
# can be root, and whoever is asked "[Y/n]" says yes.
follow() {
	local commands command
	mapfile -t commands < <(printed_commands)
	[ "${#commands[@]}" -gt 0 ] || gives_up 'no command is printed to go on with'
	for command in "${commands[@]}"; do
		# It opens a shell; each command here is a new login anyway.
		case $command in *newgrp*) printf 'exit\n' >&"$keys" ;; esac
		: >"$output.raw"
		answers '[Y/n]' y &
		watcher=$!
		case $may_sudo,$command in
		sudo,* | *,sg\ * | *,newgrp\ * | *,make\ * | *,cargo\ *) types "$command" ;;
		,sudo\ *) gives_up "tells a machine without sudo: $command" ;;
		*) types_as root "$command" ;;
		esac
		stop_watching
		ends 0
	done
}

stack_comes_up() {
	types "$start"
	ends 0
	says 'http://localhost:3000'
	says 'http://localhost:8000'
	page_answers
}
stack_goes_down() {
	types make stop
	ends 0
	if get http://localhost:3000/ >/dev/null; then fails 'the page still answers'; fi
}
all_of_it() { stack_comes_up; stack_goes_down; }

# Either the stack is up, or what is printed leads there.
comes_up_in_the_end() {
	types "$start"
	if [ "$code" != 0 ]; then
		ends 2
		says_at_most 8
		follow
	fi
	all_of_it
}

# refuses COMMAND: before anything is done, in a few words, with a cure.
refuses() {
	types "$1"
	ends 2
	says_at_most 8
	nothing_installed
}

# answers QUESTION LINE: once it is asked, as what is typed before may be dropped.
answers() {
	until grep -qsF -- "$1" "$output.raw"; do sleep 0.1; done
	printf '%s\n' "$2" >&"$keys"
}

# Only while it runs: later its number may be another process's.
stop_watching() {
	if [ -n "${watcher-}" ] && jobs -rp | grep -qx "$watcher"; then kill "$watcher" 2>/dev/null || true; fi
}

# interrupts SECONDS COMMAND: Ctrl-C after so long.
interrupts() {
	(sleep "$1"; printf '\003' >&"$keys") &
	types "$2"
	wait "$!"
	ends 130
	local lines
	lines=$(sed '1,/\^C/d' "$output" | grep -cv '^ *$' || true)
	[ "$lines" -le 2 ] || fails "prints $lines lines after Ctrl-C"
}

no_escapes() { if grep -q $'\x1b' "$output.raw"; then fails 'prints escape sequences'; fi; }

nothing_of_root() {
	local files
	files=$(as_root "find '$checkout' -user root | head -n 5")
	[ -z "$files" ] || fails "root's in the checkout: $(xargs <<<"$files")"
}
installed() { as_root 'dpkg-query -W; ls /usr/local/bin /usr/local/lib'; }
nothing_installed() {
	[ "$(installed)" = "$before" ] || fails 'something was installed all the same'
}

# The docker client alone, as it comes without Debian's packages.
docker_client() {
	local suite=trixie dir=$BARE_CACHE/client
	[ -e "$dir/ready" ] || locked client unpack "$suite" "$dir" docker-cli && : >"$dir/ready"
	tar -C "$dir/usr/bin" -c docker | inside tar -C /usr/local/bin -x
}
# An engine that somebody else looks after.
start_dockerd() {
	as_root 'setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
		for i in $(seq 100); do [ ! -S /var/run/docker.sock ] || exit 0; sleep 0.1; done; exit 1'
}
# What a registry would give to that engine, which has none here. An import of
# Docker 20.10 does not know STOPSIGNAL, which only makes it stop more slowly.
pulled_images() {
	inside bash -c 'mkdir -p /tmp/without; cat >/tmp/without/docker; chmod 755 /tmp/without/docker' <<-'SHIM'
		#!/bin/bash
		for word; do
			case $word in STOPSIGNAL*) unset 'words[-1]' ;; *) words+=("$word") ;; esac
		done
		exec /usr/bin/docker "${words[@]}"
	SHIM
	# Images hold the authorities of the machine that makes them, and this one may
	# have none: it gets the host's for so long.
	local bundle=/etc/ssl/certs/ca-certificates.crt lent=''
	if ! as_root "[ -e $bundle ]"; then
		lent=yes
		as_root "mkdir -p ${bundle%/*}"
		# The one that is written is the machine's.
		# shellcheck disable=SC2094
		inside tee "$bundle" <"$bundle" >/dev/null
	fi
	as_root "apt-get -qq update; cd '$checkout' && PATH=/tmp/without:\$PATH scripts/engine/images/build --engine-to-come"
	[ -z "$lent" ] || as_root "rm $bundle"
}
# The tree of an older commit, from the history of what is tried.
old_tree() {
	git -C "$source" archive --prefix=old/ "$1" | inside tar -C /root -x
}
