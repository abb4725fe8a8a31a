# mote's build.  `make help` says what it can do.
#
# Rooms and their files are found by looking: a new file needs no line here.  Who may use whom is said
# in LAYERS only.  Third-party libraries come from packaging/deps.  All that is made lies in build/.

SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDEXPANSION:

# As many jobs as processors, unless -j says otherwise.
ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif

machine := $(patsubst armv7l,armv7,$(patsubst armv6l,armv6,$(shell uname -m)))
ARCH ?= $(machine)
DESTDIR ?=
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 5
HOSTCC ?= gcc
FUZZCC ?= clang
ROOM ?=
size_max := 6291456

# --- what there is ---------------------------------------------------------------------------------

rooms := $(shell sed -n 's/^\([a-z-]*\):.*/\1/p' LAYERS)
$(foreach line,$(shell awk -f packaging/build/rooms.awk LAYERS),$(eval $(subst +, ,$(line))))
host_tools := api/schema/compile_fields.c server/front/pack_openapi.c
sources := $(filter-out $(host_tools) ota/stage0/%,$(shell find $(wildcard $(rooms)) -maxdepth 3 -name '*.c'))
room_sources = $(filter $(1)/%,$(sources))
# Is the word $(1) (or none) in the file name of $(2)?
has_word = $(if $(1),$(findstring $(1),$(notdir $(2))),yes)
unit_rooms := $(if $(ROOM),$(ROOM),$(rooms))
unit_sources := $(sort $(shell find $(wildcard tests/unit) -mindepth 2 -maxdepth 4 -name '*.c'))

$(if $(filter-out $(rooms),$(ROOM)),$(error ROOM=$(ROOM): no such room (there is: $(rooms))))

# --- flags -----------------------------------------------------------------------------------------

# Left out on purpose: table rows name only what they need; a bounded text may be cut off; a marker on
# the stack may stand in a list for a while; and whether a variable may be uninitialised depends on the
# optimiser (gcc's word on it is a hint, never an error).
warnings := -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wwrite-strings -Wpointer-arith -Wundef -Wvla -Wimplicit-fallthrough \
	-Wno-missing-field-initializers -Wno-format-truncation -Wno-dangling-pointer
language := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -fno-common -I. -Ibuild/gen
libraries := -lwebsockets -lmbedtls -lsqlite3 -lyaml -lyyjson -lzstd -lz -lseccomp

flags_release := $(language) $(warnings) $(if $(DEV),-Werror -Wno-error=maybe-uninitialized) \
	-Os -ffunction-sections -fdata-sections -fPIE -fstack-protector-strong -fstack-clash-protection \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -ffile-prefix-map=$(CURDIR)=.
link_release := -static-pie -Wl,--gc-sections -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--build-id=none
# What runs before the C library's own entry (runtime/own_start.c).
link_entry_x86_64 := -Wl,-e,own_start -Wl,-u,own_start
link_entry_aarch64 := $(link_entry_x86_64)
flags_unit := $(language) $(warnings) -Werror -Wno-maybe-uninitialized -O1 -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined
flags_fuzz := $(language) -w -O1 -g -fno-omit-frame-pointer \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined

# --- the default: the binary -----------------------------------------------------------------------

binary := $(if $(filter $(machine),$(ARCH)),build/mote,build/$(ARCH)/mote)

#: make                       build/mote for this machine (static, musl)
#: make ARCH=aarch64          build/<arch>/mote; also armv7, armv6, x86_64, riscv64
#: make DEV=1                 warnings are errors
.PHONY: all
all: $(binary) $(if $(filter $(machine),$(ARCH)),build/$(ARCH)/mote)

# --- generated files -------------------------------------------------------------------------------

# Writes $(2) into the file $(1) if it is not there yet, so that dependants are rebuilt on a change only.
remember = $(if $(filter-out x$(subst $() ,_,$(strip $(2))),x$(subst $() ,_,$(strip $(file <$(1))))),$(shell mkdir -p $(dir $(1)))$(file >$(1),$(strip $(2))))

# The time of the last commit: earlier it cannot be where this program runs (base/time_floor.h).
built := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),1767225600)

version := $(file <VERSION)$(addprefix +,$(shell git rev-parse --short=12 HEAD 2>/dev/null))

ifeq ($(filter help clean,$(MAKECMDGOALS)),)
$(call remember,build/gen/version.h,#define MOTE_VERSION "$(version)")
$(call remember,build/gen/built.h,#define MOTE_BUILT $(built)ll)
endif

field_tables := $(sort $(wildcard api/schema/*.fields))
generated :=
ifneq ($(wildcard api/schema/compile_fields.c),)
ifneq ($(field_tables),)
generated := build/gen/api/fields_table.c

build/gen/compile_fields: api/schema/compile_fields.c
	@mkdir -p $(@D)
	$(call announce,HOSTCC,$<)
	@$(HOSTCC) $(language) $(warnings) -O1 -g -o $@ $<

$(generated): build/gen/compile_fields $(field_tables)
	@mkdir -p $(@D)
	$(call announce,GEN,$@)
	@$< $@ $(field_tables)
endif
endif

# Begins a recipe line: says in one line what the rest of it does.
announce = @printf '  %-8s %s\n' '$(1)' '$(2)';

# --- dependencies ----------------------------------------------------------------------------------

# FLAVOUR.checked tells when the scripts last ran, FLAVOUR.stamp when their result last changed.  Both go
# when the cache behind build/deps/FLAVOUR is gone.
deps_inputs := $(wildcard packaging/deps/lock packaging/deps/*.sh packaging/deps/*.h packaging/deps/recipes/*.sh)
define deps_flavour
$(if $(wildcard build/deps/$(1)/.complete),,$(shell rm -f build/deps/$(1).checked build/deps/$(1).stamp))
build/deps/$(1).checked: $(deps_inputs)
	@packaging/deps/build.sh $(1) build/deps/$(1)
	@touch $$@
build/deps/$(1).stamp: build/deps/$(1).checked
	@readlink build/deps/$(1) | cmp -s - $$@ || readlink build/deps/$(1) > $$@
endef
flavours := host x86_64 aarch64 armv7 armv6 riscv64
$(foreach f,$(flavours),$(eval $(call deps_flavour,$(f))))

#: make deps-all              third-party libraries for all processors
.PHONY: deps deps-all
deps: build/deps/$(ARCH).stamp
deps-all: $(patsubst %,build/deps/%.stamp,host x86_64 aarch64 armv7 armv6)

# --- rooms: objects and archives, per flavour ------------------------------------------------------
#
# $(1) flavour folder, $(2) deps flavour, $(3) compiler, $(4) flags, $(5) archiver.
# Files are written beside and moved into place, so that two makes in one tree do not hurt each other.

compile = $(call announce,CC,$@) mkdir -p $(@D) && $(1) $(2) -isystem build/deps/$(3)/include \
	-MMD -MP -MT $@ -MF $@.$$$$.d -c -o $@.$$$$ $< && mv $@.$$$$.d $(@:.o=.d) && mv $@.$$$$ $@

room_objects = $(patsubst %.c,$(1)/obj/%.o,$(call room_sources,$(2))) \
	$(if $(filter api,$(2)),$(patsubst build/gen/%.c,$(1)/gen/%.o,$(filter %.c,$(generated))))
room_archives = $(foreach r,$(2),$(if $(call room_sources,$(r)),$(1)/obj/$(r).a))

define flavour_rules
$(1)/obj/%.o: %.c build/deps/$(2).stamp $(1)/flags | $$$$(if $$$$(filter-out base net datastore tunnel runtime flannel-lite ota,$$$$(firstword $$$$(subst /, ,$$$$*))),$$(generated))
	$$(call compile,$(3),$$($(4)),$(2))
$(1)/gen/%.o: build/gen/%.c build/deps/$(2).stamp $(1)/flags | $$(generated)
	$$(call compile,$(3),$$($(4)),$(2))
$(1)/flags: ;
$$(call remember,$(1)/flags,$$($(4)))
$(foreach r,$(rooms),$(call archive_rule,$(1),$(r),$(5)))
endef

define archive_rule

$(1)/obj/$(2).a: $$(call room_objects,$(1),$(2))
	$$(call announce,AR,$$@) rm -f $$@.$$$$$$$$ && $(3) -rcsD $$@.$$$$$$$$ $$^ && mv $$@.$$$$$$$$ $$@
endef

release := build/$(ARCH)
tools := build/deps/$(ARCH)/bin
ifeq ($(filter help clean,$(MAKECMDGOALS)),)
$(eval $(call flavour_rules,$(release),$(ARCH),$(tools)/cc,flags_release,$(tools)/ar))
$(eval $(call flavour_rules,build/unit,host,$(HOSTCC),flags_unit,ar))
$(eval $(call flavour_rules,build/fuzz,host,$(FUZZCC),flags_fuzz,ar))
endif

# The launcher of versions: a program of its own, which the binary carries (ota/launcher.c).
# On aarch64, whose pages may have 64 KiB, read-only relocations alone would fill the file up to that size.
launcher_max := 65536
launcher_link_aarch64 := -Wl,-z,norelro
launcher_parts := ota/stage0/stage0.c ota/launch.c ota/slot_state.c ota/digest.c base/error.c
define launcher_rule
build/$(1)/launcher: $(launcher_parts) ota/launch.h ota/slot_state.h ota/digest.h base/error.h build/deps/$(1).stamp
	$$(call announce,LINK,$$@) mkdir -p $$(@D) && build/deps/$(1)/bin/cc $$(flags_release) -Werror $$(link_release) $(launcher_link_$(1)) -s -o $$@.$$$$$$$$ \
		$(launcher_parts) && size=$$$$(wc -c < $$@.$$$$$$$$) && { [ $$$$size -le $(launcher_max) ] || \
		{ echo "$$@ has $$$$size bytes, more than the $(launcher_max) it may have" >&2; rm -f $$@.$$$$$$$$; exit 1; }; } && \
		mv $$@.$$$$$$$$ $$@
endef
$(foreach a,$(sort $(ARCH) $(machine)),$(eval $(call launcher_rule,$(a))))
$(release)/obj/ota/launcher.o: $(release)/launcher
build/unit/obj/ota/launcher.o build/fuzz/obj/ota/launcher.o: build/$(machine)/launcher
$(release)/obj/ota/launcher.o: flags_release += -DLAUNCHER_FILE='"$(release)/launcher"'
build/unit/obj/ota/launcher.o: flags_unit += -DLAUNCHER_FILE='"build/$(machine)/launcher"'
build/fuzz/obj/ota/launcher.o: flags_fuzz += -DLAUNCHER_FILE='"build/$(machine)/launcher"'

# OpenAPI documents, made by a program of this machine's release objects (server/front/openapi_pack.c).
ifeq ($(ARCH),$(machine))
build/gen/pack_openapi: server/front/pack_openapi.c $(call room_archives,$(release),api net base) build/deps/$(ARCH).stamp
	$(call announce,LINK,$@) $(tools)/cc $(flags_release) $(link_release) -isystem build/deps/$(ARCH)/include -o $@.$$$$ $< \
		-Lbuild/deps/$(ARCH)/lib -Wl,--start-group $(filter %.a,$^) $(libraries) -Wl,--end-group && mv $@.$$$$ $@
build/gen/openapi.pack: build/gen/pack_openapi
	$(call announce,GEN,$@) $< $@.$$$$ && { cmp -s $@.$$$$ $@ && rm $@.$$$$ && touch $@ || mv $@.$$$$ $@; }
else
.PHONY: openapi-pack
build/gen/openapi.pack: openapi-pack
openapi-pack:
	@$(MAKE) --no-print-directory ARCH=$(machine) build/gen/openapi.pack
endif
$(foreach f,$(release) build/unit build/fuzz,$(eval $(f)/obj/server/front/openapi_pack.o: build/gen/openapi.pack))

build/$(ARCH)/mote: $(call room_archives,$(release),$(rooms)) build/deps/$(ARCH).stamp
	$(if $(call room_sources,cli),,$(error there is no cli/ yet, so there is no binary to link))
	$(call announce,LINK,$@) $(tools)/cc $(link_release) $(link_entry_$(ARCH)) -s -o $@.$$$$ -Lbuild/deps/$(ARCH)/lib -Wl,--start-group \
		$(filter %.a,$^) $(libraries) -Wl,--end-group && size=$$(wc -c < $@.$$$$) && \
		{ [ $$size -le $(size_max) ] || \
		{ echo "$@ has $$size bytes, more than the $(size_max) it may have" >&2; rm -f $@.$$$$; exit 1; }; } && \
		mv $@.$$$$ $@

build/mote: build/$(machine)/mote
	@ln -f $< $@ 2>/dev/null || cp $< $@

# --- unit tests ------------------------------------------------------------------------------------
#
# tests/unit/ROOM/test_X.c is a program; other .c files beside it are helpers, linked where used.

unit_programs = $(foreach r,$(2),$(patsubst tests/%.c,$(1)/tests/%,$(call unit_mains,$(r))))
unit_mains = $(foreach s,$(filter tests/unit/$(1)/%,$(unit_sources)),$(if $(filter test_%,$(notdir $(s))),$(s)))
unit_helpers = $(filter-out $(call unit_mains,$(1)),$(filter tests/unit/$(1)/%,$(unit_sources)))

# $(1) flavour folder, $(2) deps flavour, $(3) compiler, $(4) flags, $(5) link flags, $(6) room,
# $(7) archiver
define unit_rules
$(1)/tests/unit/$(6)/helpers.a: $$(patsubst %.c,$(1)/obj/%.o,$$(call unit_helpers,$(6)))
	$$(call announce,AR,$$@) mkdir -p $$(@D) && $(7) -rcsD $$@.$$$$$$$$ $$^ && mv $$@.$$$$$$$$ $$@
$(1)/tests/unit/$(6)/%: $(1)/obj/tests/unit/$(6)/%.o $(1)/obj/tests/unit/harness.o \
	$$(if $$(call unit_helpers,$(6)),$(1)/tests/unit/$(6)/helpers.a) $$(call room_archives,$(1),$$(uses_$(6))) build/deps/$(2).stamp
	$$(call announce,LINK,$$@) mkdir -p $$(@D) && $(3) $$($(4)) $(5) -o $$@.$$$$$$$$ $$(filter %.o,$$^) \
		-Lbuild/deps/$(2)/lib -Wl,--start-group $$(filter %.a,$$^) $$(libraries) -Wl,--end-group \
		-lpthread -lm && mv $$@.$$$$$$$$ $$@
endef
ifeq ($(filter help clean,$(MAKECMDGOALS)),)
$(foreach r,$(rooms),$(eval $(call unit_rules,build/unit,host,$(HOSTCC),flags_unit,,$(r),ar)))
$(foreach r,$(rooms),$(eval $(call unit_rules,$(release),$(ARCH),$(tools)/cc,flags_release,$(link_release),$(r),$(tools)/ar)))
endif
.SECONDARY:

#: make unit                  unit tests of all rooms, with address and undefined-behaviour sanitizers
#: make unit ROOM=net         those of one room; TEST=http: programs whose name has this word
.PHONY: unit unit-build
unit_chosen = $(foreach p,$(call unit_programs,$(1),$(unit_rooms)),$(if $(call has_word,$(TEST),$(p)),$(p)))
unit-build: $(call unit_chosen,build/unit)
unit: unit-build
	@packaging/build/run_unit.sh $(call unit_chosen,build/unit)

#: make unit-cross ARCH=armv7 unit tests of the portable rooms, emulated (also aarch64, armv6)
.PHONY: unit-cross
cross_rooms := $(filter base net api datastore client tunnel ota,$(unit_rooms))
cross_programs := $(foreach p,$(call unit_programs,$(release),$(cross_rooms)),$(if $(call has_word,$(TEST),$(p)),$(p)))
unit-cross: $(cross_programs)
	@HARNESS_TIME_FACTOR=10 packaging/build/run_unit.sh -n unit-$(ARCH) \
		-e "$$(packaging/deps/emulator.sh $(ARCH))" $(cross_programs)

# --- fuzzers ---------------------------------------------------------------------------------------

fuzz_sources := $(sort $(wildcard tests/fuzz/fuzz_*.c))
fuzz_programs := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(fuzz_sources))
# The rooms a fuzzer names in its includes, and what they use.
fuzz_rooms = $(sort $(foreach r,$(filter $(rooms),$(shell sed -n 's,^\#include "\([a-z-]*\)/.*,\1,p' $(1))),$(uses_$(r))))

define fuzz_rule
build/fuzz/$(1): build/fuzz/obj/tests/fuzz/$(1).o $(call room_archives,build/fuzz,$(call fuzz_rooms,tests/fuzz/$(1).c)) build/deps/host.stamp
	$$(call announce,LINK,$$@) $(FUZZCC) -fsanitize=fuzzer,address,undefined -o $$@.$$$$$$$$ $$(filter %.o,$$^) \
		-Lbuild/deps/host/lib -Wl,--start-group $$(filter %.a,$$^) $$(libraries) -Wl,--end-group \
		-lpthread -lm && mv $$@.$$$$$$$$ $$@
endef
$(foreach f,$(notdir $(fuzz_programs)),$(eval $(call fuzz_rule,$(f))))

#: make fuzz FUZZ_SECONDS=60  each fuzzer for some seconds (default 5); FUZZ=json: those with this word
.PHONY: fuzz
fuzz_chosen = $(foreach p,$(fuzz_programs),$(if $(call has_word,$(FUZZ),$(p)),$(p)))
fuzz: $(fuzz_chosen)
	@tests/fuzz/run.sh $(FUZZ_SECONDS) $(fuzz_chosen)

# --- checks, installing, cleaning ------------------------------------------------------------------

#: make style                 layers, lengths, names, banned calls; the ten longest functions and files
.PHONY: style
style:
	@tests/style/run

#: make install DESTDIR=dir   the binary into $(DESTDIR)$(PREFIX)/bin
.PHONY: install
install: $(binary)
	install -D -m 755 $(binary) $(DESTDIR)$(PREFIX)/bin/mote

#: make clean                 removes build/ (the cache of third-party libraries stays)
.PHONY: clean
clean:
	rm -rf build

#: make help                  this list
.PHONY: help
help:
	@sed -n 's/^#: //p' $(MAKEFILE_LIST)

-include packaging/packaging.mk
-include tests/tests.mk

ifeq ($(filter help clean,$(MAKECMDGOALS)),)
-include $(shell find build/unit build/fuzz $(release) -name '*.d' ! -name '*.o.*' 2>/dev/null)
endif
