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

#: make test-long             a server and its node in an emulated machine: cgroup 2, nftables, a power cut
.PHONY: test-long
vm_programs := $(patsubst %,$(release)/tests/unit/runtime/test_%,capability cgroup images pathfd sandbox \
	sandbox_exec sandbox_modes seccomp)
test-long: build/mote $(vm_programs)
	@tests/vm/run.sh $(vm_programs)

#: make bench                 figures beside their bars
.PHONY: bench
bench: build/mote
	@tests/bench/run.sh

# Programs of the bench: against the release's rooms, as the product is built.
bench_uses := client api net base
build/bench/meter: $(patsubst %.c,$(release)/obj/%.o,$(wildcard tests/bench/*.c)) \
	$(call room_archives,$(release),$(bench_uses)) build/deps/$(ARCH).stamp
	$(call announce,LINK,$@) mkdir -p $(@D) && $(tools)/cc $(link_release) -o $@.$$$$ $(filter %.o,$^) \
		-Lbuild/deps/$(ARCH)/lib -Wl,--start-group $(filter %.a,$^) $(libraries) -Wl,--end-group && \
		mv $@.$$$$ $@
