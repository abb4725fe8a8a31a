#!/bin/bash
# node_faults.sh - what happens to a cluster in the field, done to a server and two nodes that run real pods.
#
# Goal: kill -9 of an agent, of the server, of a container's monitor, a cut link: pods run on, what was
# acknowledged is there afterwards, and the cluster mends itself.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

# What must not change while a pod is left alone.
life_of() {
	of "pod/$1" '{.status.podIP} {.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].state.running.startedAt} {.status.containerStatuses[0].containerID}'
}

node_is() {
	is "$2" "node/$1" '{.status.conditions[?(@.type=="Ready")].status}'
}

# The page of the service, from a process in the pod's network whose pid is $1: works without any API.
service_answers() {
	[ "$(nsenter --target "$1" --net -- curl -s -m 2 "http://$2/")" = one ]
}

first_process() {
	in_pod "$1" sh -c 'echo' > /dev/null
	uid=$(of "pod/$1" '{.metadata.uid}')
	find /sys/fs/cgroup -path "*/mote/pods/$uid/*" -name cgroup.procs -exec cat {} + | sed -n 1p
}

test_agent_killed() {
	mend_cluster
	web stays 2
	pod client n1
	pod old n1
	for name in $(k get pods -l app=stays -o name); do life_of "${name#pod/}"; done > "$scratch/before"
	life_of client >> "$scratch/before"
	process=$(first_process client)
	service=$(of service/stays '{.spec.clusterIP}')
	await 10 service_answers "$process" "$service"
	stop agent-n1 -KILL
	stop agent-n2 -KILL
	service_answers "$process" "$service"
	await 60 node_is n1 Unknown
	service_answers "$process" "$service"
	# What is deleted meanwhile is gone when the agent is back.
	k delete pod old --wait=false
	agent_start n1
	agent_start n2
	k wait --for=delete pod/old --timeout=20s
	for name in $(k get pods -l app=stays -o name); do life_of "${name#pod/}"; done > "$scratch/after"
	life_of client >> "$scratch/after"
	diff "$scratch/before" "$scratch/after"
	equal "$process" first_process client
	equal works k exec client -- echo works
	service_answers "$process" "$service"
	# New pods come too, and reach the old ones.
	pod later n1
	equal one in_pod later curl -s -m 5 "http://$service/"
	gone deployment/stays service/stays pod/client pod/later
	await 30 no_pods app=stays
}

test_container_ends_while_the_agent_is_dead() {
	mend_cluster
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: ends}
	spec:
	  nodeName: n2
	  restartPolicy: Never
	  volumes: [{name: v, emptyDir: {}}]
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, "echo begun; while ! [ -e /v/end ]; do sleep 0.1; done; echo ended; exit 5"]
	    volumeMounts: [{name: v, mountPath: /v}]
	END
	k wait --for=condition=Ready pod/ends --timeout=20s
	process=$(first_process ends)
	stop agent-n2 -KILL
	touch "/proc/$process/root/v/end"
	await 10 is_gone "$process"
	agent_start n2
	await 20 is Failed pod/ends '{.status.phase}'
	equal 5 of pod/ends '{.status.containerStatuses[0].state.terminated.exitCode}'
	equal "begun
ended" k logs ends
	gone pod/ends
}

test_monitor_killed() {
	mend_cluster
	pod lost n1
	uid=$(of pod/lost '{.metadata.uid}')
	k exec lost -- true
	before=$(first_process lost)
	kill -9 "$(pgrep -f "^mote monitor $lab/n1/data/agent/pods/$uid")"
	restarted() { is 1 pod/lost '{.status.containerStatuses[0].restartCount}'; }
	await 30 restarted
	k wait --for=condition=Ready pod/lost --timeout=30s
	equal works k exec lost -- echo works
	is_gone "$before"
	gone pod/lost
}

# Process $1 of 8 creates its 125 config maps and writes "name revision" of each acknowledged one.
create_some() {
	for i in $(seq 125); do
		body="{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"crowd-$1-$i\"},\"data\":{\"n\":\"$i\"}}"
		curl -s -m 5 --fail --cacert "$lab/ca.pem" --cert "$lab/client.pem" --key "$lab/client.key" \
			-H 'Content-Type: application/json' -d "$body" \
			https://172.30.0.1:6443/api/v1/namespaces/crowd/configmaps |
			sed -n 's/.*"resourceVersion": *"\([0-9]*\)".*/\1/p' | sed "s/^/crowd-$1-$i /" >> "$scratch/created-$1"
	done
}

created() {
	[ "$(cat "$scratch"/created-* 2>/dev/null | wc -l)" -ge "$1" ]
}

test_server_killed_in_the_middle_of_creates() {
	mend_cluster
	# The administrator's certificate, for curl: a kubectl for each of 1000 objects would take minutes.
	for part in certificate-authority:ca.pem client-certificate:client.pem client-key:client.key; do
		sed -n "s/.*${part%:*}-data: *//p" "$KUBECONFIG" | tr -d '"' | base64 -d > "$lab/${part#*:}"
	done
	k create namespace crowd
	pod runs n1
	life_of runs > "$scratch/before"
	export -f create_some
	export lab scratch
	workers=
	for worker in 1 2 3 4 5 6 7 8; do
		in_lab bash -c "create_some $worker" &
		workers="$workers $!"
	done
	for wanted in 250 500; do
		await 30 created $wanted
		stop server -KILL
		highest=$(cat "$scratch"/created-* | sort -k 2 -n | tail -n 1 | cut -d ' ' -f 2)
		server_start
		# Never back: what is written next has a revision above all that anybody was told.
		[ "$(k create configmap -n crowd "after-$wanted" -o 'jsonpath={.metadata.resourceVersion}')" -gt "$highest" ]
	done
	# shellcheck disable=SC2086
	wait $workers
	created 501
	k get configmaps -n crowd -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{"\n"}{end}' |
		grep '^crowd' | sort > "$scratch/there"
	cat "$scratch"/created-* | sort > "$scratch/told"
	# All that was acknowledged is there with the revision that was told; no revision was given twice.
	equal "" comm -23 "$scratch/told" "$scratch/there"
	equal "" sh -c "cut -d ' ' -f 2 $scratch/there | sort | uniq -d"
	await 20 node_is n1 True
	await 20 node_is n2 True
	life_of runs | diff "$scratch/before" -
	await 10 k exec runs -- true
	gone pod/runs namespace/crowd
}

pods_go_on_without_the_server() {
	await 60 node_is n2 Unknown
	nsenter --target "$1" --net -- busybox ping -c 1 -W 2 "$2"
	expect "node n2 of pod client is not connected" k exec client -- true
}

test_cut_link() {
	mend_cluster
	web linked 2
	pod client n2
	before=$(life_of client)
	process=$(first_process client)
	gateway=$(of pod/client '{.status.podIP}' | cut -d . -f 1-3).1
	in_lab ip link set n2 down
	# Not in a condition: bash would go on after a failure in it.
	set +e
	( set -e; pods_go_on_without_the_server "$process" "$gateway" )
	went_on=$?
	set -e
	in_lab ip link set n2 up
	await 60 node_is n2 True
	[ "$went_on" = 0 ]
	await 20 k exec client -- true
	equal "$before" life_of client
	await 10 is "" node/n2 '{.spec.taints}'
	equal one in_pod client curl -s -m 5 "http://$(of service/linked '{.spec.clusterIP}')/"
	await 10 is 2 deployment/linked '{.status.readyReplicas}'
	gone deployment/linked service/linked pod/client
	await 30 no_pods app=linked
}

# The whole cluster stands still and comes back: nothing restarts that need not.
test_everything_restarts() {
	mend_cluster
	pod lives n1
	before=$(life_of lives)
	stop agent-n1
	stop agent-n2
	stop server
	server_start
	agent_start n1
	agent_start n2
	equal "$before" life_of lives
	equal works k exec lives -- echo works
	gone pod/lives
}

# A machine that lost power: agent and pods are all gone at once.
test_power_cut() {
	mend_cluster
	pod risen n2
	k exec risen -- true
	stop agent-n2 -KILL
	remember_pods
	for pid in $(pgrep -f "^mote monitor $lab/n2/"); do kill -9 "$pid"; done
	for folder in $(cgroups_of_pods | grep "$(of pod/risen '{.metadata.uid}')"); do
		for pid in $(cat "$folder/cgroup.procs"); do kill -9 "$pid" 2>/dev/null || true; done
	done
	agent_start n2
	restarted() { is 1 pod/risen '{.status.containerStatuses[0].restartCount}'; }
	await 30 restarted
	k wait --for=condition=Ready pod/risen --timeout=30s
	equal works k exec risen -- echo works
	gone pod/risen
}

open_two_nodes
run_tests node_faults
