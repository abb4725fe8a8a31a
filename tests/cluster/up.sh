#!/bin/bash
# up.sh - `make up` and `make down` as a user has them, in a network namespace of their own.
#
# Goal: up ends with a sample app that answers; again, it says what is there; down takes all of it away
# again, also when parts were killed or hang, and what cannot be taken away is said.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

[ "$(id -u)" = 0 ] || { echo "the tests of make up need root" >&2; exit 1; }
export MOTE_RUN_DIR=$scratch/run
run=$MOTE_RUN_DIR
export KUBECONFIG=$run/mote.yaml

here() {
	nsenter --target "$(cat "$scratch/host.pid")" --net -- "$@"
}

k() {
	here timeout 60 "$kubectl" "$@"
}

up() {
	here packaging/up/up.sh
}

down() {
	here packaging/up/down.sh
}

# Each test begins so, and so may run alone.
be_up() {
	[ -e "$run/pid" ] || up
}

be_down() {
	down > /dev/null
}

close_host() {
	down > /dev/null 2>&1 || true
	kill -9 "$(cat "$scratch/host.pid")" 2>/dev/null || true
	wait 2>/dev/null || true
	finish
}

host_is_apart() {
	[ "$(readlink "/proc/$(cat "$scratch/host.pid")/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

open_host() {
	unshare --net sleep infinity > /dev/null 2>&1 &
	echo $! > "$scratch/host.pid"
	trap close_host EXIT
	await 5 host_is_apart
	here ip link set lo up
	here ip link add eth0 type bridge
	here ip address add 172.31.0.1/24 dev eth0
	here ip link set eth0 up
	here ip route add default via 172.31.0.254
}

# What this machine has of ours: interfaces, rules, mounts, groups, processes, files.
traces() {
	here ip -o link | cut -d : -f 2 | grep -vE '^ (lo|eth0)$'
	here nft list tables
	grep -hF " $run/" /proc/[0-9]*/mountinfo 2>/dev/null
	find /sys/fs/cgroup -depth -name "mote-up-$(printf %s "$run" | sha256sum | cut -c 1-8)"
	for file in /proc/[0-9]*/cmdline; do
		tr '\0' ' ' 2>/dev/null < "$file" | grep -E "^[^ ]*mote .*$run/"
	done
	ls -d "$run" 2>/dev/null
	true
}

no_traces() {
	equal "" traces
}

end_agent_and_server() {
	pid=$(cat "$run/pid")
	kill -9 "$pid"
	await 10 sh -c "[ ! -e /proc/$pid ] || grep -q '^State:.Z' /proc/$pid/status"
}

# A pod with a file system in memory and one that ended: what needs more than a kill.
more_pods() {
	k apply -f - <<- END
	{"apiVersion":"v1","kind":"Pod","metadata":{"name":"memory"},"spec":{"containers":[{"name":"a",
	"image":"mote.local/hello:1","volumeMounts":[{"name":"m","mountPath":"/m"}]}],
	"volumes":[{"name":"m","emptyDir":{"medium":"Memory"}}]}}
	{"apiVersion":"v1","kind":"Pod","metadata":{"name":"over"},"spec":{"restartPolicy":"Never",
	"containers":[{"name":"a","image":"mote.local/hello:1","args":["-x"]}]}}
	END
	k wait --for=condition=Ready pod/memory --timeout=20s
	k wait --for=jsonpath='{.status.phase}'=Failed pod/over --timeout=20s
	grep -qF " $run/data/agent/pods/" /proc/self/mountinfo
}

test_up_answers() {
	be_down
	begun=$SECONDS
	expect "hello from hello-" up
	[ $((SECONDS - begun)) -le 10 ]
	expect "hello from hello-" here curl -s "http://172.31.0.1:30080/"
	k rollout status deployment/hello --timeout=30s
	equal "2" k get deployment hello -o 'jsonpath={.status.readyReplicas}'
}

test_up_again_says_so() {
	be_up
	up > "$scratch/again"
	expect "the server is up already" cat "$scratch/again"
	expect "the sample app is there already" cat "$scratch/again"
	expect "hello from hello-" cat "$scratch/again"
}

test_second_image_rolls_out() {
	be_up
	k set image deployment/hello hello=mote.local/hello:2
	k rollout status deployment/hello --timeout=30s
	await 5 says_hello_2
}

says_hello_2() {
	expect "hello 2 from hello-" here curl -s "http://172.31.0.1:30080/"
}

test_cleanup_leaves_a_running_agent_alone() {
	be_up
	expect "end it first" here "$mote" cleanup --data-dir "$run/data" --pod-logs-dir "$run/logs"
	expect " from hello-" here curl -s "http://172.31.0.1:30080/"
}

test_down_leaves_nothing() {
	be_up
	more_pods
	expect "nothing is left" down
	no_traces
	equal "nothing is up" down
	no_traces
}

test_down_after_a_crash() {
	up
	more_pods
	end_agent_and_server
	expect "nothing is left" down
	no_traces
}

test_up_after_a_crash() {
	up
	pods=$(k get pods -o name)
	end_agent_and_server
	expect "hello from hello-" up
	equal "$pods" k get pods -o name
	expect "nothing is left" down
	no_traces
}

test_down_with_a_monitor_that_hangs() {
	up
	monitor=$(pgrep -f "^mote monitor $run/" | head -n 1)
	kill -STOP "$monitor"
	expect "nothing is left" down
	no_traces
}

test_down_without_data() {
	up
	end_agent_and_server
	rm -rf "$run/data/agent/pods" 2> /dev/null || true # all but the volumes that are mounted
	expect "nothing is left" down
	no_traces
}

test_image_is_the_same_each_time() {
	for name in a b; do
		packaging/sample/make_image.sh "$hello" x86_64 "$scratch/$name.tar"
	done
	cmp "$scratch/a.tar" "$scratch/b.tar"
	expect "mote.local/hello:2" tar -xOf "$scratch/a.tar" manifest.json
	[ ! -e "$scratch/a.tar.parts" ]
}

# After SIGTERM it serves on and asks its clients to leave; then it ends with 0.
test_hello_drains() {
	nsenter --target "$(cat "$scratch/host.pid")" --net -- "$hello" -p 8099 -d 1 &
	pids=$!
	await 5 here curl -sf http://127.0.0.1:8099/healthz
	equal "404" here curl -s -o /dev/null -w "%{http_code}" http://127.0.0.1:8099/no
	kill "$pids"
	await 1 sh -c "nsenter --target $(cat "$scratch/host.pid") --net -- curl -si http://127.0.0.1:8099/ | grep -q '^Connection: close'"
	wait "$pids"
	! here curl -sf http://127.0.0.1:8099/healthz
}

hello=build/$(uname -m | sed 's/^\(armv[67]\)l$/\1/')/hello
make -s sample || exit 1
open_host
run_tests up
