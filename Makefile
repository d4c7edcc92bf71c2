# Thin delegates: everything is done by `cargo xtask` and scripts/.
.DEFAULT_GOAL := help
.PHONY: start stop check diagnose logs test bench help

start:  ## check the ports, then up; brings up a Docker engine where there is none
	@cargo xtask start --setup

stop:  ## stop the stack; data stays in its volumes
	@cargo xtask stop

check:  ## are all ports free, and if not: who has them
	@cargo xtask check-ports

diagnose:  ## is this machine ready, and if not: what to do
	@cargo xtask diagnose

logs:  ## what the containers wrote
	@cargo xtask logs

test:  ## all tests, on a real engine; installs what they need (Debian and Ubuntu, as root)
	@scripts/test

bench:  ## measure, side by side with the tools we compare with
	@scripts/bench

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
