#!/bin/bash
# join.sh - an emulated machine joins a server over its network and goes on alone when that is away.
#
# Goal: a node that boots while its server cannot be reached starts every pod it had by itself, with the same addresses,
# files, secrets and services; nothing restarts when the server is back; pods deleted meanwhile go then.
# Method: the server is here, the agent a service of the machine's distribution.  The power is cut, not switched off.
# Which processes run, and since when, is read in the machine.
#
# usage: [vm_arch=aarch64] join.sh       TEST=word: the tests with this word in their names
cd "$(dirname "$0")/../.." || exit 1
vm_arch=${vm_arch:-x86_64} vm_guest=disk
# shellcheck source=tests/vm/lib_vm.sh
. tests/vm/lib_vm.sh
# shellcheck source=tests/vm/lib_guest.sh
. tests/vm/lib_guest.sh

pods_count=8

# The server is a process of this side of the cable.
here_start() {
	"$mote" server --disable-agent --data-dir "$scratch/server" --write-kubeconfig "$KUBECONFIG" \
		--advertise-address $here >> "$scratch/server.log" 2>&1 7>&- 8>&- &
	echo $! > "$scratch/server.pid"
	await 20 k get --raw /readyz
	await 20 k get service kubernetes
}

# What a test that failed left undone.
mend() {
	[ -e "$scratch/server.pid" ] || here_start
	ip link set tap0 up
	node_ready
	await 60 none_is_going
}

none_is_going() {
	[ -z "$(k get pod -o 'jsonpath={.items[*].metadata.deletionTimestamp}')" ]
}

here_stop() {
	local pid
	pid=$(cat "$scratch/server.pid") || return 0
	rm "$scratch/server.pid"
	kill -9 "$pid"
	await 10 vm_is_off "$pid"
}

open_cluster() {
	mkdir -p "$scratch/payload"
	image_make "$scratch/payload/box.tar"
	vm_build "$scratch/payload"
	vm_on
	here_start
	vm_wait
	vm "mkdir -p /etc/mote; printf 'server: https://$here:6443\\ntoken: $(cat "$scratch/server/server/node-token")\\n' \
		> /etc/mote/config.yaml"
	unit_install agent
	node_ready
	everything_make
}

test_the_machine_is_a_node() {
	vm_is running 'systemctl is-system-running --wait'
	expect "$(vm 'uname -r')" k get node vm -o 'jsonpath={.status.nodeInfo.kernelVersion}'
	equal "$guest" k get node vm -o 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}'
	equal "$vm_image_arch" k get node vm -o 'jsonpath={.metadata.labels.kubernetes\.io/arch}'
}

# What a pod can get from the server it keeps while the server is away.
everything_make() {
	k create configmap words --from-literal=greeting=good-day
	k create secret generic key --from-literal=key=s3cret
	# shellcheck disable=SC2016
	pod web '"volumes":[{"name":"w","configMap":{"name":"words"}},{"name":"k","secret":{"secretName":"key"}},
		{"name":"d","emptyDir":{}}]' '},"volumeMounts":[{"name":"w","mountPath":"/words"},
		{"name":"k","mountPath":"/key"},{"name":"d","mountPath":"/data"}],
		"env":[{"name":"GREETING","valueFrom":{"configMapKeyRef":{"name":"words","key":"greeting"}}}],"ports":[{"containerPort":80}
		],"securityContext":{' \
		'date +%s%N >> /data/starts; echo $GREETING > /www/index.html; trap exit TERM; httpd -p 80 -h /www; while :; do sleep 1; done'
	k expose pod web --port=80 --type=NodePort
	for count in $(seq 2 $pods_count); do pod "pod-$count"; done
	k wait --for=condition=Ready pod --all --timeout=90s
}

page() {
	vm "curl -sf --max-time 5 http://$1/"
}

test_pods_run_there() {
	equal good-day in_pod web cat /words/greeting
	equal s3cret in_pod web cat /key/key
	await 20 page "$guest:$(k get service web -o 'jsonpath={.spec.ports[0].nodePort}')"
	equal good-day page "$(k get service web -o 'jsonpath={.spec.clusterIP}')"
	equal good-day curl -sf --max-time 5 "http://$guest:$(k get service web -o 'jsonpath={.spec.ports[0].nodePort}')/"
}

# Services of a distribution are restarted at will; pods are not.
test_a_restarted_agent_restarts_no_pod() {
	processes_of_pods > "$scratch/before"
	[ "$(wc -l < "$scratch/before")" -ge $pods_count ]
	for how in restart 'kill --kill-whom=main -s KILL'; do
		main=$(vm 'systemctl show -p MainPID --value mote')
		vm "systemctl $how mote"
		await 30 vm "[ \$(systemctl show -p MainPID --value mote) -gt 1 ] &&
			[ \$(systemctl show -p MainPID --value mote) != $main ]"
		await 30 in_pod web true
	done
	processes_of_pods | diff "$scratch/before" -
}

# As many pods as told run again, or the node's log says why not.
pods_run_again() {
	await 60 pods_run "$1" || { vm 'journalctl -u mote --no-pager -n 40 -o short-monotonic; cat /proc/loadavg'; false; }
}

# Seconds from the agent's start to that of the last pod's process, as the machine's clock has it.
offline_seconds() {
	vm "m=\$(cut -d ' ' -f 22 /proc/\$(systemctl show -p MainPID --value mote)/stat);
		for p in \$($first_processes); do cut -d ' ' -f 22 /proc/\$p/stat; done |
		sort -n | tail -n 1 | awk -v m=\$m '{ printf \"%.1f\", (\$1 - m) / 100 }'"
}

test_a_boot_without_the_server() {
	addresses=$(k get pod -o 'jsonpath={range .items[*]}{.metadata.name} {.status.podIP}{"\n"}{end}')
	cluster_ip=$(k get service web -o 'jsonpath={.spec.clusterIP}')
	# Deleted while its node is off, which the node cannot know.
	# The node keeps what it heard of services every ten seconds at most.
	await 30 vm "cd /var/lib/mote/agent && grep -q '\"web\"' services.json && grep -q '\"web-' endpointslices.json"
	vm 'sync'
	vm_cut
	k delete pod pod-2 --wait=false
	here_stop
	vm_boot
	pods_run_again $pods_count
	taken=$(offline_seconds)
	echo "offline boot ($vm_arch): $pods_count pods within $taken s of the agent's start" | tee -a "$scratch/figures"
	[ "${taken%.*}" -lt "${vm_offline_bar:-10}" ]
	await 20 page "$cluster_ip"
	equal good-day page "$cluster_ip"
	web=$(sed -n 's/^web //p' <<< "$addresses")
	equal good-day page "$web"
	processes_of_pods > "$scratch/before"
	[ "$(wc -l < "$scratch/before")" -ge $pods_count ]
	# The server is back: it hears what is, and nothing starts again but what was deleted, which goes.
	here_start
	node_ready
	await 60 pod_is_unknown pod-2
	await 30 in_pod web true
	equal s3cret in_pod web cat /key/key
	k get pod -o 'jsonpath={range .items[*]}{.metadata.name} {.status.podIP}{"\n"}{end}' > "$scratch/after"
	grep -v '^pod-2 ' <<< "$addresses" | diff - "$scratch/after"
	equal 2 in_pod web sh -c 'wc -l < /data/starts'
	processes_of_pods > "$scratch/after"
	[ "$(comm -13 "$scratch/before" "$scratch/after")" = "" ]
	[ "$(comm -23 "$scratch/before" "$scratch/after" | wc -l)" = 1 ]
	for name in $(k get pod -o name); do
		equal 1 k get "$name" -o 'jsonpath={.status.containerStatuses[0].restartCount}'
	done
}

pod_is_unknown() {
	expect NotFound k get pod "$1"
}

# The cable is out, too, and is put back while the machine runs.
test_a_boot_without_the_cable() {
	mend
	k wait --for=condition=Ready pod --all --timeout=60s
	count=$(k get pod -o name | wc -l)
	ip link set tap0 down
	vm_cut
	vm_boot
	pods_run_again "$count"
	taken=$(offline_seconds)
	echo "boot without the cable ($vm_arch): $taken s" | tee -a "$scratch/figures"
	[ "${taken%.*}" -lt "${vm_offline_bar:-10}" ]
	processes_of_pods > "$scratch/before"
	ip link set tap0 up
	node_ready
	await 30 in_pod web true
	processes_of_pods | diff "$scratch/before" -
}

test_deletion_leaves_nothing() {
	mend
	k delete pod --all --timeout=60s
	vm_is '' "find /sys/fs/cgroup -path '*/mote/pods/*' -type d; ls /var/lib/mote/agent/pods; ls /sys/class/net | grep veth; true"
}

open_or_end "join-$vm_arch" open_cluster
run_tests "join-$vm_arch"
cat "$scratch/figures"
[ "$failures" = 0 ]
