#!/bin/bash
# validation.sh - the OCI runtime validation suite (opencontainers/runtime-tools) against `mote oci`.
#
# Its sources and the libraries they use are the distribution's, built with its Go outside of this tree.  A program that
# fails must stand in skipped.md with at least as many points, and one that passes must not: the list stays true.
# With RUNTIME=path another runtime is asked, and the list is not compared: to see what it does where this one fails.
#
# usage: validation.sh [WORD]      WORD: only programs with it in their names
set -u
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "validation: 1 passed, 0 failed (skipped: needs root)"; exit 0; }
[ "${MOTE_OCI_TEST:-}" = 1 ] || MOTE_OCI_TEST=1 exec unshare --mount --propagation private "$0" "$@"
list=$PWD/tests/oci/skipped.md
suite=$(packaging/deps/clients.sh runtime-tools) || exit 2
libraries=$(packaging/deps/clients.sh oci-libraries) || exit 2
GOROOT=$(packaging/deps/clients.sh client-go)/usr/lib/go-1.24 || exit 2
scratch=$(mktemp -d)
# The suite leaves the folders of bundles that it could not make containers of.
export TMPDIR=$scratch/tmp
end() {
	find /sys/fs/cgroup -depth -type d -path '*/validation-*' -exec rmdir {} + 2> /dev/null
	# What a runtime left mounted there is not the suite's to remove.
	rm -rf --one-file-system "$scratch"
}
trap end EXIT
trap 'exit 1' INT TERM
export GOROOT GO111MODULE=off GOTOOLCHAIN=local CGO_ENABLED=0 GOFLAGS=-buildvcs=false
export GOPATH=$scratch GOCACHE=$PWD/build/clients/go-cache
root=$scratch/src/github.com/opencontainers/runtime-tools
mkdir -p "$scratch/src" "$scratch/bin" "$TMPDIR"
cp -a "$libraries/usr/share/gocode/src/." "$scratch/src/"
rm -rf "$root"
cp -a "$suite" "$root"
mkdir -p "$scratch/src/github.com/mndrix/tap-go"
cp tests/oci/tap/tap.go "$scratch/src/github.com/mndrix/tap-go/"
ln -s "$PWD/build/mote" "$scratch/mote-oci"
compared=${RUNTIME:+no}
export RUNTIME=${RUNTIME:-$scratch/mote-oci}
cd "$root" || exit 1
"$GOROOT/bin/go" build -o "$root/runtimetest" ./cmd/runtimetest || exit 1
names=()
for folder in validation/*/; do
	name=$(basename "$folder")
	[ "$name" != util ] && [[ $name == *"${1:-}"* ]] && names+=("$name")
done
"$GOROOT/bin/go" build -o "$scratch/bin/" "${names[@]/#/./validation/}" || exit 1

# judge NAME WRONG: compares how many points failed with the list.
judge() {
	local known
	known=$(sed -n "s/^| $1 | \([0-9-]*\) .*/\1/p" "$list")
	if [ -n "$compared" ]; then
		echo "$1: $2 failed, ${known:-0} known of mote oci"
	elif [ "$2" = 0 ] && [ -n "${known%%0-*}" ]; then
		echo "validation: $1 passes, and stands in skipped.md"
		return 1
	elif [ "$2" -gt "$((10#0${known#0-}))" ]; then
		echo "validation: $1: $2 failed, ${known:-0} known"
		grep -A 8 '^not ok' "$scratch/out" | head -n 40 | sed 's/^/    /'
		tail -n 5 "$scratch/out" | sed 's/^/    /'
		return 1
	fi
}

passed=0 failed=0
for name in "${names[@]}"; do
	status=0
	timeout 120 "$scratch/bin/$name" > "$scratch/out" 2>&1 || status=$?
	wrong=$(grep -v '# known not to hold' "$scratch/out" | grep -c '^not ok')
	[ "$status" = 0 ] || [ "$wrong" != 0 ] || wrong=1
	if judge "$name" "$wrong"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
# A row of a program that there is not says nothing.
while read -r name; do
	[ -d "validation/$name" ] || { echo "validation: skipped.md names $name, which is no program"; failed=$((failed + 1)); }
done < <(sed -n 's/^| \([a-z_]*\) | [0-9].*/\1/p' "$list")
echo "validation: $passed passed, $failed failed"
[ "$failed" = 0 ]
