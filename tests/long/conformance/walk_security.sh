# walk_security.sh - test/e2e/common/node and test/e2e/node: runtime classes, security contexts, sysctls, variables, names.
# shellcheck shell=bash disable=SC2015,SC2016,SC2154,SC2317

# --- RuntimeClass ---

runtime_class() {
	printf '# yaml\n{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: %s, labels: {test: %s}}, handler: %s%s}\n' "$1" "$ns" "$2" "${3:+, $3}" | k create -f -
}

class_absent() {
	refuses 'pods "r" is forbidden: pod rejected: RuntimeClass "'"$ns-nonexistent"'" not found' pod_with r "runtimeClassName: $ns-nonexistent, containers: [{$waits}]"
}

class_deleted() {
	runtime_class "$ns-deleted" runc
	k delete runtimeclass "$ns-deleted"
	refuses 'pods "r" is forbidden: pod rejected: RuntimeClass "'"$ns-deleted"'" not found' pod_with r "runtimeClassName: $ns-deleted, containers: [{$waits}]"
}

scheduled() {
	[ -n "$(of "pod/$1" '{.spec.nodeName}')" ]
}

class_plain() {
	runtime_class "$ns" test-handler
	pod_with r "runtimeClassName: $ns, containers: [{$waits}]"
	await 30 scheduled r
	equal "" of pod/r '{.spec.overhead}'
	k delete runtimeclass "$ns"
}

class_overhead() {
	runtime_class "$ns" test-handler 'overhead: {podFixed: {cpu: 10m, memory: 1Mi}}'
	pod_with r "runtimeClassName: $ns, containers: [{$waits}]"
	await 30 scheduled r
	equal '{"cpu":"10m","memory":"1Mi"}' of pod/r '{.spec.overhead}'
	k delete runtimeclass "$ns"
}

class_unconfigured() {
	runtime_class "$ns" no-such-handler
	pod_with r "runtimeClassName: $ns, containers: [{$waits}]"
	await 30 told r FailedCreatePodSandBox no-such-handler
	equal Pending of pod/r '{.status.phase}'
	k delete runtimeclass "$ns"
}

class_configured() {
	runtime_class "$ns" mote
	pod_with r "restartPolicy: Never, runtimeClassName: $ns, containers: [{$(does true)}]"
	phase r Succeeded
	k delete runtimeclass "$ns"
}

class_api() {
	local path=/apis/node.k8s.io/v1/runtimeclasses
	expect '"node.k8s.io"' k get --raw /apis
	expect '"runtimeclasses"' k get --raw /apis/node.k8s.io/v1
	k get runtimeclasses -l "test=$ns" --watch --output-watch-events -o 'jsonpath={.type} {.object.metadata.name}{"\n"}' > "$scratch/$ns.watch" 2> /dev/null &
	watching=$!
	for i in 1 2 3; do runtime_class "$ns-$i" handler; done
	refuses 'field is immutable' k patch runtimeclass "$ns-1" --type=merge -p '{"handler":"other"}'
	k patch runtimeclass "$ns-1" -p '{"metadata":{"annotations":{"patched":"true"}}}'
	equal true of "runtimeclass/$ns-1" '{.metadata.annotations.patched}'
	k get runtimeclass "$ns-1" -o json | sed 's/"patched": "true"/"updated": "true"/' | k replace -f -
	equal true of "runtimeclass/$ns-1" '{.metadata.annotations.updated}'
	await 20 grep -q "^MODIFIED $ns-1" "$scratch/$ns.watch"
	k delete runtimeclass "$ns-1"
	refuses "not found" k get runtimeclass "$ns-1"
	k delete --raw "$path?labelSelector=test%3D$ns" > /dev/null
	equal "" k get runtimeclasses -l "test=$ns" -o name
	await 20 grep -q "^DELETED $ns-3" "$scratch/$ns.watch"
	kill $watching
}

# --- security contexts ---

ids_are() {
	prints "$2${2:+, }containers: [{$(does 'id')${3:+, $3}}]" "$1"
}

runs_as_user() {
	ids_are "uid=$1" '' "securityContext: {runAsUser: $1}"
}

privileged_is() {
	pod_with p "restartPolicy: Never, containers: [{$(does 'ip link add dummy0 type veth || true'), securityContext: {privileged: $1}}]"
	phase p Succeeded
	words=$(k logs p)
	if [ "$1" = true ]; then [ -z "$words" ]; else [[ $words == *"Operation not permitted"* ]]; fi || { echo "got: $words"; return 1; }
}

root_file_system() {
	pod_with p "restartPolicy: Never, containers: [{$(does 'touch checkfile'), securityContext: {readOnlyRootFilesystem: $1}}]"
	phase p "$2"
}

# A program with the set-user-id bit tells as who it runs.
escalation_is() {
	pod_with e "restartPolicy: Never, containers: [{name: a, image: 'who:1', command: [/www/who], securityContext: {runAsUser: 1000${1:+, allowPrivilegeEscalation: $1}}}]"
	phase e Succeeded
	equal "$2" k logs e
}

non_root() {
	pod_with nonroot "restartPolicy: Never, containers: [{name: a, image: '$1', command: [id, -u], securityContext: {runAsNonRoot: true$2}}]"
	phase nonroot Succeeded
	equal "$3" k logs nonroot
}

non_root_refused() {
	pod_with nonroot "restartPolicy: Never, containers: [{name: a, image: 'web:1', command: [id, -u], securityContext: {runAsNonRoot: true$1}}]"
	stopped() { is CreateContainerConfigError pod/nonroot '{.status.containerStatuses[0].state.waiting.reason}'; }
	await 60 stopped
	expect "$2" of pod/nonroot '{.status.containerStatuses[0].state.waiting.message}'
}

supplemental_groups() {
	prints "securityContext: {supplementalGroups: [1234, 5678]}, containers: [{$(does 'id -G'), securityContext: {runAsUser: 1001}}]" "1234 5678"
}

seccomp_is() {
	prints "$2${2:+, }containers: [{$(does 'grep ecc /proc/self/status')${3:+, $3}}]" "$(printf 'Seccomp:\t%s' "$1")"
}

shared_process_space() {
	pod_with p "shareProcessNamespace: true, containers: [{$waits}, {name: b, image: 'web:1', command: [top, -b]}]"
	ready p
	expect "top -b" in_a p 'ps -o args'
	becomes 30 1 in_a p "ps -o comm | grep -c '^top' | sed 's/^[1-9]/1/'"
}

host_space() {
	pod_with p "hostPID: $1, containers: [{$waits}]"
	ready p
	count=$(in_a p 'ls -d /proc/[0-9]* | wc -l')
	if [ "$1" = true ]; then [ "$count" -gt 20 ]; else [ "$count" -lt 10 ]; fi || { echo "$count processes"; return 1; }
}

host_network() {
	pod_with p "hostNetwork: $1, containers: [{$waits}]"
	ready p
	if [ "$1" = true ]; then wanted=172.30.0.11; else wanted=10.42.; fi
	expect "$wanted" in_a p 'ip -4 address show dev eth0'
	expect "$wanted" of pod/p '{.status.podIP}'
}

# --- sysctls ---

sysctl_applied() {
	prints "securityContext: {sysctls: [{name: $1, value: '1'}]}, containers: [{$(does 'cat /proc/sys/kernel/shm_rmid_forced')}]" 1
}

sysctl_invalid() {
	refuses 'Invalid value: "foo-"' pod_with s "securityContext: {sysctls: [{name: foo-, value: bar}, {name: kernel.shmmax, value: '100000000'}, {name: safe-and-unsafe, value: '100000000'}, {name: bar.., value: '42'}]}, containers: [{$waits}]"
	refuses 'Invalid value: "bar.."' pod_with s "securityContext: {sysctls: [{name: foo-, value: bar}, {name: bar.., value: '42'}]}, containers: [{$waits}]"
}

sysctl_unsafe() {
	pod_with s "restartPolicy: Never, securityContext: {sysctls: [{name: kernel.msgmax, value: '10000000000'}]}, containers: [{$waits}]"
	await 60 told s SysctlForbidden 'forbidden sysctl: "kernel.msgmax" not allowlisted'
	equal "Failed SysctlForbidden" of pod/s '{.status.phase} {.status.reason}'
}

# --- $(VAR) ---

expands_env() {
	prints "containers: [{$(does env), env: [{name: FOO, value: foo-value}, {name: BAR, value: bar-value}, {name: FOOBAR, value: '\$(FOO);;\$(BAR)'}]}]" FOO=foo-value BAR=bar-value 'FOOBAR=foo-value;;bar-value'
}

expands_command() {
	prints "containers: [{name: a, image: 'web:1', command: [sh, -c, 'TEST_VAR=wrong echo \"\$(TEST_VAR)\"'], env: [{name: TEST_VAR, value: test-value}]}]" test-value
}

expands_args() {
	prints "containers: [{name: a, image: 'web:1', command: [sh, -c], args: ['TEST_VAR=wrong echo \"\$(TEST_VAR)\"'], env: [{name: TEST_VAR, value: test-value}]}]" test-value
}

expands_sub_path() {
	prints "volumes: [{name: w, emptyDir: {}}], containers: [{$(does 'test -d /testcontainer/prints; echo $?'), env: [{name: POD_NAME, value: prints}], volumeMounts: [{name: w, mountPath: /logscontainer, subPathExpr: \$(POD_NAME)}, {name: w, mountPath: /testcontainer}]}]" 0
}

bad_sub_path() {
	pod_with b "restartPolicy: Never, volumes: [{name: w, emptyDir: {}}], containers: [{$waits, env: [{name: POD_NAME, value: '$1'}], volumeMounts: [{name: w, mountPath: /logscontainer, subPathExpr: \$(POD_NAME)}]}]"
	stopped() { is CreateContainerConfigError pod/b '{.status.containerStatuses[0].state.waiting.reason}'; }
	await 60 stopped
	k delete pod b --timeout=60s
}

annotated_pod() {
	pod_with x "restartPolicy: Never, volumes: [{name: w, emptyDir: {}}], containers: [{name: a, image: 'web:1', command: [sh, -c, 'tail -f /dev/null'], env: [{name: POD_NAME, value: foo}, {name: ANNOTATION, valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['mysubpath']\"}}}], volumeMounts: [{name: w, mountPath: /subpath_mount, subPathExpr: \$(ANNOTATION)/\$(POD_NAME)}, {name: w, mountPath: /volume_mount}]}]" "annotations: {$1: mypath}"
}

sub_path_mended() {
	annotated_pod notmysubpath
	stopped() { is CreateContainerConfigError pod/x '{.status.containerStatuses[0].state.waiting.reason}'; }
	await 60 stopped
	sleep 10
	equal Pending of pod/x '{.status.phase}'
	k annotate pod x mysubpath=mypath
	phase x Running
	k delete pod x --timeout=60s
}

sub_path_written() {
	annotated_pod mysubpath
	phase x Running
	in_a x 'touch /volume_mount/mypath/foo/test.log && test -f /subpath_mount/test.log'
	k annotate pod x --overwrite mysubpath=mynewpath
	phase x Running
	k delete pod x --timeout=60s
}

# --- names of pods ---

# names_are SPEC WORDS: short and long name; NS stands for the namespace.
names_are() {
	k create service clusterip sub --clusterip=None --tcp=80
	prints "${1:+$1, }containers: [{$(does "echo \$(hostname)';'\$(hostname -f)';'")}]" "${2//NS/$ns}"
	equal "${2//NS/$ns}" k logs prints
}

# 64 characters are one too many for a host's name.
name_too_long() {
	k create service clusterip sub --clusterip=None --tcp=80
	pod_with l "hostname: $(printf 'h%.0s' $(seq 40)), subdomain: subdomain-of-mine, setHostnameAsFQDN: true, containers: [{$waits}]"
	equal Pending of pod/l '{.status.phase}'
	await 60 told l FailedCreatePodSandBox "failed to construct FQDN from pod hostname and cluster domain, FQDN $(printf 'h%.0s' $(seq 40)).subdomain-of-mine.$ns.svc.cluster.local is too long (64 characters is the max"
}
