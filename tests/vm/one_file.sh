#!/bin/bash
# one_file.sh - from one file, without a network and at a time before all others, a cluster of one comes up.
#
# Goal: install.sh and mote-ARCH-airgap.bundle on a disk that can only be read are all that a machine needs, which has no
# network device and whose clock says 1970: the sample of the bundle runs, also after a power cut, and after a second run.
# Method: the clock is never set to the true time.  The API is asked from inside, for there is no cable.
#
# usage: [vm_arch=aarch64] one_file.sh      TEST=word: the tests with this word in their names
cd "$(dirname "$0")/../.." || exit 1
vm_arch=${vm_arch:-x86_64} vm_guest=disk vm_cable=none vm_clock=1970-01-02T00:00:00
# shellcheck source=tests/vm/lib_vm.sh
. tests/vm/lib_vm.sh
# shellcheck source=tests/vm/lib_guest.sh
. tests/vm/lib_guest.sh
# shellcheck source=tests/vm/lib_dist.sh
. tests/vm/lib_dist.sh

open_machine() {
	mkdir -p "$scratch/payload"
	dist_make
	cp "$dist/install.sh" "$dist/$(cat "$dist/stable")/mote-$vm_arch-airgap.bundle" "$scratch/payload/"
	install -m 755 "$kubectl" "$scratch/payload/kubectl"
	vm_build "$scratch/payload"
	# Not even a program beside the two files.
	[ -e "$scratch/payload/mote" ]
	vm_boot
	clock_keep
}

# systemd takes its own birthday for a time before it: it is set back, now and after each boot, before mote starts.
clock_keep() {
	vm 'printf "[Unit]\nBefore=mote.service line.service\n[Service]\nType=oneshot\nExecStart=/bin/date -s 1970-01-02\n" > /etc/systemd/system/clock.service;
		printf "[Install]\nWantedBy=multi-user.target\n" >> /etc/systemd/system/clock.service;
		systemctl daemon-reload; systemctl enable --quiet --now clock'
}

install_here() {
	vm "INSTALL_MOTE_BUNDLE=/payload/mote-$vm_arch-airgap.bundle sh /payload/install.sh"
}

the_log() {
	vm 'journalctl -u mote --no-pager -n 20 -o cat'
	false
}

# The sample answers where the bundle's manifest says.
sample_answers() {
	[ "$(vm 'mote ctr ps | grep -c "hello.*running"')" = 2 ] &&
		expect "hello from hello-" vm "for a in \$(grep -o '10\\.42\\.[0-9.]*[0-9]' /var/lib/mote/agent/network/addresses.json | sort -u);
			do curl -s --max-time 3 http://\$a:8080/; done; true"
}

test_the_machine_has_nothing() {
	vm_is lo 'ls /sys/class/net'
	expect 1970 vm 'date'
	vm_is '' 'ip route'
	! vm 'touch /payload/x' 2> /dev/null || return 1
}

test_one_file_makes_a_cluster() {
	local began=$SECONDS
	install_here > "$scratch/said"
	expect "starting mote" cat "$scratch/said"
	service_is_active
	await 60 sample_answers || the_log
	echo "one file to the sample's answer ($vm_arch): $((SECONDS - began)) s" >> "$scratch/figures"
	expect 1970 vm 'date'
	await 30 node_is_ready_inside
}

test_a_second_run_changes_nothing() {
	pid=$(service_pid)
	processes_of_pods > "$scratch/before"
	expect "nothing has changed; mote is not restarted" install_here
	[ "$(service_pid)" = "$pid" ]
	processes_of_pods | diff "$scratch/before" -
}

test_and_after_a_power_cut() {
	vm 'sync'
	vm_cut
	vm_boot
	await 60 pods_run 2 || the_log
	await 60 sample_answers || the_log
	service_is_active
	await 30 node_is_ready_inside
	expect 1970 vm 'date'
}

node_is_ready_inside() {
	expect " Ready " vm 'KUBECONFIG=/etc/mote/mote.yaml /payload/kubectl get nodes'
}

# One bit is another: nothing of it runs, nothing changes.
test_a_damaged_file_is_refused() {
	pid=$(service_pid)
	expect "damaged" vm "cp /payload/mote-$vm_arch-airgap.bundle /root/bad;
		printf X | dd of=/root/bad bs=1 seek=2000000 conv=notrunc 2> /dev/null; INSTALL_MOTE_BUNDLE=/root/bad sh /payload/install.sh"
	[ "$(service_pid)" = "$pid" ]
}

open_or_end "one_file-$vm_arch" open_machine
run_tests "one_file-$vm_arch"
cat "$scratch/figures" 2> /dev/null
[ "$failures" = 0 ]
