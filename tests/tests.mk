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

#: make test-vm               in emulated machines, x86_64 and aarch64: installs, updates, joins, power cuts
.PHONY: test-vm test-vm-short test-long vm-programs
vm_programs := $(addprefix runtime/test_,capability cgroup images pathfd sandbox sandbox_exec sandbox_modes sandbox_rights container_attack seccomp seccomp_profile \
	user_lookup kernel_probe volume_race)
vm-programs: build/$(ARCH)/mote $(addprefix $(release)/tests/unit/,$(vm_programs))
test-vm:
	@$(MAKE) --no-print-directory ARCH=x86_64 vm-programs
	@$(MAKE) --no-print-directory ARCH=aarch64 vm-programs
	@tests/vm/run.sh vm $(vm_programs)
#: make test-vm-short         those of them that fit into make test
test-vm-short: build/mote
	@tests/vm/run.sh vm-short
#: make test-install          install.sh on small machines in folders; make dist twice; TEST=word: those with this word
.PHONY: test-install
test-install: build/mote
	@tests/install/run.sh $(TEST)

#: make golden                field tables and codecs against Kubernetes' golden vectors; TEST=word: those with this word
.PHONY: golden
golden: build/unit/tests/golden/compare_golden
	@tests/golden/run.sh $< $(TEST)
build/unit/tests/golden/compare_golden: build/unit/obj/tests/golden/compare_golden.o \
	$(call room_archives,build/unit,api base) build/deps/host.stamp
	$(call announce,LINK,$@) mkdir -p $(@D) && $(HOSTCC) $(flags_unit) -o $@.$$$$ $(filter %.o,$^) \
		-Lbuild/deps/host/lib -Wl,--start-group $(filter %.a,$^) $(libraries) -Wl,--end-group \
		-lpthread -lm && mv $@.$$$$ $@

#: make test-long             what takes long: the soak, the emulated machines, the unit tests of more processors,
#:                            podman, the OCI runtime validation suite, runc's own tests, the conformance list
test-long: build/mote
	@tests/long/conformance_apps.sh
	@tests/long/conformance_api.sh
	@tests/long/conformance_nodes.sh
	@tests/long/conformance_node.sh
	@tests/long/conformance_network.sh
	@bash tests/oci/podman.sh
	@tests/long/soak.sh
	@tests/oci/validation.sh
	@tests/oci/bats.sh
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=30
	@MOTE_TEST_RACES=1000000 $(MAKE) --no-print-directory unit ROOM=runtime TEST=pathfd
	@MOTE_TEST_RACES=1000000 $(MAKE) --no-print-directory unit ROOM=runtime TEST=container_attack
	@MOTE_TEST_RACES=1000000 $(MAKE) --no-print-directory unit ROOM=runtime TEST=race
	@$(MAKE) --no-print-directory unit-cross ARCH=armv7
	@$(MAKE) --no-print-directory unit-cross ARCH=aarch64
	@$(MAKE) --no-print-directory unit-cross ARCH=armv6
	@$(MAKE) --no-print-directory test-vm

#: make bench                 figures beside their bars
.PHONY: bench
bench: build/mote
	@tests/bench/run.sh

# Programs of the bench: against the release's rooms, as the product is built.
bench_uses := client api net base
build/bench/meter: $(patsubst %.c,$(release)/obj/%.o,$(wildcard tests/bench/meter*.c)) \
	$(call room_archives,$(release),$(bench_uses)) build/deps/$(ARCH).stamp
	$(call announce,LINK,$@) mkdir -p $(@D) && $(tools)/cc $(link_release) -o $@.$$$$ $(filter %.o,$^) \
		-Lbuild/deps/$(ARCH)/lib -Wl,--start-group $(filter %.a,$^) $(libraries) -Wl,--end-group && \
		mv $@.$$$$ $@

# The checker of watches (tests/cluster/watch.sh), as the bench's programs.
build/tests/check_watch: $(patsubst %.c,$(release)/obj/%.o,$(wildcard tests/watch/*.c)) \
	$(call room_archives,$(release),net base) build/deps/$(ARCH).stamp
	$(call announce,LINK,$@) mkdir -p $(@D) && $(tools)/cc $(link_release) -o $@.$$$$ $(filter %.o,$^) \
		-Lbuild/deps/$(ARCH)/lib -Wl,--start-group $(filter %.a,$^) $(libraries) -Wl,--end-group && \
		mv $@.$$$$ $@
