#!/bin/bash
# updates.sh - updates of a node under systemd, good ones and bad ones, and the power cut at each of their steps.
#
# Goal: a good version comes and no container notices; each kind of bad one goes by itself, with its reason, and no
# container notices; whatever the power cut leaves is a complete version that works, and the update can be had again.
# Method: the server is here; the node was made by install.sh.  Versions are the same program with another text for its
# version, or programs that pass the test before the trial and then fail.  Cuts at a step are made in the machine, by
# its own kernel, as soon as the step's trace is on the disk; others come from here after a random time.
#
# usage: [vm_arch=aarch64] [CUTS=4] [SEED=n] updates.sh      TEST=word: the tests with this word in their names
cd "$(dirname "$0")/../.." || exit 1
vm_arch=${vm_arch:-x86_64} vm_guest=disk
# shellcheck source=tests/vm/lib_vm.sh
. tests/vm/lib_vm.sh
# shellcheck source=tests/vm/lib_guest.sh
. tests/vm/lib_guest.sh
# shellcheck source=tests/vm/lib_dist.sh
. tests/vm/lib_dist.sh

service='mote-agent'
ota=/var/lib/mote/ota
RANDOM=${SEED:=$((RANDOM % 10000))}

open_node() {
	mkdir -p "$scratch/payload"
	image_make "$scratch/payload/box.tar"
	vm_build "$scratch/payload"
	vm_on
	dist_make
	dist_serve
	here_start
	vm_wait
	images_give
	install_in "MOTE_URL=https://$here:6443 MOTE_TOKEN=$(cat "$scratch/server/server/node-token")"
	node_ready
	for name in one two three; do pod "$name"; done
	k wait --for=condition=Ready pod --all --timeout=60s
}

# --- versions ---

# another NAME: the same program, which says another version.
another() {
	epoch=$(next_epoch)
	sed "s/\(0\.1\.0+\)[0-9a-f]\{12\}/\1$(printf %012x "$epoch")/" "$vm_binary/mote" > "$scratch/$1"
	! cmp -s "$vm_binary/mote" "$scratch/$1" || return 1
	bundle "$1" "$epoch"
}

# bad NAME CODE: a program that passes the test before the trial and then does that.
bad() {
	cat > "$scratch/$1.c" <<- END
	#include <signal.h>
	#include <stdio.h>
	#include <string.h>
	#include <unistd.h>
	int main(int argc, char **argv)
	{
		if (argc > 1 && !strcmp(argv[1], "ota"))
			return 0;
		fprintf(stderr, "these are the last words of $1\n");
		$2
	}
	END
	"build/deps/$vm_arch/bin/cc" -static -Os -o "$scratch/$1" "$scratch/$1.c"
	bundle "$1" "$(next_epoch)"
}

# Tests are subshells: the count is a file.
next_epoch() {
	echo x >> "$scratch/epochs"
	echo $(($(wc -l < "$scratch/epochs") + 1))
}

# bundle NAME EPOCH: $scratch/NAME becomes NAME.bundle on the web server.
bundle() {
	"$mote" ota build --arch "$vm_arch" --binary "$scratch/$1" --version "0.2.$2" --epoch "$2" --out "$dist/$1.bundle"
	"$mote" ota sign --key "$scratch/key.key" "$dist/$1.bundle"
}

# --- the node ---

# apply NAME [OPTION...]: fetched from here.
apply() {
	vm "mote ota apply ${*:2} $dist_url/$1.bundle"
}

# state NAME: of the status.
state() {
	vm 'mote ota status -o json' | sed -n "s/^  \"$1\": \"\{0,1\}\([^\"]*[^\",]\)\"\{0,1\},\{0,1\}$/\1/p"
}

state_is() {
	[ "$(state "$1")" = "$2" ]
}

# What runs is a version that was written whole: its folder has its hash.
version_is_whole() {
	vm "bin=\$(readlink /proc/\$(systemctl show -p MainPID --value $service)/exe) && folder=\${bin%/bin} &&
		echo \$bin | grep -q '^$ota/slots/[^/]*/bin\$' && [ -e \$folder/OK ] &&
		[ \$(sha256sum < \$bin | cut -c 1-12) = \${folder##*-} ]"
}

node_works() {
	await 60 service_is_active
	node_ready
	await 60 in_pod one true
	await 60 state_settled
	version_is_whole
}

state_settled() {
	[[ "$(state phase)" = good || "$(state phase)" = reverted ]]
}

# What a test that failed left undone.
mend() {
	vm_seconds=20 vm true || vm_boot
	vm "rm -rf $ota/gates.d"
	node_works
}

# --- good and bad ones ---

test_a_good_version() {
	mend
	before=$(lives)
	processes_of_pods > "$scratch/before"
	slot=$(state starts)
	another good
	expect good: apply good
	state_is phase good
	state_is lastGood "$slot" || [ "$(state lastGood)" = "$(state starts)" ]
	[ "$(state starts)" != "$slot" ]
	expect "+$(printf %012x 2)" vm 'mote version'
	node_ready
	equal "$before" lives
	processes_of_pods | diff "$scratch/before" -
	version_is_whole
	expect "nothing to do" apply good
}

# taken_back NAME REASON DETAIL: it goes by itself, and the pods do not notice.
taken_back() {
	before=$(lives)
	processes_of_pods > "$scratch/before"
	slot=$(state starts)
	expect "taken back: $2" apply "$1" --gate-timeout "${gate:-60}"
	state_is phase reverted
	state_is reason "$2"
	expect "$3" state detail
	state_is starts "$slot"
	node_works
	processes_of_pods | diff "$scratch/before" -
	equal "$before" lives
}

test_it_exits_at_once() {
	mend
	bad exits 'return 3;'
	taken_back exits exited 'ended 3 times before its gates passed'
	expect "these are the last words of exits" vm "cat $ota/log"
}

test_it_crashes_after_a_second() {
	mend
	bad crashes 'sleep(1); raise(SIGSEGV); return 0;'
	taken_back crashes exited 'ended 3 times before its gates passed'
}

test_it_hangs() {
	mend
	bad hangs 'signal(SIGTERM, SIG_IGN); for (;;) pause();'
	gate=5 taken_back hangs timeout 'did not pass within 5 seconds: it said nothing'
}

test_it_is_never_connected() {
	mend
	epoch=$(next_epoch)
	sed 's/kube-node-lease/kube-node-leasX/g' "$vm_binary/mote" > "$scratch/alone"
	! cmp -s "$vm_binary/mote" "$scratch/alone" || return 1
	bundle alone "$epoch"
	gate=10 taken_back alone timeout 'agent: the node has no connection to its server'
}

# --- the power is cut ---

# cut_when CONDITION [OPTION...]: the update $name is applied, and the machine dies as soon as the condition holds there.
cut_when() {
	vm_cutting "mote ota apply ${*:2} $dist_url/$name.bundle > /root/said 2>&1 & until $1; do :; done; echo b > /proc/sysrq-trigger"
}

# Says it without waiting for an answer, and waits for the end of the machine.
vm_cutting() {
	printf '%s\n' "$1" >&7
	await 120 vm_is_off "$(cat "$scratch/vm.pid")"
	vm_cut
	vm_boot
}

# After any cut: a version works, and the update can be had.
update_can_be_had() {
	node_works
	echo "after the cut: $(state phase) $(state starts)" >> "$scratch/figures"
	vm "mote ota apply $dist_url/$name.bundle" > "$scratch/said" 2>&1 || { cat "$scratch/said"; false; }
	state_is phase good
	expect "$(sed -n 's/^version //p' <<< "$(head -c 4096 "$dist/$name.bundle" | tr -d '\0')")" state starts
	node_works
	# What a cut left there goes with the next one that is written.
	grep -q "nothing to do" "$scratch/said" || vm_is '' "ls $ota/staging 2> /dev/null; true"
}

# Stops in the middle of a file while $scratch/stall is there.
slow_serve() {
	cat > "$scratch/web.py" <<- 'END'
	import http.server, os, sys, time
	folder, stall = sys.argv[1:3]
	class Handler(http.server.BaseHTTPRequestHandler):
	    protocol_version = 'HTTP/1.1'
	    def log_message(self, *a): pass
	    def do_GET(self):
	        data = open(folder + self.path, 'rb').read()
	        first, last = 0, len(data) - 1
	        if self.headers.get('Range'):
	            first, last = (int(x) for x in self.headers['Range'].split('=')[1].split('-'))
	        body = data[first:last + 1]
	        self.send_response(206)
	        self.send_header('Content-Length', str(len(body)))
	        self.send_header('Content-Range', 'bytes %d-%d/%d' % (first, last, len(data)))
	        self.end_headers()
	        self.wfile.write(body[:600000])
	        self.wfile.flush()
	        while len(body) > 600000 and os.path.exists(stall): time.sleep(0.1)
	        self.wfile.write(body[600000:])
	http.server.ThreadingHTTPServer(('172.30.0.1', 8001), Handler).serve_forever()
	END
	: > "$scratch/stall"
	python3 "$scratch/web.py" "$dist" "$scratch/stall" 7>&- 8>&- &
	slow=$!
	await 10 curl -sf -o "$scratch/channel" http://$here:8001/stable
}

test_cut_while_it_is_fetched() {
	mend
	name=fetched
	another $name
	slow_serve
	slot=$(state starts)
	dist_url=http://$here:8001
	cut_when "[ -n \"\$(find $ota/staging -size +400k 2> /dev/null)\" ]"
	rm "$scratch/stall"
	kill "$slow"
	dist_url=http://$here:8000
	node_works
	state_is starts "$slot"
	update_can_be_had
}

test_cut_before_the_trial() {
	mend
	name=written
	another $name
	slot=$(state starts)
	cut_when "[ -e $ota/slots/0.2.$epoch-*/OK ]"
	update_can_be_had
	[ "$(state starts)" != "$slot" ]
}

# On trial, and nobody has started it yet: the boot does.
test_cut_when_the_trial_is_written() {
	mend
	name=tried
	another $name
	expect "trial" apply $name --no-restart
	state_is phase trial
	vm_cut
	vm_boot
	await 90 state_is phase good
	expect "0.2.$epoch-" state starts
	update_can_be_had
}

test_cut_in_the_trial() {
	mend
	name=gated
	another $name
	vm "mkdir -p $ota/gates.d; printf '#!/bin/sh\n[ -e /root/yes ]\n' > $ota/gates.d/ask; chmod +x $ota/gates.d/ask; sync"
	cut_when "grep -q ask $ota/waiting 2> /dev/null"
	await 60 state_is phase trial
	version_is_whole
	expect "0.2.$epoch-" vm "readlink /proc/\$(systemctl show -p MainPID --value $service)/exe"
	vm 'touch /root/yes'
	await 90 state_is phase good
	vm "rm -r $ota/gates.d /root/yes"
	update_can_be_had
}

test_cut_right_after_good() {
	mend
	name='done'
	another $name
	vm_cutting "mote ota apply $dist_url/$name.bundle > /root/said 2>&1; echo b > /proc/sysrq-trigger"
	expect "0.2.$epoch-" state starts
	state_is phase good
	update_can_be_had
}

# Whenever it comes.
test_cut_at_random() {
	mend
	echo "SEED=$SEED"
	for round in $(seq "${CUTS:-4}"); do
		name=random-$round
		another "$name"
		delay=$((RANDOM % 6000))
		printf '%s\n' "mote ota apply $dist_url/$name.bundle > /root/said 2>&1" >&7
		sleep "$((delay / 1000)).$(printf '%03d' $((delay % 1000)))"
		vm_cut
		vm_boot
		echo "cut after $delay ms"
		update_can_be_had
	done
}

open_or_end "updates-$vm_arch" open_node
run_tests "updates-$vm_arch"
cat "$scratch/figures" 2> /dev/null
[ "$failures" = 0 ]
