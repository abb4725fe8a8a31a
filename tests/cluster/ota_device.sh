#!/bin/bash
# ota_device.sh - what updates do on the disk of a machine on which no daemon runs, by the command alone.
#
# Goal: whatever was lost or damaged before, or fails meanwhile, a version that starts is left, and the same bundle
# given again ends well.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "the tests of full disks need root: they mount" >&2; exit 1; }
# What they mount is gone with them.
[ "${1:-}" = inside ] || exec unshare --mount --propagation private bash "$0" inside
. tests/cluster/lib.sh
trap 'umount "$scratch"/* 2> /dev/null; finish' EXIT

# begin: a machine of its own below $folder, with this program installed; $folder/NAME.bundle are newer ones.
begin() {
	folder=$(mktemp -d -p "$scratch")
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

# --- full disks ---

# begin_on_disk: a machine on a disk of its own, of 64 MiB and with files to spare.
begin_on_disk() {
	folder=$(mktemp -d -p "$scratch")
	mount -t tmpfs -o size=64m,nr_inodes=500 disk "$folder"
	data=$folder/data
	"$mote" ota install --data-dir "$data" --bin-dir "$folder/bin" --root "$scratch/1.root" > /dev/null
	first=$(field starts)
}

end_disk() {
	umount "$folder"
}

# The version of before starts, and nothing half is left.
is_as_before() {
	equal good field phase
	equal "$first" field starts
	expect "mote" "$folder/bin/mote" version
	equal "" find "$data" -name '.*.part' -o -name '*.tmp'
	for slot in "$data"/ota/slots/*; do [ -e "$slot/OK" ]; done
}

test_no_room_for_one_more_file() {
	begin_on_disk
	echo 'kind: List' > "$scratch/list.yaml"
	head -c 100000 /dev/urandom > "$scratch/image.tar"
	bundle files 6 --image "$scratch/image.tar" --manifest "$scratch/list.yaml"
	failed=0
	while :; do
		used=$(df --output=iused "$folder" | tail -n 1)
		mount -o "remount,nr_inodes=$((used + failed))" "$folder"
		apply files > "$scratch/said" 2>&1 && break
		grep -q 'No space left' "$scratch/said"
		is_as_before
		failed=$((failed + 1))
	done
	[ "$failed" -gt 5 ]
	equal trial field phase
	end_disk
}

# serve_and_fill PORT: by HTTP; at the first byte behind the head the disk loses all but $scratch/leave KiB.
serve_and_fill() {
	cat > "$scratch/web.py" <<- 'END'
	import http.server, os, sys
	scratch, disk, port = sys.argv[1:4]
	class Handler(http.server.BaseHTTPRequestHandler):
	    def log_message(self, *a): pass
	    def do_GET(self):
	        data = open(scratch + self.path, 'rb').read()
	        first, last = (int(x) for x in self.headers['Range'].split('=')[1].split('-'))
	        filler, leave = disk + '/filler', int(open(scratch + '/leave').read()) * 1024
	        if last - first > 500000 and not os.path.exists(filler):
	            facts = os.statvfs(disk)
	            with open(filler, 'wb') as file:
	                os.posix_fallocate(file.fileno(), 0, max(1, facts.f_bavail * facts.f_frsize - leave))
	        self.send_response(206)
	        self.send_header('Content-Range', 'bytes %d-%d/%d' % (first, last, len(data)))
	        self.send_header('Content-Length', str(last - first + 1))
	        self.end_headers()
	        self.wfile.write(data[first:last + 1])
	http.server.ThreadingHTTPServer(('127.0.0.1', int(port)), Handler).serve_forever()
	END
	python3 "$scratch/web.py" "$scratch" "$folder" "$1" &
	pids=$!
	await 10 curl -s -o /dev/null -r 0-0 "http://127.0.0.1:$1/1.root"
}

test_the_disk_fills_meanwhile() {
	begin_on_disk
	port=$(free_port) failed=0
	echo 0 > "$scratch/leave"
	serve_and_fill "$port"
	for leave in 0 4 300 900 1300 1500 2500 4000 4700 6000 9000; do
		echo "$leave" > "$scratch/leave"
		rm -f "$folder/filler"
		if ota apply --no-restart "http://127.0.0.1:$port/two.bundle" > "$scratch/said" 2>&1; then break; fi
		grep -q 'No space left' "$scratch/said"
		is_as_before
		# What the update had taken is free again, for those who run here.
		[ ! -e "$data/ota/staging" ]
		failed=$((failed + 1))
	done
	[ "$failed" -gt 3 ]
	rm -f "$folder/filler"
	[ "$(field phase)" = trial ] || ota apply --no-restart "http://127.0.0.1:$port/two.bundle"
	equal trial field phase
	end_disk
}

# --- the watcher ---

# The daemon of this version says nothing and does nothing.
bundle_of_a_sleeper() {
	cat > "$scratch/sleeper.c" <<- END
	#include <string.h>
	#include <unistd.h>
	int main(int argc, char **argv)
	{
		if (argc > 1 && !strcmp(argv[1], "ota"))
			return 0;
		for (;;)
			pause();
	}
	END
	gcc -static -Os -o "$scratch/sleeper" "$scratch/sleeper.c"
	"$mote" ota build --binary "$scratch/sleeper" --version 0.2.4 --epoch 4 --out "$scratch/sleeper.bundle" > /dev/null
	"$mote" ota sign --key "$scratch/key.key" "$scratch/sleeper.bundle" > /dev/null
}

is_on_try() {
	[ "$("$mote" ota status --data-dir "$data" -o json | sed -n 's/^  "tries": \([0-9]*\),$/\1/p')" = "$1" ]
}

# good_at_the_last_moment SECONDS: the record is locked for so long, and then says good.
good_at_the_last_moment() {
	python3 - "$data/ota" "$1" <<- 'END'
	import fcntl, os, struct, sys, time
	def crc(data):
	    crc = 0xffffffff
	    for byte in data:
	        crc ^= byte
	        for _ in range(8):
	            crc = crc >> 1 ^ 0x82f63b78 & -(crc & 1)
	    return crc ^ 0xffffffff
	folder = os.open(sys.argv[1], os.O_RDONLY)
	fcntl.flock(folder, fcntl.LOCK_EX)
	time.sleep(float(sys.argv[2]))
	records = {}
	for name in ('state.a', 'state.b'):
	    data = open(sys.argv[1] + '/' + name, 'rb').read()
	    records[struct.unpack_from('<Q', data, 8)[0]] = name, bytearray(data)
	data = records[max(records)][1]
	struct.pack_into('<QI', data, 8, max(records) + 1, 2)
	struct.pack_into('<I', data, 508, crc(data[:508]))
	open(sys.argv[1] + '/' + records[min(records)][0], 'r+b').write(data)
	END
}

# processes_are COUNT: daemon and watcher, which has its arguments.
processes_are() {
	[ "$(pgrep -cf "^$folder/bin/mote server")" = "$1" ]
}

test_good_when_the_time_ends() {
	begin
	bundle_of_a_sleeper
	ota apply --no-restart --gate-timeout 2 "$scratch/sleeper.bundle"
	"$folder/bin/mote" server 2> "$folder/said" &
	daemon=$!
	pids=$daemon
	await 5 is_on_try 1
	await 5 processes_are 2
	good_at_the_last_moment 3
	sleep 1 # in which it would be killed
	[ "$(sed -n 's/^State:.\(.\).*/\1/p' "/proc/$daemon/status")" = S ]
	expect "\"phase\": \"good\"" "$mote" ota status --data-dir "$data" -o json
	kill "$daemon"
	await 5 processes_are 0
}

# --- the way back ---

test_no_way_back_to_what_cannot_read_the_data() {
	begin
	apply two
	second=$(field starts)
	good_at_the_last_moment 0
	mkdir -p "$data/server/db"
	head -c 100000 /dev/urandom > "$data/server/db/state.db"
	expect "version $first does not pass its own test here" ota rollback
	equal good field phase
	equal "$second" field starts
	[ ! -e "$data/ota/database-copy" ]
	expect "$first starts now" ota rollback --no-check
	rm -r "$data/server"
	expect "$second starts now" ota rollback
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

test_an_old_one_comes_by_hand_only() {
	begin
	apply three
	good_at_the_last_moment 0
	port=$(free_port)
	( cd "$scratch" && exec python3 -m http.server -b 127.0.0.1 "$port" ) > "$scratch/web.log" 2>&1 &
	pids=$!
	await 10 curl -s -o /dev/null "http://127.0.0.1:$port/1.root"
	expect "is older than what runs (epoch 3)" ota apply --no-restart "http://127.0.0.1:$port/two.bundle"
	equal good field phase
	expect "on trial from the next start" apply two
}

# install_program NAME [options]: that program, without a bundle, as the installer does.
install_program() {
	chmod +x "$scratch/$1"
	"$scratch/$1" ota install --data-dir "$data" --bin-dir "$folder/bin" --root "$scratch/1.root" "${@:2}"
}

test_a_program_without_a_bundle_has_an_epoch() {
	folder=$scratch/plain data=$scratch/plain/data
	expect "--floor is above --epoch" install_program two --epoch 1 --floor 2
	expect "a bundle says its epoch" install_program two --epoch 1 --bundle "$scratch/two.bundle"
	[ ! -e "$data" ]
	install_program two --epoch 7 --floor 5
	equal 5 field floor
	grep -qx 'epoch 7' "$data"/ota/slots/*/OK
	expect "its floor is 5" apply three
	expect "nothing below 5 may run here any more" install_program three
	[ "$(complete | wc -l)" = 1 ]
	expect "nothing to do" install_program two
	expect "on trial from the next start" install_program three --epoch 5
}

keys_up() {
	"$mote" ota keygen --out "$scratch/key"
	"$mote" ota root --key "$scratch/key.pub" --sign "$scratch/key.key" --out "$scratch/1.root"
	bundle two 2
	bundle three 3
}

keys_up > /dev/null || exit 1
run_tests ota_device
