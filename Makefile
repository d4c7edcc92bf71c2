# Thin delegates: everything is done by `cargo xtask` and scripts/.
.DEFAULT_GOAL := help
.PHONY: start stop check diagnose logs test test-engines bench help prerequisites

# What is missing to build the program is said before anything is installed.
prerequisites:
	@scripts/prerequisites

start: prerequisites  ## check the ports, then up; brings up a Docker engine where there is none
	@scripts/start

stop: prerequisites  ## stop the stack; data stays in its volumes
	@cargo xtask stop

check: prerequisites  ## are all ports free, and if not: who has them
	@cargo xtask check-ports

diagnose: prerequisites  ## is this machine ready, and if not: what to do
	@cargo xtask diagnose

logs: prerequisites  ## what the containers wrote
	@cargo xtask logs

test:  ## all tests, on a real engine; installs what they need (Debian, as root)
	@scripts/test

test-engines:  ## what the program says of other engines (Podman, Swarm, old Docker, rootless; Debian, as root)
	@cargo build --quiet --package xtask
	@scripts/engine/scenarios all

bench: prerequisites  ## measure, side by side with the tools we compare with
	@scripts/bench

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
