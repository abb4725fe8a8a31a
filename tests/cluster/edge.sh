#!/bin/bash
# edge.sh - a node at the edge that falls silent: its pods stay while the nodes beside it still find it, and move when
# those find it gone.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

n3=172.30.0.13

third_node_up() {
	host_add n3 $n3
	image_give n3 "$tar_image/web-1.tar"
	agent_run n3
	await 20 k wait --for=condition=Ready node/n3 --timeout=15s
	k label node n1 n2 n3 mote.dev/edge=true mote.dev/site=hill
}

# keeper: a StatefulSet, which never has the same pod twice, on n3 if that is possible.
keeper_up() {
	k apply -f - <<- END
	apiVersion: apps/v1
	kind: StatefulSet
	metadata: {name: keeper}
	spec:
	  serviceName: keeper
	  selector: {matchLabels: {app: keeper}}
	  template:
	    metadata: {labels: {app: keeper}}
	    spec:
	      terminationGracePeriodSeconds: 1
	      affinity:
	        nodeAffinity:
	          preferredDuringSchedulingIgnoredDuringExecution:
	          - {weight: 100, preference: {matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [n3]}]}}
	      containers: [{name: a, image: "web:1", command: [sh, -c, "trap exit TERM; sleep 3600 & wait"]}]
	END
	await 20 is n3 pod/keeper-0 '{.spec.nodeName}'
	k wait --for=condition=Ready pod/keeper-0 --timeout=30s
}

# Neither hears the other; everybody else hears both.
cut_from_the_server() {
	on s ip route "$1" unreachable $n3/32
	on n3 ip route "$1" unreachable 172.30.0.1/32
}

taint() {
	of node/n3 '{.spec.taints[?(@.key=="node.kubernetes.io/out-of-service")].value}'
}

has_taint() {
	[ "$(taint)" = "$1" ]
}

voted() {
	grep "the other nodes of a silent node's site were asked for it" "$lab/s/log" | tail -n 1 | grep -q "node=n3 $1"
}

# logged_at TEXT: when the server last said so, in milliseconds.
logged_at() {
	date -d "$(grep "$1" "$lab/s/log" | tail -n 1 | cut -d ' ' -f 1)" +%s%3N
}

runs_elsewhere() {
	is Running pod/keeper-0 '{.status.phase}' && [[ $(of pod/keeper-0 '{.spec.nodeName}') = n[12] ]]
}

# One story: each part begins where the one before ended, and each silence takes most of a minute.
test_silence_and_proof() {
	keeper_up
	uid=$(of pod/keeper-0 '{.metadata.uid}')
	process=$(find /sys/fs/cgroup -path "*/mote/pods/$uid/*" -name cgroup.procs -exec cat {} + | sed -n '1p')
	cut_from_the_server add
	await 90 is Unknown node/n3 '{.status.conditions[?(@.type=="Ready")].status}'
	await 30 voted "there=2 gone=0 asked=2 others=2"
	equal "" taint
	equal "$uid" of pod/keeper-0 '{.metadata.uid}'

	in_lab ip link set n3 down
	# They would believe for up to 45 s that it is where it was.
	on n1 ip neighbour flush dev eth0
	on n2 ip neighbour flush dev eth0
	await 90 has_taint peer-vote
	# Not after one round of votes: two more, ten seconds apart.
	[ $(($(logged_at "silent node is taken for dead") - $(logged_at "node=n3 there=0 gone=2"))) -ge 20000 ]
	expect "Node n3 is taken for dead: 2 of the 2 others of its site do not find it on their network" \
		k get events --field-selector reason=NodeOutOfService -o 'jsonpath={.items[*].message}'
	await 30 runs_elsewhere
	# Nobody told n3, which goes on.
	kill -0 "$process"

	in_lab ip link set n3 up
	cut_from_the_server del
	await 60 is True node/n3 '{.status.conditions[?(@.type=="Ready")].status}'
	await 10 has_taint ""
	await 20 is_gone "$process"
	runs_elsewhere
}

open_two_nodes
( set -e; third_node_up ) > "$lab/third" 2>&1 || { cat "$lab/third" "$lab"/n3/log; exit 1; }
run_tests edge
