# tests.mk - the tests as one command.

#: make test                  everything that CI runs: setup, build, unit tests, fuzzers, style, cluster
.PHONY: test
test:
	@packaging/deps/setup.sh
	@tests/run

#: make cluster               the tests with the real kubectl
.PHONY: cluster
cluster: build/mote
	@tests/run_cluster.sh

#: make bench                 figures beside their bars
.PHONY: bench
bench: build/mote
	@tests/bench/run.sh
