#!/bin/bash
# clock.sh - a machine without a network device whose clock says 1970 is a cluster of one.
#
# Goal: no route, no address but the loopback's, no name server, no time: the server starts, its certificates hold, its
# node is ready, a pod of a local image runs, and all that again after a power cut.
# Method: the clock stays as the machine's; nobody sets it.  Its API is asked from inside, for there is no cable.
#
# usage: clock.sh      TEST=word: the tests with this word in their names
cd "$(dirname "$0")/../.." || exit 1
vm_arch=${vm_arch:-x86_64} vm_guest=memory vm_cable=none vm_clock=1970-01-02T00:00:00
# shellcheck source=tests/vm/lib_vm.sh
. tests/vm/lib_vm.sh
# shellcheck source=tests/vm/lib_guest.sh
. tests/vm/lib_guest.sh

alone_start() {
	vm_boot
	vm 'mkdir -p /var/lib/mote/agent/images /var/lib/mote/server/manifests; cp /payload/box.tar /var/lib/mote/agent/images/;
		cp /payload/pod.json /var/lib/mote/server/manifests/; setsid mote server >> /var/log/mote.log 2>&1 &'
}

open_alone() {
	mkdir -p "$scratch/payload"
	image_make "$scratch/payload/box.tar"
	cat > "$scratch/payload/pod.json" <<- 'END'
	{"apiVersion":"v1","kind":"Pod","metadata":{"name":"sample","namespace":"default"},"spec":{
	"terminationGracePeriodSeconds":1,"containers":[{"name":"c","image":"box:1",
	"command":["sh","-c","trap exit TERM; httpd -p 80 -h /www; while :; do sleep 1; done"]}]}}
	END
	vm_build "$scratch/payload"
	alone_start
}

the_log() {
	vm 'tail -n 15 /var/log/mote.log'
	false
}

test_the_machine_has_nothing() {
	vm_is lo 'ls /sys/class/net | grep -v cni0 | grep -v flannel | grep -v veth'
	expect 1970 vm 'date'
}

test_the_sample_runs() {
	await 90 pods_run 1 || the_log
	await 30 vm 'mote ctr ps | grep -i running' || the_log
	vm_is 'from the pod' "wget -q -O - http://\$(cat /var/lib/mote/agent/network/addresses.json |
		grep -o '10\\.42\\.[0-9.]*' | head -n 1)/"
}

test_and_after_a_power_cut() {
	vm 'sync'
	vm_cut
	alone_start
	await 60 pods_run 1 || the_log
	await 30 vm 'mote ctr ps | grep -i running' || the_log
}

open_or_end clock open_alone
run_tests clock
