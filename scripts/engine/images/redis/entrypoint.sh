#!/bin/sh
# Entrypoint of this project's Redis image. Like the official one it runs as user
# redis in /data, accepts bare options or a config file as its command, and turns
# protected mode off (a container's clients never connect from loopback).
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
