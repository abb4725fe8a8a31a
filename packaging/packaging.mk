# packaging.mk - a server on this machine as one command.

#: sudo make up               sets up, builds, starts a server in the background, says how to go on
.PHONY: up
up:
	@packaging/deps/setup.sh build
	@command -v curl > /dev/null || packaging/deps/setup.sh test
	@$(MAKE) -s --no-print-directory
	@packaging/up/up.sh

#: sudo make down             stops it and removes its data
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
