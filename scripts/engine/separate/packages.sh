# shellcheck shell=bash
# The layer of an engine: its packages and their libraries, unpacked. Sourced by up.

# Reported where no suite has the version any more.
not_available=3

# suite_with PACKAGE VERSION SUITES: sets suite to the first that has it.
suite_with() {
	local found seen=() known=''
	for suite in ${3//,/ }; do
		found=$(apt_for "$suite" && apt-cache "${private_apt_options[@]}" madison "$1" | awk '{ print $3 }') || continue
		known=yes
		# 5.8.6 and 28:5.8.6 are both 5.
		if grep -Eq "^([0-9]+:)?${2//./\\.}" <<<"$found"; then return; fi
		seen+=("${suite//+/ and } has ${found:-none}")
	done
	[ -n "$known" ] || die "no index of $3 can be fetched"
	say "$1 ${2%.} is not available: $(IFS=, && echo "${seen[*]//$'\n'/ and }" | sed 's/,/, /g')"
	exit "$not_available"
}

# layer_of NAME: sets layer to its folder, made if need be. A layer needs no network.
layer_of() {
	local family suite newer packages
	family=$(family_of "$1")
	packages=$(packages_of "$family")
	newer=$(newer_packages_of "$family")
	mkdir -p "$ENGINE_CACHE/layers"
	exec 7>"$ENGINE_CACHE/layers/$family.lock"
	flock 7
	make_layer
	exec 7>&-
}
make_layer() {
	layer=$ENGINE_CACHE/layers/$family-$(printf '%s\n' "$packages" "$newer" "$version" "$suites" | sha256sum | cut -c1-12)
	[ ! -e "$layer/ready" ] || return 0
	suite_with "$package" "$version" "$suites"
	say "fetching and unpacking $package from Debian ${suite//+/ and }"
	rm -rf "$layer"
	mkdir -p "$layer"/{etc,usr/bin,usr/sbin,usr/lib,usr/lib64}
	local d
	for d in bin sbin lib lib64; do ln -s "usr/$d" "$layer/$d"; done
	# shellcheck disable=SC2086
	unpack_with_libraries "$suite" "$layer" $packages || die "the packages of $family cannot be fetched from $suite"
	# shellcheck disable=SC2086
	if [ -n "$newer" ]; then unpack_debs "${newer%% *}" "$layer" ${newer#* } || die "no ${newer#* }"; fi
	# What only a person at a shell would read.
	rm -rf "$layer"/usr/share/{doc,man,info,locale,lintian,bug}
	: >"$layer/ready"
}

# unpack_with_libraries SUITE DIR PACKAGE...: with the libraries that they depend on, as
# apt resolves it. Other programs that they ask for are this machine's.
unpack_with_libraries() {
	local suite=$1 dir=$2 debs=$ENGINE_CACHE/debs/$1 resolver
	shift 2
	mkdir -p "$debs/partial"
	(
		apt_for "$suite" || exit
		# From the second suite only what is asked for, not its libc.
		resolver=(--no-install-recommends -o Dir::Etc::Preferences="$debs/preferences" -o Dir::Etc::PreferencesParts=/dev/null)
		printf 'Package: %s\nPin: release a=%s\nPin-Priority: 990\n' "$*" "${suite#*+}" >"$debs/preferences"
		exec 8>"$debs/lock"
		flock 8
		fetch() { private_apt -o Dir::Cache::archives="$debs" "${resolver[@]}" --download-only -y install "$@" 2>&1; }
		# A stale index lists versions that the mirror no longer has.
		fetch "$@" >/dev/null || { private_apt update && fetch "$@" >&2; } || exit
		cd "$debs" || exit
		mapfile -t files < <(private_apt -o Dir::Cache::archives=/nonexistent "${resolver[@]}" --print-uris install "$@" |
			awk '{ print $2 }' | grep -E "^(lib|$(printf '%s_|' "$@")nothing)")
		exec 8>&-
		unpack_files "$dir"
	)
}
