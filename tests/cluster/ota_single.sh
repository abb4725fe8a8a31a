#!/bin/bash
# ota_single.sh - updates of a machine that is server and node in one, under a supervisor.
#
# Goal: a good version comes, a bad one goes by itself, and no container restarts or loses its commands, also when the
# version that started it is not on the disk any more.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

single_close() {
	[ -d "$lab" ] || return 0
	touch "$lab/s/stop" 2>/dev/null
	for pid in $(pgrep -f "^$lab/s/bin/mote " || true); do kill -9 "$pid" 2>/dev/null || true; done
	pid=$(cat "$lab/supervisor.pid" 2>/dev/null) && kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
}
trap 'single_close; lab_close; finish' EXIT

ota() {
	on s "$lab/s/bin/mote" ota "$@"
}

# field NAME: of the status.
field() {
	ota status -o json | sed -n "s/^  \"$1\": \"\{0,1\}\([^\"]*[^\",]\)\"\{0,1\},\{0,1\}$/\1/p"
}

cluster_up() {
	lab_open
	"$mote" ota keygen --out "$lab/key"
	"$mote" ota root --key "$lab/key.pub" --sign "$lab/key.key" --out "$lab/1.root"
	host_add s 172.30.0.1
	image_make web:1 one
	image_give s "$tar_image/web-1.tar"
	on s "$lab/mote" ota install --data-dir "$lab/s/data" --bin-dir "$lab/s/bin" --root "$lab/1.root"
	# shellcheck disable=SC2016
	launch supervisor s bash -c 'stop=$1; shift; while [ ! -e "$stop" ]; do "$@"; sleep 0.1; done' \
		supervisor "$lab/s/stop" "$lab/s/bin/mote" server --data-dir "$lab/s/data" --write-kubeconfig "$lab/kubeconfig" \
		--advertise-address 172.30.0.1 --node-name s --pod-logs-dir "$lab/s/logs"
	export KUBECONFIG="$lab/kubeconfig"
	await 20 k get --raw /readyz
	await 20 k wait --for=condition=Ready node/s --timeout=15s
	pod one s
	pod two s
}

epoch=1
# bundle NAME: $lab/NAME becomes $lab/NAME.bundle, version 0.2.<epoch>, signed.
bundle() {
	epoch=$((epoch + 1))
	"$mote" ota build --binary "$lab/$1" --version "0.2.$epoch" --epoch "$epoch" --out "$lab/$1.bundle"
	"$mote" ota sign --key "$lab/key.key" "$lab/$1.bundle"
}

# another NAME: the same program with another hash.
another() {
	{ cat "$lab/mote" && echo "$1"; } > "$lab/$1"
	bundle "$1"
}

# patched NAME FROM TO: a version with one text changed, and so broken.
patched() {
	sed "s/$2/$3/g" "$lab/mote" > "$lab/$1"
	if cmp -s "$lab/mote" "$lab/$1"; then return 1; fi
	bundle "$1"
}

lives() {
	for name in one two; do
		of "pod/$name" '{.status.podIP} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].state.running.startedAt} {.status.containerStatuses[0].containerID}'
	done
}

is_whole_again() {
	await 20 k wait --for=condition=Ready node/s --timeout=5s
	equal "$1" lives
	equal works k exec one -- echo works
}

test_a_good_one_and_the_next() {
	before=$(lives)
	slot=$(field starts)
	for name in good better; do
		another $name
		expect "good: 0.2." ota apply --gate-timeout 30 "$lab/$name.bundle"
		is_whole_again "$before"
	done
	# What started the pods is not there any more; they can be asked, and start again, all the same.
	[ ! -e "$lab/s/data/ota/slots/$slot" ]
	k exec two -- kill -KILL -1 || true
	await 20 is 1 pod/two '{.status.containerStatuses[0].restartCount}'
	await 20 k exec two -- true
	k delete pod two --wait --timeout=30s
	pod two s
}

# Its work is done during the trial, which is no fault of the version.
test_a_job_that_ends_meanwhile() {
	another jobs
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: job}
	spec:
	  nodeName: s
	  restartPolicy: Never
	  containers: [{name: a, image: "web:1", command: [sh, -c, "until [ -e /tmp/enough ]; do sleep 0.1; done"]}]
	END
	k wait --for=condition=Ready pod/job --timeout=20s
	mkdir -p "$lab/s/data/ota/gates.d"
	printf '#!/bin/sh\n[ -e %s ]\n' "$scratch/yes" > "$lab/s/data/ota/gates.d/ask"
	chmod +x "$lab/s/data/ota/gates.d/ask"
	ota apply --gate-timeout 40 "$lab/jobs.bundle" > "$scratch/said" 2>&1 &
	applying=$!
	await 20 grep -q 'hooks: ask' "$scratch/said"
	k exec job -- touch /tmp/enough
	await 10 is Succeeded pod/job '{.status.phase}'
	touch "$scratch/yes"
	wait "$applying"
	equal good field phase
	rm -r "$lab/s/data/ota/gates.d"
	k delete pod job --wait --timeout=30s
}

# taken_back NAME REASON DETAIL
taken_back() {
	before=$(lives)
	slot=$(field starts)
	expect "taken back: $2" ota apply --gate-timeout "${gate:-20}" "$lab/$1.bundle"
	expect "$3" field detail
	equal "$2" field reason
	equal "$slot" field starts
	await 20 k get --raw /readyz
	is_whole_again "$before"
}

# Its server is fine, its agent never gets through.
test_its_own_agent_is_never_connected() {
	patched alone kube-node-lease kube-node-leasX
	gate=6 taken_back alone timeout 'agent: '
}

# Nobody knows what would have been asked.
test_gates_that_cannot_be_read() {
	another unread
	: > "$lab/s/data/ota/gates.d"
	gate=3 taken_back unread timeout 'hooks: read '
	rm "$lab/s/data/ota/gates.d"
}

test_it_exits_at_once() {
	cat > "$lab/exits.c" <<- END
	#include <string.h>
	int main(int argc, char **argv)
	{
		return argc > 1 && !strcmp(argv[1], "ota") ? 0 : 3;
	}
	END
	gcc -static -Os -o "$lab/exits" "$lab/exits.c"
	bundle exits
	taken_back exits exited 'ended 3 times before its gates passed'
}

# Not in a condition: bash would go on after a failure in it.
( set -e; cluster_up ) > "$scratch/up" 2>&1
[ $? = 0 ] || { cat "$scratch/up" "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"
run_tests ota_single
