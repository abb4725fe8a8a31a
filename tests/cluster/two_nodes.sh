#!/bin/bash
# two_nodes.sh - a server and two nodes that run real pods, driven by the real kubectl.
#
# Goal: what a user does with a cluster works: the network, logs, exec, scaling,
# rolling updates.  All tests share the cluster; each uses names of its own and deletes them.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

count_on() {
	k get pods -l app=spread --field-selector "spec.nodeName=$1" -o name | wc -l
}

test_spread() {
	web spread 6
	k get pods -l app=spread -o wide
	for node in n1 n2; do
		equal 3 count_on $node
	done
	gone deployment/spread service/spread
	await 30 no_pods app=spread
}

# get_page POD ADDRESS: from inside of a container, with nothing but a socket: busybox's wget needs files of the
# C library that no image has.
get_page() {
	k exec "$1" -- sh -c "printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 5 $2 80 | sed '1,/^\r*$/d'"
}

test_network() {
	pod client n1
	pod target n2
	k exec target -- httpd -p 80 -h /www
	address=$(of pod/target '{.status.podIP}')
	[ "$(of pod/client '{.status.podIP}' | cut -d . -f 1-3)" != "$(echo "$address" | cut -d . -f 1-3)" ]
	equal one get_page client "$address"
	equal one in_pod client curl -s -m 5 "http://$address/"
	k label pod target app=target
	k expose pod target --port=80 --type=NodePort --name=target
	service=$(of service/target '{.spec.clusterIP}')
	await 10 in_pod client curl -s -m 1 "http://$service/"
	equal one get_page client "$service"
	await 10 in_pod target curl -s -m 1 "http://$service/" # a pod reaches itself through its own service
	port=$(of service/target '{.spec.ports[0].nodePort}')
	for node in 172.30.0.11 172.30.0.12; do
		await 10 in_lab curl -s -m 1 "http://$node:$port/"
		equal one in_lab curl -s -m 5 "http://$node:$port/"
	done
	k exec client -- ping -c 1 -W 3 172.30.0.254
	gone service/target
	refused() { ! in_lab curl -s -m 1 "http://172.30.0.11:$port/"; }
	await 10 refused
	gone pod/client pod/target
}

# call POD PATH [curl's options]: the API as the pod finds it, with its own CA.
call() {
	account=/var/run/secrets/kubernetes.io/serviceaccount
	k exec "$1" -- cat $account/ca.crt > "$scratch/pod-ca"
	in_pod "$1" curl -s -m 10 --cacert "$scratch/pod-ca" "${@:3}" "https://10.43.0.1:443$2"
}

test_pods_reach_the_api() {
	pod asks n1
	pod asks2 n2
	for name in asks asks2; do
		equal "10.43.0.1 443" k exec $name -- sh -c 'echo $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT'
		equal default k exec $name -- cat /var/run/secrets/kubernetes.io/serviceaccount/namespace
		token=$(k exec $name -- cat /var/run/secrets/kubernetes.io/serviceaccount/token)
		equal ok call $name /readyz -H "Authorization: Bearer $token"
		expect "APIResourceList" call $name /api/v1 -H "Authorization: Bearer $token"
		expect '"code": 401' call $name /api/v1 -H "Authorization: Bearer ${token}x"
		# It is who its token says: an account that may not read secrets.
		expect 'system:serviceaccount:default:default' call $name /api/v1/namespaces/default/secrets \
			-H "Authorization: Bearer $token"
	done
	gone pod/asks pod/asks2
}

test_logs() {
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: talks}
	spec:
	  restartPolicy: Never
	  containers: [{name: a, image: "web:1", command: [sh, -c, "for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done; echo bad >&2"]}]
	END
	await 20 k logs talks
	k logs -f talks > "$scratch/followed"
	printf 'line 1\nline 2\nline 3\nline 4\nline 5\nbad\n' | cmp - "$scratch/followed"
	equal "line 5
bad" k logs talks --tail=2
	equal "" k logs talks --tail=0
	expect "T" k logs talks --timestamps --tail=1
	equal "line 1" shell "k logs talks --limit-bytes=7"
	expect "container b is not valid for pod talks" k logs talks -c b
	gone pod/talks
}

test_logs_previous() {
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: twice}
	spec:
	  terminationGracePeriodSeconds: 1
	  volumes: [{name: v, emptyDir: {}}]
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, "if [ -e /v/x ]; then echo second; trap exit TERM; sleep 3600 & wait; fi; touch /v/x; echo first; exit 3"]
	    volumeMounts: [{name: v, mountPath: /v}]
	END
	await 30 is 1 pod/twice '{.status.containerStatuses[0].restartCount}'
	await 30 k logs twice
	await 10 is true pod/twice '{.status.containerStatuses[0].started}'
	equal first k logs twice --previous
	equal second k logs twice
	equal 3 of pod/twice '{.status.containerStatuses[0].lastState.terminated.exitCode}'
	gone pod/twice
}

test_exec() {
	pod runs n2
	equal "a b" k exec runs -- echo a b
	code=0
	k exec runs -- sh -c 'exit 7' || code=$?
	[ "$code" = 7 ]
	equal "err" shell "k exec runs -- sh -c 'echo err >&2' 2>&1 >/dev/null"
	for bytes in 0 1 1048576 10000019; do
		equal "$bytes" shell "head -c $bytes /dev/zero | k exec -i runs -- sh -c 'cat | wc -c'"
	done
	head -c 3000017 /dev/urandom > "$scratch/random"
	k exec -i runs -- cat < "$scratch/random" | cmp - "$scratch/random"
	# The command ends before its input.
	k exec -i runs -- true < /dev/zero
	expect "not a tty" shell "k exec runs -- tty < /dev/null"
	expect "/dev/pts/" script -qec "nsenter --target $(cat "$lab/host-s.pid") --net -- $kubectl exec -it runs -- tty" /dev/null
	expect "not found" k exec runs -- nothing
	expect "container b" k exec runs -c b -- true
	gone pod/runs
}

test_scale() {
	web scaled 1
	k scale deployment scaled --replicas=4
	k rollout status deployment scaled --timeout=30s
	await 10 is 4 deployment/scaled '{.status.readyReplicas}'
	k scale deployment scaled --replicas=0
	await 30 no_pods app=scaled
	gone deployment/scaled service/scaled
}

# A client that keeps asking until the file is away; one line per answer.
keep_asking() {
	while [ -e "$scratch/asking" ]; do
		curl -s -m 5 "http://$1/" 2>&1 || echo "failed: $?"
	done > "$scratch/answers"
}

answers_have() {
	grep -q "$1" "$scratch/answers"
}

test_rolling_update() {
	web rolls 4
	service=$(of service/rolls '{.spec.clusterIP}')
	port=$(of service/rolls '{.spec.ports[0].nodePort}')
	pod client n1
	# One client within the cluster, one outside.
	touch "$scratch/asking"
	export -f keep_asking
	export scratch
	in_pod client bash -c "keep_asking $service" &
	inside=$!
	in_lab bash -c "scratch=$scratch/outside; mkdir \$scratch; ln -s ../asking \$scratch/asking; keep_asking 172.30.0.12:$port" &
	outside=$!
	await 10 answers_have one
	k set image deployment/rolls web=web:2
	k rollout status deployment rolls --timeout=90s
	await 10 answers_have two
	k rollout undo deployment/rolls
	k rollout status deployment rolls --timeout=90s
	three_pods_gone() { [ "$(k get pods -l app=rolls -o name | wc -l)" = 4 ]; }
	await 30 three_pods_gone
	rm "$scratch/asking"
	wait $inside $outside
	cat "$scratch/answers" "$scratch/outside/answers" | sort | uniq -c
	equal "one
two" sort -u "$scratch/answers" "$scratch/outside/answers"
	equal one tail -n 1 "$scratch/answers"
	equal "web:1" of deployment/rolls '{.spec.template.spec.containers[0].image}'
	gone deployment/rolls service/rolls pod/client
	await 30 no_pods app=rolls
}

test_a_bad_update_stops_nothing() {
	web keeps 3
	k set image deployment/keeps web=web:none
	says_why() { k get pods -l app=keeps | grep -E 'ErrImagePull|ImagePullBackOff'; }
	await 20 says_why
	service=$(of service/keeps '{.spec.clusterIP}')
	[ "$(of deployment/keeps '{.status.availableReplicas}')" -ge 2 ]
	pod client n2
	equal one in_pod client curl -s -m 5 "http://$service/"
	k rollout undo deployment/keeps
	k rollout status deployment keeps --timeout=60s
	gone deployment/keeps service/keeps pod/client
	await 30 no_pods app=keeps
}

open_two_nodes
run_tests two_nodes
