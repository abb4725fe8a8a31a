# shellcheck shell=sh
# shellcheck disable=SC2154,SC2016
# cases_trust.sh - what is refused: cut, changed, unsigned, old; and what shall not be able to choose what runs.

# A download that ends early runs nothing, wherever it ends.
case_cut() {
	fresh
	snapshot > "$work/before"
	size=$(wc -c < "$installer")
	at=0
	while [ "$at" -lt "$size" ]; do
		head -c "$at" "$installer" | inside INSTALL_MOTE_URL=/dist sh > /dev/null 2>&1 || :
		at=$((at + 1024))
	done
	# Right before the call, too.
	sed '$d' "$installer" | inside INSTALL_MOTE_URL=/dist sh > /dev/null 2>&1
	[ ! -s "$r/log/mote" ] && [ ! -s "$r/log/service" ]
	unchanged
	# The whole of it does something, or this has tested nothing.
	installs
	[ -s "$r/log/mote" ]
}

resign() { sign "$r/dist/v1.0.0/sha256sums.txt" "$@"; }

case_wrong_hash() {
	fresh
	for file in "$r"/dist/v1.0.0/mote-*; do echo '# more' >> "$file"; done
	refuses 'is not what the signed list says'
}

case_wrong_signatures() {
	fresh
	not_signed='is not signed as it must be'
	resign a
	refuses "$not_signed: 1 of the 2"
	cat "$r/dist/v1.0.0/sha256sums.txt.sig" "$r/dist/v1.0.0/sha256sums.txt.sig" > "$r/twice"
	mv "$r/twice" "$r/dist/v1.0.0/sha256sums.txt.sig"
	refuses "$not_signed: 1 of the 2"
	resign a stranger
	refuses "$not_signed: 1 of the 2"
	resign stranger
	refuses "$not_signed: 0 of the 2"
	: > "$r/dist/v1.0.0/sha256sums.txt.sig"
	refuses "$not_signed: 0 of the 2"
	# A true signature by a under b's name.
	resign a b
	sed -i "s/$(cut -d ' ' -f 2 "$r/dist/v1.0.0/sha256sums.txt.sig" | sed -n 2p)/$(cut -d ' ' -f 2 "$r/dist/v1.0.0/sha256sums.txt.sig" | sed -n 1p)/" \
		"$r/dist/v1.0.0/sha256sums.txt.sig"
	refuses "$not_signed: 1 of the 2"
	resign c b
	installs
}

case_list_of_another_version() {
	fresh
	dist "$r/dist" 0.9.0 7
	rm -rf "$r/dist/v1.0.0"
	mv "$r/dist/v0.9.0" "$r/dist/v1.0.0"
	echo v1.0.0 > "$r/dist/stable"
	refuses 'the list of hashes is that of 0.9.0'
}

case_changed_list() {
	fresh
	sed -i 's/^# epoch 7/# epoch 8/' "$r/dist/v1.0.0/sha256sums.txt"
	refuses 'is not signed as it must be: 0 of the 2'
}

case_expired_list() {
	fresh
	list "$r/dist/v1.0.0" 1.0.0 7 2020-01-01T00:00:00Z 2021-01-01T00:00:00Z
	resign a b
	refuses 'is good only until 2021-01-01T00:00:00Z'
	installs INSTALL_MOTE_ALLOW_EXPIRED=true
	# A clock that is behind cannot judge.
	fresh
	list "$r/dist/v1.0.0" 1.0.0 7 2090-01-01T00:00:00Z 2091-01-01T00:00:00Z
	resign a b
	installs
	says 'cannot be judged'
}

case_floor() {
	fresh
	mkdir -p "$r/var/lib/mote/ota"
	echo 8 > "$r/var/lib/mote/ota/floor"
	refuses 'takes none below 8'
	echo 7 > "$r/var/lib/mote/ota/floor"
	installs
}

# A web server that hands out what was good once: only who asks for that version gets it.
case_older_than_what_is_here() {
	fresh
	installs
	echo 'epoch 8' > "$r/var/lib/mote/ota/current/OK"
	: > "$r/log/mote"
	refuses 'older than what is here'
	installs INSTALL_MOTE_VERSION=1.0.0
}

# Endless data.
case_too_large() {
	fresh
	head -c 70000 /dev/zero >> "$r/dist/v1.0.0/sha256sums.txt"
	refuses 'too large'
	fresh
	for file in "$r"/dist/v1.0.0/mote-*; do head -c 17000000 /dev/zero >> "$file"; done
	refuses 'too large'
}

case_script_without_root_of_trust() {
	fresh
	sed 's/^mote-root 1$/mote-root 9/' "$installer" > "$work/other.sh"
	installer=$work/other.sh
	refuses 'no root of trust'
}

# Programs, libraries and files of the caller are not asked.
case_hostile_environment() {
	fresh
	mkdir -p "$r/evil"
	for tool in openssl sha256sum curl mktemp sed awk cut cat id; do
		script "$r/evil/$tool" <<'TEXT'
echo "$0" >> /log/evil
exit 0
TEXT
	done
	echo 'echo env >> /log/evil' > "$r/evil/env.sh"
	chmod 644 "$r/evil/env.sh"
	installs PATH=/evil:/usr/bin:/bin IFS=/ BASH_ENV=/evil/env.sh CDPATH=/evil OPENSSL_CONF=/evil/openssl.cnf
	[ ! -e "$r/log/evil" ] || { cat "$r/log/evil"; return 1; }
	ran 'ota install'
}

# bash takes functions from the environment, also those that are called as ours are.
case_functions_of_the_caller() {
	[ "$flavour" = debian ] || return 0
	fresh
	add_program "$r" /bin/bash
	ln -sf bash "$r/usr/bin/sh"
	set --
	for tool in env sed id uname mktemp sha256sum openssl read printf fail check_list root_of_trust; do
		set -- "$@" "BASH_FUNC_$tool%%=() { echo $tool >> /log/evil; }"
	done
	installs "$@"
	[ ! -e "$r/log/evil" ] || { cat "$r/log/evil"; return 1; }
	ran 'ota install'
}

# Where nothing may be executed, that is said, and the way out.
case_tmp_noexec() {
	fresh
	mount -t tmpfs -o noexec tmpfs "$r/tmp"
	refuses 'set TMPDIR to a folder'
	installs TMPDIR=/root
	umount "$r/tmp"
}

# A preloaded library is in the shell itself, which we cannot help; it shall be in nothing that the shell starts.
case_preload() {
	[ "$flavour" = debian ] || return 0
	fresh
	cat > "$work/evil.c" <<'TEXT'
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void note(void)
{
	char name[256] = "";
	int from = open("/proc/self/cmdline", O_RDONLY), to = open("/log/preload", O_WRONLY | O_CREAT | O_APPEND, 0666);
	ssize_t size = read(from, name, sizeof(name) - 1);

	dprintf(to, "%s\n", size > 0 ? name : "?");
}
TEXT
	gcc -shared -fPIC -o "$r/evil.so" "$work/evil.c"
	installs LD_PRELOAD=/evil.so
	# The shell, and its own copies of itself for $(...).
	[ "$(sort -u "$r/log/preload")" = sh ] || { sort "$r/log/preload" | uniq -c; return 1; }
}

# Nothing is left in /tmp, nobody else could look in, and a name that was there before is not used.
case_temporary_folder() {
	fresh
	installs
	grep -q '^drwx------' "$r/log/folders"
	! grep -qv '^drwx------' "$r/log/folders"
	[ -z "$(ls -A "$r/tmp")" ]
	fresh
	resign a
	refuses 'is not signed'
	[ -z "$(ls -A "$r/tmp")" ]
}

# No openssl: it is installed by the system's own means, or the way is told.
case_no_openssl() {
	fresh
	mv "$r/usr/bin/openssl" "$r/openssl"
	refuses 'there is no openssl'
	if [ "$flavour" = debian ]; then manager=apt-get; else manager=apk; fi
	rm -f "$r/usr/bin/$manager" "$r/sbin/$manager"
	script "$r/usr/bin/$manager" <<'TEXT'
echo "${0##*/} $*" >> /log/service
mv /openssl /usr/bin/openssl
TEXT
	installs
	grep -q "^$manager .*openssl" "$r/log/service"
}

# --- bundles ------------------------------------------------------------------------------------------

machine_arch() { uname -m | sed 's/armv7l/armv7/; s/armv6l/armv6/'; }

case_bundle() {
	fresh
	this=$(machine_arch)
	bundle "$r/mote.bundle" "$this" 1.0.0 --raw a b
	installs INSTALL_MOTE_URL= INSTALL_MOTE_BUNDLE=/mote.bundle
	ran 'ota install .* --bundle /mote.bundle'
	served '.*restart.*'
	snapshot > "$work/before"
	: > "$r/log/service"
	installs INSTALL_MOTE_URL= INSTALL_MOTE_BUNDLE=/mote.bundle
	unchanged
	not_served restart
}

# flip FILE OFFSET: another byte there.
flip() {
	byte=$(dd if="$1" bs=1 skip="$2" count=1 2>/dev/null | od -An -tu1)
	# shellcheck disable=SC2059
	printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

case_bundle_refused() {
	fresh
	this=$(machine_arch)
	other=armv6
	[ "$this" != armv6 ] || other=armv7
	try_bundle() { refuses "$1" INSTALL_MOTE_BUNDLE=/mote.bundle; }
	try_bundle 'there is no file /mote.bundle'
	echo no bundle > "$r/mote.bundle"
	try_bundle 'is no bundle of mote'
	bundle "$r/mote.bundle" "$this" 1.0.0 --raw a
	try_bundle 'is not signed as it must be: 1 of the 2'
	bundle "$r/mote.bundle" "$this" 1.0.0 --raw a stranger
	try_bundle 'is not signed as it must be: 1 of the 2'
	bundle "$r/mote.bundle" "$other" 1.0.0 --raw a b
	try_bundle "is for $other; this machine is $this"
	bundle "$r/mote.bundle" "$this" 1.0.0 '' a b
	try_bundle 'is for updates'
	bundle "$r/mote.bundle" "$this" 1.0.0 --raw a b
	cp "$r/mote.bundle" "$work/good.bundle"
	echo more >> "$r/mote.bundle"
	try_bundle 'is not whole'
	head -c 5000 "$work/good.bundle" > "$r/mote.bundle"
	try_bundle 'error:'
	# One bit of the header, of the manifest, of the program.
	for offset in 30 4000 "$(header_offset manifest)" "$(entry_offset)"; do
		[ -n "$offset" ]
		cp "$work/good.bundle" "$r/mote.bundle"
		flip "$r/mote.bundle" "$offset"
		try_bundle 'is not signed as it must be\|is damaged'
	done
	mkdir -p "$r/var/lib/mote/ota"
	echo 8 > "$r/var/lib/mote/ota/floor"
	cp "$work/good.bundle" "$r/mote.bundle"
	try_bundle 'takes none below 8'
}

header_offset() { head -c 4096 "$work/good.bundle" | tr -d '\000' | sed -n "s/^$1 \([0-9]*\) .*/\1/p"; }
entry_offset() {
	tail -c "+$(($(header_offset manifest) + 1))" "$work/good.bundle" |
		sed -n '1s/^entry [^ ]* binary raw [0-9]* [0-9a-f]* \([0-9]*\) .*/\1/p'
}
