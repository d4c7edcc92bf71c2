#!/bin/bash
# The scenarios themselves, inside the namespaces of an engine. Started by ../scenarios.
#
#   scenarios.sh NAME FOLDER WORD
#
# Whether a port can be had is asked of the engine, by publishing it. Each scenario has
# ports and names of its own, and ends what it started.
set -euo pipefail

engine=$1 folder=$2 only=$3
python=/usr/bin/python3
# What a caller has set must not decide what is seen.
unset "${!COMPOSE_@}" "${!XTASK_ON_@}" 2>/dev/null || true

x() { "$folder/xtask" "$@"; }

# expect STEP EXPECTED SEEN: a row of the table. EXPECTED may be a pattern.
rows=0 differences=0
expect() {
	local mark=ok
	rows=$((rows + 1))
	# shellcheck disable=SC2053
	if [[ $3 != $2 ]]; then mark=DIFFERS differences=$((differences + 1)); fi
	printf '%-8s %-14s %-34s %s\n' "$mark" "$scenario" "$1" "$2"
	[ "$mark" = ok ] || printf '%-8s %-14s %-34s %s\n' '' '' '  but was' "$3"
}

say_skipped() { printf '%-8s %-14s %-34s %s\n' skipped "$scenario" "$1" "$2"; }

# project NAME PORT: a folder with a project of one service, as the current one.
project() {
	mkdir -p "$folder/$1"
	cd "$folder/$1"
	# shellcheck disable=SC2016  # the variable is Compose's
	printf 'services:\n  web:\n    image: engine-web\n    ports: ["${WEB_PORT:-%s}:8080"]\n' "$2" >compose.yaml
}
up() { docker compose up -d >>"$folder/log" 2>&1; }
remove() { docker compose down --timeout 1 >>"$folder/log" 2>&1 || true; }

# holder PORT HOW: a process of this machine on that port: what python's bind gets, or
# `bound` for a socket that does not listen. Sets pid. Fails if there is no such address.
holder() {
	: >"$folder/holder"
	"$python" - "$1" "$2" >"$folder/holder" 2>>"$folder/log" <<-'PY' &
		import socket, sys, time
		port, how = int(sys.argv[1]), sys.argv[2]
		address = "0.0.0.0" if how == "bound" else how.removesuffix("-only")
		s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
		if ":" in address:
		    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(how != "::"))
		s.bind((address, port))
		if how != "bound":
		    s.listen()
		print("ready", flush=True)
		time.sleep(60)
	PY
	pid=$!
	local i
	for ((i = 0; i < 100; i++)); do
		if [ -s "$folder/holder" ]; then return; fi
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	wait "$pid" || return 1
}
end_holder() {
	kill "$pid"
	wait "$pid" 2>/dev/null || true
	pid=
}

# summary: what JSON of check-ports, who or a refused start says of its port, in one line.
summary() {
	"$python" -c '
import json, sys
try:
    port = json.load(sys.stdin)["ports"][0]
except (ValueError, KeyError, IndexError):
    sys.exit(print("no ports"))
words = {o["kind"] + " " + str(o.get("name") or o.get("stack") or o.get("why") or "?") for o in port["owners"]}
print(port["verdict"], *sorted(words))'
}
# judged: exit code and summary of check-ports.
judged() {
	local code=0 out
	out=$(x check-ports --format json 2>>"$folder/log") || code=$?
	echo "$code $(summary <<<"$out")"
}
# started [ARGUMENT...]: exit code of start, and its URLs, or why not.
started() {
	local code=0 out
	out=$(x start --format json --wait-timeout 20 "$@" 2>"$folder/stderr") || code=$?
	cat "$folder/stderr" >>"$folder/log"
	case $out in
	*'"urls"'*) echo "$code $(grep -o 'http://[^"]*' <<<"$out" | sort -u | xargs)" ;;
	*'"ports"'*) echo "$code $(summary <<<"$out")" ;;
	*) echo "$code $(tail -n 3 "$folder/stderr" | xargs -0 echo | tr '\n' ' ')" ;;
	esac
}
who() { x who "$1" --format json 2>>"$folder/log" | summary; }
# planned PORT: exit code of kill --dry-run, and what it would do, with names for pids.
planned() {
	local code=0 line plan=''
	x kill "$1" --dry-run >"$folder/stdout" 2>"$folder/stderr" || code=$?
	while read -r line; do
		line=${line#stop: }
		line=${line%%  #*}
		if [[ $line =~ ^(.*kill\ )([0-9]+)(.*)$ ]]; then
			line="${BASH_REMATCH[1]}$(cat "/proc/${BASH_REMATCH[2]}/comm" 2>/dev/null)"
		fi
		plan+=" ${line%% }"
	done < <(grep -h '^stop: ' "$folder/stdout" "$folder/stderr" | sort -u)
	echo "$code$plan"
}
# answers PORT: which container, by the name that it was given.
answers() { curl -s --max-time 5 "http://127.0.0.1:$1/" | grep -o 'name=[^ ]*' || echo nobody; }
container_name() { docker inspect --format '{{.Config.Hostname}}' "$1" 2>/dev/null || true; }
# bindable PORT: can a program have it, on every address?
bindable() {
	"$python" - "$1" <<-'PY'
		import socket, sys
		try:
		    s = socket.socket(socket.AF_INET6)
		    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
		    everywhere = "::"
		except OSError:
		    s = socket.socket(socket.AF_INET)
		    everywhere = "0.0.0.0"
		s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		try:
		    s.bind((everywhere, int(sys.argv[1])))
		    print("free")
		except OSError as e:
		    print(e.strerror)
	PY
}
# engine_takes PORT: can the engine publish it now? Prints free or taken.
engine_takes() {
	if docker run -d --name oracle -p "$1:8080" engine-web >>"$folder/log" 2>&1; then echo free; else echo taken; fi
	docker rm -fv oracle >>"$folder/log" 2>&1 || true
}
# findings: exit code of diagnose, and the checks that have something to say about the
# engine, its ports, containers and networks.
findings() {
	local code=0 out
	out=$(x diagnose --format json 2>>"$folder/log") || code=$?
	echo "$code $("$python" -c '
import json, sys
for c in json.load(sys.stdin)["checks"]:
    if c["status"] not in ("ok", "skipped") and c["id"].split(".")[0] in ("engine", "ports", "containers", "networks", "project"):
        print(c["id"], c["status"], end=" ")' <<<"$out")"
}

# signals: the names of what diagnose advises to signal.
signals() {
	local advised
	for advised in $(x diagnose 2>>"$folder/log" | grep -Eo '\bkill (-[A-Z0-9]+ )?[0-9]+' | grep -Eo '[0-9]+$' | sort -u); do
		cat "/proc/$advised/comm"
	done | sort -u | xargs
}

scenario_own() { # a free port, an own stack: start, start again, stop
	local own='own-web-1' before
	project own 24101
	expect 'check-ports, nothing there' '0 free' "$(judged)"
	expect 'start' '0 http://localhost:24101' "$(started)"
	expect 'who answers' "name=$(container_name $own)" "$(answers 24101)"
	before=$(docker inspect --format '{{.Id}}' $own || true)
	expect 'check-ports, running' '0 ours*' "$(judged)"
	expect 'second start' '0 http://localhost:24101' "$(started)"
	expect 'second start leaves it alone' "$before" "$(docker inspect --format '{{.Id}}' $own || true)"
	expect 'who' "taken container $own" "$(who 24101)"
	expect 'kill --dry-run' "0 docker stop $own" "$(planned 24101)"
	expect 'diagnose' '0 ' "$(findings)"
	expect 'diagnose advises no signal' '' "$(signals)"
	expect 'stop' 0 "$(x stop >>"$folder/log" 2>&1 && echo 0 || echo $?)"
	expect 'containers left' '' "$(docker ps -aq --filter label=com.docker.compose.project=own)"
	expect 'the port afterwards' free "$(bindable 24101)"
	remove
}

scenario_process() { # a process of this machine holds the port
	local how free named
	for how in 0.0.0.0 127.0.0.1 :: ::-only ::1 bound; do
		project process 24111
		if ! holder 24111 "$how"; then
			say_skipped "holder on $how" 'this machine has no such address'
			continue
		fi
		free=$(engine_takes 24111)
		if [ "$free" = free ]; then
			expect "check-ports, holder on $how" '0 free' "$(judged)"
			expect "start, holder on $how" '0 http://*:24111' "$(started)"
		else
			# The program may say in words what has no kind of its own.
			named='process python3'
			[ "$how" != bound ] || named='*python3*'
			expect "check-ports, holder on $how" "1 taken $named" "$(judged)"
			expect "start, holder on $how" "1 taken $named" "$(started)"
		fi
		case $how in
		0.0.0.0) expect 'kill --dry-run' '0 kill python3' "$(planned 24111)" ;;
		esac
		remove
		end_holder
	done
}

scenario_foreign() { # another project's container holds the port
	local holds='other-web-1'
	project other 24121
	up
	project foreign 24121
	expect check-ports "1 taken container $holds" "$(judged)"
	expect start "1 taken container $holds" "$(started)"
	expect who "taken container $holds" "$(who 24121)"
	expect 'kill --dry-run' "0 docker stop $holds" "$(planned 24121)"
	expect 'diagnose advises no signal' '' "$(signals)"
	expect 'start --on-conflict reassign' '0 http://localhost:2412[2-9]' "$(started --on-conflict reassign)"
	remove
	rm -f .env
	if docker pause $holds >>"$folder/log" 2>&1; then
		expect 'check-ports, it is paused' "1 taken container $holds" "$(judged)"
		docker unpause $holds >>"$folder/log" 2>&1
	fi
	expect 'kill --yes' 0 "$(x kill 24121 --yes >>"$folder/log" 2>&1 && echo 0 || echo $?)"
	expect 'it was stopped' exited "$(docker inspect --format '{{.State.Status}}' $holds)"
	expect 'the port afterwards' free "$(bindable 24121)"
	expect 'start, now free' '0 http://localhost:24121' "$(started)"
	remove
	cd "$folder/other"
	remove
}

scenario_run() { # a container without Compose holds the port
	docker run -d --name lone -p 24131:8080 engine-web >>"$folder/log" 2>&1
	project run 24131
	expect check-ports '1 taken container lone' "$(judged)"
	expect start '1 taken container lone' "$(started)"
	expect 'kill --dry-run' '0 docker stop lone' "$(planned 24131)"
	docker rm -fv lone >>"$folder/log" 2>&1
	# Containers of Podman's command line have another network than those of its API.
	command -v podman >/dev/null || return 0
	podman run -d --name native -p 24131:8080 engine-web >>"$folder/log" 2>&1
	expect 'check-ports, podman run' '1 taken container native' "$(judged)"
	expect 'kill --dry-run, podman run' '0 *native' "$(planned 24131)"
	podman rm -f -t 1 native >>"$folder/log" 2>&1
}

scenario_loopback() { # published on 127.0.0.1 alone
	docker run -d --name inner -p 127.0.0.1:24141:8080 engine-web >>"$folder/log" 2>&1
	project loopback 24141
	expect check-ports '1 taken container inner' "$(judged)"
	docker rm -fv inner >>"$folder/log" 2>&1
	printf 'services:\n  web:\n    image: engine-web\n    ports: ["127.0.0.1:24141:8080"]\n' >compose.yaml
	expect start '0 http://localhost:24141' "$(started)"
	expect 'check-ports, running' '0 ours*' "$(judged)"
	expect 'second start' '0 http://localhost:24141' "$(started)"
	remove
}

scenario_elsewhere() { # the holder's engine is not the one that is asked
	local said
	project other 24151
	up
	project elsewhere 24151
	said=$(DOCKER_HOST=unix:///run/nobody.sock planned 24151)
	expect 'kill --dry-run signals no helper' '[012]' "$said"
	# It may not say that the port is free, nor end what holds it.
	expect 'kill --yes' '[12]' "$(DOCKER_HOST=unix:///run/nobody.sock x kill 24151 --yes >>"$folder/log" 2>&1 && echo 0 || echo $?)"
	expect 'it runs on' running "$(docker inspect --format '{{.State.Status}}' other-web-1)"
	expect 'it answers' "name=$(container_name other-web-1)" "$(answers 24151)"
	case $engine in
	podman-[56]) # conmon's command line has the container's name
		expect 'who names the container' '*other-web-1*' "$(DOCKER_HOST=unix:///run/nobody.sock x who 24151 2>&1 | tr '\n' ' ')"
		;;
	esac
	cd "$folder/other"
	remove
}

scenario_restarting() { # a container that crashes and starts again wants the port
	local i state=''
	docker run -d --restart always --name flapping -p 24161:8080 engine-web check >>"$folder/log" 2>&1
	# The pauses of Docker double; the fifth is 1.6 s. Podman has none, and says "exited".
	for ((i = 0; i < 200; i++)); do
		state=$(docker inspect --format '{{.State.Status}} {{.RestartCount}}' flapping)
		case $state in restarting\ [5-9]* | exited\ [2-9]*) break ;; esac
		sleep 0.05
	done
	project restarting 24161
	# It holds the port for moments: asked once, a program may be right by chance.
	expect 'check-ports names it, 5 times' 5 "$(for i in 1 2 3 4 5; do x check-ports 2>&1; sleep 0.3; done | grep -c 'container flapping')"
	expect 'who names it, 5 times' 5 "$(for i in 1 2 3 4 5; do x who 24161 2>&1; sleep 0.3; done | grep -c 'container flapping')"
	expect 'start names it' '*flapping*' "$(x start 2>&1 | tr '\n' ' ')"
	remove
	docker rm -fv flapping >>"$folder/log" 2>&1
}

scenario_swarm() { # services of a swarm hold the port
	local i mode
	case $engine in *-swarm) ;; *) return 0 ;; esac
	for mode in ingress host; do
		docker service create -d --no-resolve-image --name "shop_$mode" --publish "published=24171,target=8080,mode=$mode" engine-web >>"$folder/log" 2>&1
		for ((i = 0; i < 200; i++)); do
			[ "$(docker service ls --filter "name=shop_$mode" --format '{{.Replicas}}')" != 1/1 ] || break
			sleep 0.1
		done
		sleep 1
		project swarm 24171
		expect "who, $mode, names it" "*shop_$mode*" "$(x who 24171 2>&1 | tr '\n' ' ')"
		expect "check-ports, $mode, names it" "*shop_$mode*" "$(x check-ports 2>&1 | tr '\n' ' ')"
		# Also in a kernel without IPVS, where dockerd programs no ingress and says nothing.
		expect "check-ports, $mode" '1 taken *' "$(judged)"
		expect "start, $mode" "1 *shop_$mode*" "$(x start >"$folder/stdout" 2>&1; echo "$? $(tr '\n' ' ' <"$folder/stdout")")"
		expect "kill --dry-run, $mode" "* docker service *shop_$mode*" "$(planned 24171)"
		remove
		docker service rm "shop_$mode" >>"$folder/log" 2>&1
		for ((i = 0; i < 100; i++)); do
			[ "$(bindable 24171)" != free ] || break
			sleep 0.1
		done
	done
	# Not the name of this engine, which is in dockerd's command line.
	expect 'who 2377' '*[Ss]warm*' "$(x who 2377 2>&1 | sed "s/$engine//g" | tr '\n' ' ')"
	expect 'kill 2377 --dry-run ends no engine' '[12]' "$(planned 2377)"
}

# Whatever a run that was interrupted left, and this one leaves if it is.
clean() {
	[ -z "${pid-}" ] || kill "$pid" 2>/dev/null || true
	docker rm -fv oracle lone native inner flapping {own,process,other,foreign,run,loopback,elsewhere,restarting,swarm}-web-1
	docker network rm {own,process,other,foreign,run,loopback,elsewhere,restarting,swarm}_default
	case $engine in *-swarm) docker service rm shop_ingress shop_host ;; esac
} >>"$folder/log" 2>&1
clean || true
trap 'clean || true' EXIT
trap 'exit 130' INT TERM

printf '%s: engine %s, client %s, Compose %s\n\n' "$engine" "$(docker version --format '{{.Server.Version}}')" \
	"$(docker version --format '{{.Client.Version}}')" "$(docker compose version --short)"
for scenario in own process foreign run loopback elsewhere restarting swarm; do
	case $scenario in *"$only"*) "scenario_$scenario" ;; esac
done
printf '\n%s: %s rows, %s differ\n' "$engine" "$rows" "$differences"
if [ "$rows" = 0 ]; then exit 2; fi
[ "$differences" = 0 ] || exit 1
