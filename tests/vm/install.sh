#!/bin/bash
# install.sh - what "curl | sh" makes of a machine with systemd, and that it can be taken away again.
#
# Goal: one line makes a server or a node of a machine, which comes back by itself after a power cut, also without its
# server; a second run changes nothing; who hangs is restarted; after mote-uninstall.sh the machine is as it was before.
# Method: the folder of "make dist" is served from this side of the cable.  The machine's files, links, rules, mounts and
# cgroups are listed before the first run and after the last one.
#
# usage: [vm_arch=aarch64] install.sh      TEST=word: the tests with this word in their names; node: a node, pods, a power
# cut, a boot without the server, and off again
cd "$(dirname "$0")/../.." || exit 1
vm_arch=${vm_arch:-x86_64} vm_guest=disk
# shellcheck source=tests/vm/lib_vm.sh
. tests/vm/lib_vm.sh
# shellcheck source=tests/vm/lib_guest.sh
. tests/vm/lib_guest.sh
# shellcheck source=tests/vm/lib_dist.sh
. tests/vm/lib_dist.sh

open_machine() {
	mkdir -p "$scratch/payload"
	image_make "$scratch/payload/box.tar"
	vm_build "$scratch/payload"
	vm_on
	dist_make
	dist_serve
	vm_wait
	vm_is running 'systemctl is-system-running --wait'
	others_make
	traces > "$scratch/traces"
}

# What is not ours, close to what will be.
others_make() {
	vm 'mkdir -p /var/lib/others /etc/others /var/log/pods/others; echo theirs > /var/lib/others/data;
		printf "[Service]\\nExecStart=/bin/sleep infinity\\n" > /etc/systemd/system/mote-others.service;
		printf "#!/bin/sh\\n" > /usr/local/bin/mote-others; touch /var/log/pods/others/log;
		systemctl daemon-reload; systemctl start mote-others;
		nft add table inet others; nft add chain inet others c;
		ip link add others0 type bridge; mkdir /sys/fs/cgroup/others'
}

# All that a program can leave on a machine, one thing a line.  Links and mounts have no numbers here, and cgroups of
# systemd's own come and go.
traces() {
	vm "find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp/systemd-private\\* \\) -prune -o \
			-printf '%p %y %m %U %l\\n' | sort;
		find /run -xdev | grep -v -e /run/systemd -e /run/udev -e /run/log | sort;
		cut -d ' ' -f 2,3 /proc/mounts | grep -v /run/credentials | sort;
		ls /sys/class/net; nft list ruleset; cat /sys/kernel/security/apparmor/profiles; ip -4 route; ip rule; cat /proc/sys/kernel/ns_last_pid > /dev/null;
		find /sys/fs/cgroup -maxdepth 1 -type d | sort; find /sys/fs/cgroup -type d -name '*mote*' | sort;
		ps -eo comm= | grep -e mote -e pause | sort; systemctl list-units --all --plain --no-legend '*mote*'; true"
}

the_node_is_ready() {
	await 60 readable
	node_ready
}

test_one_line_makes_a_server() {
	local began=$SECONDS
	install_in > "$scratch/said"
	expect "starting mote" cat "$scratch/said"
	service_is_active
	vm_is notify 'systemctl show -p Type --value mote'
	vm_is enabled 'systemctl is-enabled mote'
	the_node_is_ready
	echo "install.sh to a ready node ($vm_arch): $((SECONDS - began)) s" >> "$scratch/figures"
	vm_is "-rw------- root" "stat -c '%A %U' /etc/systemd/system/mote.service.env"
	expect "the API answers" vm 'systemctl status mote --no-pager'
}

test_a_pod_runs() {
	images_give
	pod_ready web '' '' 'echo said; trap exit TERM; httpd -p 80 -h /www; while :; do sleep 1; done'
	k expose pod web --port=80
	k create configmap kept --from-literal=a=b
	await 20 vm "curl -sf --max-time 5 http://$(k get service web -o 'jsonpath={.spec.clusterIP}')/"
	expect said k logs web
}

# confined NAME PROFILE: a pod of that securityContext.appArmorProfile.
confined() {
	pod "$1" "\"securityContext\":{\"appArmorProfile\":{$2}}"
}

profile_of() {
	in_pod "$1" cat /proc/1/attr/current
}

test_containers_have_a_profile() {
	vm "printf 'profile no-tmp { file, deny /tmp/** w, }' | apparmor_parser --replace --skip-cache --quiet"
	confined own '"type":"Localhost","localhostProfile":"no-tmp"'
	confined usual '"type":"RuntimeDefault"'
	confined free '"type":"Unconfined"'
	confined lost '"type":"Localhost","localhostProfile":"nowhere"'
	expect "mote-default.1 (enforce)" vm "cat /sys/kernel/security/apparmor/profiles; journalctl -u mote -o cat | grep AppArmor"
	k wait --for=condition=Ready pod/own pod/usual pod/free --timeout=60s
	equal "mote-default.1 (enforce)" profile_of web
	equal "mote-default.1 (enforce)" profile_of usual
	equal unconfined profile_of free
	equal "no-tmp (enforce)" profile_of own
	expect "Permission denied" in_pod own touch /tmp/x
	in_pod usual touch /tmp/x
	await 30 eval "k get events --field-selector involvedObject.name=lost | grep -q 'apparmor profile not found nowhere'"
	vm "printf no-tmp > /sys/kernel/security/apparmor/.remove"
	k delete pod own usual free lost --timeout=60s
}

test_a_second_run_changes_nothing() {
	before=$(lives)
	pid=$(service_pid)
	vm 'find /etc /usr/local /var/lib/mote/ota -printf "%p %i %T@\n" | sort' > "$scratch/files"
	expect "nothing has changed; mote is not restarted" install_in
	[ "$(service_pid)" = "$pid" ]
	vm 'find /etc /usr/local /var/lib/mote/ota -printf "%p %i %T@\n" | sort' | diff "$scratch/files" -
	equal "$before" lives
	# What differs is written, and the service restarted; its pods are not.
	expect "starting mote" install_in -- server --write-kubeconfig-mode 0640
	service_is_active
	[ "$(service_pid)" != "$pid" ]
	the_node_is_ready
	vm_is 640 'stat -c %a /etc/mote/mote.yaml'
	equal "$before" lives
}

# A cut download runs nothing, here by a true pipe; nor does a list that somebody else has signed.
test_what_is_not_right_changes_nothing() {
	pid=$(service_pid)
	expect "Syntax error" vm "curl -sfL $dist_url/install.sh | head -c 20000 | sh -"
	cp -a "$dist" "$scratch/good"
	version=$(cat "$dist/stable")
	sed -i 's/^\([0-9a-f]\{64\}\)  mote-/0000000000000000000000000000000000000000000000000000000000000000  mote-/' \
		"$dist/$version/sha256sums.txt"
	expect "is not signed as it must be" install_in INSTALL_MOTE_FORCE_RESTART=true
	rm -r "$dist"
	cp -a "$scratch/good" "$dist"
	[ "$(service_pid)" = "$pid" ]
}

test_a_power_cut() {
	vm 'sync'
	vm_cut
	vm_boot
	the_node_is_ready
	service_is_active
	await 60 in_pod web true
	equal b k get configmap kept -o 'jsonpath={.data.a}'
	await 20 field_is web '.status.containerStatuses[0].restartCount' 1
	await 20 vm "curl -sf --max-time 5 http://$(k get service web -o 'jsonpath={.spec.clusterIP}')/"
}

test_a_reboot() {
	vm 'systemctl reboot' || true
	await 60 vm_is_off "$(cat "$scratch/vm.pid")"
	vm_boot
	the_node_is_ready
	await 60 in_pod web true
}

# Who does not say that it turns is ended and started by systemd.  The time is short here.
test_the_watchdog() {
	vm 'mkdir -p /etc/systemd/system/mote.service.d;
		printf "[Service]\nWatchdogSec=4\n" > /etc/systemd/system/mote.service.d/short.conf; systemctl daemon-reload; systemctl restart mote'
	the_node_is_ready
	await 30 in_pod web true
	before=$(lives)
	pid=$(service_pid)
	# It keeps its time when nothing is wrong.
	sleep 9
	[ "$(service_pid)" = "$pid" ]
	vm "kill -STOP $pid"
	await 60 service_is_another "$pid"
	expect "Watchdog timeout" vm 'journalctl -u mote --no-pager -n 50 -o cat'
	the_node_is_ready
	await 30 in_pod web true
	equal "$before" lives
}

# gone: the machine is as it was before the first run.
uninstalled() {
	expect "mote is gone" vm /usr/local/bin/mote-uninstall.sh
	traces > "$scratch/left"
	diff "$scratch/traces" "$scratch/left"
	vm_is theirs 'cat /var/lib/others/data'
	vm_is active 'systemctl is-active mote-others'
}

test_a_server_is_taken_off() {
	# The machine was off since the list was made.
	others_again
	uninstalled
}

# What of the others is not on the disk.
others_again() {
	vm 'systemctl start mote-others; nft add table inet others; nft add chain inet others c;
		ip link add others0 type bridge; mkdir -p /sys/fs/cgroup/others; true'
}

test_one_line_makes_a_node() {
	rm -f "$KUBECONFIG"
	here_start
	service='mote-agent'
	images_give
	install_in "MOTE_URL=https://$here:6443 MOTE_TOKEN=$(cat "$scratch/server/server/node-token")" > "$scratch/said"
	expect "starting mote-agent" cat "$scratch/said"
	service_is_active
	node_ready
	vm_is "-rw------- root" "stat -c '%A %U' /etc/systemd/system/mote-agent.service.env"
	vm "tr '\\0' ' ' < /proc/$(service_pid)/cmdline" > "$scratch/arguments"
	expect "mote agent" cat "$scratch/arguments"
	! grep M10 "$scratch/arguments" || return 1
	for name in web-1 web-2 web-3; do pod "$name"; done
	k wait --for=condition=Ready pod --all --timeout=60s
}

# The power is cut, and the server is not there: the node's pods run within ten seconds of its start.
test_a_node_boots_without_its_server() {
	service='mote-agent'
	addresses=$(k get pod -o 'jsonpath={range .items[*]}{.metadata.name} {.status.podIP}{"\n"}{end}')
	vm 'sync'
	vm_cut
	here_stop
	vm_boot
	await 60 pods_run 3
	taken=$(vm "m=\$(cut -d ' ' -f 22 /proc/\$(systemctl show -p MainPID --value mote-agent)/stat);
		for p in \$($first_processes); do cut -d ' ' -f 22 /proc/\$p/stat; done |
		sort -n | tail -n 1 | awk -v m=\$m '{ printf \"%.1f\", (\$1 - m) / 100 }'")
	echo "offline boot ($vm_arch): 3 pods within $taken s of the agent's start" >> "$scratch/figures"
	[ "${taken%.*}" -lt 10 ]
	processes_of_pods > "$scratch/before"
	here_start
	node_ready
	await 30 in_pod web-1 true
	processes_of_pods | diff "$scratch/before" -
	equal "$addresses" k get pod -o 'jsonpath={range .items[*]}{.metadata.name} {.status.podIP}{"\n"}{end}'
}

test_a_node_is_taken_off() {
	others_again
	uninstalled
}

open_or_end "install-$vm_arch" open_machine
run_tests "install-$vm_arch"
cat "$scratch/figures" 2> /dev/null
[ "$failures" = 0 ]
