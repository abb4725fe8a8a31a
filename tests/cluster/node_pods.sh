#!/bin/bash
# node_pods.sh - what a pod's object says is what runs: on two nodes, with the real kubectl.
#
# Goal: restart policies, readiness, volumes, environment, init containers, security contexts, the way a pod
# ends; and that nothing of a deleted pod is left on the node, nor of the cluster when all has ended.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

# once NAME POLICY COMMAND: a pod with this restart policy.
once() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec: {restartPolicy: $2, terminationGracePeriodSeconds: 1, containers: [{name: a, image: "web:1", command: [sh, -c, "$3"]}]}
	END
}

# state NAME JSONPATH of the first container's status
state() {
	of "pod/$1" "{.status.containerStatuses[0]$2}"
}

state_is() {
	[ "$(state "$2" "$3")" = "$1" ]
}

restarts_above() {
	[ "$(state "$2" .restartCount)" -gt "$1" ]
}

test_restart_policies() {
	once never-good Never "exit 0"
	once never-bad Never "exit 42"
	once failure-good OnFailure "exit 0"
	once failure-bad OnFailure "exit 3"
	once always Always "exit 0"
	await 20 is Succeeded pod/never-good '{.status.phase}'
	await 20 is Failed pod/never-bad '{.status.phase}'
	equal 42 state never-bad .state.terminated.exitCode
	equal Error state never-bad .state.terminated.reason
	equal Completed state never-good .state.terminated.reason
	await 20 is Succeeded pod/failure-good '{.status.phase}'
	for name in failure-bad always; do
		await 40 restarts_above 0 $name
		await 40 state_is CrashLoopBackOff $name .state.waiting.reason
		equal Running of pod/$name '{.status.phase}'
	done
	equal 3 state failure-bad .lastState.terminated.exitCode
	expect "back-off" state always .state.waiting.message
	equal 0 state never-bad .restartCount
	equal 0 state failure-good .restartCount
	expect CrashLoopBackOff k get pod always
	gone pod/never-good pod/never-bad pod/failure-good pod/failure-bad pod/always
}

test_killed_for_memory() {
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: eats}
	spec:
	  restartPolicy: Never
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, "dd if=/dev/zero of=/dev/null bs=100M count=1; exit $?"]
	    resources: {limits: {memory: 20Mi}}
	END
	await 20 is Failed pod/eats '{.status.phase}'
	equal "OOMKilled 137" k get pod eats -o 'jsonpath={.status.containerStatuses[0].state.terminated.reason} {.status.containerStatuses[0].state.terminated.exitCode}'
	gone pod/eats
}

slice_ready() {
	[ "$(k get endpointslices -l kubernetes.io/service-name=gated -o 'jsonpath={.items[*].endpoints[*].conditions.ready}')" = "$1" ]
}

test_readiness_gates_the_service() {
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: gated, labels: {app: gated}}
	spec:
	  nodeName: n1
	  terminationGracePeriodSeconds: 1
	  containers:
	  - name: a
	    image: web:1
	    command: [httpd, -f, -p, "80", -h, /www]
	    readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1, failureThreshold: 1}
	END
	k expose pod gated --port=80
	await 20 state_is true gated .started
	await 10 slice_ready false
	service=$(of service/gated '{.spec.clusterIP}')
	pod client n2
	in_pod client curl -s -m 2 "http://$service/" && false
	k exec gated -- touch /tmp/ready
	k wait --for=condition=Ready pod/gated --timeout=10s
	await 10 slice_ready true
	await 10 in_pod client curl -s -m 2 "http://$service/"
	k exec gated -- rm /tmp/ready
	await 10 slice_ready false
	refused() { ! in_pod client curl -s -m 2 "http://$service/"; }
	await 10 refused
	equal 0 state gated .restartCount
	gone pod/gated pod/client service/gated
}

test_liveness_restarts() {
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: alive}
	spec:
	  terminationGracePeriodSeconds: 1
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, "trap 'exit 0' TERM; touch /tmp/ok; sleep 3600 & wait"]
	    livenessProbe: {exec: {command: [test, -e, /tmp/ok]}, periodSeconds: 1, failureThreshold: 2, initialDelaySeconds: 1}
	END
	k wait --for=condition=Ready pod/alive --timeout=20s
	k exec alive -- rm /tmp/ok
	await 20 restarts_above 0 alive
	expect Unhealthy k get events --field-selector involvedObject.name=alive
	gone pod/alive
}

test_volumes() {
	mkdir "$lab/host-path"
	echo "from the host" > "$lab/host-path/file"
	k create configmap settings --from-literal=color=blue
	k create secret generic hidden --from-literal=word=sesame
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: vols, labels: {a: b}, annotations: {note: first}}
	spec:
	  nodeName: n2
	  terminationGracePeriodSeconds: 1
	  volumes:
	  - {name: shared, emptyDir: {}}
	  - {name: small, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
	  - {name: settings, configMap: {name: settings}}
	  - {name: hidden, secret: {secretName: hidden, defaultMode: 0400}}
	  - {name: about, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}, {path: note, fieldRef: {fieldPath: "metadata.annotations['note']"}}]}}
	  - {name: token, projected: {sources: [{serviceAccountToken: {path: token, audience: me, expirationSeconds: 600}}, {configMap: {name: settings, items: [{key: color, path: deep/color}]}}]}}
	  - {name: host, hostPath: {path: $lab/host-path, type: Directory}}
	  - {name: absent, configMap: {name: not-there, optional: true}}
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, "echo from a > /shared/a; sleep 3600"]
	    volumeMounts:
	    - {name: shared, mountPath: /shared}
	    - {name: small, mountPath: /small}
	    - {name: settings, mountPath: /settings}
	    - {name: settings, mountPath: /one, subPath: color}
	    - {name: hidden, mountPath: /hidden, readOnly: true}
	    - {name: about, mountPath: /about}
	    - {name: token, mountPath: /token}
	    - {name: host, mountPath: /host}
	    - {name: absent, mountPath: /absent}
	  - {name: b, image: "web:1", command: [sleep, "3600"], volumeMounts: [{name: shared, mountPath: /other}, {name: host, mountPath: /host, readOnly: true}]}
	END
	k wait --for=condition=Ready pod/vols --timeout=20s
	await 5 k exec vols -c b -- test -e /other/a
	equal "from a" k exec vols -c b -- cat /other/a
	equal blue k exec vols -c a -- cat /settings/color
	equal blue k exec vols -c a -- cat /one
	equal blue k exec vols -c a -- cat /token/deep/color
	equal sesame k exec vols -c a -- cat /hidden/word
	equal 400 k exec vols -c a -- stat -L -c %a /hidden/word
	equal 'a="b"' k exec vols -c a -- cat /about/labels
	equal first k exec vols -c a -- cat /about/note
	equal "from the host" k exec vols -c a -- cat /host/file
	equal "" k exec vols -c a -- ls /absent
	k exec vols -c a -- sh -c 'echo written > /host/back'
	equal written cat "$lab/host-path/back"
	expect "Read-only" k exec vols -c b -- touch /host/no
	expect "No space" k exec vols -c a -- dd if=/dev/zero of=/small/x bs=1M count=2
	expect "Read-only" k exec vols -c a -- sh -c 'echo > /settings/color'
	# The token is for its audience.
	expect '"me"' shell "k exec vols -c a -- cat /token/token | cut -d . -f 2 | tr _- /+ | base64 -d 2>/dev/null"
	# Changes are seen; a subPath keeps what it had.
	k create configmap settings --from-literal=color=red --dry-run=client -o yaml | k replace -f -
	k create secret generic hidden --from-literal=word=changed --dry-run=client -o yaml | k replace -f -
	k annotate pod vols note=second --overwrite
	await 90 in_file red /settings/color
	await 90 in_file changed /hidden/word
	await 90 in_file second /about/note
	equal blue k exec vols -c a -- cat /one
	gone pod/vols configmap/settings secret/hidden
	equal written cat "$lab/host-path/back" # a path of the host is not ours to empty
}

in_file() {
	[ "$(k exec vols -c a -- cat "$2")" = "$1" ]
}

# traces COMMAND...: files of the node n2 that have the secret's word, its base64, or the token.
traces() {
	"$@" grep -rlF -e "$word" -e "$(printf %s "$word" | base64)" -e "${token: -40}" "$lab/n2" || true
}

# Attack case 35: nobody but its user reads them, the disk never has them, and they go with the pod.
test_secrets_go_with_their_pod() {
	word=word-$RANDOM$RANDOM$RANDOM
	k create secret generic private --from-literal=word="$word"
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: keeps}
	spec:
	  nodeName: n2
	  terminationGracePeriodSeconds: 0
	  securityContext: {runAsUser: 1000}
	  volumes: [{name: s, secret: {secretName: private, defaultMode: 0400}}, {name: open, secret: {secretName: private}}]
	  containers:
	  - {name: a, image: "web:1", command: [sleep, "3600"], volumeMounts: [{name: s, mountPath: /s}, {name: open, mountPath: /o}]}
	END
	k wait --for=condition=Ready pod/keeps --timeout=20s
	equal "$word" k exec keeps -- cat /o/word
	expect "Permission denied" k exec keeps -- cat /s/word
	equal "1000 600" k exec keeps -- stat -Lc '%u %a' /var/run/secrets/kubernetes.io/serviceaccount/token
	uid=$(of pod/keeps '{.metadata.uid}')
	token=$(k exec keeps -- cat /var/run/secrets/kubernetes.io/serviceaccount/token)
	# the mounts are in the node's namespace: from here only its disk is seen
	[ "$(traces on n2 | wc -l)" -ge 3 ]
	equal "" traces
	equal 700 stat -c %a "$lab/n2/data/agent/pods"
	gone pod/keeps
	away() { [ -z "$(on n2 grep -F "$uid" /proc/self/mountinfo)" ] && [ ! -e "$lab/n2/data/agent/pods/$uid" ]; }
	await 10 away
	equal "" traces on n2
	k delete secret private
}

# Of a pod that is over only its words stay: neither memory nor disk nor a mount is held until it is deleted.
test_volumes_go_with_the_last_container() {
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: over}
	spec:
	  nodeName: n1
	  restartPolicy: Never
	  volumes:
	  - {name: memory, emptyDir: {medium: Memory}}
	  - {name: disk, emptyDir: {}}
	  containers:
	  - name: a
	    image: "web:1"
	    command: [sh, -c, "echo words; dd if=/dev/zero of=/memory/x bs=1M count=8; cp /memory/x /disk/x"]
	    volumeMounts: [{name: memory, mountPath: /memory}, {name: disk, mountPath: /disk}]
	END
	k wait --for=jsonpath='{.status.phase}'=Succeeded pod/over --timeout=30s
	folder="$lab/n1/data/agent/pods/$(of pod/over '{.metadata.uid}')"
	[ -d "$folder" ]
	await 10 shell "[ ! -e '$folder/volumes' ]"
	equal "" shell "grep -sF '$folder' '/proc/$(cat "$lab/host-n1.pid")/mountinfo' || true"
	expect words k logs over
	gone pod/over
	await 10 shell "[ ! -e '$folder' ]"
}

test_environment() {
	k create configmap env --from-literal=FIRST=1 --from-literal=SECOND=2
	k create secret generic env --from-literal=PASS=word
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: envs, labels: {app: envs}}
	spec:
	  nodeName: n1
	  restartPolicy: Never
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, "env | grep -E '^(T_|NAME|IP|NODE|CPU|FIRST|P_|WORD|FULL|FROM|ACC)' | sort; echo args $*", sh, "$(FULL)", "$$(FULL)", "$(NONE)"]
	    resources: {limits: {cpu: 500m, memory: 64Mi}}
	    envFrom: [{configMapRef: {name: env}}, {prefix: P_, secretRef: {name: env}}, {configMapRef: {name: none, optional: true}}]
	    env:
	    - {name: T_PLAIN, value: plain}
	    - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
	    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
	    - {name: ACC, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}
	    - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}
	    - {name: WORD, valueFrom: {secretKeyRef: {name: env, key: PASS}}}
	    - {name: FULL, value: "$(T_PLAIN)-$(WORD)-$$(X)"}
	END
	await 20 is Succeeded pod/envs '{.status.phase}'
	equal 'ACC=default
CPU=500
FIRST=1
FROM_IMAGE=yes
FULL=plain-word-$(X)
NAME=envs
NODE=n1
P_PASS=word
T_PLAIN=plain
WORD=word' shell "k logs envs | grep -v ^args"
	expect 'args plain-word-$(X) $(FULL) $(NONE)' k logs envs
	gone pod/envs configmap/env secret/env
}

test_missing_sources_are_said() {
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: waits}
	spec:
	  terminationGracePeriodSeconds: 1
	  containers: [{name: a, image: "web:1", command: [sleep, "3600"], envFrom: [{configMapRef: {name: late}}]}]
	END
	await 20 state_is CreateContainerConfigError waits .state.waiting.reason ||
		{ of pod/waits '{.status}'; false; }
	expect 'configmap "late" not found' state waits .state.waiting.message
	k create configmap late --from-literal=A=b
	k wait --for=condition=Ready pod/waits --timeout=90s
	equal b k exec waits -- sh -c 'echo $A'
	gone pod/waits configmap/late
}

# steps NAME POLICY: an init container that fails once lies between another and the container.
steps() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec:
	  restartPolicy: $2
	  volumes: [{name: v, emptyDir: {}}]
	  initContainers:
	  - {name: one, image: "web:1", command: [sh, -c, "sleep 0.5; echo one >> /v/x"], volumeMounts: [{name: v, mountPath: /v}]}
	  - {name: two, image: "web:1", command: [sh, -c, "[ -e /v/failed ] || { touch /v/failed; exit 1; }; echo two >> /v/x"], volumeMounts: [{name: v, mountPath: /v}]}
	  containers:
	  - {name: a, image: "web:1", command: [cat, /v/x], volumeMounts: [{name: v, mountPath: /v}]}
	END
}

test_init_containers() {
	steps steps-never Never
	steps steps-again OnFailure
	# Policy Never: an init container that fails is the end of the pod.
	await 20 is Failed pod/steps-never '{.status.phase}'
	equal PodInitializing of pod/steps-never '{.status.containerStatuses[0].state.waiting.reason}'
	await 40 is Succeeded pod/steps-again '{.status.phase}'
	equal "one
two" k logs steps-again -c a
	equal "0 1" of pod/steps-again '{.status.initContainerStatuses[*].restartCount}'
	gone pod/steps-never pod/steps-again
}

test_security_contexts() {
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: bound}
	spec:
	  terminationGracePeriodSeconds: 1
	  securityContext: {runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000, supplementalGroups: [3000]}
	  volumes: [{name: v, emptyDir: {}}]
	  containers:
	  - name: a
	    image: web:1
	    command: [sleep, "3600"]
	    volumeMounts: [{name: v, mountPath: /v}]
	    securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
	  - name: b
	    image: web:1
	    command: [sleep, "3600"]
	    securityContext: {runAsUser: 0, capabilities: {drop: [CHOWN], add: [NET_ADMIN]}}
	---
	apiVersion: v1
	kind: Pod
	metadata: {name: root-refused}
	spec: {containers: [{name: a, image: "web:1", command: [sleep, "3600"], securityContext: {runAsNonRoot: true}}]}
	END
	k wait --for=condition=Ready pod/bound --timeout=20s
	equal "1000 1000 1000 2000 3000" k exec bound -c a -- sh -c 'echo $(id -u) $(id -g) $(id -G)'
	expect "Read-only" k exec bound -c a -- touch /x
	k exec bound -c a -- touch /v/mine
	equal 2000 k exec bound -c a -- stat -c %g /v
	equal "CapEff: 0000000000000000" k exec bound -c a -- sh -c 'echo $(grep CapEff /proc/self/status)'
	equal "NoNewPrivs: 1" k exec bound -c a -- sh -c 'echo $(grep NoNewPrivs /proc/self/status)'
	k exec bound -c b -- ip address add 10.9.9.9/32 dev lo
	expect "not permitted" k exec bound -c b -- chown 1 /tmp
	await 20 state_is CreateContainerConfigError root-refused .state.waiting.reason ||
		{ of pod/root-refused '{.status}'; false; }
	expect "runAsNonRoot" state root-refused .state.waiting.message
	gone pod/bound pod/root-refused
}

# leaves NAME GRACE WHAT-SIGTERM-DOES
leaves() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec:
	  terminationGracePeriodSeconds: $2
	  nodeName: n1
	  volumes: [{name: out, hostPath: {path: $lab/out, type: DirectoryOrCreate}}]
	  containers: [{name: a, image: "web:1", command: [sh, -c, "trap '$3' TERM; while true; do sleep 0.1; done"], volumeMounts: [{name: out, mountPath: /out}]}]
	END
	k wait --for=condition=Ready pod/$1 --timeout=20s
}

test_graceful_delete() {
	leaves polite 30 "echo seen > /out/polite; exit 0"
	leaves deaf 2 "echo seen > /out/deaf"
	leaves slow 20 "sleep 2; echo done > /out/slow; exit 0"
	SECONDS=0
	gone pod/polite
	[ "$SECONDS" -le 5 ]
	equal seen cat "$lab/out/polite"
	SECONDS=0
	gone pod/deaf
	[ "$SECONDS" -ge 2 ]
	[ "$SECONDS" -le 8 ]
	equal seen cat "$lab/out/deaf"
	gone pod/slow
	equal done cat "$lab/out/slow"
	# Now means now, and the node follows.
	leaves forced 60 "true"
	process=$(find /sys/fs/cgroup -path "*/mote/pods/$(of pod/forced '{.metadata.uid}')/*" -name cgroup.procs -exec cat {} + | sed -n 1p)
	k delete pod forced --grace-period=0 --force
	await 10 is_gone "$process"
}

nothing_left() {
	[ -z "$(leftovers)" ]
}

test_nothing_is_left_of_pods() {
	web many 4
	pod one n2
	remember_pods
	[ -n "$(leftovers)" ]
	k delete service many gated --ignore-not-found
	k delete deployment,pod --all --wait=false > /dev/null
	await 30 no_pods ''
	await 10 nothing_left || { leftovers; false; }
	for node in n1 n2; do
		same_rules() { rules_of "$node" | diff "$lab/rules-$node" -; }
		await 10 same_rules || { same_rules; false; }
		equal "" ls "$lab/$node/logs"
		equal "" on "$node" sed -n "\\|$lab/$node/data|p" /proc/self/mounts
	done
}

test_nothing_is_left_at_the_end() {
	stop agent-n1
	stop agent-n2
	stop server
	equal "" leftovers
	equal "" pgrep_lab
}

pgrep_lab() {
	pgrep -af "$lab/" || true
}

open_two_nodes
run_tests node_pods
