# shellcheck shell=bash
# shellcheck disable=SC2154  # init sets name and state
# How each engine is started in its namespaces. Sourced by init.

# background COMMAND...: as the engine's user, in a session of its own.
background() {
	local as=() environment
	engine_env "$name"
	! is_rootless "$name" || as=(setpriv "--reuid=$rootless_id" "--regid=$rootless_id" --clear-groups)
	cd /
	{
		setsid --wait "${as[@]}" env "${environment[@]}" "$@" || true
		: >"$state/ended"
	} </dev/null >>"$state/log" 2>&1 &
}

# An ordinary user with ids for user namespaces.
make_user() {
	printf '%s:x:%s:%s::%s:/bin/bash\n' "$rootless_user" "$rootless_id" "$rootless_id" "$state/home" >>/etc/passwd
	printf '%s:x:%s:\n' "$rootless_user" "$rootless_id" >>/etc/group
	echo "$rootless_user:300000:65536" | tee -a /etc/subuid >>/etc/subgid
	install -d -m 755 -o root /run/user
	install -d -m 700 -o "$rootless_id" -g "$rootless_id" "/run/user/$rootless_id"
	chown -R "$rootless_id:$rootless_id" "$state/home"
	# A session of such a user has a cgroup of its own.
	mkdir -p /sys/fs/cgroup/user
	chown -R "$rootless_id:$rootless_id" /sys/fs/cgroup/user
}

start_podman() {
	local run=/run graph=$state/data
	mkdir -p /etc/containers
	if is_rootless "$name"; then
		make_user
		run=/run/user/$rootless_id graph=$state/home/.local/share/containers/storage
	fi
	cat >/etc/containers/storage.conf <<-CONF
		[storage]
		driver = "overlay"
		graphroot = "$graph"
		runroot = "$run/containers/storage"
	CONF
	# No systemd here; controllers may be missing from this machine's cgroup2.
	cat >/etc/containers/containers.conf <<-CONF
		[containers]
		pids_limit = 0
		log_driver = "k8s-file"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
	CONF
	[ -e /etc/containers/policy.json ] || echo '{"default":[{"type":"insecureAcceptAnything"}]}' >/etc/containers/policy.json
	# As podman.socket of systemd would.
	install -d -m 755 "$run/podman"
	! is_rootless "$name" || chown "$rootless_id:$rootless_id" "$run/podman"
	background podman system service --time=0 "unix://$(socket_of "$name")"
}

start_docker() {
	local options=()
	case $name in *-no-proxy) options+=(--userland-proxy=false) ;; esac
	if is_rootless "$name"; then
		make_user
		# As docker.io's dockerd-rootless.sh does it.
		background bash /usr/share/docker.io/contrib/dockerd-rootless.sh --data-root "$state/home/data" "${options[@]}"
	else
		background dockerd --host "unix://$(socket_of "$name")" --data-root "$state/data" --exec-root /run/docker \
			--pidfile /run/docker.pid "${options[@]}"
	fi
}

