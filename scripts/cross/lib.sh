# shellcheck shell=bash
# shellcheck disable=SC2034  # its variables are used by those that source it
# Settings of the scripts in this folder. Sourced, never run.
#
#   CROSS_CACHE         cache of all files         (~/.cache/xtask-cross)
#   CROSS_STD_SUITE     Debian suite with rust-src (trixie-backports)
#   CROSS_WINE_SUITE    Debian suite with Wine     (trixie)
#   CROSS_MIRROR        Debian archive             (that of this machine's apt)
#   CROSS_KEYRING       its keys

cache=${CROSS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/xtask-cross}
keyring=${CROSS_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}

# The archive is read from apt's configuration, so that this folder contains no host name.
mirror() {
    if [[ -n ${CROSS_MIRROR:-} ]]; then
        echo "$CROSS_MIRROR"
        return
    fi
    # shellcheck disable=SC2016  # $(SITE) is apt's own placeholder
    apt-get indextargets --no-release-info --format '$(SITE)' 'Created-By: Packages' |
        grep -E '/debian/?$' | sort -u | head -n 1
}

# fail CODE TEXT...
fail() {
    local code=$1
    shift
    echo "${0##*/}: $*" >&2
    exit "$code"
}

# need PROGRAM PACKAGE: installs the package if the program is missing
need() {
    if command -v "$1" >/dev/null; then return; fi
    [[ $(id -u) == 0 ]] || fail 2 "\`$1\` is missing; install the package $2"
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends --yes "$2")
    # The machine's package lists may be enough; otherwise download them.
    "${install[@]}" >/dev/null 2>&1 || { apt-get -qq update && "${install[@]}" >/dev/null; } >&2
}
