#!/bin/sh
# Entrypoint of this project's PostgreSQL image. It supports what people use of the
# official image: POSTGRES_{USER,PASSWORD,DB}, their _FILE variants,
# POSTGRES_HOST_AUTH_METHOD, POSTGRES_INITDB_ARGS, PGDATA, and the scripts in
# /docker-entrypoint-initdb.d, which run once, on an empty data folder.
# During initialisation the server only listens on its Unix socket, so pg_isready
# over TCP fails until the database is really there.
set -eu

# VAR or VAR_FILE (a Compose secret), but not both.
from_file() {
	eval "value=\${$1-} file=\${${1}_FILE-}"
	if [ -n "$value" ] && [ -n "$file" ]; then
		echo "error: both $1 and $1_FILE are set" >&2
		exit 1
	fi
	[ -z "$file" ] || value=$(cat "$file")
	[ -n "$value" ] || value=${2-}
	eval "$1=\$value"
}

# `postgres` refuses to run as root. busybox su execs, so the server becomes pid 1.
as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		su -s /bin/sh -p postgres -c 'exec "$@"' -- sh "$@"
	else
		"$@"
	fi
}

# Like the official image: a script that is not executable is sourced.
run_or_source() {
	if [ -x "$1" ]; then
		"$1"
	else
		# shellcheck source=/dev/null
		. "$1"
	fi
}

init_files() {
	for f in /docker-entrypoint-initdb.d/*; do
		case $f in
		*.sh) echo "init: $f"; run_or_source "$f" ;;
		*.sql) echo "init: $f"; sql "$POSTGRES_DB" -f "$f" ;;
		*.sql.gz) echo "init: $f"; gunzip -c "$f" | sql "$POSTGRES_DB" ;;
		esac
	done
}

sql() {
	db=$1
	shift
	PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --no-psqlrc -q -U "$POSTGRES_USER" -d "$db" "$@"
}

initialise() {
	from_file POSTGRES_PASSWORD
	from_file POSTGRES_USER postgres
	from_file POSTGRES_DB "$POSTGRES_USER"
	from_file POSTGRES_INITDB_ARGS
	if [ -z "$POSTGRES_PASSWORD" ] && [ "${POSTGRES_HOST_AUTH_METHOD-}" != trust ]; then
		echo 'Error: Database is uninitialized and superuser password is not specified.' >&2
		echo '       Set POSTGRES_PASSWORD to a non-empty value for the superuser.' >&2
		exit 1
	fi
	printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/pw
	chmod 600 /tmp/pw
	[ "$(id -u)" != 0 ] || chown postgres /tmp/pw
	pwarg=
	[ -z "$POSTGRES_PASSWORD" ] || pwarg=--pwfile=/tmp/pw
	# INITDB_ARGS must be split into words.
	# shellcheck disable=SC2086
	as_postgres initdb -D "$PGDATA" -U "$POSTGRES_USER" $pwarg $POSTGRES_INITDB_ARGS
	rm -f /tmp/pw
	echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
	as_postgres pg_ctl -D "$PGDATA" -w -o "-c listen_addresses=''" start
	[ "$POSTGRES_DB" = postgres ] ||
		sql postgres -v db="$POSTGRES_DB" <<-'SQL'
			CREATE DATABASE :"db";
		SQL
	init_files
	as_postgres pg_ctl -D "$PGDATA" -m fast -w stop
	echo 'PostgreSQL init process complete; ready for start up.'
}

case ${1-} in
-*) set -- postgres "$@" ;;
esac
if [ "${1-}" = postgres ]; then
	mkdir -p "$PGDATA" /run/postgresql
	chmod 700 "$PGDATA" || true # not ours if `user:` is set; initdb says more
	if [ "$(id -u)" = 0 ]; then
		chown -R postgres "$PGDATA"
		chown postgres:postgres /run/postgresql
	fi
	if [ -s "$PGDATA/PG_VERSION" ]; then
		echo 'PostgreSQL Database directory appears to contain a database; Skipping initialization'
	else
		initialise
	fi
	if [ "$(id -u)" = 0 ]; then
		exec su -s /bin/sh -p postgres -c 'exec "$@"' -- sh "$@"
	fi
fi
exec "$@"
