#!/bin/bash
# ctr.sh - mote ctr and mote token, as somebody uses them who is logged in on a machine of the cluster.
#
# Goal: images come and go, containers are listed, entered, read and stopped without the API server, and what
# goes wrong is said in one sentence.  All tests share one node; each makes pods of its own.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

ctr() {
	MOTE_DATA_DIR="$lab/n1/data" timeout 30 "$lab/mote" ctr "$@"
}

# pod NAME [NAMESPACE]: two containers; the first has something to say.
pod() {
	k apply -n "${2:-default}" -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec:
	  nodeName: n1
	  terminationGracePeriodSeconds: 1
	  containers:
	  - {name: talks, image: "web:1", command: [sh, -c, "seq 5; while true; do sleep 1; echo tick; done"]}
	  - {name: sleeps, image: "web:1", command: [sleep, "1000000"]}
	END
	k wait -n "${2:-default}" --for=condition=Ready "pod/$1" --timeout=20s
}

test_images() {
	image_make other:2 two
	cd "$tar_image"
	equal "docker.io/library/other:2" ctr images import other-2.tar
	expect "docker.io/library/other:2" ctr images ls
	expect "IMAGE" ctr images ls
	id=$(ctr images ls | sed -n 's/^docker.io.library.other:2 *\(sha256:[0-9a-f]*\) .*/\1/p')
	[ "${#id}" = 19 ]
	ctr images ls -q | grep -q "^$id"
	equal other:2 ctr images rm other:2
	fails 1 'there is no image "other:2"' ctr images rm other:2
	if ctr images ls | grep other; then false; fi
	fails 1 "No such file" ctr images import nothing.tar
	fails 1 "damaged" ctr images import "$lab/kubeconfig"
	fails 1 "127.0.0.1" ctr images pull 127.0.0.1:1/nobody/here:1
}

state_of() {
	ctr ps -a | awk -v pod="$1" -v name="$2" '$2 == pod && $3 == name { print $4 }' | tail -n 1
}

test_ps_and_rm() {
	pod listed
	ctr ps | grep -q '^default  *listed  *talks  *running  *[0-9a-z]* ago  *0  *web:1$'
	equal 2 sh -c "$(declare -f ctr); lab=$lab; ctr ps -n default | grep -c listed"
	expect "NAMESPACE   POD   CONTAINER" ctr ps -n nobody
	expect "stopping container sleeps" ctr rm listed -c sleeps
	restarted() { ctr ps | grep -q '^default  *listed  *sleeps  *running .* 1  *web:1$'; }
	await 20 restarted
	equal running state_of listed talks
	ctr ps -a | grep -q 'sleeps  *exited (137)'
	fails 1 "there is no pod nobody on this machine" ctr rm nobody
	k delete pod listed --now
}

test_exec() {
	pod entered
	equal hello ctr exec entered -- echo hello
	equal "a b|c" ctr exec entered -c sleeps -- sh -c 'printf "%s|%s" "$1" "$2"' x "a b" c
	status=0
	ctr exec entered -- sh -c 'echo out; echo err >&2; exit 7' > "$scratch/out1" 2> "$scratch/err1" || status=$?
	[ "$status $(cat "$scratch/out1") $(cat "$scratch/err1")" = "7 out err" ]
	status=0
	ctr exec entered -- sh -c 'kill -9 $$' || status=$?
	[ "$status" = 137 ]
	fails 1 "executable file not found" ctr exec entered -- nosuch
	fails 1 "pod entered has no container third" ctr exec entered -c third -- true
	fails 2 "usage: mote ctr exec" ctr exec entered
	k delete pod entered --now
}

# As a file and as a pipe, and more than all buffers hold.
test_exec_input() {
	pod fed
	head -c 8000000 /dev/urandom > "$scratch/input"
	wanted=$(md5sum < "$scratch/input")
	equal "$wanted" ctr exec -i fed -- md5sum < "$scratch/input"
	for _ in 1 2 3; do
		[ "$(ctr exec -i fed -- cat < <(cat "$scratch/input") | md5sum)" = "$wanted" ]
	done
	equal "" ctr exec -i fed -- cat < /dev/null
	equal "" ctr exec fed -- cat < "$scratch/input"
	k delete pod fed --now
}

# script(1) is a terminal around its command.
in_terminal() {
	MOTE_DATA_DIR="$lab/n1/data" timeout 20 script -qec "$1" /dev/null < /dev/null
}

test_exec_terminal() {
	pod seen
	expect "/dev/" in_terminal "$lab/mote ctr exec -it seen -- tty"
	expect "33 91" in_terminal "stty cols 91 rows 33; $lab/mote ctr exec -it seen -- sh -c 'sleep 0.5; stty size'"
	expect " icanon" in_terminal "$lab/mote ctr exec -it seen -- true; stty -a"
	expect " icanon" in_terminal "timeout --foreground 1 $lab/mote ctr exec -it seen -- sleep 100; stty -a"
	expect "no terminal is used" ctr exec -it seen -- true < /dev/null
	k delete pod seen --now
}

# Who leaves takes the process along.
test_exec_ends_with_its_client() {
	pod left
	"$lab/mote" ctr exec -d "$lab/n1/data" left -- sleep 4711 &
	runs() { ctr exec left -- ps | grep -q '[s]leep 4711'; }
	await 10 runs
	kill -9 $!
	gone() { ! runs; }
	await 10 gone
	ctr exec left -- yes | head -n 1
	k delete pod left --now
}

test_logs() {
	pod heard
	k create namespace beside
	pod heard beside
	expect "the namespaces" ctr logs heard
	equal "$(seq 5)" sh -c "$(declare -f ctr); lab=$lab; ctr logs heard -n beside | head -n 5"
	ctr logs heard -n default -f | head -n 7 | tail -n 1 | grep -q '^tick$'
	equal 2 sh -c "$(declare -f ctr); lab=$lab; ctr logs heard -n default --tail 2 | wc -l"
	ctr logs heard -n default --timestamps | head -n 1 | grep -q '^20[0-9-]*T.*Z 1$'
	equal "" ctr logs heard -n default -c sleeps
	k delete namespace beside --wait=false
	k delete pod heard --now
}

# The agent and its socket need no server.
test_without_a_server() {
	pod alone
	stop server -KILL
	expect alone ctr ps
	equal hello ctr exec alone -- echo hello
	server_start --disable-agent
	k delete pod alone --now
}

test_nobody_answers() {
	fails 1 "no agent answers at $scratch/agent/agent.sock" ctr ps --data-dir "$scratch"
	fails 2 "did you mean --all" ctr ps --al
	fails 2 "ctr has no verb" ctr images lst
	chmod 711 "$scratch" "$lab" "$lab/n1" "$lab/n1/data" "$lab/n1/data/agent"
	fails 1 "use sudo" setpriv --reuid 65534 --clear-groups "$lab/mote" ctr ps -d "$lab/n1/data"
}

test_token() {
	token() { timeout 10 "$lab/mote" token "$@" --data-dir "$lab/s/data"; }
	before=$(cat "$lab/s/data/server/node-token")
	equal "$before" token print
	fails 1 "is not the token of this server" token rotate --token wrong --new-token fresh
	expect "restart the server" token rotate --token "$before" --new-token fresh
	equal "$before" token print
	stop server
	server_start --disable-agent
	equal "${before%::*}::server:fresh" token print
	host_add n2 172.30.0.12
	agent_start n2
	stop agent-n2
}

lab_open
host_add s 172.30.0.1
host_add n1 172.30.0.11
image_make web:1 hello
image_give n1 "$tar_image/web-1.tar"
server_start --disable-agent
agent_start n1
run_tests ctr
