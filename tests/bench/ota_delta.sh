#!/bin/bash
# ota_delta.sh - what a small change of the program costs over the wire: prints "ota_delta PERCENT BYTES FULL".
#
# Method: build/mote is linked again with one function changed (a log line more, and other texts, so that all
# that follows moves) and another version; the delta against build/mote is compared with the packed whole.
#
# usage: ota_delta.sh [BUNDLE]      BUNDLE: where the bundle of it goes, unsigned
set -eu
cd "$(dirname "$0")/../.."
arch=$(uname -m)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the makefile would say.
variable() { make -s --no-print-directory --eval "print-it: ; @echo \$($1)" print-it; }
flags=$(variable flags_release)
link=$(variable link_release)
libraries=$(variable libraries)
rooms=$(variable rooms)
deps=build/deps/$arch

# compile SOURCE OBJECT
compile() {
	# shellcheck disable=SC2086
	"$deps/bin/cc" "-I$work/gen" $flags -isystem "$deps/include" -c -o "$2" "$1"
}

mkdir "$work/gen"
sed 's/"[^"]*"$/"99.0.0+0123456789ab"/' build/gen/version.h > "$work/gen/version.h"
awk '!done && /^\tlog_info\("agent",/ {
	print "\tlog_warn(\"agent\", \"one line more than before\", \"node=%s\", agent->authority);"
	done = 1
} { print }' agent/agent.c > "$work/changed.c"
! cmp -s agent/agent.c "$work/changed.c" || { echo "nothing was changed" >&2; exit 1; }
compile "$work/changed.c" "$work/agent.o"
compile base/version.c "$work/version.o"
archives=
for room in $rooms; do
	[ -e "build/$arch/obj/$room.a" ] || continue
	cp "build/$arch/obj/$room.a" "$work/$room.a"
	archives="$archives $work/$room.a"
done
"$deps/bin/ar" rD "$work/agent.a" "$work/agent.o" 2> "$work/log"
"$deps/bin/ar" rD "$work/base.a" "$work/version.o" 2> "$work/log"
# shellcheck disable=SC2086
"$deps/bin/cc" $link -s -o "$work/mote" "-L$deps/lib" -Wl,--start-group $archives $libraries -Wl,--end-group
build/mote ota build --version 99.0.0 --epoch 99 --binary "$work/mote" --from build/mote --out "$work/bundle" > "$work/log"
build/mote ota verify --unsigned "$work/bundle" | awk '
	$3 == "delta" { delta = $5 }
	$2 == "binary" && $3 == "zstd" { full = $5 }
	END {
		if (!delta || !full)
			exit 1
		printf "ota_delta %.1f %d %d\n", 100 * delta / full, delta, full
	}'
[ -z "${1:-}" ] || cp "$work/bundle" "$1"
