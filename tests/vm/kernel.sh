#!/bin/bash
# kernel.sh - a server and its node in an emulated machine with a stock kernel: cgroup version 2, nftables, modules loaded
# on demand, a disk, and a power switch.
#
# Goal: what other tests see with this machine's kernel holds there too: limits are set and bite, devices are barred,
# services answer, containers outlive their agent and are deleted without a trace; and after a power cut the node's pods
# run again and every acknowledged object is there.
#
# usage: kernel.sh [PROGRAM...]      Static unit test programs that are to pass there too.  TEST=word: the tests with this
# word in their names.
cd "$(dirname "$0")/../.." || exit 1
vm_arch=${vm_arch:-x86_64} vm_guest=memory
# shellcheck source=tests/vm/lib_vm.sh
. tests/vm/lib_vm.sh
# shellcheck source=tests/vm/lib_guest.sh
. tests/vm/lib_guest.sh

programs=("$@")

# --- what the tests share ---

# Starts the server in the machine, in the group $1 or the topmost one, and waits until its node is ready.
server_start() {
	local group=/sys/fs/cgroup/${1:-}
	vm "mkdir -p $group; echo 0 > $group/cgroup.procs; rm -f /etc/mote/mote.yaml;
		setsid mote server >> /var/log/mote.log 2>&1 &"
	await 60 vm '[ -s /etc/mote/mote.yaml ]'
	await 60 readable
	await 90 k wait --for=condition=Ready node/vm --timeout=5s
}

# --- the tests, in this order ---

open_machine() {
	mkdir -p "$scratch/payload"
	[ "${#programs[@]}" = 0 ] || cp "${programs[@]}" "$scratch/payload"
	image_make "$scratch/payload/box.tar"
	vm_build "$scratch/payload"
	vm_boot
	server_start
	vm 'mote ctr images import /payload/box.tar'
}

# Otherwise the other tests tell nothing that those on this machine do not.
test_the_machine_is_another() {
	vm_is "cpuset cpu io memory hugetlb pids rdma misc" 'cat /sys/fs/cgroup/cgroup.controllers'
	expect 6.1. k get node vm -o 'jsonpath={.status.nodeInfo.kernelVersion}'
}

test_the_image_is_there() {
	expect box:1 vm 'mote ctr images ls'
}

test_a_pod_runs_and_answers() {
	pod_ready talks '' '' 'echo said; echo wrong >&2; trap exit TERM; while :; do sleep 1; done'
	field_is talks .status.phase Running
	expect said k logs talks
	expect wrong k logs talks
	equal "in the pod" in_pod talks echo in the pod
	equal "through" in_pod talks cat <<< through
	code=0
	in_pod talks sh -c 'exit 7' || code=$?
	[ "$code" = 7 ]
	# It sees itself only, and the kernel keeps it from what it may not do.
	equal 1 in_pod talks sh -c 'cut -d " " -f 1 /proc/1/stat'
	expect "Seccomp:	2" in_pod talks cat /proc/self/status
	expect "denied" in_pod talks mount -t tmpfs x /tmp
	pod_gone talks
}

test_limits_are_set() {
	pod_ready limited '' '"requests":{"cpu":"250m","memory":"16Mi"},"limits":{"cpu":"500m","memory":"48Mi"}'
	group=$(group_of limited)
	vm_is "50000 100000" "cat $group/cpu.max"
	vm_is "$((48 * 1024 * 1024))" "cat $group/memory.max"
	vm_is 1 "cat $group/memory.oom.group"
	# 256 of 2 to 262144 shares, spread over weights of 1 to 10000.
	vm_is 10 "cat $group/cpu.weight"
	# A pod says nothing of processes, and kubelets' default is no limit; they are counted.
	vm_is max "cat $group/pids.max"
	[ "$(vm "cat $group/pids.current")" -ge 1 ]
	pod_ready free
	group=$(group_of free)
	vm_is "max 100000" "cat $group/cpu.max"
	vm_is max "cat $group/memory.max"
	vm_is 1 "cat $group/cpu.weight"
	pod_gone limited
	pod_gone free
}

# The limit is kept: 100 ms of processor a second are a tenth, whatever the emulator's speed.
test_the_processor_limit_bites() {
	pod_ready busy '' '"limits":{"cpu":"100m"}' 'trap exit TERM; while :; do :; done'
	group=$(group_of busy)
	before=$(vm "cut -d ' ' -f 1 /proc/uptime; sed -n 's/usage_usec //p' $group/cpu.stat" | tr '\n' ' ')
	sleep 3
	after=$(vm "cut -d ' ' -f 1 /proc/uptime; sed -n 's/usage_usec //p' $group/cpu.stat" | tr '\n' ' ')
	share=$(echo "$before $after" | awk '{ print int(($4 - $2) / ($3 - $1) / 10000) }')
	echo "it had $share % of a processor"
	[ "$share" -ge 5 ]
	[ "$share" -le 15 ]
	[ "$(vm "sed -n 's/nr_throttled //p' $group/cpu.stat")" -gt 0 ]
	pod_gone busy
}

test_too_much_memory_is_OOMKilled() {
	pod eats '"restartPolicy":"Never"' '"limits":{"memory":"24Mi"}' 'sleep 1; tail /dev/zero'
	await 60 field_is eats '.status.containerStatuses[0].state.terminated.reason' OOMKilled
	field_is eats '.status.containerStatuses[0].state.terminated.exitCode' 137
	field_is eats .status.phase Failed
	pod again '' '"limits":{"memory":"24Mi"}' 'sleep 1; tail /dev/zero'
	await 60 field_is again '.status.containerStatuses[0].lastState.terminated.reason' OOMKilled
	await 60 sh -c "[ \$(timeout 9 $kubectl get pod again -o 'jsonpath={.status.containerStatuses[0].restartCount}') -ge 1 ]"
	pod_gone eats
	pod_gone again
}

# has_written BYTES: the container whose cgroup is $group, or more; $written says how many.
has_written() {
	written=$(vm "sed -n 's/^$disk .*wbytes=\([0-9]*\).*/\1/p' $group/io.stat")
	[ "${written:-0}" -ge "$1" ]
}

# What a container writes to the disk is told of it and of its pod, as the kernel counts it.
test_disk_figures_are_the_kernels() {
	pod_ready writes
	in_pod writes dd if=/dev/zero of=/big bs=64k count=16 conv=fsync
	group=$(group_of writes)
	disk=$(vm 'cat /sys/class/block/vda/dev')
	await 20 has_written 1048576
	k get --raw /api/v1/nodes/vm/proxy/metrics/cadvisor > "$scratch/cadvisor"
	usage="device=\"/dev/vda\",major=\"${disk%:*}\",minor=\"${disk#*:}\",operation=\"Write\""
	grep -qE "^container_fs_writes_bytes_total\{.*pod=\"writes\",device=\"/dev/vda\"\} $written " "$scratch/cadvisor"
	grep -qE "^container_blkio_device_usage_total\{container=\"\",.*pod=\"writes\",$usage\} $written " "$scratch/cadvisor"
	grep -qE "^container_processes\{.*pod=\"writes\"\} [12] " "$scratch/cadvisor"
	pod_gone writes
}

# Version 2 has a program of the kernel for it: only the usual devices can be used.
test_devices_are_barred() {
	pod_ready devices
	equal "" in_pod devices dd if=/dev/zero of=/dev/null bs=1 count=1 status=none
	disk=$(vm 'cat /sys/class/block/vda/dev')
	in_pod devices mknod /tmp/disk b "${disk%:*}" "${disk#*:}"
	expect "Operation not permitted" in_pod devices dd if=/tmp/disk of=/dev/null bs=1 count=1
	pod_gone devices
}

# page_at ADDRESS PORT: a command line that prints the page of the web server there.
page_at() {
	printf '%s' "printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 5 $1 $2 | tail -n 1"
}

test_services_answer() {
	pod_ready web '' '' 'trap exit TERM; httpd -p 80 -h /www; while :; do sleep 1; done'
	k expose pod web --port=80 --type=NodePort
	pod_ready asks
	address=$(k get service web -o 'jsonpath={.spec.clusterIP}')
	node_port=$(k get service web -o 'jsonpath={.spec.ports[0].nodePort}')
	await 30 vm "$(page_at "$address" 80) | grep pod"
	equal "from the pod" in_pod asks sh -c "$(page_at "$(field web .status.podIP)" 80)"
	equal "from the pod" in_pod web sh -c "$(page_at "$address" 80)"
	equal "from the pod" in_pod asks sh -c "$(page_at $guest "$node_port")"
	# Both are on one bridge: the answer must be turned back there as well.
	equal "from the pod" in_pod asks sh -c "$(page_at "$address" 80)"
	k delete service web
	pod_gone web
	pod_gone asks
}

# command_pid COMMAND: the process of "mote COMMAND"; all of the product's processes have one name.
command_pid() {
	vm "for p in \$(pidof mote exe); do tr '\\0' ' ' < /proc/\$p/cmdline | grep -q '^mote $1 ' && echo \$p; done; true"
}

has_none() {
	pid=$(command_pid "$1") && [ -z "$pid" ]
}

# Containers live on while their agent is dead, and are told from then on by the next one.
test_a_killed_agent_adopts() {
	pod_ready lives
	pod ends '"restartPolicy":"Never"' '' 'trap \"\" TERM; until [ -e /tmp/end ]; do sleep 0.1; done; exit 3'
	k wait --for=condition=Ready pod/ends --timeout=60s
	process=$(process_of lives)
	agent=$(command_pid agent)
	ends_at=$(process_of ends)
	vm "kill -9 $agent; touch /proc/$ends_at/root/tmp/end"
	await 30 other_agent "$agent"
	await 30 field_is ends '.status.containerStatuses[0].state.terminated.exitCode' 3
	equal fine in_pod lives echo fine
	[ "$(process_of lives)" = "$process" ]
	field_is lives '.status.containerStatuses[0].restartCount' 0
	pod_gone lives
	pod_gone ends
}

other_agent() {
	new=$(command_pid agent)
	[ -n "$new" ] && [ "$new" != "$1" ]
}

traces() {
	vm "find /sys/fs/cgroup -type d -path '*/mote/pods/*' -o -path '*/mote/monitors/*' -type d; ls /var/lib/mote/agent/pods; grep pods /proc/mounts;
		ls /sys/class/net | grep veth; pidof mote-monitor"
}

no_traces() {
	left=$(traces)
	# 125: the machine did not answer; the last command's own status says nothing.
	[ $? != 125 ] && [ -z "$left" ]
}

test_deletion_leaves_nothing() {
	k delete pod --all --timeout=60s
	pod_ready gone '"volumes":[{"name":"v","emptyDir":{}}]' '"limits":{"memory":"32Mi","cpu":"1"}'
	[ -n "$(traces)" ]
	# Also what a container has forked away and what does not heed the signal.
	in_pod gone sh -c 'setsid sh -c "trap : TERM; while :; do sleep 1; done" > /dev/null 2>&1 &'
	pod_gone gone
	await 20 no_traces || { traces; false; }
}

test_power_is_cut_and_all_comes_back() {
	k create deployment stays --image=box:1 --replicas=3 -- sh -c 'trap exit TERM; while :; do sleep 1; done'
	k rollout status deployment stays --timeout=60s
	pod_ready alone
	expect alone k get pod
	: > "$scratch/acknowledged"
	keep_creating &
	await 60 sh -c "[ \$(wc -l < $scratch/acknowledged) -ge 10 ]"
	vm 'echo not synced > /var/lib/mote/canary'
	vm_cut
	: > "$scratch/stop"
	wait $! || true
	vm_boot
	# The cut was a real one: what was only in memory is lost.
	vm '[ ! -s /var/lib/mote/canary ]'
	# This time as a service: its group is the service manager's, the pods' must be elsewhere.
	server_start system.slice/mote.service
	all_there configmap
	k wait --for=condition=Available deployment/stays --timeout=60s
	await 60 ready_after_boot || { k get pod -o wide; k get event; vm 'mote ctr ps; tail -n 30 /var/log/mote.log'; false; }
	equal "runs again" in_pod alone echo runs again
	equal "from the pod" in_pod alone cat /www/index.html
	expect /sys/fs/cgroup/mote/pods/ group_of alone
	pod_gone alone
	k delete deployment stays
	await 60 no_traces || { traces; false; }
}

# All four pods are ready, each in a container that this machine's life has started.
ready_after_boot() {
	[ "$(vm "find /sys/fs/cgroup -path '*mote/pods/*' -name cgroup.procs -exec cat {} + | wc -l")" -ge 4 ] &&
		[ "$(k get pod -o 'jsonpath={.items[*].status.containerStatuses[0].ready}')" = "true true true true" ] &&
		[ "$(k get pod alone -o 'jsonpath={.status.containerStatuses[0].restartCount}')" = 1 ]
}

server_kill() {
	vm "kill -9 $(command_pid server)"
	await 20 has_none agent
}

# In a login's group, which has no controllers until asked, it moves all into a leaf, for a group with processes cannot
# hand controllers down; who starts it again is in that leaf.  Pods of before stay where they are.
test_the_group_of_the_server_does_not_matter() {
	pod_ready before
	process=$(process_of before)
	for group in session session/agent; do
		server_kill
		server_start "user.slice/$group"
		await 30 in_pod before true
		[ "$(process_of before)" = "$process" ]
		pod_ready after '' '"limits":{"memory":"40Mi"}'
		expect /user.slice/session/mote/pods/ group_of after
		vm_is "$((40 * 1024 * 1024))" "cat $(group_of after)/memory.max"
		pod_gone after
	done
	pod_gone before
	await 20 no_traces || { traces; false; }
}

# Their files lie on the disk, whose users the kernel can map: those of files in memory it cannot before 6.3.
test_unit_programs_pass() {
	server_kill
	vm 'mkdir -p -m 1777 /disk/tmp; mount --bind /disk/tmp /tmp'
	for program in "${programs[@]}"; do
		unit_program_passes "$(basename "$program")"
	done
}

# unit_program_passes NAME: a skipped test counts, when this machine is the one that has what it needs.
unit_program_passes() {
	local status=0
	vm "cd /tmp; HARNESS_TIME_FACTOR=5 /payload/$1" > "$scratch/said" || status=$?
	cat "$scratch/said"
	[ "$status" = 0 ] && ! grep -q 'maps no ids' "$scratch/said"
}

open_or_end "kernel-$vm_arch" open_machine
run_tests "kernel-$vm_arch"
