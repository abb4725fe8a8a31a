#!/bin/bash
# nodes.sh - what the server does with nodes and their pods: node objects are made by hand, no agent runs.
#
# Goal: a node gets its range of pod addresses at once, its conditions become taints, taints move pods; a pod in a
# namespace that has just been made is never refused.  Each test has a server of its own.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

# A port that no socket has, below those that the kernel gives to clients: a client's port cannot be listened on.
quiet_port() {
	port=$(shuf -i 10000-19999 -n 1)
	while ss -Htan "sport = :$port" | grep -q .; do port=$((port + 1)); done
	echo "$port"
}

make_node() {
	k create -f - <<< "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"$1\"}}"
	say_ready "$1" True
}

say_ready() {
	k patch node "$1" --subresource=status --type=merge -p "{\"status\":{\"allocatable\":{\"cpu\":\"1\",\"memory\":\"1Gi\",\"pods\":\"110\"},\"conditions\":[{\"type\":\"Ready\",\"status\":\"$2\"}]}}"
}

range_is() {
	[ "$(k get node "$1" -o 'jsonpath={.spec.podCIDR} {.spec.podCIDRs[*]}')" = "$2 $2" ]
}

taints_are() {
	taints=$(k get node "$1" -o 'jsonpath={range .spec.taints[*]}{.key}:{.effect} {end}') && [ "$taints" = "$2" ]
}

test_nodes_get_ranges() {
	mkdir "$scratch/a"
	start_server "$scratch/a" "$(quiet_port)" --cluster-cidr 10.60.0.0/16 || { cat "$scratch/a/log"; false; }
	make_node n1
	await 5 range_is n1 10.60.0.0/24
	make_node n2
	make_node n3
	await 5 range_is n3 10.60.2.0/24
	k delete node n2
	make_node n4
	await 5 range_is n4 10.60.1.0/24
	expect "may not change podCIDR" k patch node n4 -p '{"spec":{"podCIDR":"10.60.9.0/24"}}'
	stop_server -TERM
	start_server "$scratch/a" "$port" --cluster-cidr 10.60.0.0/16
	make_node n5
	await 5 range_is n5 10.60.3.0/24
	range_is n1 10.60.0.0/24
}

test_conditions_become_taints() {
	mkdir "$scratch/c"
	start_server "$scratch/c" "$(quiet_port)" || { cat "$scratch/c/log"; false; }
	make_node t1
	say_ready t1 False
	await 5 taints_are t1 "node.kubernetes.io/not-ready:NoSchedule node.kubernetes.io/not-ready:NoExecute "
	expect NotReady k get node t1
	say_ready t1 True
	await 5 taints_are t1 ""
	k cordon t1
	await 5 taints_are t1 "node.kubernetes.io/unschedulable:NoSchedule "
	k uncordon t1
	await 5 taints_are t1 ""
}

test_no_execute_evicts() {
	mkdir "$scratch/d"
	start_server "$scratch/d" "$(quiet_port)" || { cat "$scratch/d/log"; false; }
	make_node e1
	k run leaves --image=a
	k run stays --image=a --overrides='{"spec":{"tolerations":[{"operator":"Exists"}]}}'
	await 5 sh -c "timeout 9 $kubectl get pod leaves stays -o 'jsonpath={.items[*].spec.nodeName}' | grep -q 'e1 e1'"
	k taint node e1 out=now:NoExecute
	await 5 sh -c "timeout 9 $kubectl get pod leaves -o 'jsonpath={.metadata.deletionTimestamp}' | grep -q ."
	equal "" k get pod stays -o 'jsonpath={.metadata.deletionTimestamp}'
	expect TaintManagerEviction k get events
}

test_pod_in_a_new_namespace() {
	mkdir "$scratch/b"
	start_server "$scratch/b" "$(quiet_port)" || { cat "$scratch/b/log"; false; }
	for i in $(seq 5); do
		printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: fresh-%d}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: first, namespace: fresh-%d}\nspec: {containers: [{name: a, image: b}]}\n' "$i" "$i" |
			k create -f -
	done
	equal default k get pod first -n fresh-5 -o 'jsonpath={.spec.serviceAccountName}'
}

run_tests nodes
