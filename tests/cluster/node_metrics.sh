#!/bin/bash
# node_metrics.sh - what nodes and pods use: kubectl top, metrics.k8s.io, and the paths of a kubelet behind nodes/proxy.
#
# Goal: figures are there when somebody asks, right within their means, and only for who may read them.
# shellcheck disable=SC2016,SC2119
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

metrics=/apis/metrics.k8s.io/v1beta1

node_raw() {
	k get --raw "/api/v1/nodes/n1/proxy$1"
}

# A container that keeps a processor busy beside one that sleeps.
pods_start() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: busy, labels: {app: busy}}
	spec:
	  terminationGracePeriodSeconds: 0
	  volumes: [{name: v, emptyDir: {}}]
	  containers:
	  - {name: spin, image: "web:1", command: [sh, -c, "head -c 3000000 /dev/zero > /v/x; while :; do :; done"],
	     volumeMounts: [{name: v, mountPath: /v}], resources: {limits: {cpu: 200m, memory: 64Mi}}}
	  - {name: rest, image: "web:1", command: [sleep, "3600"]}
	---
	apiVersion: v1
	kind: Pod
	metadata: {name: idle, labels: {app: idle}}
	spec: {terminationGracePeriodSeconds: 0, containers: [{name: a, image: "web:1", command: [sleep, "3600"],
	  readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}}]}
	END
	k wait --for=condition=Ready pod/busy pod/idle --timeout=20s
}

# top ARGUMENTS...: without heads, blanks as one.
top() {
	k top "$@" --no-headers | tr -s ' '
}

test_top() {
	await 10 k top pod busy
	await 10 k top pod idle
	[[ $(top node n1) =~ ^n1\ [0-9]+m\ [0-9]+%\ [0-9]+Mi\ [0-9]+% ]]
	[[ $(top pod -l app=idle) =~ ^idle\ [0-9]+m\ [0-9]+Mi ]]
	# The limit is 200m; machines under load give less.
	used=$(top pod busy --containers | sed -n 's/^busy spin \([0-9]*\)m .*/\1/p')
	[ "$used" -ge 20 ] && [ "$used" -le 300 ]
	expect "busy rest 0m" top pod --containers -A
	equal busy eval 'top pod --sort-by=cpu | head -1 | cut -d " " -f 1'
	expect 'podmetrics.metrics.k8s.io "default/nobody" not found' k top pod nobody
	expect "default busy" top pod -A
}

test_metrics_api() {
	equal "True" k get apiservice v1beta1.metrics.k8s.io -o 'jsonpath={.status.conditions[?(@.type=="Available")].status}'
	await 10 k get --raw $metrics/namespaces/default/pods/busy
	equal "busy default" k get podmetrics busy -o 'jsonpath={.metadata.name} {.metadata.namespace}'
	equal "rest spin" eval 'k get podmetrics busy -o "jsonpath={.containers[*].name}" | tr " " "\n" | sort | xargs'
	equal n1 k get nodes.metrics.k8s.io -o 'jsonpath={.items[*].metadata.name}'
	expect '"window":"' k get --raw $metrics/nodes/n1
	equal idle k get podmetrics -l app=idle -o 'jsonpath={.items[*].metadata.name}'
	equal "" k get podmetrics -n kube-system -o 'jsonpath={.items[*].metadata.name}'
	expect 'podmetrics.metrics.k8s.io "default/nobody" not found' k get --raw $metrics/namespaces/default/pods/nobody
	expect "the server does not allow this method" k delete --raw $metrics/nodes/n1
	expect NAME k get podmetrics
	# Who may view a namespace may see what its pods use, and no more.
	k create serviceaccount viewer
	k create rolebinding viewer --clusterrole=view --serviceaccount=default:viewer
	await 10 k get podmetrics --as=system:serviceaccount:default:viewer
	expect "cannot list resource" k get podmetrics -n kube-system --as=system:serviceaccount:default:viewer
	k delete rolebinding/viewer serviceaccount/viewer
}

test_summary() {
	node_raw /stats/summary > "$scratch/summary"
	equal n1 jq -r .node.nodeName "$scratch/summary"
	equal true jq '.node | .cpu.usageCoreNanoSeconds > 0 and .memory.availableBytes > 0 and .fs.capacityBytes > 0 and
		.fs.inodesFree > 0 and .runtime.imageFs.usedBytes > 1000000 and .rlimit.maxpid > .rlimit.curproc and
		(.network.interfaces | length > 0) and (.startTime | length > 0)' "$scratch/summary"
	equal true jq '.pods[] | select(.podRef.name == "busy") | (.containers | length == 2) and .network.name == "eth0" and
		.volume[0].name == "v" and .volume[0].usedBytes >= 3000000 and .volume[0].usedBytes < 9000000 and
		.["ephemeral-storage"].usedBytes >= 3000000 and .process_stats.process_count >= 2 and
		(.containers[] | select(.name == "spin") | .memory.workingSetBytes > 0 and .rootfs.capacityBytes > 0 and
		.logs.inodes > 0 and .memory.availableBytes < 67108864)' "$scratch/summary"
	equal null jq .node.fs <(node_raw "/stats/summary?only_cpu_and_memory=true")
}

# cAdvisor's figures of a container's one process are those of /proc, of the machine's disk too.
cadvisor_tells_of_processes_and_disks() {
	rest=${labels//spin/rest}
	id=$(sed -n 's/^container_processes{container="rest",id="\([^"]*\)".*/\1/p' "$scratch/cadvisor")
	[ -n "$id" ]
	procs=$(find /sys/fs/cgroup -path "*$id/cgroup.procs")
	pid=$(xargs cat <<< "$procs" | sort -u)
	grep -qE "^container_processes\{$rest\} 1 [0-9]{13}$" "$scratch/cadvisor"
	grep -qE "^container_file_descriptors\{$rest\} $(find "/proc/$pid/fd" -type l | wc -l) " "$scratch/cadvisor"
	grep -qE "^container_sockets\{$rest\} 0 " "$scratch/cadvisor"
	grep -qE "^container_ulimits_soft\{$rest,ulimit=\"max_open_files\"\} $(awk '/^Max open files/ { print $4 }' "/proc/$pid/limits") " "$scratch/cadvisor"
	disk=$(awk '$4 + $8 > 0 && system("test -d /sys/block/" $3) == 0 { print $3; exit }' /proc/diskstats)
	[ -z "$disk" ] || grep -qE "^container_fs_writes_bytes_total\{container=\"\",id=\"/\",.*device=\"/dev/$disk\"\} [0-9]+ " "$scratch/cadvisor"
	# Where the kernel can count what a container does to disks, it has been told to.
	[ ! -d /sys/fs/cgroup/blkio ] || [[ $procs == *"/sys/fs/cgroup/blkio/"* ]]
	if grep -qsw io "${procs%%/mote/*}/cgroup.controllers"; then
		[ -e "${procs%/*}/io.stat" ]
	fi
}

test_metrics_texts() {
	node_raw /metrics/cadvisor > "$scratch/cadvisor"
	labels='container="spin",id="[^"]*/spin.0",image="web:1",name="[^"]+",namespace="default",pod="busy"'
	grep -qE "^container_cpu_usage_seconds_total\{$labels,cpu=\"total\"\} [0-9.]+ [0-9]{13}$" "$scratch/cadvisor"
	grep -qE "^container_memory_working_set_bytes\{$labels\} [1-9]" "$scratch/cadvisor"
	grep -qE "^container_spec_memory_limit_bytes\{$labels\} 67108864 " "$scratch/cadvisor"
	grep -qE '^container_network_receive_bytes_total\{container="",.*pod="busy",interface="eth0"\} [0-9]+ ' "$scratch/cadvisor"
	grep -qE '^container_fs_limit_bytes\{container="",id="/"' "$scratch/cadvisor"
	grep -qE "^machine_cpu_cores\{.*\} $(nproc)$" "$scratch/cadvisor"
	cadvisor_tells_of_processes_and_disks
	equal "" eval "grep -v ^# '$scratch/cadvisor' | grep -vE '^[a-z_]+(\{[^}]*\})? [0-9.]+( [0-9]{13})?$' || true"
	equal "" eval "sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' '$scratch/cadvisor' | sort | uniq -d"
	node_raw /metrics/resource > "$scratch/resource"
	grep -qE '^container_cpu_usage_seconds_total\{container="spin",namespace="default",pod="busy"\} [0-9.]+ [0-9]{13}$' "$scratch/resource"
	grep -qE '^node_memory_working_set_bytes [1-9][0-9]+ [0-9]{13}$' "$scratch/resource"
	node_raw /metrics > "$scratch/kubelet"
	grep -q '^kubelet_running_pods 2$' "$scratch/kubelet"
	grep -q '^kubelet_running_containers{container_state="running"} 3$' "$scratch/kubelet"
	node_raw /metrics/probes | grep -qE '^prober_probe_total\{container="a",namespace="default",pod="idle",pod_uid="[^"]+",probe_type="Readiness",result="successful"\} [1-9]'
	equal 110 jq .kubeletconfig.maxPods <(node_raw /configz)
	equal ok node_raw /healthz
	equal "busy idle" eval 'node_raw /pods | jq -r ".items[].metadata.name" | sort | tr "\n" " " | sed "s/ $//"'
}

# pending_are QUEUE COUNT
pending_are() { k get --raw /metrics | grep -q "^scheduler_pending_pods{queue=\"$1\"} $2\$"; }

# What dashboards of Kubernetes look for at the server.
test_server_metrics() {
	k get pods > /dev/null
	k get --raw /metrics > "$scratch/server"
	grep -qE '^apiserver_request_total\{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1"\} [1-9]' "$scratch/server"
	grep -qE '^apiserver_request_duration_seconds_bucket\{.*resource="pods".*verb="LIST".*le="\+Inf"\} [1-9]' "$scratch/server"
	grep -qE '^apiserver_storage_objects\{resource="pods"\} [2-9]' "$scratch/server"
	# Both are there; that they count is shown by a unit test, where no second passes meanwhile.
	grep -qE '^apiserver_current_inflight_requests\{request_kind="mutating"\} [0-9]+$' "$scratch/server"
	grep -qE '^apiserver_current_inflight_requests\{request_kind="readOnly"\} [0-9]+$' "$scratch/server"
	# Both pods of this file have been placed; one that fits nowhere, and one behind a gate, wait.
	grep -qE '^scheduler_schedule_attempts_total\{profile="default-scheduler",result="scheduled"\} [2-9]' "$scratch/server"
	grep -qE '^scheduler_scheduling_attempt_duration_seconds_bucket\{profile="default-scheduler",result="scheduled",le="\+Inf"\} [2-9]' "$scratch/server"
	k create -f - <<- END
	{"kind": "List", "apiVersion": "v1", "items": [
	  {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "nowhere"}, "spec": {"nodeSelector": {"no": "such"}, "containers": [{"name": "a", "image": "i"}]}},
	  {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "gated"}, "spec": {"schedulingGates": [{"name": "example.com/wait"}], "containers": [{"name": "a", "image": "i"}]}}]}
	END
	await 5 pending_are unschedulable 1
	pending_are gated 1
	pending_are active 0
	k get --raw /metrics | grep -qE '^scheduler_schedule_attempts_total\{profile="default-scheduler",result="unschedulable"\} [1-9]'
	k delete pod nowhere gated --force --grace-period=0 > /dev/null 2>&1
	await 5 pending_are gated 0
	pending_are unschedulable 0
	grep -q '^process_resident_memory_bytes [1-9]' "$scratch/server"
	equal "" eval "sed -n 's/^# TYPE \([a-z_]*\) .*/\1/p' '$scratch/server' | sort | uniq -d"
	expect forbidden k get --raw /metrics --as=nobody
}

# What a node serves, as its sources say it.
node_paths() {
	sed -n 's#^\t\t{ "\([a-zA-Z]*\)", \(true\|false\), .*serve_.*#/\1#p' agent/node_service.c
	grep -o '{ "/[a-z/]*", serve_' agent/node_figures.c | cut -d'"' -f2
}

# Nobody reads a node without the right of nodes/proxy; the node itself has no port (attack case 38).
test_only_by_right() {
	k create clusterrole proxy-reader --verb=get --resource=nodes/proxy
	k create clusterrolebinding proxy-reader --clusterrole=proxy-reader --user=reader
	[ "$(node_paths | wc -l)" -ge 15 ]
	for path in $(node_paths); do
		path=$path/default/busy/spin
		expect "forbidden" k get --raw "/api/v1/nodes/n1/proxy$path" --as=nobody
		expect "forbidden" k get --raw "/api/v1/nodes/n1:10250/proxy$path" --as=system:node:n1 --as-group=system:nodes
		expect "forbidden" k create --raw "/api/v1/nodes/n1/proxy$path" -f /dev/null --as=reader
		expect "forbidden" k delete --raw "/api/v1/nodes/n1/proxy$path" --as=reader
	done
	expect '"items"' k get --raw /api/v1/nodes/n1/proxy/pods --as=reader
	# a stream needs its own right, whatever way it is asked for; what the server itself asks for nobody else may
	sed -n 's/.*certificate-authority-data: //p' "$KUBECONFIG" | base64 -d > "$scratch/ca.pem"
	{ sed -n 's/.*client-certificate-data: //p' "$KUBECONFIG" | base64 -d
	sed -n 's/.*client-key-data: //p' "$KUBECONFIG" | base64 -d; } > "$scratch/admin.pem"
	for path in exec/default/busy/spin?command=id attach/default/busy/spin portForward/default/busy/80 dial/127.0.0.1/80; do
		expect "upgrades are not passed on to nodes" on n1 curl -s --cacert "$scratch/ca.pem" --cert "$scratch/admin.pem" \
			-H 'Connection: Upgrade' -H 'Upgrade: mote-exec, mote-forward' "https://172.30.0.1:6443/api/v1/nodes/n1/proxy/$path"
	done
	expect "nodes do not serve this path" k delete --raw "/api/v1/nodes/n1/proxy/storage?path=/var/lib/x"
	expect "nodes do not serve this path" node_raw /dial/127.0.0.1/80
	# no port of a kubelet, not even on loopback, and a socket for root alone
	equal "" eval 'on n1 ss -Hltn "sport = :10250 or sport = :10255 or sport = :10248 or sport = :4194" | cat'
	equal 600 stat -c %a "$lab/n1/data/agent/agent.sock"
	for path in /debug/pprof/ /debug/flags/v /run/default/busy/spin /runningpods/ /logs/ /spec/ /../agent.sock /%2e%2e/; do
		expect "nodes do not serve this path" node_raw "$path"
	done
	expect "makes no checkpoints" k create --raw /api/v1/nodes/n1/proxy/checkpoint/default/busy/spin -f /dev/null
	expect "not on this node" k create --raw /api/v1/nodes/n1/proxy/checkpoint/default/nobody/spin -f /dev/null
}

# A server that ends while somebody waits for figures answers him, and ends.
test_end_while_waiting() {
	stop server
	server_start # it knows of no figures yet
	await 10 k get --raw /api/v1/nodes/n1/proxy/healthz
	k get --raw $metrics/nodes > "$scratch/waited" 2>&1 &
	asker=$!
	sleep 0.3
	stop server
	wait $asker || true
	server_start
	k wait --for=condition=Ready node/n1 --timeout=20s
	await 20 k top node n1
}

test_disabled() {
	mkdir "$scratch/off"
	start_server "$scratch/off" "$(free_port)" --disable metrics-server
	expect "could not find the requested resource" "$kubectl" get --raw $metrics/nodes
	expect "Metrics API not available" "$kubectl" top node
	equal "" eval '"$kubectl" api-versions | grep metrics || true'
}

lab_open
host_add s 172.30.0.1
host_add n1 172.30.0.11
image_make web:1 one
image_give n1 "$tar_image/web-1.tar"
server_start
agent_start n1
pods_start > /dev/null
run_tests node_metrics
