#!/bin/bash
# ota.sh - updates of a server and of a node with pods, each under a supervisor, by signed bundles.
#
# Goal: a good version comes and no container restarts; each kind of bad one goes by itself, with its reason;
# lines that are cut, keys that are wrong and an update that is killed leave what was there.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

# --- a cluster that was installed ---

# supervise HOST PART [options]: starts it again whenever it ends, as an init system does.
supervise() {
	# shellcheck disable=SC2016
	launch "supervisor-$1" "$1" bash -c 'stop=$1; shift; while [ ! -e "$stop" ]; do "$@"; sleep 0.1; done' \
		supervisor "$lab/$1/stop" "$lab/$1/bin/mote" "${@:2}"
}

# The processes of installed versions; a watcher has its daemon's arguments.
installed() {
	pgrep -f "^$lab/[a-z0-9]*/bin/mote " || true
}

ota_close() {
	[ -d "$lab" ] || return 0
	touch "$lab/s/stop" "$lab/n1/stop" 2>/dev/null
	for pid in $(installed); do kill -9 "$pid" 2>/dev/null || true; done
	for host in s n1; do
		pid=$(cat "$lab/supervisor-$host.pid" 2>/dev/null) || continue
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}
trap 'ota_close; lab_close; finish' EXIT

# ota HOST VERB...: there, by the installed command.
ota() {
	on "$1" "$lab/$1/bin/mote" ota "${@:2}"
}

# field HOST NAME: of the status.
field() {
	ota "$1" status -o json | sed -n "s/^  \"$2\": \"\{0,1\}\([^\"]*[^\",]\)\"\{0,1\},\{0,1\}$/\1/p"
}

field_is() {
	[ "$(field "$1" "$2")" = "$3" ]
}

install_on() {
	on "$1" "$lab/mote" ota install --data-dir "$lab/$1/data" --bin-dir "$lab/$1/bin" --root "$lab/1.root"
}

keys_up() {
	"$mote" ota keygen --out "$lab/key"
	"$mote" ota keygen --out "$lab/stranger"
	"$mote" ota root --key "$lab/key.pub" --sign "$lab/key.key" --out "$lab/1.root"
}

cluster_up() {
	lab_open
	keys_up
	host_add s 172.30.0.1
	host_add n1 172.30.0.11
	image_make web:1 one
	image_give n1 "$tar_image/web-1.tar"
	install_on s
	install_on n1
	supervise s server --data-dir "$lab/s/data" --write-kubeconfig "$lab/kubeconfig" \
		--advertise-address 172.30.0.1 --disable-agent
	export KUBECONFIG="$lab/kubeconfig"
	await 20 k get --raw /readyz
	supervise n1 agent --server https://172.30.0.1:6443 --token-file "$lab/s/data/server/node-token" \
		--data-dir "$lab/n1/data" --node-name n1 --pod-logs-dir "$lab/n1/logs"
	await 20 k wait --for=condition=Ready node/n1 --timeout=15s
	for part in certificate-authority:ca.pem client-certificate:client.pem client-key:client.key; do
		sed -n "s/.*${part%:*}-data: *//p" "$KUBECONFIG" | tr -d '"' | base64 -d > "$lab/${part#*:}"
	done
	pod one n1
	pod two n1
}

# --- versions ---

# another NAME: the same program with another hash, which is what a release of it is.
another() {
	cp "$mote" "$lab/$1"
	echo "$1" >> "$lab/$1"
}

# patched NAME FROM TO: a version with one text changed, and so broken.
patched() {
	sed "s/$2/$3/g" "$mote" > "$lab/$1"
	! cmp -s "$mote" "$lab/$1"
}

# bad NAME CODE: a program that passes the preflight and then does that.
bad() {
	cat > "$lab/$1.c" <<- END
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
	gcc -static -Os -o "$lab/$1" "$lab/$1.c"
}

epoch=1
# bundle NAME [options]: $lab/NAME becomes $lab/NAME.bundle, version 0.2.<epoch>, signed.
bundle() {
	epoch=$((epoch + 1))
	"$mote" ota build --binary "$lab/$1" --version "0.2.$epoch" --epoch "$epoch" --out "$lab/$1.bundle" "${@:2}"
	"$mote" ota sign --key "$lab/key.key" "$lab/$1.bundle"
}

# --- what must not change ---

life_of() {
	of "pod/$1" '{.status.podIP} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].state.running.startedAt} {.status.containerStatuses[0].containerID}'
}

lives() {
	life_of one
	life_of two
}

# Asks without pause until $scratch/enough is there; writes the longest time without a good answer, in ms.
ask_all_the_time() {
	last=$(date +%s%N) longest=0
	while [ ! -e "$scratch/enough" ]; do
		if in_lab curl -sf -m 1 --cacert "$lab/ca.pem" --cert "$lab/client.pem" --key "$lab/client.key" \
			https://172.30.0.1:6443/api/v1/nodes/n1 > "$scratch/answer"; then
			now=$(date +%s%N)
			[ $((now - last)) -le "$longest" ] || longest=$((now - last))
			last=$now
		fi
	done
	echo $((longest / 1000000)) > "$scratch/gap"
}

# --- tests ---

test_a_good_server() {
	another server-2
	bundle server-2 --from "$mote"
	before=$(lives)
	slot=$(field s starts)
	k create configmap kept --from-literal=a=b
	ask_all_the_time &
	asker=$!
	ota s apply --gate-timeout 20 "$lab/server-2.bundle"
	touch "$scratch/enough"
	wait "$asker"
	rm "$scratch/enough"
	echo "API gap: $(cat "$scratch/gap") ms" >> "$lab/figures"
	field_is s phase good
	field_is s lastGood "$slot"
	[[ "$(field s starts)" == 0.2.* ]]
	[ "$(readlink "$lab/s/data/ota/current")" = "slots/$(field s starts)" ]
	equal b of configmap/kept '{.data.a}'
	await 20 k wait --for=condition=Ready node/n1 --timeout=5s
	equal "$before" lives
	[ "$(cat "$scratch/gap")" -lt 3000 ]
	# Again: nothing to do, and nothing happens.
	mkdir -p "$lab/s/data/ota/staging/left-by-a-power-cut"
	expect "nothing to do" ota s apply "$lab/server-2.bundle"
	[ -z "$(ls -A "$lab/s/data/ota/staging" 2> /dev/null)" ]
	# By order of the operator, and again forward.
	ota s rollback
	await 10 k get --raw /readyz
	field_is s starts "$slot"
	ota s apply --gate-timeout 20 "$lab/server-2.bundle"
}

test_a_good_node() {
	another node-2
	bundle node-2 --from "$mote"
	before=$(lives)
	expect good: ota n1 apply --gate-timeout 20 "$lab/node-2.bundle"
	field_is n1 phase good
	await 20 k wait --for=condition=Ready node/n1 --timeout=5s
	equal "$before" lives
	equal works k exec one -- echo works
	equal '' leftover_watchers n1
}

# Watchers of versions that are good for long.
leftover_watchers() {
	ps -C mote-watch -o args= | grep "^$lab/$1/bin/" || true
}

# taken_back NAME REASON DETAIL: applied to the node, it goes by itself, and the pods do not notice.
taken_back() {
	bundle "$1"
	before=$(lives)
	slot=$(field n1 starts)
	expect "taken back: $2" ota n1 apply --gate-timeout "${gate:-20}" "$lab/$1.bundle"
	field_is n1 phase reverted
	field_is n1 reason "$2"
	expect "$3" field n1 detail
	field_is n1 starts "$slot"
	await 20 k exec one -- true
	equal "$before" lives
}

test_it_exits_at_once() {
	bad exits 'return 3;'
	taken_back exits exited 'ended 3 times before its gates passed'
	grep -q 'these are the last words of exits' "$lab/n1/data/ota/log"
}

test_it_crashes() {
	bad crashes 'sleep(1); raise(SIGSEGV); return 0;'
	taken_back crashes exited 'ended 3 times before its gates passed'
}

test_it_hangs() {
	bad hangs 'signal(SIGTERM, SIG_IGN); for (;;) pause();'
	gate=2 taken_back hangs timeout 'did not pass within 2 seconds: it said nothing'
	grep -q 'these are the last words of hangs' "$lab/n1/data/ota/log"
}

test_it_is_never_connected() {
	patched alone kube-node-lease kube-node-leasX
	gate=4 taken_back alone timeout 'agent: the node has no connection to its server'
}

test_it_does_not_start_here() {
	bad arch 'return 0;'
	printf '\177ELF\2\1\1' > "$lab/arch"
	bundle arch
	before=$(field n1 phase)
	expect "cannot be executed" ota n1 apply "$lab/arch.bundle"
	field_is n1 phase "$before"
}

test_it_cannot_read_the_database() {
	patched reads 'SELECT key, revision, value FROM' 'SELECT key, revision, valuX FROM'
	bundle reads
	slot=$(field s starts)
	expect "does not pass its own test here" ota s apply "$lab/reads.bundle"
	expect "read all objects" ota s apply "$lab/reads.bundle"
	field_is s starts "$slot"
	field_is s phase good
}

test_a_hook_says_no_and_then_yes() {
	another hooked
	bundle hooked
	mkdir -p "$lab/n1/data/ota/gates.d"
	printf '#!/bin/sh\n[ -e %s ]\n' "$scratch/yes" > "$lab/n1/data/ota/gates.d/ask"
	chmod +x "$lab/n1/data/ota/gates.d/ask"
	expect "hooks: ask ended with status 1" ota n1 apply --gate-timeout 2 "$lab/hooked.bundle"
	equal timeout field n1 reason
	# The same again: it goes on from the slot that is there.
	await 20 k exec one -- true
	touch "$scratch/yes"
	expect "here already" ota n1 apply --gate-timeout 20 "$lab/hooked.bundle"
	field_is n1 phase good
	rm -r "$lab/n1/data/ota/gates.d"
}

test_nothing_unsigned() {
	another unsigned
	"$mote" ota build --binary "$lab/unsigned" --version 0.9.0 --epoch 90 --out "$lab/unsigned.bundle"
	before=$(ota n1 status -o json)
	expect "0 good signatures" ota n1 apply "$lab/unsigned.bundle"
	"$mote" ota sign --key "$lab/stranger.key" "$lab/unsigned.bundle"
	expect "0 good signatures" ota n1 apply "$lab/unsigned.bundle"
	# One byte of a signed one.
	bundle unsigned
	printf X | dd of="$lab/unsigned.bundle" bs=1 seek=500000 conv=notrunc 2> /dev/null
	expect "damaged" ota n1 apply "$lab/unsigned.bundle"
	equal "$(echo "$before" | grep -E 'phase|starts|reason')" \
		sh -c "nsenter --target $(cat "$lab/host-n1.pid") --net --mount -- $lab/n1/bin/mote ota status -o json | grep -E 'phase|starts|reason'"
}

# serve [cut|whole]: a web server of $lab on the lab's bridge; what it sent is in $scratch/sent.
serve() {
	cat > "$scratch/web.py" <<- 'END'
	import http.server, os, sys
	folder, kind, sent = sys.argv[1:4]
	class Handler(http.server.BaseHTTPRequestHandler):
	    protocol_version = 'HTTP/1.1'
	    def log_message(self, *a): pass
	    def do_GET(self):
	        data = open(folder + self.path, 'rb').read()
	        first, last = 0, len(data) - 1
	        ranged = self.headers.get('Range') if kind != 'whole' else None
	        if ranged:
	            first, last = (int(x) for x in ranged.split('=')[1].split('-'))
	        body = data[first:last + 1]
	        self.send_response(206 if ranged else 200)
	        self.send_header('Content-Length', str(len(body)))
	        if ranged:
	            self.send_header('Content-Range', 'bytes %d-%d/%d' % (first, last, len(data)))
	        self.end_headers()
	        if kind == 'cut' and len(body) > 300000:
	            body = body[:300000]
	            self.close_connection = True
	        self.wfile.write(body)
	        with open(sent, 'a') as f: f.write('%d\n' % len(body))
	http.server.ThreadingHTTPServer(('172.30.0.254', 8000), Handler).serve_forever()
	END
	: > "$scratch/sent"
	nsenter --target "$(cat "$lab/host-lab.pid")" --net -- python3 "$scratch/web.py" "$lab" "$1" "$scratch/sent" &
	web=$!
	pids="$pids $web"
	await 10 on n1 curl -s -o /dev/null http://172.30.0.254:8000/1.root
	: > "$scratch/sent"
}

sent() {
	awk '{ sum += $1 } END { print sum + 0 }' "$scratch/sent"
}

test_a_line_that_is_cut() {
	another far
	bundle far
	serve cut
	size=$(stat -c %s "$lab/far.bundle")
	# Killed on the way: what came stays.
	on n1 "$lab/n1/bin/mote" ota apply --no-restart http://172.30.0.254:8000/far.bundle > /dev/null 2>&1 &
	await 10 some_came 400000
	for pid in $(pgrep -f "^$lab/n1/bin/mote ota apply"); do kill -9 "$pid"; done
	wait $! || true
	expect "good:" ota n1 apply --gate-timeout 20 http://172.30.0.254:8000/far.bundle
	# What was on its way when it was killed comes again; nothing else does.
	echo "fetched over cut lines: $(($(sent) * 100 / size)) % of the bundle" >> "$lab/figures"
	[ "$(sent)" -le $((size * 105 / 100 + 300000)) ]
	[ ! -e "$lab/n1/data/ota/staging" ]
}

some_came() {
	[ "$(sent)" -ge "$1" ]
}

test_a_server_without_ranges() {
	another plain
	bundle plain
	serve whole
	expect "good:" ota n1 apply --gate-timeout 20 http://172.30.0.254:8000/plain.bundle
	expect "the server answers 404" ota n1 apply http://172.30.0.254:8000/../none.bundle || true
}

test_a_delta_is_small() {
	cp "$lab/n1/data/ota/current/bin" "$lab/base"
	cp "$lab/base" "$lab/small"
	echo small >> "$lab/small"
	bundle small --from "$lab/base"
	serve range
	expect "good:" ota n1 apply --gate-timeout 20 http://172.30.0.254:8000/small.bundle
	echo "a delta costs: $(($(sent) * 100 / $(stat -c %s "$lab/small.bundle"))) % of the bundle" >> "$lab/figures"
	[ "$(sent)" -lt $(($(stat -c %s "$lab/small.bundle") / 5)) ]
}

test_killed_in_the_middle() {
	another killed
	bundle killed
	slot=$(field n1 starts)
	for ms in 5 15 25 35 45 60 80; do
		timeout -s KILL "0.0$(printf %02d "$ms")" nsenter --target "$(cat "$lab/host-n1.pid")" --net --mount -- \
			"$lab/n1/bin/mote" ota apply --no-restart "$lab/killed.bundle" > /dev/null 2>&1 || true
		[ "$(field n1 starts)" = "$slot" ] || break
	done
	# Whatever it left: a version that runs, and the update can be had.
	field_is n1 phase trial || ota n1 apply --no-restart "$lab/killed.bundle"
	for pid in $(pgrep -f "^$lab/n1/bin/mote agent"); do kill "$pid"; done
	await 20 field_is n1 phase good
	[ "$(field n1 starts)" != "$slot" ]
	await 20 k wait --for=condition=Ready node/n1 --timeout=5s
}

install_from() {
	"$lab/mote" ota install --data-dir "$scratch/i/data" --bin-dir "$scratch/i/bin" --config-dir "$scratch/i/etc" \
		--root "$lab/1.root" --bundle "$lab/$1.bundle"
}

test_install_from_one_file() {
	another all
	echo 'kind: List' > "$scratch/list.yaml"
	echo 'node-name: x' > "$scratch/config.yaml"
	bundle all --image "$tar_image/web-1.tar" --manifest "$scratch/list.yaml" --config "$scratch/config.yaml"
	expect "current 0.2." install_from all
	cmp "$tar_image/web-1.tar" "$scratch/i/data/agent/images/web-1.tar"
	cmp "$scratch/list.yaml" "$scratch/i/data/server/manifests/list.yaml"
	cmp "$scratch/config.yaml" "$scratch/i/etc/config.yaml"
	[ "$(readlink "$scratch/i/bin/mote")" = "$scratch/i/data/ota/launcher" ]
	expect "mote " "$scratch/i/bin/mote" version
	# Again nothing; what somebody wrote stays; what is damaged is mended.
	echo 'node-name: mine' > "$scratch/i/etc/config.yaml"
	expect "nothing to do" install_from all
	grep -q mine "$scratch/i/etc/config.yaml"
	echo > "$scratch/i/data/agent/images/web-1.tar"
	expect "image $scratch/i/data/agent/images/web-1.tar" install_from all
	cmp "$tar_image/web-1.tar" "$scratch/i/data/agent/images/web-1.tar"
	another more
	bundle more
	expect "on trial from the next start 0.2." install_from more
}

test_no_way_back_below_the_floor() {
	another floor
	epoch=70
	bundle floor --floor 71
	expect good: ota n1 apply --gate-timeout 20 "$lab/floor.bundle"
	field_is n1 floor 71
	expect "nothing below 71 may run here any more" ota n1 rollback
	epoch=69
	another late
	bundle late
	expect "70" ota n1 apply "$lab/late.bundle"
	field_is n1 phase good
	rm "$lab/n1/data/ota/floor"
}

# Not in a condition: bash would go on after a failure in it.
( set -e; cluster_up ) > "$scratch/up" 2>&1
[ $? = 0 ] || { cat "$scratch/up" "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"
run_tests ota
status=$?
cat "$lab/figures" 2>/dev/null
exit $status
