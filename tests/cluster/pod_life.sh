#!/bin/bash
# pod_life.sh - a pod's life as kubelets know it: on one node, with the real kubectl.
#
# Goal: static pods and their mirrors, probes and hooks and their words, conditions, refusals of the node, changes of
# resources in place, limits of local storage; what people's scripts read is what they read elsewhere.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

statics=$lab/n1/data/agent/pod-manifests

# said POD REASON TEXT: an event tells so.
said() {
	k get events --field-selector "involvedObject.name=$1,reason=$2" -o 'jsonpath={range .items[*]}{.message}{"\n"}{end}' | grep -qF -- "$3"
}

condition() {
	of "pod/$1" "{.status.conditions[?(@.type==\"$2\")]['status','reason','message']}"
}

condition_is() {
	[ "$(condition "$2" "$3")" = "$1" ]
}

is_missing() {
	! k get "$1" > /dev/null 2>&1
}

another_than() {
	now=$(of "$2" '{.metadata.uid}') && [ -n "$now" ] && [ "$now" != "$1" ]
}

# static_file WORD: what the file of the static pod says.
static_file() {
	cat > "$statics/.new" <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: fixed, labels: {word: $1}}
	spec:
	  terminationGracePeriodSeconds: 1
	  containers:
	  - {name: a, image: "web:1", command: [sh, -c, "echo $1; trap exit TERM; sleep 3600 & wait"]}
	END
	mv "$statics/.new" "$statics/fixed.yaml"
}

test_static_pods() {
	static_file one
	await 10 k wait --for=condition=Ready pod/fixed-n1 --timeout=5s
	equal "file Node n1" of pod/fixed-n1 "{.metadata.annotations.kubernetes\.io/config\.source} {.metadata.ownerReferences[0].kind} {.metadata.ownerReferences[0].name}"
	hash=$(of pod/fixed-n1 '{.metadata.annotations.kubernetes\.io/config\.hash}')
	equal "$hash" of pod/fixed-n1 '{.metadata.annotations.kubernetes\.io/config\.mirror}'
	equal one k logs fixed-n1
	# whoever deletes the mirror gets another one, and the pod runs on
	mirror=$(of pod/fixed-n1 '{.metadata.uid}') started=$(of pod/fixed-n1 '{.status.containerStatuses[0].state.running.startedAt}')
	k delete pod fixed-n1 --wait=false
	await 10 another_than "$mirror" pod/fixed-n1
	await 10 condition_is True fixed-n1 Ready
	equal "$started" of pod/fixed-n1 '{.status.containerStatuses[0].state.running.startedAt}'
	# a changed file is another pod
	static_file two
	await 10 is two pod/fixed-n1 '{.metadata.labels.word}'
	await 10 condition_is True fixed-n1 Ready
	equal two k logs fixed-n1
	# what it may not name is told
	printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: bad}\nspec: {serviceAccountName: x, containers: [{name: a, image: "web:1"}]}\n' > "$statics/bad.yaml"
	told() { k get events -A --field-selector involvedObject.name=n1,reason=InvalidStaticPod | grep -q "static pods may not reference serviceaccounts"; }
	await 10 told
	rm "$statics/bad.yaml" "$statics/fixed.yaml"
	await 10 is_missing pod/fixed-n1
}

logged() {
	grep -rqs "F $1" "$lab/n1/logs"
}

# Neither server nor API: the file is enough, also after a restart of the agent.
test_static_pods_without_a_server() {
	stop server -KILL
	static_file alone
	await 10 logged alone
	stop agent-n1
	agent_run n1
	static_file again
	await 10 logged again
	server_start
	await 20 k wait --for=condition=Ready pod/fixed-n1 --timeout=5s
	equal again of pod/fixed-n1 '{.metadata.labels.word}'
	rm "$statics/fixed.yaml"
	await 10 is_missing pod/fixed-n1
}

# bound NAME SPEC: written to the node, past the scheduler.
bound() {
	printf '# yaml\n{apiVersion: v1, kind: Pod, metadata: {name: %s}, spec: {nodeName: n1, terminationGracePeriodSeconds: 1, %s}}\n' "$1" "$2" | k apply -f -
}

container='command: [sh, -c, "trap exit TERM; sleep 3600 & wait"], image: "web:1", name: a'

# refused NAME REASON MESSAGE
refused() {
	await 10 is Failed "pod/$1" '{.status.phase}'
	equal "$2" of "pod/$1" '{.status.reason}'
	expect "Pod was rejected: $3" of "pod/$1" '{.status.message}'
	await 5 said "$1" "$2" "$3"
	gone "pod/$1"
}

test_the_node_refuses() {
	bound much "containers: [{$container, resources: {requests: {cpu: 500}}}]"
	refused much OutOfcpu "Node didn't have enough resource: cpu, requested: 500000, used: 0, capacity: "
	bound much "containers: [{$container, resources: {requests: {memory: 900Ti}}}]"
	refused much OutOfmemory "Node didn't have enough resource: memory, requested: 989560464998400, used: 0"
	bound there "nodeSelector: {is: elsewhere}, containers: [{$container}]"
	refused there NodeAffinity "Predicate NodeAffinity failed"
	bound first "containers: [{$container, ports: [{containerPort: 1, hostPort: 3333}]}]"
	await 10 condition_is True first Ready
	bound second "containers: [{$container, ports: [{containerPort: 1, hostPort: 3333}]}]"
	refused second NodePorts "Predicate NodePorts failed"
	gone pod/first
}

# limit POD FILE: what the kernel has, of version 1 or 2.
limit() {
	uid=$(of "pod/$1" '{.metadata.uid}')
	find /sys/fs/cgroup -path "*/mote/pods/$uid/$2" -exec cat {} +
}

limit_is() {
	[ "$(limit "$2" "$3")" = "$1" ]
}

resize() {
	k patch pod "$1" --subresource resize -p "{\"spec\":{\"containers\":[{\"name\":\"a\",\"resources\":$2}]}}"
}

granted() {
	of "pod/$1" '{.status.containerStatuses[0].allocatedResources.cpu} {.status.containerStatuses[0].resources.limits.memory} {.status.containerStatuses[0].restartCount}'
}

granted_is() {
	[ "$(granted "$2")" = "$1" ]
}

test_resources_change_in_place() {
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then memory=memory.max; else memory=memory.limit_in_bytes; fi
	bound grows "containers: [{$container, resizePolicy: [{resourceName: memory, restartPolicy: NotRequired}], resources: {requests: {cpu: 100m, memory: 20Mi}, limits: {cpu: 200m, memory: 40Mi}}}]"
	await 10 condition_is True grows Ready
	equal "100m 40Mi 0" granted grows
	await 5 limit_is 41943040 grows "a.0/$memory"
	await 5 limit_is 41943040 grows "$memory"
	resize grows '{"requests":{"cpu":"150m","memory":"30Mi"},"limits":{"cpu":"300m","memory":"60Mi"}}'
	await 10 granted_is "150m 60Mi 0" grows
	await 5 limit_is 62914560 grows "a.0/$memory"
	await 5 limit_is 62914560 grows "$memory"
	await 5 is "" pod/grows '{.status.resize}'
	resize grows '{"requests":{"cpu":"900"},"limits":{"cpu":"900"}}'
	await 10 is Infeasible pod/grows '{.status.resize}'
	equal "150m 60Mi 0" granted grows
	resize grows '{"requests":{"cpu":"120m"},"limits":{"cpu":"200m"}}'
	await 10 granted_is "120m 60Mi 0" grows
	# what fits the node, but not beside the others, waits until one of them has gone
	cpus=$(of node/n1 '{.status.allocatable.cpu}')
	[[ $cpus == *m ]] && cpus=${cpus%m} || cpus=${cpus}000
	bound holds "containers: [{$container, resources: {requests: {cpu: $((cpus - 500))m}}}]"
	await 10 condition_is True holds Ready
	resize grows '{"requests":{"cpu":"900m"},"limits":{"cpu":"900m"}}'
	await 10 is Deferred pod/grows '{.status.resize}'
	gone pod/holds
	await 10 granted_is "900m 60Mi 0" grows
	gone pod/grows
	bound anew "containers: [{$container, resizePolicy: [{resourceName: cpu, restartPolicy: RestartContainer}], resources: {requests: {cpu: 100m}}}]"
	await 10 condition_is True anew Ready
	resize anew '{"requests":{"cpu":"110m"}}'
	await 10 granted_is "110m  1" anew
	await 5 said anew Killing "Container a resize requires restart"
	gone pod/anew
}

# Words that people's scripts and dashboards read.
test_probes_and_hooks_say_what_they_saw() {
	bound speaks "containers: [{$container, readinessProbe: {tcpSocket: {port: 81}, periodSeconds: 1},
		lifecycle: {postStart: {exec: {command: [sleep, '1']}}, preStop: {exec: {command: ['false']}}}}]"
	await 10 said speaks Unhealthy "Readiness probe failed: dial tcp $(of pod/speaks '{.status.podIP}'):81: connect: connection refused" ||
		await 5 said speaks Unhealthy "connect: connection refused"
	equal "False ContainersNotReady containers with unready status: [a]" condition speaks Ready
	equal "False ContainersNotReady containers with unready status: [a]" condition speaks ContainersReady
	await 5 said speaks Started "Started container a"
	k delete pod speaks --wait=false
	await 5 said speaks Killing "Stopping container a"
	await 5 said speaks FailedPreStopHook "PreStopHook failed"
	bound asks "containers: [{name: a, image: 'web:1', command: [httpd, -f, -p, '80', -h, /www], readinessProbe: {httpGet: {path: /none, port: 80}, periodSeconds: 1, timeoutSeconds: 5}, livenessProbe: {exec: {command: [test, -e, /tmp/x]}, periodSeconds: 1, failureThreshold: 2}}]"
	await 10 said asks Unhealthy "Readiness probe failed: HTTP probe failed with statuscode: 404"
	await 10 said asks Killing "Container a failed liveness probe, will be restarted"
	bound rpc "containers: [{name: a, image: 'web:1', command: [httpd, -f, -p, '80', -h, /www], readinessProbe: {grpc: {port: 80, service: s}, periodSeconds: 1}}]"
	await 10 said rpc Unhealthy "Readiness probe failed: error: health rpc probe failed: rpc error: code = Unavailable"
	bound breaks "containers: [{$container, lifecycle: {postStart: {exec: {command: ['false']}}}}]"
	await 10 said breaks FailedPostStartHook "PostStartHook failed"
	await 10 said breaks Killing "FailedPostStartHook"
	gone pod/asks pod/rpc pod/breaks
}

test_phases_and_conditions() {
	bound begins "initContainers: [{name: i, image: 'web:1', command: [sh, -c, 'until [ -e /tmp/go ]; do sleep 0.1; done']}], containers: [{$container}], readinessGates: [{conditionType: example.com/gate}]"
	await 10 is "true" pod/begins '{.status.initContainerStatuses[0].started}'
	equal Pending of pod/begins '{.status.phase}'
	equal PodInitializing of pod/begins '{.status.containerStatuses[0].state.waiting.reason}'
	equal "False ContainersNotInitialized containers with incomplete status: [i]" condition begins Initialized
	k exec begins -c i -- touch /tmp/go
	await 10 is Running pod/begins '{.status.phase}'
	await 5 condition_is "True" begins ContainersReady
	equal 'False ReadinessGatesNotReady corresponding condition of pod readiness gate "example.com/gate" does not exist.' condition begins Ready
	k patch pod begins --subresource status -p '{"status":{"conditions":[{"type":"example.com/gate","status":"True"}]}}'
	await 5 condition_is "True" begins Ready
	gone pod/begins
	bound ends "restartPolicy: Never, containers: [{name: b, image: 'web:1', command: [sh, -c, 'echo said > /dev/termination-log; exit 3']}, {name: a, image: 'web:1', command: [sh, -c, 'seq 1 200; exit 4'], terminationMessagePolicy: FallbackToLogsOnError}]"
	await 10 is Failed pod/ends '{.status.phase}'
	equal "a b" of pod/ends '{.status.containerStatuses[*].name}'
	equal "said" of pod/ends '{.status.containerStatuses[1].state.terminated.message}'
	equal 80 eval "of pod/ends '{.status.containerStatuses[0].state.terminated.message}' | wc -l | tr -d ' '"
	equal "False PodFailed" condition ends Ready
	gone pod/ends
	bound late "activeDeadlineSeconds: 1, containers: [{$container}]"
	await 10 is "Failed DeadlineExceeded" pod/late '{.status.phase} {.status.reason}'
	equal "Pod was active on the node longer than the specified deadline" of pod/late '{.status.message}'
	gone pod/late
}

# The node's disk is not filled by way of the files that every container may write.
test_a_filled_hosts_file_counts() {
	bound fills "containers: [{$container, resources: {limits: {ephemeral-storage: 4Mi}}}]"
	await 10 condition_is True fills Ready
	k exec fills -- dd if=/dev/zero of=/etc/hosts bs=1M count=8
	await 40 is "Failed Evicted" pod/fills '{.status.phase} {.status.reason}'
	equal "Pod ephemeral local storage usage exceeds the total limit of containers 4Mi. " of pod/fills '{.status.message}'
	gone pod/fills
}

test_runtime_classes() {
	printf 'apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: ours}\nhandler: mote\noverhead: {podFixed: {cpu: 10m}}\n---\napiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: other}\nhandler: kata\n---\napiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: usual}\nhandler: runc\n' | k apply -f -
	bound runs "runtimeClassName: ours, containers: [{$container}]"
	await 10 condition_is True runs Ready
	equal 10m of pod/runs '{.spec.overhead.cpu}'
	bound too "runtimeClassName: usual, containers: [{$container}]"
	await 10 condition_is True too Ready
	bound waits "runtimeClassName: other, containers: [{$container}]"
	await 10 said waits FailedCreatePodSandBox 'Failed to create pod sandbox: failed to get sandbox runtime: no runtime for "kata" is configured'
	equal Pending of pod/waits '{.status.phase}'
	gone pod/runs pod/too pod/waits runtimeclass/ours runtimeclass/other runtimeclass/usual
}

test_names_and_hosts() {
	bound named "hostname: me, subdomain: sub, setHostnameAsFQDN: true, hostAliases: [{ip: 10.9.8.7, hostnames: [one, two]}], dnsPolicy: None, dnsConfig: {nameservers: [10.1.1.1], searches: [a.test, b.test], options: [{name: ndots, value: '2'}, {name: rotate}]}, containers: [{$container}]"
	await 10 condition_is True named Ready
	equal "me.sub.default.svc.cluster.local" k exec named -- hostname
	expect "$(of pod/named '{.status.podIP}')	me.sub.default.svc.cluster.local	me" k exec named -- cat /etc/hosts
	expect "10.9.8.7	one	two" k exec named -- cat /etc/hosts
	equal "nameserver 10.1.1.1 search a.test b.test options ndots:2 rotate" eval "k exec named -- cat /etc/resolv.conf | xargs"
	bound longer "hostname: me, subdomain: $(printf 'x%.0s' $(seq 50)), setHostnameAsFQDN: true, containers: [{$container}]"
	await 10 said longer FailedCreatePodSandBox "is too long (64 characters is the max, 79 characters requested)"
	gone pod/named pod/longer
}

# A sidecar serves until the others have ended, and its hook runs before.
test_sidecars_end_last() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: beside}
	spec:
	  terminationGracePeriodSeconds: 20
	  volumes: [{name: out, hostPath: {path: "$lab/out", type: DirectoryOrCreate}}]
	  initContainers:
	  - name: s
	    image: web:1
	    restartPolicy: Always
	    command: [sh, -c, "trap 'date +%s.%N > /out/s; exit' TERM; sleep 3600 & wait"]
	    lifecycle: {preStop: {exec: {command: [sh, -c, "date +%s.%N > /out/hook"]}}}
	    volumeMounts: [{name: out, mountPath: /out}]
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, "trap 'sleep 1; date +%s.%N > /out/a; exit' TERM; sleep 3600 & wait"]
	    volumeMounts: [{name: out, mountPath: /out}]
	END
	await 10 condition_is True beside Ready
	gone pod/beside
	equal "hook a s" eval "cd '$lab/out' && ls -tr --time-style=full-iso | xargs"
}

# as_node FILE: with the rights of the node n1.
as_node() {
	sed "1i # yaml" | k create -f - --as=system:node:n1 --as-group=system:nodes --as-group=system:authenticated
}

# mirror_of SPEC OWNER: a pod that a node may try to make.
mirror_of() {
	echo "{apiVersion: v1, kind: Pod, metadata: {name: forged, annotations: {kubernetes.io/config.mirror: x}, ownerReferences: [$2]}, spec: $1}"
}

test_nodes_make_nothing_but_mirrors() {
	owner="{apiVersion: v1, kind: Node, name: n1, uid: $(of node/n1 '{.metadata.uid}'), controller: true}"
	containers='containers: [{name: a, image: "web:1"}]'
	fails 1 "can only create mirror pods" as_node <<< "{apiVersion: v1, kind: Pod, metadata: {name: forged}, spec: {nodeName: n1, $containers}}"
	fails 1 "with spec.nodeName set to itself" as_node <<< "$(mirror_of "{nodeName: n2, $containers}" "$owner")"
	fails 1 "with an owner reference set to itself" as_node <<< "$(mirror_of "{nodeName: n1, $containers}" "${owner/controller: true/controller: false}")"
	fails 1 "can not create pods that reference" as_node <<< "$(mirror_of "{nodeName: n1, serviceAccountName: default, $containers}" "$owner")"
	fails 1 "can not create pods that reference" as_node <<< "$(mirror_of "{nodeName: n1, volumes: [{name: v, secret: {secretName: s}}], $containers}" "$owner")"
	mirror_of "{nodeName: n1, $containers}" "$owner" | as_node
	await 10 is_missing pod/forged # nobody is behind it
}

one_node_up() {
	lab_open
	host_add s 172.30.0.1
	image_make web:1 one
	host_add n1 172.30.0.11
	image_give n1 "$tar_image/web-1.tar"
	server_start
	agent_start n1
}

( set -e; one_node_up ) || { cat "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"
run_tests pod_life
