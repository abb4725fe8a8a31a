#!/bin/bash
# workloads.sh - one set of pods and workloads in an emulated machine, the same on every processor: cgroup version 2, a
# kernel that can map the users of mounts, rights that a machine in a container does not have.
#
# Goal: a node of such a machine does all that pods and controllers ask of it: probes, limits that bite, devices, users,
# volumes, eviction, static pods, a reboot without a server, and containers without Kubernetes.
# Method: all that runs is created at once at the start, and each test looks at its own part of it.
#
# usage: [vm_arch=aarch64] workloads.sh      TEST=word: the tests with this word in their names
# shellcheck disable=SC2016 # what stands in single quotes is for a shell in the machine
cd "$(dirname "$0")/../.." || exit 1
vm_arch=${vm_arch:-x86_64} vm_guest=memory
# shellcheck source=tests/vm/lib_vm.sh
. tests/vm/lib_vm.sh
# shellcheck source=tests/vm/lib_guest.sh
. tests/vm/lib_guest.sh

group=/sys/fs/cgroup/mote/pods
# Pods have 300 MiB of the machine.
pods_mib=300
# What a container does that has nothing to do.
waits='trap exit TERM; sleep 100000 & wait'

# --- what the tests share ---

# of OBJECT JSONPATH
of() {
	k get "$1" -o "jsonpath=$2"
}

# is TEXT OBJECT JSONPATH
is() {
	[ "$(of "$2" "$3")" = "$1" ]
}

# said OBJECT-NAME REASON TEXT: an event tells so.
said() {
	k get events --field-selector "involvedObject.name=$1,reason=$2" -o 'jsonpath={range .items[*]}{.message}{"\n"}{end}' |
		grep -qF -- "$3"
}

ready() {
	k wait --for=condition=Ready --timeout=60s "${@/#/pod/}"
}

# file POD CONTAINER.TRY FILE: what a file of a container's cgroup says, or of the pod's, when the second is empty.
file() {
	vm "cat $group/$(of "pod/$1" '{.metadata.uid}')/${2:+$2/}$3"
}

file_is() {
	[ "$(file "$2" "$3" "$4")" = "$1" ]
}

server_start() {
	vm "rm -f /etc/mote/mote.yaml; setsid mote server --device 'port=/run/devices/port-*' \
		--kubelet-arg system-reserved=memory=\$((\$(sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo) - $pods_mib * 1024))Ki \
		--kubelet-arg 'eviction-hard=memory.available<80Mi,nodefs.available<20Mi' \
		--kubelet-arg eviction-pressure-transition-period=3s --kubelet-arg pod-max-pids=60 \
		>> /var/log/mote.log 2>&1 &"
	await 60 vm '[ -s /etc/mote/mote.yaml ]'
	await 60 readable
	node_ready
}

# The product's process of that command; all of them have one name.
command_pid() {
	vm "for p in \$(pidof mote exe); do tr '\\0' ' ' < /proc/\$p/cmdline | grep -q '^mote $1 ' && echo \$p; done; true"
}

has_none() {
	pid=$(command_pid "$1") && [ -z "$pid" ]
}

# --- what runs ---

open_machine() {
	mkdir -p "$scratch/payload"
	image_make "$scratch/payload/box.tar"
	bundles_make
	vm_build "$scratch/payload"
	vm_boot
	vm "mkdir -p /run/devices; mknod -m 600 /run/devices/port-a c 1 11;
		echo 8 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages;
		mkdir -p /var/lib/mote/agent/images /var/lib/mote/agent/pod-manifests /var/lib/mote/agent/kubelet/seccomp;
		cp /payload/box.tar /var/lib/mote/agent/images/; cp /payload/fixed.yaml /var/lib/mote/agent/pod-manifests/;
		cp /payload/no-mkdir.json /var/lib/mote/agent/kubelet/seccomp/"
	server_start
	k create configmap words --from-literal=greeting=first
	k create secret generic keys --from-literal=key=first
	pods_of_all_kinds | k apply -f -
	workloads | k apply -f -
}

# one NAME SPEC CONTAINER COMMAND: JSON of a pod.
one() {
	printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%s"},"spec":{"terminationGracePeriodSeconds":1,%s
		"containers":[{"name":"c","image":"box:1",%s "command":["sh","-c","%s"]}]}}\n' "$1" "${2:+$2,}" "${3:+$3,}" "$4"
}

pods_of_all_kinds() {
	one probed '' '"startupProbe":{"exec":{"command":["test","-e","/tmp/up"]},"periodSeconds":1,"failureThreshold":60},
		"readinessProbe":{"httpGet":{"path":"/index.html","port":80},"periodSeconds":1,"timeoutSeconds":5},
		"livenessProbe":{"tcpSocket":{"port":80},"periodSeconds":1,"failureThreshold":2,"timeoutSeconds":5}' \
		"httpd -p 80 -h /www; touch /tmp/up; $waits"
	one asked '' '"readinessProbe":{"grpc":{"port":80},"periodSeconds":1,"timeoutSeconds":5}' "httpd -p 80 -h /www; $waits"
	one parts '"volumes":[{"name":"d","emptyDir":{}}],"initContainers":[
		{"name":"first","image":"box:1","command":["sh","-c","echo made > /d/init"],"volumeMounts":[{"name":"d","mountPath":"/d"}]},
		{"name":"beside","image":"box:1","restartPolicy":"Always","command":["sh","-c","cp /d/init /d/beside; trap exit TERM; sleep 100000 & wait"],
			"volumeMounts":[{"name":"d","mountPath":"/d"}],"startupProbe":{"exec":{"command":["test","-e","/d/beside"]},"periodSeconds":1}}]' \
		'"volumeMounts":[{"name":"d","mountPath":"/d"}]' "cat /d/beside; $waits"
	one guaranteed '' '"resources":{"limits":{"cpu":"200m","memory":"20Mi"}}' "$waits"
	one burstable '' '"resizePolicy":[{"resourceName":"cpu","restartPolicy":"NotRequired"}],
		"resources":{"requests":{"cpu":"100m","memory":"10Mi"},"limits":{"cpu":"300m","memory":"40Mi"}}' "$waits"
	one besteffort '' '' "$waits"
	one eats '"restartPolicy":"Never"' '"resources":{"limits":{"memory":"24Mi"}}' 'sleep 1; tail /dev/zero'
	one forks '' '' \
		"(for i in \$(seq 200); do sleep 100000 & done); $waits"
	one mapped '"hostUsers":false,"securityContext":{"fsGroup":3000},"volumes":[{"name":"d","emptyDir":{}},
		{"name":"w","configMap":{"name":"words"}},{"name":"m","emptyDir":{"medium":"Memory"}},
		{"name":"k","secret":{"secretName":"keys","defaultMode":256}}]' '"volumeMounts":[{"name":"d","mountPath":"/d"},
		{"name":"w","mountPath":"/w"},{"name":"m","mountPath":"/m"},{"name":"m","mountPath":"/sub","subPath":"a/b"},
		{"name":"k","mountPath":"/k"}]' "touch /d/x /m/x /sub/x /root-was-here; $waits"
	one unmapped '"hostUsers":false,"volumes":[{"name":"h","hostPath":{"path":"/run/devices"}}]' \
		'"volumeMounts":[{"name":"h","mountPath":"/h"}]' "$waits"
	one holds '' '"resources":{"limits":{"mote.dev/port":1}}' "$waits"
	one pages '"volumes":[{"name":"p","emptyDir":{"medium":"HugePages"}}]' '"volumeMounts":[{"name":"p","mountPath":"/p"}],
		"resources":{"limits":{"hugepages-2Mi":"4Mi","memory":"20Mi","cpu":"100m"}}' "$waits"
	one filtered '' '"securityContext":{"seccompProfile":{"type":"Localhost","localhostProfile":"no-mkdir.json"}}' "$waits"
	one small '"volumes":[{"name":"m","emptyDir":{"medium":"Memory","sizeLimit":"4Mi"}}]' '"volumeMounts":[{"name":"m","mountPath":"/m"}]' "$waits"
	one fills '"restartPolicy":"Never","volumes":[{"name":"d","emptyDir":{"sizeLimit":"2Mi"}}]' '"volumeMounts":[{"name":"d","mountPath":"/d"}]' \
		"head -c 5000000 /dev/zero > /d/x; $waits"
	one reads '"volumes":[{"name":"w","configMap":{"name":"words"}},{"name":"i","image":{"reference":"box:1","pullPolicy":"IfNotPresent"}}]' \
		'"volumeMounts":[{"name":"w","mountPath":"/w"},{"name":"i","mountPath":"/i","readOnly":true}]' "$waits"
}

# of_set KIND NAME FIELDS CONTAINER COMMAND: JSON of a workload of apps/v1.
of_set() {
	printf '{"apiVersion":"apps/v1","kind":"%s","metadata":{"name":"%s"},"spec":{%s "selector":{"matchLabels":{"app":"%s"}},
		"template":{"metadata":{"labels":{"app":"%s"}},"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"c",
		"image":"box:1",%s "command":["sh","-c","%s"]}]}}}}\n' "$1" "$2" "${3:+$3,}" "$2" "$2" "${4:+$4,}" "$5"
}

workloads() {
	of_set StatefulSet keeps '"serviceName":"keeps","volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],
		"resources":{"requests":{"storage":"1Mi"}}}}]' '"volumeMounts":[{"name":"data","mountPath":"/data"}]' \
		"echo \$HOSTNAME >> /data/lives; $waits"
	of_set DaemonSet everywhere '' '' "$waits"
	of_set Deployment busy '' '"resources":{"requests":{"cpu":"20m"},"limits":{"cpu":"100m"}}' 'while :; do :; done'
	cat <<- 'END'
	{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"busy"},"spec":{"scaleTargetRef":
	 {"apiVersion":"apps/v1","kind":"Deployment","name":"busy"},"maxReplicas":2,"metrics":[{"type":"Resource",
	 "resource":{"name":"cpu","target":{"type":"Utilization","averageUtilization":50}}}]}}
	{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"counts"},"spec":{"completions":2,"parallelism":2,"completionMode":"Indexed",
	 "template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"box:1","command":["sh","-c","echo $JOB_COMPLETION_INDEX"]}]}}}}
	{"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"nightly"},"spec":{"schedule":"0 0 1 1 *","jobTemplate":{"spec":{"template":
	 {"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"box:1","command":["echo","by hand"]}]}}}}}}
	END
}

# What the machine is given beside the image: a static pod, a profile, and containers without Kubernetes.
bundles_make() {
	local to=$scratch/payload
	one fixed '' '' "echo from a file; $waits" > "$to/fixed.yaml"
	echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}' \
		> "$to/no-mkdir.json"
	mkdir -p "$to/bundle" "$to/own-users" "$to/rootfs"
	cp -a "$scratch/image/root/." "$to/rootfs/"
	mkdir -p "$to/rootfs"/{dev,proc,sys}
	"$mote" oci spec --bundle "$scratch"
	jq '.process.terminal = false | .root = {path: "/payload/rootfs", readonly: true} | .process.args = ["sh", "-c", "trap exit TERM; while :; do sleep 0.1; done"] |
		.linux.resources.memory.limit = 33554432 | .linux.resources.pids.limit = 20 | .linux.resources.cpu = {quota: 50000, period: 100000} |
		.linux.namespaces |= map(select(.type != "cgroup")) + [{type: "cgroup"}]' \
		"$scratch/config.json" > "$to/bundle/config.json"
	jq '.process.terminal = false | .root = {path: "/payload/rootfs", readonly: true} | .process.args = ["cat", "/proc/self/uid_map"] |
		.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}] |
		.linux.gidMappings = .linux.uidMappings' "$scratch/config.json" > "$to/own-users/config.json"
}

# --- the tests, in this order ---

test_probes() {
	ready probed
	equal true of pod/probed '{.status.containerStatuses[0].started}'
	in_pod probed sh -c 'kill $(pidof httpd)'
	await 60 said probed Unhealthy "Liveness probe failed: dial tcp $(of pod/probed '{.status.podIP}'):80: connect: connection refused"
	await 60 said probed Killing "Container c failed liveness probe, will be restarted"
	await 60 is 1 pod/probed '{.status.containerStatuses[0].restartCount}'
	ready probed
	await 30 said asked Unhealthy "Readiness probe failed: error: health rpc probe failed: rpc error: code = Unavailable"
	k delete pod probed asked --wait=false
}

test_init_containers_and_sidecars() {
	ready parts
	equal made k logs parts -c c
	equal Completed of pod/parts '{.status.initContainerStatuses[0].state.terminated.reason}'
	expect startedAt of pod/parts '{.status.initContainerStatuses[1].state.running}'
	k delete pod parts --wait=false
}

# process POD FILE: what /proc says of its container's first process.
process() {
	vm "p=\$(head -n 1 $group/$(of "pod/$1" '{.metadata.uid}')/c.0/cgroup.procs); cat /proc/\$p/$2"
}

test_classes_of_pods() {
	ready guaranteed burstable besteffort
	equal "Guaranteed Burstable BestEffort" k get pod guaranteed burstable besteffort -o 'jsonpath={.items[*].status.qosClass}'
	equal "20000 100000" file guaranteed c.0 cpu.max
	equal "20000 100000" file guaranteed '' cpu.max
	equal $((20 * 1024 * 1024)) file guaranteed c.0 memory.max
	equal $((20 * 1024 * 1024)) file guaranteed '' memory.max
	equal -997 process guaranteed oom_score_adj
	equal 1000 process besteffort oom_score_adj
	adjusted=$(process burstable oom_score_adj)
	[ "$adjusted" -gt 2 ] && [ "$adjusted" -lt 1000 ]
	# 204, 102 and 2 of 262144 shares, spread over weights of 1 to 10000.
	equal "8 4 1" echo "$(file guaranteed c.0 cpu.weight) $(file burstable c.0 cpu.weight) $(file besteffort c.0 cpu.weight)"
	# The kernel ends a container as a whole, not one of its processes.
	equal 1 file burstable c.0 memory.oom.group
}

test_too_much_memory() {
	await 60 is OOMKilled pod/eats '{.status.containerStatuses[0].state.terminated.reason}'
	equal "137 Failed" of pod/eats '{.status.containerStatuses[0].state.terminated.exitCode} {.status.phase}'
	k delete pod eats --wait=false
}

test_too_many_processes() {
	await 60 is Running pod/forks '{.status.phase}'
	equal 60 file forks '' pids.max
	await 60 expect "can't fork" k logs forks
	[ "$(file forks '' pids.current)" -le 60 ]
	k delete pod forks --wait=false
}

test_resources_change_in_place() {
	k patch pod burstable --subresource resize \
		-p '{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"150m","memory":"20Mi"},"limits":{"cpu":"400m","memory":"60Mi"}}}]}}'
	await 30 file_is "40000 100000" burstable c.0 cpu.max
	await 30 file_is $((60 * 1024 * 1024)) burstable c.0 memory.max
	await 30 file_is $((60 * 1024 * 1024)) burstable '' memory.max
	await 30 is "400m 60Mi 0" pod/burstable \
		'{.status.containerStatuses[0].resources.limits.cpu} {.status.containerStatuses[0].resources.limits.memory} {.status.containerStatuses[0].restartCount}'
	k delete pod guaranteed burstable besteffort --wait=false
}

# Root there is nobody here, and what it makes in volumes is root's, as mounts turn the numbers.  Kernels turn those of
# files in memory since 6.3 only: volumes in memory have the pod's own.
test_users_of_its_own() {
	ready mapped
	first=$(process mapped uid_map | awk '{ print $2 }')
	[ "$first" -ge 65536 ]
	equal "0 0" in_pod mapped sh -c 'echo $(id -u) $(stat -c %u /proc/1)'
	equal "$first" eval "process mapped status | sed -n 's/^Uid:\t\([0-9]*\).*/\1/p'"
	equal "0:3000 0:0 0" in_pod mapped sh -c 'echo $(stat -c %u:%g /d/x /root-was-here) $(stat -L -c %u /w/greeting)'
	equal first in_pod mapped cat /w/greeting
	vm_is 0 "stat -c %u /var/lib/mote/agent/pods/$(of pod/mapped '{.metadata.uid}')/volumes/d/x"
	equal "0:3000 0:3000 0:3000" in_pod mapped sh -c 'echo $(stat -c %u:%g /m/x /sub/x) $(stat -L -c %u:%g /k/key)'
	equal "0 0" in_pod mapped sh -c 'echo $(stat -c %u /sub) $(stat -c %u /k/key)'
	token=/var/run/secrets/kubernetes.io/serviceaccount/token
	equal "0:3000:640" in_pod mapped stat -L -c %u:%g:%a $token
	equal 3 in_pod mapped awk -F. '{ print NF }' $token
	vm_is "$first" "stat -c %u /var/lib/mote/agent/pods/$(of pod/mapped '{.metadata.uid}')/volumes/m/x"
	k patch secret keys -p '{"stringData":{"key":"second"}}'
	# Sources are asked again after 45 to 75 s (sources_again_ms).
	await 90 equal "second 440" in_pod mapped sh -c 'echo $(cat /k/key) $(stat -L -c %a /k/key)'
	# Nobody is let in with the wrong ones.
	await 60 said unmapped Failed "ext4, xfs or btrfs can, and tmpfs since 6.3"
	k delete pod mapped unmapped --wait=false
}

# Version 2 has a program of the kernel for it: a device that was asked for, and no other of its kind.
test_devices_by_name() {
	ready holds
	equal "1 1" of node/vm '{.status.capacity.mote\.dev/port} {.status.allocatable.mote\.dev/port}'
	in_pod holds sh -c ': > $MOTE_DEVICE_PORT'
	expect "not permitted" in_pod holds sh -c 'mknod /tmp/disk b 254 0; : < /tmp/disk'
	expect "not permitted" in_pod holds sh -c 'mknod /tmp/other c 1 12; : < /tmp/other'
	k delete pod holds --wait=false
}

test_huge_pages() {
	equal 16Mi of node/vm '{.status.capacity.hugepages-2Mi}'
	ready pages
	expect "pagesize=2M" in_pod pages grep ' /p ' /proc/mounts
	equal $((4 * 1024 * 1024)) file pages c.0 hugetlb.2MB.max
	k delete pod pages --wait=false
}

test_profiles_of_the_node() {
	ready filtered
	expect "No space left on device" in_pod filtered mkdir /tmp/x
	k delete pod filtered --wait=false
}

test_volumes_have_limits() {
	ready small
	equal "4096 tmpfs" in_pod small sh -c 'df -T /m | awk "NR == 2 { print \$3, \$2 }"'
	expect "No space left" in_pod small dd if=/dev/zero of=/m/x bs=1M count=5
	await 60 is Failed pod/fills '{.status.phase}'
	equal 'Evicted Usage of EmptyDir volume "d" exceeds the limit "2Mi". ' of pod/fills '{.status.reason} {.status.message}'
	k delete pod small fills --wait=false
}

test_configuration_and_images_as_volumes() {
	ready reads
	equal first in_pod reads cat /w/greeting
	k patch configmap words -p '{"data":{"greeting":"second"}}'
	await 90 equal second in_pod reads cat /w/greeting
	equal "from the pod" in_pod reads cat /i/www/index.html
	expect "Read-only" in_pod reads touch /i/x
	k delete pod reads --wait=false
}

test_static_pods() {
	ready fixed-vm
	equal "from a file" k logs fixed-vm
	equal file of pod/fixed-vm '{.metadata.annotations.kubernetes\.io/config\.source}'
}

test_jobs() {
	k wait --for=condition=Complete job/counts --timeout=60s
	k create job by-hand --from=cronjob/nightly
	k wait --for=condition=Complete job/by-hand --timeout=60s
	equal "by hand" k logs job/by-hand
	k delete job counts by-hand
}

test_sets() {
	k rollout status daemonset/everywhere --timeout=60s
	k rollout status statefulset/keeps --timeout=60s
	k delete pod keeps-0
	k rollout status statefulset/keeps --timeout=60s
	equal "keeps-0 keeps-0" eval 'in_pod keeps-0 cat /data/lives | xargs'
}

test_autoscalers_read_figures() {
	await 90 is 2 deployment/busy '{.spec.replicas}'
	[ "$(of hpa/busy '{.status.currentMetrics[0].resource.current.averageUtilization}')" -gt 50 ]
	[[ $(k top node vm --no-headers | tr -s ' ') =~ ^vm\ [0-9]+m\ [0-9]+%\ [0-9]+Mi\ [0-9]+% ]]
	k delete deployment/busy hpa/busy
}

# The kernel wakes the agent when tasks wait for memory; who uses most beyond its request goes.
test_memory_runs_out() {
	vm '[ -e /proc/pressure/memory ]'
	one modest '"restartPolicy":"Never"' '"resources":{"requests":{"memory":"40Mi"}}' 'dd if=/dev/zero bs=30M | sleep 100000' | k apply -f -
	ready modest
	one greedy '"restartPolicy":"Never"' '' 'dd if=/dev/zero bs=200M | sleep 100000' | k apply -f -
	await 60 is Evicted pod/greedy '{.status.reason}'
	expect "The node was low on resource: memory. Threshold quantity: 80Mi, available: " of pod/greedy '{.status.message}'
	equal Running of pod/modest '{.status.phase}'
	await 60 is False node/vm '{.status.conditions[?(@.type=="MemoryPressure")].status}'
	k delete pod modest greedy
}

oci() {
	vm "mote oci --root /run/oci $*"
}

stats() {
	oci events --stats one | jq "$1"
}

test_containers_without_pods() {
	oci run -d --bundle /payload/bundle one
	equal running eval 'oci state one | jq -r .status'
	equal "0 20 33554432" echo "$(stats .data.cpu.throttling.throttledPeriods | sed 's/.*/0/') $(stats .data.pids.limit) $(stats .data.memory.usage.limit)"
	[ "$(stats .data.memory.usage.usage)" -gt 0 ]
	[ "$(stats .data.cpu.usage.total)" -gt 0 ]
	place=$(oci state one | jq .pid)
	place=/sys/fs/cgroup$(vm "cut -d : -f 3 /proc/$place/cgroup")
	vm_is "50000 100000" "cat $place/cpu.max"
	oci update --memory 64m --pids-limit 30 --cpu-quota 20000 one
	vm_is $((64 * 1024 * 1024)) "cat $place/memory.max"
	vm_is "20000 100000" "cat $place/cpu.max"
	vm_is 30 "cat $place/pids.max"
	oci pause one
	equal paused eval 'oci state one | jq -r .status'
	expect "frozen 1" vm "cat $place/cgroup.events"
	oci resume one
	vm_is "uid=0 gid=0" "mote oci --root /run/oci exec one id"
	expect "not permitted" oci exec one mknod /dev/shm/x b 254 0
	oci kill one TERM
	await 30 eval '[ "$(oci state one | jq -r .status)" = stopped ]'
	oci delete one
	vm "[ ! -e $place ]"
	equal "0 100000 65536" eval 'oci run --bundle /payload/own-users two | xargs'
}

# The power goes; the agent comes back alone, and later its server.
test_a_boot_without_the_server() {
	await 60 vm "grep -q keeps-0 /var/lib/mote/agent/*.json /var/lib/mote/agent/pods/*/*.json"
	vm 'sync'
	vm_cut
	vm_boot
	vm "setsid mote agent --config /dev/null --server https://127.0.0.1:6443 --token-file /var/lib/mote/server/node-token \
		--data-dir /var/lib/mote --node-name vm --node-ip $guest >> /var/log/mote.log 2>&1 &"
	await 60 vm '[ "$(cat /var/lib/mote/storage/*/lives | wc -l)" = 3 ]'
	await 60 pods_run 3
	began=$(processes_of_pods)
	vm "kill -9 $(command_pid agent)"
	await 20 has_none agent
	server_start
	ready keeps-0 fixed-vm
	equal "keeps-0 keeps-0 keeps-0" eval 'in_pod keeps-0 cat /data/lives | xargs'
	equal 1 of pod/keeps-0 '{.status.containerStatuses[0].restartCount}'
	[ "$(comm -12 <(sort <<< "$began") <(processes_of_pods | sort) | wc -l)" -ge 3 ]
}

test_deletion_leaves_nothing() {
	k delete statefulset/keeps daemonset/everywhere pvc/data-keeps-0 cronjob/nightly
	vm 'rm /var/lib/mote/agent/pod-manifests/fixed.yaml'
	k delete pod --all --wait=false # what tests that failed have left
	await 60 no_traces || { traces; false; }
}

traces() {
	vm "find /sys/fs/cgroup -type d -path '*/mote/pods/*' -o -type d -path '*/mote/monitors/*'; ls /var/lib/mote/agent/pods /var/lib/mote/storage;
		grep pods /proc/mounts; ls /sys/class/net | grep veth; pidof mote-monitor"
}

no_traces() {
	left=$(traces)
	# 125: the machine did not answer; the last command's own status says nothing.
	[ $? != 125 ] && ! grep -qv '^$\|:$' <<< "$left"
}

open_or_end "workloads-$vm_arch" open_machine
run_tests "workloads-$vm_arch"
