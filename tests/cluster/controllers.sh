#!/bin/bash
# controllers.sh - controllers and scheduler on a server alone: nodes and the readiness of pods are written by hand.
#
# Goal: objects lead to the objects that Kubernetes users expect, and go with their owners.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

mkdir "$scratch/a"
start_server "$scratch/a" "$(($(free_port) + 4000))" || { cat "$scratch/a/log"; exit 1; }

# make_node NAME: a node object that is ready and offers 1 cpu, 1Gi and 110 pods.
make_node() {
	k create -f - <<< "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"$1\"}}"
	k patch node "$1" --subresource=status --type=merge -p '{"status":{"allocatable":{"cpu":"1","memory":"1Gi","pods":"110"},"conditions":[{"type":"Ready","status":"True"}]}}'
}

# What a node says every ten seconds: one that is silent for 40 is given up.
beat() {
	mkfifo "$scratch/never"
	while ! read -rt 10 _ <> "$scratch/never"; do # a pause without a process
		for node in n1 n2; do
			k patch node $node --subresource=status --type=merge -p "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"lastHeartbeatTime\":\"$(date -u +%FT%TZ)\"}]}}" > /dev/null
		done
	done
}

# Every pod of a label that has a node becomes ready.
make_ready() {
	for pod in $(k get pods -l "$1" -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}'); do
		k patch pod "$pod" --subresource=status --type=merge -p '{"status":{"phase":"Running","podIP":"10.42.0.9","conditions":[{"type":"Ready","status":"True"}]}}' > /dev/null
	done
}

# pods LABEL: how many there are.
pods() {
	k get pods -l "$1" -o name | wc -l
}

pods_are() {
	[ "$(pods "$1")" = "$2" ]
}

make_node n1 > /dev/null
make_node n2 > /dev/null
beat &
pids="$pids $!"

test_accounts_in_new_namespaces() {
	k create ns fresh
	await 5 k get serviceaccount default -n fresh
	await 5 k get configmap kube-root-ca.crt -n fresh
	expect "BEGIN CERTIFICATE" k get configmap kube-root-ca.crt -n fresh -o 'jsonpath={.data.ca\.crt}'
	k delete serviceaccount default -n fresh
	await 5 k get serviceaccount default -n fresh
	k create cm left -n fresh
	k delete ns fresh --timeout=20s
	expect 'namespaces "fresh" not found' k get ns fresh
	expect 'not found' k get cm left -n fresh
}

test_deployment_makes_pods_that_spread() {
	k create deployment web --image=a --replicas=6
	await 10 pods_are app=web 6
	await 10 sh -c "[ \$(timeout 9 $kubectl get pods -l app=web -o 'jsonpath={range .items[*]}{.spec.nodeName}{\"\\n\"}{end}' | grep -c .) = 6 ]"
	equal 3 sh -c "timeout 20 $kubectl get pods -l app=web -o 'jsonpath={range .items[*]}{.spec.nodeName}{\"\\n\"}{end}' | grep -c n1"
	equal ReplicaSet k get pods -l app=web -o 'jsonpath={.items[0].metadata.ownerReferences[0].kind}'
	make_ready app=web
	k rollout status deployment web --timeout=15s
	expect "6/6" k get deployment web
	k scale deployment web --replicas=2
	await 10 sh -c "[ \$(timeout 9 $kubectl get pods -l app=web -o 'jsonpath={range .items[?(@.metadata.deletionTimestamp==\"\")]}x{end}' | wc -c) -le 2 ]"
	k delete deployment web
	k delete pods -l app=web --force --grace-period=0 2> /dev/null
	await 10 pods_are app=web 0
	expect "No resources found" k get rs -l app=web
}

# Only the clock makes a pod old enough: nothing else happens meanwhile.
test_pods_become_available_by_age() {
	k create deployment young --image=a --dry-run=client -o yaml | sed 's/^spec:/spec:\n  minReadySeconds: 2/' | k create -f -
	await 10 pods_are app=young 1
	pod=$(k get pods -l app=young -o 'jsonpath={.items[0].metadata.name}')
	k patch pod "$pod" --subresource=status --type=merge -p "{\"status\":{\"phase\":\"Running\",\"podIP\":\"10.42.0.9\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"$(date -u +%FT%TZ)\"}]}}"
	equal "" k get deployment young -o 'jsonpath={.status.availableReplicas}'
	k rollout status deployment young --timeout=15s
	k patch deployment young --type=merge -p '{"spec":{"minReadySeconds":7}}'
	await 10 sh -c "timeout 9 $kubectl get rs -l app=young -o 'jsonpath={.items[*].spec.minReadySeconds}' | grep -qx 7"
	k delete deployment young
	k delete pods -l app=young --force --grace-period=0 2> /dev/null
}

test_rolling_update_and_undo() {
	k create deployment roll --image=one --replicas=4
	await 10 pods_are app=roll 4
	make_ready app=roll
	k rollout status deployment roll --timeout=15s
	k set image deployment/roll one=two
	# 25 % surge of 4 is one more; 25 % missing is one less: the old set gives way step by step
	for _ in $(seq 40); do
		make_ready app=roll
		for pod in $(k get pods -l app=roll -o 'jsonpath={range .items[?(@.metadata.deletionTimestamp)]}{.metadata.name}{"\n"}{end}'); do
			k delete pod "$pod" --force --grace-period=0 > /dev/null 2>&1
		done
		k rollout status deployment roll --watch=false | grep -q "successfully rolled out" && break
	done
	equal "two two two two" k get pods -l app=roll -o 'jsonpath={.items[*].spec.containers[0].image}'
	expect "2         <none>" k rollout history deployment roll
	k rollout undo deployment roll
	await 10 sh -c "timeout 9 $kubectl get deployment roll -o 'jsonpath={.metadata.annotations.deployment\\.kubernetes\\.io/revision}' | grep -q 3"
	equal one k get deployment roll -o 'jsonpath={.spec.template.spec.containers[0].image}'
	equal 2 sh -c "timeout 9 $kubectl get rs -l app=roll -o name | wc -l"
	k delete deployment roll
	k delete pods -l app=roll --force --grace-period=0 2> /dev/null
}

test_orphans_stay() {
	k create deployment lone --image=a
	await 10 pods_are app=lone 1
	k delete deployment lone --cascade=orphan
	await 10 sh -c "[ -z \"\$(timeout 9 $kubectl get rs -l app=lone -o 'jsonpath={.items[0].metadata.ownerReferences[0].uid}')\" ]"
	expect 'deployments.apps "lone" not found' k get deployment lone
	equal 1 pods app=lone
	k delete rs -l app=lone --cascade=foreground --wait=false
	k delete pods -l app=lone --force --grace-period=0 2> /dev/null
	await 10 sh -c "timeout 9 $kubectl get rs -l app=lone 2>&1 | grep -q 'No resources'"
}

test_endpoint_slices_follow_pods() {
	k create deployment ends --image=a --port=8080
	k expose deployment ends --port=80 --target-port=8080
	await 10 pods_are app=ends 1
	make_ready app=ends
	await 10 sh -c "timeout 9 $kubectl get endpointslice -l kubernetes.io/service-name=ends -o 'jsonpath={.items[0].endpoints[0].conditions.ready}' | grep -q true"
	equal 8080 k get endpointslice -l kubernetes.io/service-name=ends -o 'jsonpath={.items[0].ports[0].port}'
	k delete pods -l app=ends --wait=false
	await 10 sh -c "timeout 9 $kubectl get endpointslice -l kubernetes.io/service-name=ends -o 'jsonpath={.items[0].endpoints[*].conditions.terminating}' | grep -q true"
	k delete service ends
	await 10 sh -c "timeout 9 $kubectl get endpointslice -l kubernetes.io/service-name=ends 2>&1 | grep -q 'No resources'"
	k delete deployment ends
	k delete pods -l app=ends --force --grace-period=0 2> /dev/null
}

test_unschedulable_says_why() {
	k create -f - <<< '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"big"},"spec":{"containers":[{"name":"a","image":"b","resources":{"requests":{"cpu":"4"}}}]}}'
	await 10 sh -c "timeout 9 $kubectl get pod big -o 'jsonpath={.status.conditions[0].message}' | grep -q '0/2 nodes are available: 2 Insufficient cpu.'"
	expect FailedScheduling k describe pod big
	expect Pending k get pod big
	k delete pod big
	k taint node n1 n2 shut=yes:NoSchedule 2> /dev/null || k taint nodes --all shut=yes:NoSchedule
	k run waits --image=a
	await 10 sh -c "timeout 9 $kubectl get pod waits -o 'jsonpath={.status.conditions[0].message}' | grep -q 'untolerated taint {shut: yes}'"
	k taint nodes --all shut-
	await 10 sh -c "timeout 9 $kubectl get pod waits -o 'jsonpath={.spec.nodeName}' | grep -q n"
	k delete pod waits --force --grace-period=0 2> /dev/null
}

# The way to the API is no user's to delete for long.
test_kubernetes_service_comes_back() {
	k delete service kubernetes
	await 20 k get service kubernetes
	equal 10.43.0.1 k get service kubernetes -o "jsonpath={.spec.clusterIP}"
}

# A server that has moved says so.
test_the_endpoint_follows_the_server() {
	mkdir "$scratch/e"
	port=$(($(free_port) + 4100))
	start_server "$scratch/e" "$port"
	equal "" k get endpointslice kubernetes --ignore-not-found -o name # on loopback nobody reaches it
	for place in 192.0.2.7:7001 192.0.2.8:7002; do
		stop_server -TERM
		"$mote" server --disable-agent --data-dir "$scratch/e/data" --write-kubeconfig "$scratch/e/moved" \
			--bind-address 127.0.0.1 --https-listen-port "$port" \
			--advertise-address "${place%:*}" --advertise-port "${place#*:}" >> "$scratch/e/log" 2>&1 &
		server_pid=$!
		# shellcheck disable=SC2031
		pids="$pids $server_pid"
		await 10 equal "${place%:*} ${place#*:}" k get endpointslice kubernetes \
			-o 'jsonpath={.endpoints[*].addresses[*]} {.ports[*].port}'
		await 10 equal "${place%:*} ${place#*:}" k get endpoints kubernetes \
			-o 'jsonpath={.subsets[*].addresses[*].ip} {.subsets[*].ports[*].port}'
	done
}

run_tests controllers
