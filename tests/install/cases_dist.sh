# shellcheck shell=sh
# shellcheck disable=SC2154,SC2034
# cases_dist.sh - what make dist makes, with the real program.

# make_real FOLDER TIME: the dist for this machine alone.
make_real() {
	make -s -j2 dist DIST="$1" DIST_ARCHS="$(machine_arch)" DIST_KEY="$work/keys/a.key,$work/keys/b.key" DIST_ROOT="$work/root" \
		SOURCE_DATE_EPOCH="$2" version="$built" > "$work/make" 2>&1 || { tail "$work/make"; return 1; }
}

find_version() { built=$(sed -n 's/^#define MOTE_VERSION "\(.*\)"$/\1/p' build/gen/version.h); }

# A copy of the tree in another folder, built there from nothing.
copy_tree() {
	mkdir -p "$1/build"
	find . -mindepth 1 -maxdepth 1 ! -name build ! -name .git -exec cp -a {} "$1" \;
	# Third-party libraries come from the cache, as everywhere.
	cp -a build/deps "$1/build/deps"
}

once_reproducible() {
	find_version
	copy_tree "$work/elsewhere/further/tree"
	make_real "$work/one" 1700000000
	( cd "$work/elsewhere/further/tree" && make_real "$work/two" 1700000000 )
	diff -r "$work/one" "$work/two"
	[ "$(contents "$work/one")" = "$(contents "$work/two")" ]
	[ "$(find "$work/one" -type f | grep -c '')" = 8 ]
}

# Names, modes, times, bytes.
contents() { ( cd "$1" && find . -printf '%p %m %T@\n' | sort && find . -type f | sort | xargs sha256sum ); }

# Installed, again, updated from the air-gap bundle, taken away: with the real program.
once_real_program() {
	flavour=debian
	find_version
	make_real "$work/real" "$(date +%s)"
	sh -n "$work/real/install.sh"
	if command -v shellcheck > /dev/null; then shellcheck -s sh "$work/real/install.sh"; fi
	installer=$work/real/install.sh
	fresh
	cp -a "$work/real" "$r/real"
	names > "$work/before"
	installs INSTALL_MOTE_URL=/real
	inside /usr/local/bin/mote version | grep -F "$built"
	snapshot > "$work/first"
	: > "$r/log/service"
	installs INSTALL_MOTE_URL=/real
	says 'nothing has changed'
	snapshot > "$work/second"
	diff "$work/first" "$work/second"
	not_served restart
	inside /usr/local/bin/mote-uninstall.sh
	names > "$work/after"
	diff "$work/before" "$work/after"

	# A folder of the web server is not needed: one file has all.
	installs INSTALL_MOTE_URL= INSTALL_MOTE_BUNDLE="/real/v$built/mote-$(machine_arch)-airgap.bundle"
	inside /usr/local/bin/mote version | grep -F "$built"
	cmp "$r/var/lib/mote/agent/images/hello.tar" "build/$(machine_arch)/hello.tar"
	cmp "$r/var/lib/mote/server/manifests/hello.yaml" packaging/sample/hello.yaml
	cmp "$r/etc/mote/config.yaml" packaging/dist/config.yaml
	inside /usr/local/bin/mote-uninstall.sh
	names > "$work/after"
	diff "$work/before" "$work/after"
}
