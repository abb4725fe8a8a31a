# shellcheck shell=bash
# lib.sh - what the tests of `mote oci` share: a scratch folder that goes with all containers in it, bundles, checks.
#
# A test file defines functions named test_*; run_tests runs each and prints "NAME: N passed, N failed".
# The scratch folder has `states` (--root), `rootfs` (busybox) and what tests put there.

scratch=$(mktemp -d)
mote=$PWD/build/mote
failures=0

oci() { "$mote" oci --root "$scratch/states" "$@"; }

finish() {
	for state in "$scratch"/states/*/; do
		id=$(basename "$state")
		case $id in @*) ;; *) oci delete --force "$id" > /dev/null 2>&1 || true ;; esac
	done
	rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' INT TERM

# Wait until a command succeeds: tries every 20 ms for $1 seconds.
await() {
	local deadline=$((SECONDS + $1 + 1))
	shift
	while ! "$@" > /dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || { echo "never came true: $*" >&2; return 1; }
		sleep 0.02
	done
}

# fails STATUS TEXT COMMAND...: it ends with that status and says so.
fails() {
	wanted=$1 text=$2 status=0
	shift 2
	output=$("$@" 2>&1) || status=$?
	[ "$status" = "$wanted" ] && [[ $output == *"$text"* ]] && return 0
	echo "expected $wanted: $text" >&2
	echo "     got $status: $output" >&2
	return 1
}

# says TEXT COMMAND...: it is fine and prints just that.
says() {
	wanted=$1
	shift
	output=$("$@") || return 1
	[ "$output" = "$wanted" ] && return 0
	printf 'expected: %s\n     got: %s\n' "$wanted" "$output" >&2
	return 1
}

make_rootfs() {
	mkdir -p "$1"/{bin,dev,etc,proc,sys,tmp,root}
	cp /bin/busybox "$1/bin/busybox"
	for name in $("$1/bin/busybox" --list); do
		[ -e "$1/bin/$name" ] || ln -s busybox "$1/bin/$name"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n' > "$1/etc/passwd"
}

# bundle NAME [FILTER] COMMAND...: prints its folder; FILTER is jq's, on the usual config.
bundle() {
	folder=$scratch/bundles/$1 filter=$2
	shift 2
	mkdir -p "$folder"
	ln -sfn "$scratch/rootfs" "$folder/rootfs"
	[ -e "$scratch/config.json" ] || "$mote" oci spec --bundle "$scratch"
	printf '%s\036' "$@" | jq -Rs 'split("\u001e")[:-1]' > "$folder/args"
	jq --slurpfile args "$folder/args" "(.process.terminal = false | .process.args = \$args[0]) | $filter" \
		"$scratch/config.json" > "$folder/config.json" || return 1
	echo "$folder"
}

# in_container FILTER COMMAND...: runs it to its end.
in_container() {
	folder=$(bundle "run$BASHPID" "$@") || return 1
	oci run --bundle "$folder" "run$BASHPID"
}

# status_is WANTED ID
status_is() { [ "$(oci state "$2" | jq -r .status)" = "$1" ]; }

# run_tests NAME: every test_* function, each in a subshell that stops at its first failure.  TEST=word: only those
# with the word in their names.
run_tests() {
	passed=0
	for name in $(sed -n 's/^\(test_[A-Za-z_0-9]*\)().*/\1/p' "$0"); do
		[[ $name == *"${TEST:-}"* ]] || continue
		( trap - EXIT; set -e; "$name" ) > "$scratch/out" 2>&1
		if [ $? = 0 ]; then
			passed=$((passed + 1))
		else
			failures=$((failures + 1))
			echo "$1: $name failed"
			sed 's/^/    /' "$scratch/out"
		fi
	done
	echo "$1: $passed passed, $failures failed"
	[ "$failures" = 0 ]
}
