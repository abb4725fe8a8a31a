#!/bin/bash
# nfs.sh - pods with volumes of a real NFS server, and one that goes away.
#
# Goal: shares of pods and of claims are mounted, for reading alone where they say so, with the options of their volume,
# and unmounted with the pod; one that cannot be mounted is told of and holds up nobody; nor does a server that is away,
# whose pods are deleted all the same.
# Method: the server is the kernel's own, with a network of its own in the same machine (tests/vm/shares), the node's mount
# is the distribution's with its helper.  What is on the server's side is read there.
#
# usage: nfs.sh      TEST=word: the tests with this word in their names; x86_64 only.
# shellcheck disable=SC2016 # what stands in single quotes is for a shell in the machine
cd "$(dirname "$0")/../.." || exit 1
vm_arch=${vm_arch:-x86_64} vm_guest=memory
# Before the test has a network of its own.
programs=$(packaging/deps/vm_nfs.sh) || exit 1
# shellcheck source=tests/vm/lib_vm.sh
. tests/vm/lib_vm.sh
# shellcheck source=tests/vm/lib_guest.sh
. tests/vm/lib_guest.sh
vm_modules="$vm_modules nfs nfsv4 nfsd"

waits='trap exit TERM; sleep 100000 & wait'

open_machine() {
	mkdir -p "$scratch/payload"
	image_make "$scratch/payload/box.tar"
	cp "$programs" "$scratch/payload/nfs.tar"
	install -m 755 tests/vm/shares "$scratch/payload/shares"
	vm_build "$scratch/payload"
	vm_boot
	vm '/payload/shares open; mkdir -p /var/lib/mote/agent/images; cp /payload/box.tar /var/lib/mote/agent/images/;
		setsid mote server >> /var/log/mote.log 2>&1 &'
	await 60 vm '[ -s /etc/mote/mote.yaml ]'
	await 60 readable
	node_ready
}

# share NAME VOLUME [COMMAND]: a pod with the volume (JSON fields) at /s.
share() {
	pod "$1" "\"volumes\":[{\"name\":\"s\",$2}]" '},"volumeMounts":[{"name":"s","mountPath":"/s"}],"env":[],"securityContext":{' "${3:-$waits}"
}

# nfs PATH [MORE [SERVER]]: the volume's fields.
nfs() {
	printf '"nfs":{"server":"%s","path":"%s"%s}' "${3:-10.98.0.1}" "$1" "${2:+,$2}"
}

# claim NAME PATH OPTIONS [SERVER]: a volume and its claim.
claim() {
	k create -f - <<- END
	{"apiVersion":"v1","kind":"List","items":[
	{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"$1"},"spec":{"capacity":{"storage":"1Gi"},"storageClassName":"",
	"accessModes":["ReadWriteMany"],"mountOptions":[$3],$(nfs "$2" '' "${4:-}")}},
	{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"$1"},"spec":{"volumeName":"$1","storageClassName":"",
	"accessModes":["ReadWriteMany"],"resources":{"requests":{"storage":"1Gi"}}}}]}
	END
}

claimed() {
	printf '"persistentVolumeClaim":{"claimName":"%s"%s}' "$1" "${2:+,$2}"
}

ready() {
	k wait --for=condition=Ready --timeout=60s "${@/#/pod/}"
}

# said NAME REASON TEXT: an event tells so.
said() {
	k get events --field-selector "involvedObject.name=$1,reason=$2" -o 'jsonpath={range .items[*]}{.message}{"\n"}{end}' |
		grep -qF -- "$3"
}

# In any process's eyes.
mounts_of_shares() {
	vm 'cat /proc/[0-9]*/mounts 2> /dev/null | grep " nfs4 " | cut -d " " -f 1,2 | sort -u'
}

nothing_is_mounted() {
	[ -z "$(mounts_of_shares)" ] && vm '! pidof umount mount.nfs umount.nfs umount.nfs4'
}

# in_ms N COMMAND...: it takes no longer.
in_ms() {
	local began now
	began=$(date +%s%N)
	"${@:2}"
	now=$(($(($(date +%s%N) - began)) / 1000000))
	[ "$now" -le "$1" ] || { echo "took $now ms, not $1: ${*:2}" >&2; return 1; }
}

# Others come and go as ever.
others_live() {
	in_ms 40000 pod_ready other
	in_ms 40000 pod_gone other
	heartbeat_is_new
}

# --- the tests, in this order ---

test_pods_share_files() {
	claim data /disk/share '"nfsvers=4.1","noatime"'
	share writes "$(nfs /disk/share)" "echo from a pod > /s/made; $waits"
	share reads "$(nfs /disk/share '"readOnly":true')"
	share claims "$(claimed data)" "echo from a claim > /s/claimed; $waits"
	share looks "$(claimed data '"readOnly":true')"
	ready writes reads claims looks
	vm_is "from a pod" 'cat /disk/share/made'
	vm_is "from a claim" 'cat /disk/share/claimed'
	vm 'echo from the server > /disk/share/given'
	for name in writes reads claims looks; do
		equal "from the server" in_pod $name cat /s/given
		equal "from a pod" in_pod $name cat /s/made
	done
	in_pod writes rm /s/given
	vm '[ ! -e /disk/share/given ]'
}

test_for_reading_alone() {
	for name in reads looks; do
		expect "Read-only file system" in_pod $name touch /s/bad
	done
	vm '[ ! -e /disk/share/bad ]'
}

test_options_of_the_volume() {
	expect vers=4.1, in_pod claims grep ' /s nfs4 ' /proc/mounts
	expect noatime, in_pod claims grep ' /s nfs4 ' /proc/mounts
	expect vers=4.2, in_pod writes grep ' /s nfs4 ' /proc/mounts
}

test_a_pod_takes_its_mount_with_it() {
	[ "$(mounts_of_shares | wc -l)" -ge 4 ]
	k delete pod writes reads claims looks --timeout=60s
	await 20 nothing_is_mounted
	vm_is "below claimed made" 'ls /disk/share | xargs'
	vm_is '' 'ls /var/lib/mote/agent/pods; cat /proc/fs/nfsfs/volumes | grep ^v4; true'
}

test_what_cannot_be_mounted_is_told() {
	claim away /disk/share '"retry=0"' 10.99.0.9
	share lost "$(nfs /disk/none)"
	share nobody "$(claimed away)"
	others_live
	await 30 said lost FailedMount 'MountVolume.SetUp failed for volume "s" : mount failed: exit status 32: '
	await 30 said lost FailedMount 'mounting 10.98.0.1:/disk/none failed, reason given by server: No such file or directory'
	await 60 said nobody FailedMount 'mount.nfs: No route to host'
	vm 'mkdir /disk/none && nsenter -t $(cat /run/shares.pid) -n exportfs -o rw,no_root_squash,no_subtree_check 10.99.0.0/24:/disk/none'
	ready lost
	in_ms 40000 k delete pod lost nobody
	await 20 nothing_is_mounted
}

# The mount program is killed with its helper.
test_a_mount_under_way_ends_with_its_pod() {
	share hangs "$(nfs /disk/share '' 10.98.0.8)"
	await 20 vm 'pidof mount.nfs'
	in_ms 40000 k delete pod hangs
	vm '! pidof mount mount.nfs'
	nothing_is_mounted
}

gone() {
	for name in "$@"; do expect NotFound k get "pod/$name" || return 1; done
}

# One that waits for each version's last mount to go (the versions share nothing), one that has written, and one whose
# container is started again meanwhile.
test_a_server_goes_away() {
	claim older /disk/share '"nfsvers=4.1"'
	share quiet "$(nfs /disk/share)"
	share older "$(claimed older)"
	share busy "$(nfs /disk/share/below)" 'exec 3> /s/lines; while :; do echo line >&3; sleep 0.1; done'
	claim ends /disk/share '"nfsvers=4.0","noac"'
	pod ends "\"volumes\":[{\"name\":\"s\",$(claimed ends)}]" \
		'},"volumeMounts":[{"name":"s","mountPath":"/s","subPath":"deep/er"}],"securityContext":{' "$waits"
	ready quiet older busy ends
	await 30 vm '[ -s /disk/share/below/lines ] && [ -d /disk/share/deep/er ]'
	vm '/payload/shares cut'
	k delete pod quiet older busy --wait=false
	in_pod ends kill 1
	others_live
	others_live
	await 20 gone quiet older
	await 60 gone busy
	others_live
	k delete pod ends --wait=false
	await 60 gone ends
	others_live
	vm '/payload/shares join'
	await 30 nothing_is_mounted
	share again "$(nfs /disk/share)" "echo again > /s/made; $waits"
	ready again
	vm_is again 'cat /disk/share/made'
	pod_gone again
}

open_or_end "nfs-$vm_arch" open_machine
run_tests "nfs-$vm_arch"
