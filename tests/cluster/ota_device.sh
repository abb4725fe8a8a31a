#!/bin/bash
# ota_device.sh - what updates do on the disk of a machine on which no daemon runs, by the command alone.
#
# Goal: whatever was lost or damaged before, or fails meanwhile, a version that starts is left, and the same bundle
# given again ends well.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

# begin: a machine of its own below $folder, with this program installed; $folder/NAME.bundle are newer ones.
begin() {
	folder=$(mktemp -d "$scratch/XXXXXX")
	data=$folder/data
	"$mote" ota install --data-dir "$data" --bin-dir "$folder/bin" --root "$scratch/1.root" > /dev/null
	first=$(field starts)
}

ota() {
	timeout 60 "$folder/bin/mote" ota "$@"
}

# field NAME: of the status.
field() {
	ota status -o json | sed -n "s/^  \"$1\": \"\{0,1\}\([^\"]*[^\",]\)\"\{0,1\},\{0,1\}$/\1/p"
}

# complete: the names of the versions that are.
complete() {
	for slot in "$data"/ota/slots/*/OK; do basename "$(dirname "$slot")"; done
}

# bundle NAME EPOCH [options]: the same program with another hash.
bundle() {
	{ cat "$mote" && echo "$1"; } > "$scratch/$1"
	"$mote" ota build --binary "$scratch/$1" --version "0.2.$2" --epoch "$2" --out "$scratch/$1.bundle" "${@:3}" > /dev/null
	"$mote" ota sign --key "$scratch/key.key" "$scratch/$1.bundle" > /dev/null
}

apply() {
	ota apply --no-restart "$scratch/$1.bundle"
}

damage() {
	printf X | dd of="$data/ota/slots/$1/bin" bs=1 seek=100000 conv=notrunc status=none
}

# --- what was there before ---

test_a_lost_record_drops_nothing() {
	begin
	rm "$data"/ota/state.*
	expect "the record of versions is lost; $first is what starts here" apply two
	equal trial field phase
	equal "$first" field lastGood
	[ "$(complete | wc -l)" = 2 ]
}

test_what_is_damaged_is_not_executed_and_is_mended() {
	begin
	apply two
	second=$(field starts)
	ota rollback --no-restart
	damage "$second"
	expect "written and read back: $second" apply two
	equal trial field phase
	cmp "$scratch/two" "$data/ota/slots/$second/bin"
}

# --- floors ---

test_the_first_version_brings_its_floor() {
	folder=$scratch/machine data=$scratch/machine/data
	bundle floor 5 --floor 4
	expect "current 0.2.5-" "$mote" ota install --data-dir "$data" --bin-dir "$folder/bin" --root "$scratch/1.root" \
		--config-dir "$folder/etc" --bundle "$scratch/floor.bundle"
	equal 4 field floor
	equal good field phase
	expect "its floor is 4" apply three
}

keys_up() {
	"$mote" ota keygen --out "$scratch/key"
	"$mote" ota root --key "$scratch/key.pub" --sign "$scratch/key.key" --out "$scratch/1.root"
	bundle two 2
	bundle three 3
}

keys_up > /dev/null || exit 1
run_tests ota_device
