# Thin delegates: everything is done by `cargo xtask` and scripts/.
.DEFAULT_GOAL := help
.PHONY: start stop check diagnose logs test bench help build

# A first build takes a while and is shown; later ones are silent.
build:
	@test -x target/debug/xtask || cargo build --locked --package xtask --bin xtask

start: build  ## check the ports, then up; brings up a Docker engine where there is none
	@cargo xtask start --setup

stop: build  ## stop the stack; data stays in its volumes
	@cargo xtask stop

check: build  ## are all ports free, and if not: who has them
	@cargo xtask check-ports

diagnose: build  ## is this machine ready, and if not: what to do
	@cargo xtask diagnose

logs: build  ## what the containers wrote
	@cargo xtask logs

test:  ## all tests, on a real engine; installs what they need (Debian and Ubuntu, as root)
	@scripts/test

bench:  ## measure, side by side with the tools we compare with
	@scripts/bench

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
