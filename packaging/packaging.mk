# packaging.mk - a cluster on this machine as one command, and the sample app.

#: sudo make up               sets up, builds, starts a cluster of this machine with a sample app in it
.PHONY: up
up:
	@packaging/deps/setup.sh build up
	@$(MAKE) -s --no-print-directory all sample
	@packaging/up/up.sh

#: sudo make down             stops it and leaves nothing behind
.PHONY: down
down:
	@packaging/up/down.sh

#: make sample                build/<arch>/hello.tar: images of the sample app, mote.local/hello:1 and :2
.PHONY: sample
sample: build/$(ARCH)/hello.tar

build/$(ARCH)/hello: packaging/sample/hello.c build/deps/$(ARCH).stamp
	$(call announce,LINK,$@) mkdir -p $(@D) && $(tools)/cc $(filter-out -I%,$(flags_release)) -Werror $(link_release) -s -o $@.$$$$ $< && mv $@.$$$$ $@

build/$(ARCH)/hello.tar: build/$(ARCH)/hello packaging/sample/make_image.sh
	$(call announce,TAR,$@) packaging/sample/make_image.sh $< $(ARCH) $@

#: make dist                  build/dist: signed programs, bundles and install.sh for any web server or memory stick
#:                            DIST_KEY=a.key,b.key DIST_ROOT=file DIST_URL=https://... DIST_FROM=old,folders
#:                            DIST_ARCHS="x86_64 armv7" DIST=folder DIST_CHANNEL=stable
DIST ?= build/dist
DIST_ARCHS ?= x86_64 aarch64 armv7 armv6
export DIST_KEY DIST_ROOT DIST_URL DIST_FROM DIST_CHANNEL
.PHONY: dist
dist: build/mote
	@for arch in $(DIST_ARCHS); do $(MAKE) -s --no-print-directory ARCH=$$arch version='$(version)' all sample || exit; done
	@packaging/dist/make_dist.sh '$(DIST)' '$(version)' $(DIST_ARCHS)
