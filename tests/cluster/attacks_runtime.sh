#!/bin/bash
# attacks_runtime.sh - pods that use up or attack their node: it stays Ready, and nothing is left of them.
#
# Goal: what needs a whole node to be seen: bombs of processes, memory, files and inodes; a monitor that is
# killed; images and pods that speak of more than they may have.  The rest of these attacks is in
# tests/unit/runtime/test_container_attack.c.
# shellcheck source=tests/cluster/lib.sh
# shellcheck disable=SC2016,SC2119,SC2181
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

# attacks NAME LIMITS COMMAND: a pod that does its worst.
attacks() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec:
	  restartPolicy: Never
	  terminationGracePeriodSeconds: 0
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, '$3']
	    resources: {limits: $2}
	END
}

over() {
	case $(of "pod/$1" '{.status.phase}') in Succeeded | Failed) return 0 ;; esac
	return 1
}

# The node is Ready, and other pods run on it.
node_is_well() {
	equal True of node/n1 '{.status.conditions[?(@.type=="Ready")].status}'
	attacks "after-$1" '{}' 'echo fine'
	await 15 over "after-$1"
	equal fine k logs "after-$1"
	gone "pod/$1" "pod/after-$1"
	await 10 no_cgroups
}

no_cgroups() {
	[ -z "$(find /sys/fs/cgroup -path "*/mote/pods/$uid*" 2>/dev/null | head -1)" ]
}

uid_of() {
	uid=$(of "pod/$1" '{.metadata.uid}')
}

# It runs, or the kernel has ended it already.
has_begun() {
	over "$1" || is Running "pod/$1" '{.status.phase}'
}

test_fork_bomb() {
	attacks forks '{memory: 48Mi, cpu: 500m}' 'b() { b | b & }; b; sleep 60'
	await 15 has_begun forks
	uid_of forks
	# what has no limit of its own leaves a tenth of all process ids to the machine
	most=$(cat /sys/fs/cgroup/pids/mote/pods/pids.max 2>/dev/null || cat /sys/fs/cgroup/mote/pods/pids.max)
	[ "$most" -gt 0 ] && [ "$most" -lt "$(cat /proc/sys/kernel/pid_max)" ]
	node_is_well forks
}

test_memory_hog() {
	attacks hog '{memory: 32Mi}' 'tail /dev/zero'
	await 20 over hog
	uid_of hog
	equal OOMKilled of pod/hog '{.status.containerStatuses[0].state.terminated.reason}'
	node_is_well hog
}

test_files_and_inodes() {
	attacks inodes '{memory: 64Mi, ephemeral-storage: 1Mi}' \
		'i=0; while [ $i -lt 3000 ]; do mkdir -p /srv/$i/a; i=$((i + 1)); done; dd if=/dev/zero of=/big bs=1M count=8 2>/dev/null; sleep 60'
	await 10 is Running pod/inodes '{.status.phase}'
	uid_of inodes
	attacks files '{memory: 64Mi}' 'i=3; while [ $i -lt 3000 ]; do eval "exec $i</dev/null" || exit 0; i=$((i + 1)); done'
	await 20 over files
	gone pod/files
	node_is_well inodes
}

new_run() {
	[ "$(of pod/stays '{.status.containerStatuses[0].restartCount}')" = 1 ] && is Running pod/stays '{.status.phase}'
}

test_killed_monitor() {
	k run stays --image=web:1 --grace-period=0 --overrides='{"spec":{"terminationGracePeriodSeconds":0}}' --command -- sleep 3600
	k wait --for=condition=Ready pod/stays --timeout=20s
	uid_of stays
	kill -9 "$(pgrep -f "^mote monitor $lab/.*$uid")"
	await 20 new_run
	equal 137 of pod/stays '{.status.containerStatuses[0].lastState.terminated.exitCode}'
	gone pod/stays
	await 10 no_cgroups
}

# A label of an image, an annotation of a pod: words that other runtimes have acted upon.
test_words_are_not_configuration() {
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata:
	  name: words
	  annotations:
	    run.oci.hooks.stdout: /etc/passwd
	    io.kubernetes.cri-o.userns-mode: private
	    io.kubernetes.cri-o.Devices: /dev/kmsg
	    seccomp.security.alpha.kubernetes.io/pod: unconfined
	    container.seccomp.security.alpha.kubernetes.io/a: unconfined
	    io.containerd.runc.v2.group: "0"
	spec:
	  restartPolicy: Never
	  containers: [{name: a, image: "web:1", command: [sh, -c, "grep Seccomp: /proc/self/status; ls /dev/kmsg 2>&1; grep CapEff /proc/self/status"]}]
	END
	await 15 over words
	equal 'Seccomp:	2
ls: /dev/kmsg: No such file or directory
CapEff:	00000000a80425fb' k logs words
	gone pod/words
}

( set -e
lab_open
host_add s 172.30.0.1
image_make web:1 one
host_add n1 172.30.0.11
image_give n1 "$tar_image/web-1.tar"
server_start
agent_start n1 )
[ $? = 0 ] || { cat "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"
run_tests attacks_runtime
