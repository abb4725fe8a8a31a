# shellcheck shell=bash
# lib.sh - what the tests of `mote oci` share beside tests/lib_checks.sh: a scratch folder that goes with all containers
# in it, bundles, checks.
#
# The scratch folder has `states` (--root), `rootfs` (busybox) and what tests put there.
# shellcheck source=tests/lib_checks.sh
. tests/lib_checks.sh

await_pause=0.02
mote=$PWD/build/mote

oci() { "$mote" oci --root "$scratch/states" "$@"; }

finish() {
	for state in "$scratch"/states/*/; do
		id=$(basename "$state")
		case $id in @*) ;; *) oci delete --force "$id" > /dev/null 2>&1 || true ;; esac
	done
	rm -rf "$scratch"
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
