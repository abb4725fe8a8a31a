#!/bin/bash
# node_eviction.sh - a node whose memory or disk runs out ends pods in the right order, with the words of a kubelet.
#
# Goal: the agent runs in a group of its own that gives its pods 300 MiB, on a disk of 160 MiB, so that the machine
# itself is never short of anything.
# shellcheck disable=SC2016,SC2119
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

group=evict-${scratch##*.}

# The folders of cgroups that the agent goes into: one in version 2, one a controller in version 1.
group_folders() {
	for folder in /sys/fs/cgroup /sys/fs/cgroup/*; do
		[ -w "$folder/cgroup.procs" ] && [ ! -L "$folder" ] && [[ ! ${folder##*/} =~ ^(mote|unified)$ ]] && echo "$folder/$group"
		[ -e /sys/fs/cgroup/cgroup.controllers ] && break
	done
}

group_remove() {
	for folder in $(group_folders); do
		[ -d "$folder" ] && find "$folder" -depth -type d -exec rmdir {} + 2>/dev/null
	done
	true
}
trap 'lab_close; group_remove; finish' EXIT

agent_in_group() {
	folders=$(group_folders)
	reserved=$(($(sed -n 's/MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) - 300 * 1024))
	# shellcheck disable=SC2016
	launch agent-n1 n1 sh -c 'for folder in $0; do mkdir -p $folder; echo $$ > $folder/cgroup.procs; done; exec "$@"' "$folders" \
		"$lab/mote" agent --server https://172.30.0.1:6443 --token-file "$lab/s/data/server/node-token" \
		--data-dir "$lab/n1/data" --node-name n1 --pod-logs-dir "$lab/n1/data/logs" \
		--kubelet-arg "system-reserved=memory=${reserved}Ki,cpu=100m,ephemeral-storage=10Mi" \
		--kubelet-arg "eviction-hard=memory.available<100Mi,nodefs.available<60Mi" \
		--kubelet-arg eviction-minimum-reclaim=nodefs.available=1Mi \
		--kubelet-arg minimum-image-ttl-duration=1s --kubelet-arg eviction-pressure-transition-period=3s
	await 20 k wait --for=condition=Ready node/n1 --timeout=15s
}

of() {
	k get "$1" -o "jsonpath=$2"
}

is() {
	[ "$(of "$2" "$3")" = "$1" ]
}

condition() {
	of node/n1 "{.status.conditions[?(@.type==\"$1\")].status}"
}

pressure_is() {
	[ "$(condition "$1")" = "$2" ]
}

# eater NAME MIB [PRIORITY] [REQUEST]: a pod that holds so much memory.
eater() {
	k apply -f - > /dev/null <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec:
	  priorityClassName: ${3:-}
	  terminationGracePeriodSeconds: 0
	  restartPolicy: Never
	  nodeName: n1
	  containers:
	  - {name: a, image: "web:1", resources: {requests: {memory: ${4:-0}}},
	     command: [sh, -c, "dd if=/dev/zero bs=${2}M | sleep 3600"]}
	END
}

test_what_pods_may_have() {
	equal 200Mi of node/n1 '{.status.allocatable.memory}'
	total=$(($(nproc) * 1000 - 100))m
	equal "$total" of node/n1 '{.status.allocatable.cpu}'
	equal 90Mi of node/n1 '{.status.allocatable.ephemeral-storage}'
	equal 160Mi of node/n1 '{.status.capacity.ephemeral-storage}'
	equal 10250 of node/n1 '{.status.daemonEndpoints.kubeletEndpoint.Port}'
	await 12 expect web:1 of node/n1 '{.status.images[*].names}'
	expect '"memory.available":"100Mi"' k get --raw /api/v1/nodes/n1/proxy/configz
}

# The one that uses most beyond its request goes; who has asked for it, and what the system needs, stay.
test_memory() {
	eater modest 60 "" 70Mi
	eater system 40 system-node-critical
	k wait --for=condition=Ready pod/modest pod/system --timeout=15s
	eater big 120
	await 25 is Failed pod/big '{.status.phase}'
	equal Evicted of pod/big '{.status.reason}'
	expect "The node was low on resource: memory. Threshold quantity: 100Mi, available: " of pod/big '{.status.message}'
	expect "request is 0, has larger consumption of memory. " of pod/big '{.status.message}'
	equal TerminationByKubelet of pod/big '{.status.conditions[?(@.type=="DisruptionTarget")].reason}'
	await 10 event_is Evicted pod=big
	equal "Running Running" eval 'echo $(of pod/modest "{.status.phase}") $(of pod/system "{.status.phase}")'
	await 5 event_is EvictionThresholdMet node=n1
	expect "Attempting to reclaim memory" k get events -A --field-selector reason=EvictionThresholdMet
	await 10 pressure_is MemoryPressure False
	k delete pod --all --grace-period=0 --force > /dev/null 2>&1
}

# event_is REASON KIND=NAME
event_is() {
	k get events -A --field-selector "reason=$1,involvedObject.name=${2#*=}" -o name | grep -q .
}

# writer NAME MIB [SIZE LIMIT]: a pod that writes so much into an emptyDir.
writer() {
	k apply -f - > /dev/null <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec:
	  terminationGracePeriodSeconds: 0
	  restartPolicy: Never
	  nodeName: n1
	  volumes: [{name: v, emptyDir: {sizeLimit: ${3:-}}}]
	  containers:
	  - {name: a, image: "web:1", volumeMounts: [{name: v, mountPath: /v}],
	     command: [sh, -c, "head -c ${2}m /dev/zero > /v/x; sleep 3600"]}
	END
}

ctr() {
	MOTE_DATA_DIR="$lab/n1/data" on n1 timeout 30 "$lab/mote" ctr "$@"
}

# Images that nobody has go before any pod does; those of the folder of images stay.
test_disk() {
	ctr images import "$tar_image/web-2.tar" > /dev/null
	expect web:2 ctr images ls
	writer small 1
	k wait --for=condition=Ready pod/small --timeout=15s
	writer full 105
	await 35 is Failed pod/full '{.status.phase}'
	expect "The node was low on resource: ephemeral-storage. Threshold quantity: 60Mi, available: " of pod/full '{.status.message}'
	expect "Running" of pod/small '{.status.phase}'
	pressure_is DiskPressure True
	await 5 k get node n1 -o 'jsonpath={.spec.taints[?(@.key=="node.kubernetes.io/disk-pressure")].effect}'
	images=$(ctr images ls)
	[[ $images != *web:2* && $images == *web:1* ]]
	writer late 1
	await 5 is Failed pod/late '{.status.phase}'
	equal "Pod was rejected: The node had condition: [DiskPressure]. " of pod/late '{.status.message}'
	k delete pod --all --grace-period=0 --force > /dev/null 2>&1
	await 25 pressure_is DiskPressure False
}

test_limits_of_local_storage() {
	writer over 4 2Mi
	await 25 is Failed pod/over '{.status.phase}'
	equal 'Usage of EmptyDir volume "v" exceeds the limit "2Mi". ' of pod/over '{.status.message}'
	equal Evicted of pod/over '{.status.reason}'
	k delete pod over > /dev/null
}

lab_open
host_add s 172.30.0.1
host_add n1 172.30.0.11
mkdir -p "$lab/n1/data"
on n1 mount -t tmpfs -o size=160m disk "$lab/n1/data"
image_make web:1 one
image_make web:2 two
on n1 mkdir -p "$lab/n1/data/agent/images"
on n1 cp "$tar_image/web-1.tar" "$lab/n1/data/agent/images/"
server_start
agent_in_group
run_tests node_eviction
