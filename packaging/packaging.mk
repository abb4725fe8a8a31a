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
