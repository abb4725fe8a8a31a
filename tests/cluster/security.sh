#!/bin/bash
# security.sh - what a pod's securityContext says holds on the node: users, groups, profiles, sysctls, devices, huge pages.
#
# Goal: every word of a securityContext is acted upon or refused in the kubelet's words; nothing is run with more
# rights than it asked for.  Method: pods that tell what they are and what they cannot do.
# shellcheck source=tests/cluster/lib.sh
# shellcheck disable=SC2016,SC2119,SC2181
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

devices=$scratch/devices

# tells NAME POD-FIELDS CONTAINER-FIELDS COMMAND: a pod that says something and ends.
tells() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec:
	  restartPolicy: Never
	  terminationGracePeriodSeconds: 1
	  ${2//$'\t'/}
	  containers:
	  - name: a
	    image: web:1
	    command:
	    - sh
	    - -c
	    - |
	$(printf '%s\n' "$4" | sed 's/^/      /')
	    ${3//$'\t'/}
	END
}

# said NAME: what it said, when it has ended.
said() {
	await 20 over "$1" > /dev/null && k logs "$1"
}

over() {
	case $(of "pod/$1" '{.status.phase}') in Succeeded | Failed) return 0 ;; esac
	return 1
}

# refuse TEXT COMMAND...: it fails and says so.
refuse() {
	text=$1
	shift
	! output=$("$@" 2>&1) && [[ $output == *"$text"* ]] && return 0
	echo "expected a refusal with: $text; got: $output" >&2
	return 1
}

waiting() {
	of "pod/$1" '{.status.containerStatuses[0].state.waiting.message}' | grep -F -- "$2"
}

test_users_and_groups() {
	tells users 'securityContext: {runAsUser: 1234, runAsGroup: 2345, fsGroup: 3456, supplementalGroups: [4567]}
	  volumes: [{name: v, emptyDir: {}}]' 'volumeMounts: [{name: v, mountPath: /v}]' \
		'id; touch /v/x; stat -c %g:%a /v /v/x'
	tells strict 'securityContext: {runAsUser: 1000, runAsGroup: 0, supplementalGroupsPolicy: Strict, supplementalGroups: [9]}' '' 'id -G'
	tells not-root 'securityContext: {runAsNonRoot: true}' '' 'id'
	equal 'uid=1234 gid=2345 groups=2345,3456,4567
3456:2777
3456:644' said users
	equal '0 9' said strict
	await 10 waiting not-root 'container has runAsNonRoot and image will run as root'
	gone pod/users pod/strict pod/not-root
}

test_rights() {
	tells few '' 'securityContext: {capabilities: {drop: [ALL], add: [CHOWN]}, readOnlyRootFilesystem: true, allowPrivilegeEscalation: false}' \
		'grep -E "^(CapInh|CapPrm|CapAmb|NoNewPrivs|Seccomp):" /proc/self/status; touch /x'
	tells all '' 'securityContext: {privileged: true}' 'mount -t tmpfs x /tmp && echo mounted; grep Seccomp: /proc/self/status'
	tells open '' 'securityContext: {seccompProfile: {type: Unconfined}}' 'grep Seccomp: /proc/self/status'
	equal 'CapInh:	0000000000000000
CapPrm:	0000000000000001
CapAmb:	0000000000000000
NoNewPrivs:	1
Seccomp:	2
touch: /x: Read-only file system' said few
	equal 'mounted
Seccomp:	0' said all
	equal 'Seccomp:	0' said open
	gone pod/few pod/all pod/open
}

test_profiles_of_the_node() {
	mkdir -p "$lab/n1/data/agent/kubelet/seccomp/own"
	echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}' \
		> "$lab/n1/data/agent/kubelet/seccomp/own/no-mkdir.json"
	echo '{"defaultAction": "SCMP_ACT_NOTIFY"}' > "$lab/n1/data/agent/kubelet/seccomp/asks.json"
	for part in good:own/no-mkdir.json missing:own/none.json asks:asks.json; do
		tells "local-${part%%:*}" "securityContext: {seccompProfile: {type: Localhost, localhostProfile: ${part#*:}}}" '' 'mkdir /x'
	done
	equal "mkdir: can't create directory '/x': No space left on device" said local-good
	await 10 waiting local-missing 'cannot load seccomp profile'
	await 10 waiting local-asks 'SCMP_ACT_NOTIFY'
	refuse 'must' k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: out}
	spec:
	  securityContext: {seccompProfile: {type: Localhost, localhostProfile: ../../../../etc/passwd}}
	  containers: [{name: a, image: "web:1"}]
	END
	gone pod/local-good pod/local-missing pod/local-asks
}

test_sysctls() {
	tells safe 'securityContext: {sysctls: [{name: net.ipv4.ip_local_port_range, value: "30000 30999"}, {name: kernel.shm_rmid_forced, value: "1"}]}' '' \
		'cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/shm_rmid_forced'
	tells allowed 'securityContext: {sysctls: [{name: net.core.somaxconn, value: "77"}]}' '' 'cat /proc/sys/net/core/somaxconn'
	tells unsafe 'securityContext: {sysctls: [{name: kernel.msgmax, value: "65536"}]}' '' 'true'
	equal '30000	30999
1' said safe
	equal 77 said allowed
	await 10 is SysctlForbidden pod/unsafe '{.status.reason}'
	equal Failed of pod/unsafe '{.status.phase}'
	equal 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted' of pod/unsafe '{.status.message}'
	await 10 expect 'forbidden sysctl: "kernel.msgmax" not allowlisted' k get events --field-selector reason=SysctlForbidden
	gone pod/safe pod/allowed pod/unsafe
}

test_apparmor_needs_the_kernel() {
	[ ! -e /sys/kernel/security/apparmor ] || return 0
	tells armour '' 'securityContext: {appArmorProfile: {type: Localhost, localhostProfile: strict}}' 'true'
	tells selinux 'securityContext: {seLinuxOptions: {level: "s0:c1,c2"}}' '' 'echo fine'
	await 10 is AppArmor pod/armour '{.status.reason}'
	equal 'Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host' of pod/armour '{.status.message}'
	equal fine said selinux
	gone pod/armour pod/selinux
}

# What is in memory has the pod's ids on the host, and no mount maps them: before Linux 6.3 none could.
test_users_of_its_own() {
	mkdir -p "$lab/n1/given"
	tells own 'hostUsers: false
	  volumes: [{name: v, emptyDir: {}}, {name: h, hostPath: {path: '"$lab"'/n1/given}}, {name: m, emptyDir: {medium: Memory}}]' \
		'securityContext: {capabilities: {add: [SYS_ADMIN]}, procMount: Unmasked}
	    volumeMounts: [{name: v, mountPath: /v}, {name: h, mountPath: /h}, {name: m, mountPath: /m}]' \
		'awk "{print (\$2 >= 65536), \$2 % 65536, \$3}" /proc/self/uid_map; id -u
touch /v/x /h/x /m/x; stat -c %u /v/x /h/x /m/x /etc/hosts /var/run/secrets/kubernetes.io/serviceaccount/token
cat /proc/slabinfo > /dev/null 2>&1 || echo no; wget -q -O /dev/null http://127.0.0.1:1/ 2>&1 | grep -c refused; [ -s /var/run/secrets/kubernetes.io/serviceaccount/token ] && echo token
awk "{ maps[\$5] = \$6 ~ /idmapped/ } END { print maps[\"/v\"], maps[\"/h\"], maps[\"/m\"] }" /proc/self/mountinfo'
	tells other 'hostUsers: false' '' 'awk "{print \$2}" /proc/self/uid_map'
	equal '1 0 65536
0
0
0
0
0
0
no
1
token
1 1 0' said own
	equal 0 stat -c %u "$lab/n1/given/x"
	first=$(cat "$lab"/n1/data/agent/pods/*/users | sort -u | wc -l)
	equal 2 echo "$first"
	expect 65536 echo "$(($(said other) % 65536 + 65536))"
	gone pod/own pod/other
}

# A container ends while the node's agent is away: the one after it is started at once, by an agent that knows its volumes.
test_users_of_its_own_outlive_the_agent() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: reads}
	spec:
	  hostUsers: false
	  terminationGracePeriodSeconds: 1
	  volumes: [{name: v, emptyDir: {}}]
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, 'cd /var/run/secrets/kubernetes.io/serviceaccount; stat -L -c %u:%a . token; while ! [ -e /v/fall ]; do sleep 0.1; done; rm /v/fall']
	    volumeMounts: [{name: v, mountPath: /v}]
	END
	k wait --for=condition=Ready pod/reads --timeout=20s
	uid=$(of pod/reads '{.metadata.uid}')
	stop agent-n1
	touch "$lab/n1/data/agent/pods/$uid/volumes/v/fall"
	await 10 is_empty_group "$uid"
	n1_start
	await 20 is 1 pod/reads '{.status.containerStatuses[0].restartCount}'
	k wait --for=condition=Ready pod/reads --timeout=20s
	equal $'0:755\n0:644' k logs reads --previous
	await 5 equal $'0:755\n0:644' k logs reads
	gone pod/reads
}

# is_empty_group UID: none of the pod's containers has a process.
is_empty_group() {
	[ -z "$(find /sys/fs/cgroup -path "*/mote/pods/$1/*" -name cgroup.procs -exec cat {} +)" ]
}

capacity() {
	[ "$(of node/n1 "{.status.$2.mote\\.dev/$1}")" = "$3" ]
}

test_devices_by_name() {
	await 10 capacity port capacity 2
	await 10 capacity port allocatable 2
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: holds}
	spec:
	  nodeName: n1
	  terminationGracePeriodSeconds: 1
	  securityContext: {runAsUser: 1000, runAsGroup: 1000}
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, "(: > $MOTE_DEVICE_PORT) && echo opened; trap exit TERM; sleep 3600 & wait"]
	    resources: {limits: {mote.dev/port: 1}}
	END
	k wait --for=condition=Ready pod/holds --timeout=20s
	await 5 expect opened k logs holds
	# Another node of the same kind is not this pod's.
	refuse 'not permitted' k exec holds -- mknod /tmp/z c 1 12
	tells second 'nodeName: n1' 'resources: {limits: {mote.dev/port: 2}}' 'true'
	await 10 is UnexpectedAdmissionError pod/second '{.status.reason}'
	equal 'Pod was rejected: Allocate failed due to requested number of devices unavailable for mote.dev/port. Requested: 2, Available: 1, which is unexpected' \
		of pod/second '{.status.message}'
	# It holds over a restart of the agent.
	stop agent-n1
	n1_start
	tells third 'nodeName: n1' 'resources: {limits: {mote.dev/port: 2}}' 'true'
	await 10 is UnexpectedAdmissionError pod/third '{.status.reason}'
	mv "$devices/port-b" "$devices/unplugged"
	await 10 capacity port allocatable 1
	mv "$devices/unplugged" "$devices/port-b"
	await 10 capacity port allocatable 2
	gone pod/holds pod/second pod/third
	tells both 'nodeName: n1' 'resources: {limits: {mote.dev/port: 2}}' 'echo "$MOTE_DEVICE_PORT" | tr , "\n" | sed "s,.*/,," | sort'
	equal 'port-a
port-b' said both
	gone pod/both
}

test_host_devices_need_the_resource() {
	for part in with:1 without:0; do
		tells "${part%:*}" "nodeName: n1
	  volumes: [{name: d, hostPath: {path: $devices/port-a, type: CharDevice}}]" \
			"resources: {limits: {mote.dev/port: ${part#*:}}}
	    volumeMounts: [{name: d, mountPath: /dev/mine}]" '(: > /dev/mine) && echo opened'
	done
	equal opened said with
	expect 'not permitted' said without
	gone pod/with pod/without
}

test_huge_pages() {
	[ -e /sys/kernel/mm/hugepages/hugepages-2048kB ] || return 0
	await 10 is 0 node/n1 '{.status.capacity.hugepages-1Gi}'
	tells pages 'nodeName: n1
	  volumes: [{name: p, emptyDir: {medium: HugePages-2Mi}}]' \
		'resources: {limits: {hugepages-2Mi: 2Mi, memory: 64Mi, cpu: 100m}}
	    volumeMounts: [{name: p, mountPath: /pages}]' 'grep " /pages " /proc/mounts | cut -d " " -f 3,4; stat -f -c %S /pages'
	expect 'pagesize=2M' said pages
	expect '2097152' k logs pages
	gone pod/pages
}

n1_start() {
	agent_start n1 --device "port=$devices/port-*" --kubelet-arg 'allowed-unsafe-sysctls=net.core.*'
}

mkdir -p "$devices"
mknod -m 600 "$devices/port-a" c 1 11
mknod -m 600 "$devices/port-b" c 1 11
( set -e
lab_open
host_add s 172.30.0.1
image_make web:1 one
host_add n1 172.30.0.11
image_give n1 "$tar_image/web-1.tar"
server_start
n1_start )
[ $? = 0 ] || { cat "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"
run_tests security
