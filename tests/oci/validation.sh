#!/bin/bash
# validation.sh - the OCI runtime validation suite (opencontainers/runtime-tools) against `mote oci`.
#
# MOTE_RUNTIME_TOOLS names a folder with its sources, vendored libraries included; they are built outside of it with the
# distribution's Go.  A test that does not pass must stand in skipped.md, with as many failed points as it says there
# at most, and one that passes must not: the list stays true.
#
# usage: validation.sh [WORD]      WORD: only tests with it in their names
set -u
cd "$(dirname "$0")/../.." || exit 1
suite=${MOTE_RUNTIME_TOOLS:-}
[ -e "$suite/validation/default" ] ||
	{ echo "validation: MOTE_RUNTIME_TOOLS does not name the sources of runtime-tools"; exit 2; }
[ "${MOTE_OCI_TEST:-}" = 1 ] || MOTE_OCI_TEST=1 exec unshare --mount --propagation private "$0" "$@"
list=$PWD/tests/oci/skipped.md
GOROOT=$(packaging/deps/clients.sh client-go)/usr/lib/go-1.24 || exit 2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export GOROOT GO111MODULE=off GOTOOLCHAIN=local CGO_ENABLED=0 GOPATH=$scratch GOCACHE=$PWD/build/clients/go-cache
root=$scratch/src/github.com/opencontainers/runtime-tools
mkdir -p "$root" "$scratch/bin"
cp -a "$suite/." "$root/"
ln -s "$PWD/build/mote" "$scratch/mote-oci"
export RUNTIME=$scratch/mote-oci
cd "$root" || exit 1
"$GOROOT/bin/go" build -o "$root/runtimetest" ./cmd/runtimetest || exit 1
passed=0 failed=0
for folder in validation/*/; do
	name=$(basename "$folder")
	[ "$name" != util ] && [[ $name == *"${1:-}"* ]] || continue
	"$GOROOT/bin/go" build -o "$scratch/bin/$name" "./validation/$name" || exit 1
	status=0
	timeout 120 "$scratch/bin/$name" > "$scratch/out" 2>&1 || status=$?
	wrong=$(grep -c '^not ok' "$scratch/out")
	allowed=$(sed -n "s/^| $name | \([0-9]*\) .*/\1/p" "$list")
	[ "$status" = 0 ] || [ "$wrong" != 0 ] || wrong=1
	if [ "$wrong" -le "${allowed:-0}" ] && { [ -z "$allowed" ] || [ "$wrong" -gt 0 ]; }; then
		passed=$((passed + 1))
	elif [ "$wrong" = 0 ]; then
		echo "validation: $name passes, and stands in skipped.md"
		failed=$((failed + 1))
	else
		echo "validation: $name: $wrong failed, ${allowed:-0} known"
		grep -A 8 '^not ok' "$scratch/out" | head -n 40 | sed 's/^/    /'
		failed=$((failed + 1))
	fi
done
echo "validation: $passed passed, $failed failed"
[ "$failed" = 0 ]
