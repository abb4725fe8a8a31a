#!/bin/bash
# idle_disk.sh - what is written when nobody wants anything: nothing.
#
# Goal: heartbeats (a Lease renewed, a Node's lastHeartbeatTime) never reach the disk, what else these objects say does,
# and no revision is ever given out twice.  Commits are counted, not time.
# shellcheck source=tests/cluster/lib.sh disable=SC2154
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

( set -e
	lab_open
	host_add s 172.30.0.1
	host_add n1 172.30.0.11
	image_make web:1 one
	image_give n1 "$tar_image/web-1.tar"
	server_start --debug
	agent_start n1
) > "$scratch/opened" 2>&1
# shellcheck disable=SC2181
[ $? = 0 ] || { cat "$scratch/opened" "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"

commits() {
	k get --raw /metrics | sed -n 's/^mote_store_groups_total //p'
}

# No commit for two renewals of the node's lease: whatever was to be written has been.
await_quiet() {
	for _ in $(seq 10); do
		before=$(commits)
		renewed 2
		[ "$(commits)" = "$before" ] && return
	done
	echo "it never became quiet" >&2
	return 1
}

# Wait until the node has renewed its lease $1 times.
renewed() {
	for _ in $(seq "$1"); do
		was=$(k get lease -n kube-node-lease n1 -o 'jsonpath={.spec.renewTime}')
		await 30 shell "[ \"\$(k get lease -n kube-node-lease n1 -o 'jsonpath={.spec.renewTime}')\" != $was ]"
	done
}

written() {
	cat "/proc/$(cat "$lab/server.pid")/io" "/proc/$(cat "$lab/agent-n1.pid")/io" | awk '/^write_bytes/ { sum += $2 } END { print sum }'
}

lease() {
	k patch lease leader --type=merge -p "{\"spec\":{$1}}"
}

make_lease() {
	k create -f - <<- END
	apiVersion: coordination.k8s.io/v1
	kind: Lease
	metadata: {name: leader}
	spec: {holderIdentity: me, leaseDurationSeconds: 15, leaseTransitions: 1, renewTime: "2026-01-01T00:00:00.000000Z"}
	END
}

# Two renewals of the node's lease, with a pod that runs: not one commit, not one page.
test_node_at_rest() {
	pod rests n1
	await_quiet
	before="$(commits) $(written)"
	renewed 2
	equal "$before" shell "$(declare -f commits written); echo \$(commits) \$(written)"
	gone pod/rests
}

test_heartbeats_are_not_written() {
	make_lease
	k get lease leader -w -o 'jsonpath={.spec.renewTime}{"\n"}' > "$scratch/watched" &
	await_quiet
	before=$(commits)
	for i in 1 2 3 4 5; do lease "\"renewTime\":\"2026-01-01T00:00:0$i.000000Z\""; done
	k patch node n1 --subresource=status --type=json \
		-p '[{"op":"replace","path":"/status/conditions/0/lastHeartbeatTime","value":"2026-01-01T00:00:00Z"}]'
	equal "$before" commits
	await 5 grep -q 00:00:05 "$scratch/watched"
	kill $!
	lease '"renewTime":"2026-01-01T00:00:06.000000Z","holderIdentity":"you"'
	equal $((before + 1)) commits
	k patch node n1 --subresource=status --type=merge -p '{"status":{"volumesInUse":["x"]}}'
	equal $((before + 2)) commits
	gone lease/leader
}

# A leader is a leader after kill -9; a renewal may be lost, its revision is not used again.
test_kill_keeps_leaders() {
	make_lease
	lease '"renewTime":"2026-01-01T00:00:01.000000Z","holderIdentity":"you"'
	lease '"renewTime":"2026-01-01T00:00:02.000000Z"'
	newest=$(of lease/leader '{.metadata.resourceVersion}')
	stop server -KILL
	server_start --debug
	equal you of lease/leader '{.spec.holderIdentity}'
	lease '"renewTime":"2026-01-01T00:00:03.000000Z"'
	[ "$(of lease/leader '{.metadata.resourceVersion}')" -gt "$newest" ]
	gone lease/leader
}

# A clean stop loses not even that.
test_stop_keeps_renewals() {
	make_lease
	lease '"renewTime":"2026-01-01T00:00:07.000000Z"'
	before=$(of lease/leader '{.spec.renewTime} {.metadata.resourceVersion}')
	stop server -TERM
	server_start --debug
	equal "$before" of lease/leader '{.spec.renewTime} {.metadata.resourceVersion}'
	gone lease/leader
}

run_tests idle_disk
