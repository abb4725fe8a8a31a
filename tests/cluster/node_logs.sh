#!/bin/bash
# node_logs.sh - kubectl logs in all its forms, across rotations and restarts, and kubectl's commands for nodes.
#
# Goal: a reader who follows loses nothing when files are rotated; what is asked for is what is given.
# shellcheck disable=SC2016,SC2119
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

# talks NAME POLICY COMMAND [LABEL]: a pod that says what the command says.
talks() {
	k apply -f - > /dev/null <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1, labels: {app: ${4:-$1}}}
	spec: {restartPolicy: $2, terminationGracePeriodSeconds: 0, containers: [{name: a, image: "web:1", command: [sh, -c, "$3"]}]}
	END
}

# says TEXT ARGUMENTS...: what kubectl logs prints.
says() {
	equal "$1" k logs "${@:2}"
}

finished() {
	[[ $(k get pod "$1" -o 'jsonpath={.status.phase}') =~ Succeeded|Failed ]]
}

test_forms() {
	talks counts Never "seq 5; sleep 2; seq 6 9; echo bad >&2"
	await 20 finished counts
	says $'9\nbad' counts --tail=2
	says "" counts --tail=0
	says $'1\n2\n3' counts --limit-bytes=5
	equal 10 eval 'k logs counts --timestamps | grep -cE "^20[0-9-]+T[0-9:.]+Z (bad|[0-9])$"'
	half=$(k logs counts --timestamps | sed -n 's/^\([^ ]*\) 6$/\1/p')
	equal $'6\n7\n8\n9\nbad' k logs counts "--since-time=$half"
	equal 10 eval 'k logs counts --since=1h | wc -l'
	says "" counts --since-time=2100-01-01T00:00:00Z
	expect "previous terminated container \"a\" in pod \"counts\" not found" k logs counts --previous
	expect "container nobody is not valid for pod counts" k logs counts -c nobody
	expect "only one of sinceSeconds or sinceTime" k logs counts --since=1s --since-time=2100-01-01T00:00:00Z ||
		expect "at most one of" k logs counts --since=1s --since-time=2100-01-01T00:00:00Z
}

test_previous() {
	talks again OnFailure "echo run; [ -e /tmp/x ] || { sleep 0.2; exit 3; }"
	await 20 eval '[ "$(k get pod again -o "jsonpath={.status.containerStatuses[0].restartCount}")" -ge 1 ]'
	says run again --previous
	k delete pod again > /dev/null
}

test_many() {
	k apply -f - > /dev/null <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: three, labels: {app: many}}
	spec:
	  restartPolicy: Never
	  initContainers: [{name: first, image: "web:1", command: [echo, init]}]
	  containers: [{name: a, image: "web:1", command: [echo, one]}, {name: b, image: "web:1", command: [echo, two]}]
	END
	talks fourth Never "echo three" many
	await 20 finished three
	await 20 finished fourth
	equal $'init\none\ntwo' eval 'k logs three --all-containers | sort' # kubectl has no order for them
	equal $'[pod/three/a] one\n[pod/three/b] two\n[pod/three/first] init' eval 'k logs three --all-containers --prefix | sort'
	equal $'init\none\nthree\ntwo' eval 'k logs -l app=many --all-containers | sort'
	expect "Defaulted container \"a\" out of: a, b, first (init)" k logs three
	equal three eval 'k logs -l app=many,app!=x --tail=1 --prefix | sed -n "s/.*fourth.a. //p"'
	k delete pod -l app=many > /dev/null
}

# 3000 numbered lines of 100 bytes through files of 20 KB, and no more files than are kept.
test_follow_across_rotation() {
	talks rotates Never "i=0; while [ \$i -lt 3000 ]; do i=\$((i + 1)); echo \$i $(printf 'x%.0s' $(seq 90)); \
[ \$((i % 50)) != 0 ] || sleep 0.03; done"
	await 20 eval 'k logs rotates --tail=1 | grep -q x'
	k logs rotates -f --tail=-1 > "$scratch/followed"
	await 20 finished rotates
	equal 3000 eval 'tail -1 "$scratch/followed" | cut -d " " -f 1'
	equal "" eval 'cut -d " " -f 1 "$scratch/followed" | awk "NR > 1 && \$1 != last + 1 { print last, \$1 } { last = \$1 }"'
	[ "$(find "$lab/n1/logs" -path '*rotates*' -name '0.log*' | wc -l)" -le 3 ]
	equal "" find "$lab/n1/logs" -path '*rotates*' -name '0.log.*' -size +24k
	[ "$(k logs rotates | wc -l)" -lt 1000 ]
}

# A pod that may write among the logs chooses nothing (attack case 36).
test_links_are_no_logs() {
	k apply -f - > /dev/null <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: evil}
	spec:
	  terminationGracePeriodSeconds: 0
	  volumes: [{name: logs, hostPath: {path: $lab/n1/logs}}]
	  containers: [{name: a, image: "web:1", command: [sh, -c, "echo fine; sleep 3600"], volumeMounts: [{name: logs, mountPath: /logs}]}]
	END
	k wait --for=condition=Ready pod/evil --timeout=15s
	await 5 says fine evil
	k exec evil -- sh -c 'cd /logs/default_evil_*/a && mv 0.log kept && ln -s /etc/passwd 0.log'
	expect "there is no log" k logs evil
	k exec evil -- sh -c 'cd /logs/default_evil_*/a && rm 0.log && mkfifo 0.log'
	expect "there is no log" k logs evil
	k exec evil -- sh -c 'cd /logs/default_evil_*/a && rm 0.log && ln kept 0.log && cd .. && mv a b && ln -s b a'
	expect "there is no log" k logs evil
	k exec evil -- sh -c 'cd /logs/default_evil_* && rm a && mv b a'
	says fine evil
	for name in .. ../../evil/a %2e%2e%2fa ..%2f..%2f..%2fetc%2fpasswd a/../../b; do
		expect "Error" k get --raw "/api/v1/nodes/n1/proxy/containerLogs/default/evil/$name"
		expect "Error" k get --raw "/api/v1/namespaces/default/pods/evil/log?container=$name"
	done
	gone pod/evil
}

test_nodes() {
	k cordon n1
	expect "Ready,SchedulingDisabled" k get node n1
	k uncordon n1
	k taint node n1 a=b:NoSchedule
	k taint node n1 a-
	talks alone Never "sleep 3600"
	k apply -f - > /dev/null <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: keeps, labels: {app: keeps}}
	spec:
	  volumes: [{name: v, emptyDir: {}}]
	  terminationGracePeriodSeconds: 0
	  containers: [{name: a, image: "web:1", command: [sleep, "3600"], volumeMounts: [{name: v, mountPath: /v}]}]
	END
	k wait --for=condition=Ready pod/alone pod/keeps --timeout=15s
	expect "cannot delete cannot delete Pods that declare no controller" k drain n1 --timeout=5s
	expect "cannot delete Pods with local storage" k drain n1 --force --timeout=5s
	expect "drained (server dry run)" k drain n1 --force --delete-emptydir-data --dry-run=server --pod-selector=app=keeps
	k get pod keeps
	k drain n1 --force --delete-emptydir-data --pod-selector=app=keeps --timeout=20s
	expect "not found" k get pod keeps
	k get pod alone
	k drain n1 --force --delete-emptydir-data --grace-period=0 --disable-eviction --skip-wait-for-delete-timeout=1 --timeout=20s
	expect "not found" k get pod alone
	k uncordon n1
}

test_debug_node() {
	k debug node/n1 --image=web:1 --profile=general -- sh -c 'test -e /host/etc/passwd && echo sees the host' > /dev/null 2>&1
	pod=$(k get pods -o name | grep node-debugger)
	await 20 eval '[ "$(k logs '"$pod"')" = "sees the host" ]'
	equal "true true" k get "$pod" -o 'jsonpath={.spec.hostNetwork} {.spec.hostPID}'
	k delete "$pod" --force --grace-period=0 > /dev/null 2>&1
}

lab_open
host_add s 172.30.0.1
host_add n1 172.30.0.11
image_make web:1 one
image_give n1 "$tar_image/web-1.tar"
server_start
agent_start n1 --kubelet-arg container-log-max-size=20k --kubelet-arg container-log-max-files=3
run_tests node_logs
