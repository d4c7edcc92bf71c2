#!/bin/sh
# Are the project's ports free? From any folder; takes the options of
# `cargo xtask check-ports`.
set -eu
cd "$(dirname "$0")/.."
exec cargo xtask check-ports "$@"
