#!/bin/sh
# Entrypoint of this project's Redis image: like the official one it runs as user
# redis in /data, takes bare options or a config file as its command, and has
# protected mode off (a container's clients are never on its loopback).
set -eu

case ${1-} in
-* | *.conf) set -- redis-server "$@" ;;
esac
if [ "${1-}" = redis-server ]; then
	case " $* " in
	*' --protected-mode '*) ;;
	*) set -- "$@" --protected-mode no ;;
	esac
	if [ "$(id -u)" = 0 ]; then
		chown redis:redis .
		exec su -s /bin/sh -p redis -c 'exec "$@"' -- sh "$@"
	fi
fi
exec "$@"
