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
