#!/bin/bash
# runtime.sh - from an OCI runtime's "create" until the container's program runs, ours beside the distribution's crun and
# runc in one run: prints "NAME p50 p99" in ms, one line a runtime.
#
# usage: runtime.sh [COUNT]
set -eu
cd "$(dirname "$0")/../.."
count=${1:-60}
if [ -z "${MOTE_BENCH_ROOM:-}" ]; then
	MOTE_BENCH_ROOM=1 exec tests/oci/room.sh crun,runc "$0" "$count"
fi
work=$(mktemp -d)
trap 'umount -l "$work/run" 2> /dev/null || :; rm -rf "$work"' EXIT
# With the C library of the product: the other one asks the processor for half a millisecond what it is, before main.
build/deps/$(uname -m)/bin/cc -O2 -static -o "$work/meter" tests/bench/runtime_meter.c
mkdir -p "$work/bundle/rootfs"
cp "$work/meter" "$work/bundle/rootfs/meter"
# States lie in memory, as in /run where all three keep them by themselves.
mkdir "$work/run"
mount -t tmpfs tmpfs "$work/run"
build/mote oci spec --bundle "$work/bundle"
jq '.process.terminal = false | .process.args = ["/meter", "began"]' "$work/bundle/config.json" > "$work/config"
mv "$work/config" "$work/bundle/config.json"
for round in 1 2 3; do
	for name in mote crun runc; do
		case $name in
		mote) set -- build/mote oci --root "$work/run/mote" ;;
		*) set -- "$name" --root "$work/run/$name" ;;
		esac
		echo "$name $("$work/meter" "$work/bundle" $((count / 3)) "$@")"
	done
done > "$work/rounds"
# The middle of three rounds, and the worst of the slowest.
for name in mote crun runc; do
	echo "$name $(sed -n "s/^$name //p" "$work/rounds" | sort -n | awk '{ p50[NR] = $1; if ($2 > worst) worst = $2 }
		END { print p50[2], worst }')"
done
