#!/bin/sh
# Entrypoint of this project's nginx image. Like in the official one, scripts in
# /docker-entrypoint.d run first, and /etc/nginx/templates/NAME.template becomes
# /etc/nginx/conf.d/NAME with environment variables replaced; nginx's own variables
# ($host), which are not in the environment, stay.
set -eu

if [ "${1-}" = nginx ]; then
	for f in /docker-entrypoint.d/*; do
		case $f in
		*.envsh)
			# shellcheck source=/dev/null
			. "$f"
			;;
		*.sh) "$f" ;;
		esac
	done
	# shellcheck disable=SC2016
	names=$(awk 'BEGIN { for (n in ENVIRON) printf "${%s} ", n }')
	for f in /etc/nginx/templates/*.template; do
		[ -e "$f" ] || continue
		name=${f##*/}
		envsubst "$names" <"$f" >"/etc/nginx/conf.d/${name%.template}"
	done
fi
exec "$@"
