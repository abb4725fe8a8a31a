#!/bin/bash
# bats.sh - the integration tests of runc (the distribution's source package of it) against `mote oci`.
#
# They run in a room of their own with the distribution's bats.  A test that fails must stand in skipped_bats.md, and one
# that passes must not: the list stays true.  What the suite leaves out by itself (criu, systemd, cgroups v2) is counted.
# With RUNC=path another runtime is asked, and the list is not compared: to see what it does where this one fails.
#
# usage: bats.sh [WORD]      WORD: only files with it in their names
set -u
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "bats: 1 passed, 0 failed (skipped: needs root)"; exit 0; }
[ "${MOTE_OCI_TEST:-}" = 1 ] || MOTE_OCI_TEST=1 exec tests/oci/room.sh bats "$PWD/tests/oci/bats.sh" "$@"
list=$PWD/tests/oci/skipped_bats.md
suite=$(packaging/deps/clients.sh runc-source) || exit 2
libraries=$(packaging/deps/clients.sh oci-libraries) || exit 2
seccomp=$(packaging/deps/clients.sh seccomp) || exit 2
GOROOT=$(packaging/deps/clients.sh client-go)/usr/lib/go-1.24 || exit 2
scratch=$(mktemp -d)
chmod 755 "$scratch"
# What a test that was cut short left.
end() {
	for state in "$scratch"/tmp/bats-run-*/runc.*/state/*/; do
		id=$(basename "$state")
		case $id in @* | '*') ;; *) "$RUNC" --root "${state%/*/}" delete --force "$id" > /dev/null 2>&1 ;; esac
	done
	# Whatever a cut left frozen in groups of ours is thawed and ended.
	find /sys/fs/cgroup -name freezer.state -path "*/runc-cgroups-test-$$*" 2> /dev/null | while read -r state; do
		echo THAWED > "$state"
		xargs -r kill -9 < "${state%freezer.state}cgroup.procs" 2> /dev/null
	done
	find /sys/fs/cgroup -depth -type d \( -path "*/runc-cgroups-test-$$*" -o -path "*/test_busy$$*" \) \
		-exec rmdir {} + 2> /dev/null
	# What a runtime left mounted there is not the suite's to remove.
	rm -rf --one-file-system "$scratch"
}
trap end EXIT
trap 'exit 1' INT TERM
mkdir -p "$scratch/src" "$scratch/tmp" "$scratch/image"/{bin,dev,etc,lib,root,home,usr/bin,usr/sbin,var}
mkdir -m 1777 "$scratch/image/tmp"
cp -a "$libraries/usr/share/gocode/src/." "$scratch/src/"
root=$scratch/src/github.com/opencontainers/runc
cp -a "$suite" "$root"
export GOROOT GO111MODULE=off GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-buildvcs=false
export GOPATH=$scratch GOCACHE=$PWD/build/clients/go-cache
( cd "$root/contrib/cmd/recvtty" && "$GOROOT/bin/go" build -o recvtty . ) || exit 1
# The one that answers for filtered calls is partly C.
cp -a "$seccomp/usr/share/gocode/src/." "$scratch/src/"
( cd "$root/contrib/cmd/seccompagent" && CGO_ENABLED=1 PKG_CONFIG=true CGO_CFLAGS="-I$seccomp/usr/include" \
	CGO_LDFLAGS="$(echo "$seccomp"/usr/lib/*/libseccomp.a)" "$GOROOT/bin/go" build -tags seccomp -o seccompagent . ) || exit 1

# The root of its containers, in place of the images that it would load.
cp /bin/busybox "$scratch/image/bin/"
for name in $(/bin/busybox --list); do
	[ -e "$scratch/image/bin/$name" ] || ln -s busybox "$scratch/image/bin/$name"
done
# Where it is not linked to the C library, as Debian's, it works in any root.
cp /usr/sbin/ldconfig "$scratch/image/usr/sbin/"
printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n' > "$scratch/image/etc/passwd"
printf 'root:x:0:\ndaemon:x:1:\n' > "$scratch/image/etc/group"
tar -C "$scratch/image" -cf "$scratch/image.tar" .
cat > "$root/tests/integration/get-images.sh" << END
echo BUSYBOX_IMAGE=$scratch/image.tar DEBIAN_IMAGE=$scratch/image.tar
END

# Names of its own, so that two runs at once do not meet in a cgroup.
sed -i "s/test_busybox/test_busy$$/g; s/runc-cgroups-integration-test/runc-cgroups-test-$$/g" "$root"/tests/integration/*.ba*

# The limit that it begins with is the machine's own where nobody may raise that.
hard=$(ulimit -Hn)
[ "$hard" = unlimited ] || [ "$hard" -gt 65536 ] ||
	sed -i "s/--nofile=1024:65536/--nofile=1024:$hard/" "$root/tests/integration/rlimits.bats"

compared=${RUNC:+no}
ln -s "$PWD/build/mote" "$scratch/mote-oci"
export RUNC=${RUNC:-$scratch/mote-oci} TMPDIR=$scratch/tmp
passed=0 failed=0 left=0
mkfifo "$scratch/silence"
exec 8<> "$scratch/silence"

# judge FILE FINE NAME: compares with the list.
judge() {
	local known
	known=$(grep -cF "| $1 | $3 |" "$list")
	if [ -n "$compared" ]; then
		[ "$2" = yes ] || echo "$1: fails: $3"
		return 0
	fi
	[ "$2" = yes ] && [ "$known" != 0 ] && { echo "bats: $1: passes, and stands in skipped_bats.md: $3"; return 1; }
	[ "$2" = yes ] || [ "$known" != 0 ] || { echo "bats: $1: fails: $3"; return 1; }
}

# Read what bats printed: "ok 3 name", "not ok 4 name", "ok 5 name # skip why".
read_points() {
	local line name fine
	cp "$scratch/out" "$scratch/points"
	while read -r line; do
		case $line in
		"ok "*" # skip"*) left=$((left + 1)); continue ;;
		"ok "*) fine=yes ;;
		"not ok "*) fine=no ;;
		*) continue ;;
		esac
		name=${line#not }
		name=${name#ok * }
		name=${name% in *ms}
		if judge "$1" "$fine" "$name"; then
			passed=$((passed + 1))
		else
			failed=$((failed + 1))
			[ "$fine" = yes ] || grep -Fx -A 30 -- "$line" "$scratch/points" | sed -e '1!{ /^[on]/,$d; }' -e 's/^/    /'
		fi
	done < "$scratch/out"
}

for file in "$root"/tests/integration/*.bats; do
	name=$(basename "$file" .bats)
	[[ $name == *"${1:-}"* ]] || continue
	begun=$SECONDS
	# With a terminal where nobody types, as its authors run it; a line's end is another there.
	timeout 300 script -qec "bats --tap $file" /dev/null <&8 > "$scratch/raw" 2>&1 8<&-
	status=$?
	tr -d '\r' < "$scratch/raw" > "$scratch/out"
	[ "$status" -le 1 ] || { echo "bats: $name ended before its time"; tail -n 5 "$scratch/out"; failed=$((failed + 1)); }
	read_points "$name"
	[ -z "${VERBOSE:-}" ] || echo "bats: $name: $((SECONDS - begun)) s"
done
echo "bats: $passed passed, $failed failed, $left left out by the suite"
[ "$failed" = 0 ]
