# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154,SC2016 # names that run, these and the cases share
# What a person has on the machine: a home, Rust, a clone, and the downloads of
# earlier runs. Sourced by run.

# shellcheck disable=SC2034,SC2154,SC2016  # names that run and the cases share

home_of() { if [ "$1" = root ]; then echo /root; else echo "/home/$1"; fi; }

# clone_source: what a fresh clone of $source holds, and what is not committed
# there, in $scratch/clone. Made once a run.
clone_source() {
	local clone=$scratch/clone
	git clone --quiet --no-hardlinks "$source" "$clone"
	if [ -n "$commit" ]; then
		git -C "$clone" -c advice.detachedHead=false checkout --quiet "$commit"
	else
		uncommitted "$clone"
	fi
	if [ -n "$edit" ]; then
		(cd "$clone" && bash -euc "$edit")
		[ -n "$(git -C "$clone" status --porcelain)" ] || die "--edit changed nothing: $edit"
	fi
}

# uncommitted CLONE: puts into it what $source has beside its last commit.
uncommitted() {
	local clone=$1
	git -C "$source" ls-files -z --deleted | (cd "$clone" && xargs -0r rm -f --)
	git -C "$source" ls-files -z --cached --others --exclude-standard |
		(cd "$source" && while IFS= read -r -d '' file; do
			[ ! -e "$file" ] || printf '%s\0' "$file"
		done | tar -c --null --no-recursion -T -) | tar -C "$clone" -x
}

# The crates that the program is built from, in a folder of ours.
fetch_crates() {
	mkdir -p "$BARE_CACHE/cargo"
	CARGO_HOME=$BARE_CACHE/cargo cargo fetch --quiet --locked --manifest-path "$scratch/clone/Cargo.toml"
}

# Rust as rustup has it here, to be read only.
bind_rust() {
	local toolchains=${RUSTUP_HOME:-$HOME/.rustup}
	case $rust in
	none) return ;;
	elsewhere) rustup_home=/opt/rustup cargo_home=/opt/cargo ;;
	*) rustup_home=$(home_of "$who")/.rustup cargo_home=$(home_of "$who")/.cargo ;;
	esac
	[ -d "$toolchains/toolchains" ] || die "no rustup here ($toolchains)"
	bind "$toolchains" "$rustup_home" ro
}

settle_guest() {
	local home
	home=$(home_of "$who")
	checkout=$home/performia
	if [ "$who" != root ]; then
		as_root "useradd --shell /bin/bash --home-dir $home $who; mkdir -p $home; cp -n /etc/skel/.[a-z]* $home"
		[ -z "$may_sudo" ] || as_root "echo '$who ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/$who"
	fi
	give_rust "$home"
	# Root's umask must not decide what a clone looks like.
	as_root "mkdir -p $checkout"
	tar -C "$scratch/clone" -c . | inside tar -C "$checkout" -x --no-same-owner
	as_root "chown -R $who: $checkout; chown $who: $home; [ ! -d $home/.cargo ] || chown -R $who: $home/.cargo"
}

give_rust() {
	local bin=${CARGO_HOME:-$HOME/.cargo}/bin
	[ "$rust" != none ] || return 0
	as_root "mkdir -p $cargo_home/bin"
	tar -C "$BARE_CACHE/cargo" -c registry | inside tar -C "$cargo_home" -x
	tar -C "$bin" -c rustup cargo rustc rustdoc rustfmt cargo-fmt cargo-clippy clippy-driver |
		inside tar -C "$cargo_home/bin" -x
	# What rustup's installer adds to a profile.
	{
		[ "$rust" != elsewhere ] || printf 'export RUSTUP_HOME=%s CARGO_HOME=%s\n' "$rustup_home" "$cargo_home"
		# shellcheck disable=SC2016
		printf 'export PATH="%s/bin:$PATH"\n' "$cargo_home"
	} | inside tee -a "$1/.profile" >/dev/null
}

# give_program: the checkout as it is after a first build, with the times of its
# files, so that cargo finds nothing to do. Built once for each source, home and
# Debian: a program that was linked on 13 does not run on 12.
give_program() {
	local key tar
	key=$({
		find "$scratch/clone" -path "$scratch/clone/.git" -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
		rustc -vV
	} | sed "s|$scratch||" | sha256sum | cut -c1-16)
	tar=$BARE_CACHE/built/$suite-$who-$rust-$key.tar
	if [ ! -e "$tar" ]; then
		mkdir -p "$BARE_CACHE/built"
		say "compiling, for this and other cases"
		inside su - "$who" -c "cd $checkout && cargo xtask --version" >"$scratch/build.log" 2>&1 </dev/null ||
			{ tail -n 20 "$scratch/build.log" >&2; die 'the program cannot be compiled'; }
		inside tar -C "$checkout" --format=posix --exclude=./target/debug/incremental -c . >"$tar.part"
		mv "$tar.part" "$tar"
		find "$BARE_CACHE/built" -name '*.tar' -printf '%T@ %p\n' | sort -rn | awk 'NR > 3 { print $2 }' | xargs -r rm -f
	else
		touch "$tar"
		as_root "find $checkout -mindepth 1 -delete"
		inside tar -C "$checkout" -x <"$tar"
	fi
}

# Where root's engine set-up of this source keeps its downloads.
engine_cache() {
	env -i HOME=/root PATH="$PATH" bash -c '. "$1/scripts/engine/lib.sh" && echo "$ENGINE_CACHE"' sh "$scratch/clone"
}

# Links again: the machine's set-up replaces files, it does not change them.
give_downloads() {
	local kept=$BARE_CACHE/engine/$1 dir
	mkdir -p "$folder/downloads/engine" "$folder/downloads/pip" "$kept"
	if [ "$downloads" != none ]; then locked "engine-$1" cp -al "$kept/." "$folder/downloads/"; fi
	if [ "$downloads" = files ]; then
		for dir in "$folder"/downloads/engine/*; do
			case ${dir##*/} in debs | apt | wheels) ;; *) rm -rf "$dir" ;; esac
		done
	fi
	bind "$folder/downloads/engine" "$(engine_cache)" rw
	bind "$folder/downloads/pip" /root/.cache/pip rw
}
keep_downloads() {
	[ "$downloads" != none ] || return 0
	locked "engine-$1" replace "$BARE_CACHE/engine/$1" "$folder/downloads"
}
replace() {
	rm -rf "$1.new"
	cp -al "$2" "$1.new"
	rm -rf "$1"
	mv "$1.new" "$1"
}

guest_shell() {
	say "$checkout on a throw-away machine; leaving the shell ends it"
	printf 'cd %q\nexec bash -i\n' "$checkout" | inside tee /run/typed >/dev/null
	inside script -qefc "su - $who -c '. /run/typed'" /dev/null || true
}
