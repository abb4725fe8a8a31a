# walk_pods.sh - test/e2e/common/node and test/e2e/node: pods, their containers, environment, hooks; templates, leases, nodes.
# shellcheck shell=bash disable=SC2015,SC2016,SC2154,SC2317

# --- ConfigMap, Secrets ---

# Not by a shell: it takes no variable with such a name.
environment='name: a, image: "web:1", command: [env]'

config_map_in_env() {
	k create configmap c --from-literal=data-1=value-1
	prints "containers: [{$(does env), env: [{name: CONFIG_DATA_1, valueFrom: {configMapKeyRef: {name: c, key: data-1}}}]}]" CONFIG_DATA_1=value-1
}

config_map_as_env() {
	k create configmap c --from-literal=data_1=value-1 --from-literal=data_2=value-2 --from-literal=data_3=value-3
	prints "containers: [{$environment, envFrom: [{configMapRef: {name: c}}, {prefix: p-, configMapRef: {name: c}}]}]" \
		data_1=value-1 data_2=value-2 data_3=value-3 p-data_1=value-1 p-data_2=value-2 p-data_3=value-3
}

secret_in_env() {
	k create secret generic s --from-literal=data-1=value-1
	prints "containers: [{$(does env), env: [{name: SECRET_DATA, valueFrom: {secretKeyRef: {name: s, key: data-1}}}]}]" SECRET_DATA=value-1
}

secret_as_env() {
	k create secret generic s --from-literal=data_1=value-1 --from-literal=data_2=value-2 --from-literal=data_3=value-3
	prints "containers: [{$environment, envFrom: [{secretRef: {name: s}}, {prefix: p-, secretRef: {name: s}}]}]" \
		data_1=value-1 data_2=value-2 data_3=value-3 p-data_1=value-1 p-data_2=value-2 p-data_3=value-3
}

# empty_key KIND
empty_key() {
	printf '# yaml\n{apiVersion: v1, kind: %s, metadata: {name: e}, data: {"": dmFsdWU=}}\n' "$1" > "$scratch/empty-$1"
	refuses 'data[]: Invalid value: "": a valid config key must consist of' k create -f "$scratch/empty-$1"
}

# life_of RESOURCE KIND: made, patched, found by label everywhere, deleted as a collection.
life_of() {
	printf '# yaml\n{apiVersion: v1, kind: %s, metadata: {name: m, labels: {static: "true"}}, data: {v: aGVyZQ==}}\n' "$2" | k create -f -
	k patch "$1" m -p '{"metadata":{"labels":{"test":"patched"}},"data":{"v":"cGF0Y2hlZA=="}}'
	equal "patched cGF0Y2hlZA==" of "$1/m" '{.metadata.labels.test} {.data.v}'
	equal m k get "$1" --field-selector "metadata.namespace=$ns" -A -l static=true -o 'jsonpath={.items[*].metadata.name}'
	k delete --raw "/api/v1/namespaces/$ns/$1s?labelSelector=static%3Dtrue" > /dev/null
	equal "" k get "$1" -A -l static=true --field-selector "metadata.namespace=$ns" -o name
}

missing_source() {
	pod_with m "containers: [{$waits, volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, $1}]"
	await 30 told m FailedMount "$2"
	equal Pending of pod/m '{.status.phase}'
}

# --- hooks ---

# A server that writes each request's path to its words.
hook_server() {
	pod_with server "containers: [{name: a, image: 'web:1', command: [httpd, -f, -vv, -p, '8080', -h, /www], ports: [{containerPort: 8080}]}]"
	ready server
	server_ip=$(of pod/server '{.status.podIP}')
}

asked() {
	k logs server | grep -q "url:/echo/$1"
}

# post_start HANDLER / pre_stop HANDLER
hook_post_start() {
	hook_server
	pod_with hooked "containers: [{$waits, lifecycle: {postStart: $(hook_of "$1" poststart)}}]"
	ready hooked
	await 30 asked poststart
}

hook_pre_stop() {
	hook_server
	pod_with hooked "terminationGracePeriodSeconds: 15, containers: [{$waits, lifecycle: {preStop: $(hook_of "$1" prestop)}}]"
	ready hooked
	k delete pod hooked --timeout=60s
	await 30 asked prestop
}

hook_of() {
	case $1 in
	exec) printf '{exec: {command: [sh, -c, "wget -q -O - http://%s:8080/echo/%s?msg=1; exit 0"]}}' "$server_ip" "$2" ;;
	http) printf '{httpGet: {path: "/echo/%s?msg=1", host: "%s", port: 8080}}' "$2" "$server_ip" ;;
	esac
}

# The handler's wait is part of the pod's end.
hook_sleep() {
	pod_with s "terminationGracePeriodSeconds: 60, containers: [{$waits, lifecycle: {preStop: {sleep: {seconds: 5}}}}]"
	ready s
	begin=$SECONDS
	k delete pod s --timeout=60s --grace-period="${1:-60}"
	took=$((SECONDS - begin))
	[ "$took" -ge "$2" ] && [ "$took" -le "$3" ] || { echo "it took $took s"; return 1; }
}

hook_sleep_of_ended() {
	pod_with s "restartPolicy: Never, terminationGracePeriodSeconds: 60, containers: [{$(does 'exit 0'), lifecycle: {preStop: {sleep: {seconds: 20}}}}]"
	phase s Succeeded
	begin=$SECONDS
	k delete pod s --timeout=60s
	[ $((SECONDS - begin)) -le 12 ]
}

pre_stop_is_called() {
	hook_server
	pod_with tester "terminationGracePeriodSeconds: 30, containers: [{$waits, lifecycle: {preStop: {exec: {command: [wget, -q, -O-, '--post-data={\"Source\":\"prestop\"}', 'http://$server_ip:8080/echo/write']}}}}]"
	ready tester
	k delete pod tester --timeout=60s
	await 60 asked write
}

# Test of test/e2e/node/pods.go: the hook lasts longer than the pod's grace.
pre_stop_hook_in_grace() {
	pod_with g "terminationGracePeriodSeconds: 15, containers: [{$waits, lifecycle: {preStop: {exec: {command: [sleep, '300']}}}}]"
	ready g
	begin=$SECONDS
	k delete pod g --timeout=80s
	took=$((SECONDS - begin))
	[ "$took" -ge 15 ] && [ "$took" -le 45 ] || { echo "it took $took s"; return 1; }
}

# --- what ended containers say ---

# ended SPEC PHASE WANTED: the message of the ended container.
ended() {
	pod_with m "restartPolicy: Never, containers: [{$1}]"
	phase m "$2"
	equal "$3" of pod/m '{.status.containerStatuses[0].state.terminated.message}'
}

message_of_success() {
	ended "$(does 'echo DONE; exit 0'), terminationMessagePath: /dev/termination-log, terminationMessagePolicy: FallbackToLogsOnError" Succeeded ""
}

message_of_file() {
	ended "$(does 'printf OK > /dev/termination-log; echo DONE; exit 0'), terminationMessagePath: /dev/termination-log, terminationMessagePolicy: FallbackToLogsOnError" Succeeded OK
}

message_of_log() {
	ended "$(does 'printf DONE; exit 1'), terminationMessagePath: /dev/termination-log, terminationMessagePolicy: FallbackToLogsOnError" Failed DONE
}

message_of_user() {
	ended "$(does 'printf DONE > /dev/termination-custom-log'), terminationMessagePath: /dev/termination-custom-log, securityContext: {runAsUser: 1000}" Succeeded DONE
}

message_of_root() {
	ended "$(does 'printf DONE > /dev/termination-custom-log'), terminationMessagePath: /dev/termination-custom-log" Succeeded DONE
}

# A program that ends with 0 from its third start on: what the three restart policies make of it.
statuses_of_policies() {
	local work='f=/v/count; echo >> $f; n=$(wc -l < $f); if [ $n -lt 3 ]; then exit 1; fi; while [ "$1" = stay ]; do sleep 1; done; exit 0'
	for policy in Always OnFailure Never; do
		name=$(echo "$policy" | tr '[:upper:]' '[:lower:]')
		pod_with "$name" "restartPolicy: $policy, volumes: [{name: v, emptyDir: {}}], containers: [{$(does "$work"), args: [sh, $([ $policy = Always ] && echo stay || echo go)], volumeMounts: [{name: v, mountPath: /v}]}]"
	done
	restarts_are 2 always 120
	ready always
	equal "Running true" of pod/always '{.status.phase} {.status.containerStatuses[0].ready}'
	expect running of pod/always '{.status.containerStatuses[0].state}'
	phase onfailure Succeeded
	equal "2 false" of pod/onfailure '{.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}'
	expect terminated of pod/onfailure '{.status.containerStatuses[0].state}'
	phase never Failed
	equal "0 false" of pod/never '{.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}'
	expect terminated of pod/never '{.status.containerStatuses[0].state}'
}

image_is_refused() {
	pod_with i "containers: [{name: a, image: '$1', imagePullPolicy: Always}]"
	waits_for_image() { case $(of pod/i '{.status.containerStatuses[0].state.waiting.reason}') in ErrImagePull | ImagePullBackOff) return 0 ;; esac; return 1; }
	await 60 waits_for_image
	equal Pending of pod/i '{.status.phase}'
}

# --- commands ---

command_is() {
	prints "containers: [{name: a, image: 'entry:1'${2:+, $2}}]" "$1"
}

# --- downward API ---

field='valueFrom: {fieldRef: {fieldPath: '
downward_names() {
	prints "containers: [{$(does env), env: [{name: POD_NAME, ${field}metadata.name}}}, {name: POD_NAMESPACE, ${field}metadata.namespace}}}, {name: POD_IP, ${field}status.podIP}}}]}]" \
		POD_NAME=prints "POD_NAMESPACE=$ns" POD_IP=10.42.
}

downward_host() {
	prints "${1:+$1, }containers: [{$(does env), env: [{name: HOST_IP, ${field}status.hostIP}}}, {name: HOST_IPS, ${field}status.hostIPs}}}, {name: POD_IP, ${field}status.podIP}}}]}]" \
		HOST_IP=172.30.0.11 HOST_IPS=172.30.0.11 "POD_IP=${2:-10.42.}"
}

downward_uid() {
	pod_with u "restartPolicy: Never, containers: [{$(does env), env: [{name: POD_UID, ${field}metadata.uid}}}]}]"
	phase u Succeeded
	expect "POD_UID=$(of pod/u '{.metadata.uid}')" k logs u
}

resource='valueFrom: {resourceFieldRef: {'
downward_resources() {
	prints "containers: [{$(does env), resources: {requests: {cpu: 250m, memory: 32Mi}, limits: {cpu: 1250m, memory: 64Mi}}, env: [{name: CPU_LIMIT, ${resource}resource: limits.cpu}}}, {name: MEMORY_LIMIT, ${resource}resource: limits.memory}}}, {name: CPU_REQUEST, ${resource}resource: requests.cpu}}}, {name: MEMORY_REQUEST, ${resource}resource: requests.memory}}}]}]" \
		CPU_LIMIT=2 MEMORY_LIMIT=67108864 CPU_REQUEST=1 MEMORY_REQUEST=33554432
}

# What the node can give, in bytes and whole processors.
node_gives() {
	k get node n1 -o "jsonpath={.status.allocatable.$1}" | python3 -c 'import sys
word = sys.stdin.read()
units = {"Ki": 1024, "Mi": 1048576, "Gi": 1073741824}
print(int(word[:-2]) * units[word[-2:]] if word[-2:] in units else -(-int(word[:-1]) // 1000) if word[-1] == "m" else int(word))'
}

downward_defaults() {
	prints "containers: [{$(does env), env: [{name: CPU_LIMIT, ${resource}resource: limits.cpu}}}, {name: MEMORY_LIMIT, ${resource}resource: limits.memory}}}]}]" \
		"CPU_LIMIT=$(node_gives cpu)" "MEMORY_LIMIT=$(node_gives memory)"
}

downward_ephemeral() {
	prints "containers: [{$(does env), resources: {requests: {ephemeral-storage: 32Mi}, limits: {ephemeral-storage: 64Mi}}, env: [{name: L, ${resource}resource: limits.ephemeral-storage}}}, {name: R, ${resource}resource: requests.ephemeral-storage}}}]}]" L=67108864 R=33554432
}

# --- ephemeral containers ---

add_ephemeral() {
	k patch pod e --subresource ephemeralcontainers -p '{"spec":{"ephemeralContainers":[{"name":"'"$1"'","image":"web:1","command":["sh","-c","while true; do echo polo; sleep 2; done"],"stdin":true,"tty":true}]}}'
	ephemeral_runs() { [ -n "$(of pod/e "{.status.ephemeralContainerStatuses[?(@.name==\"$1\")].state.running.startedAt}")" ]; }
	await 60 ephemeral_runs "$1"
}

ephemeral_starts() {
	pod_with e "containers: [{$waits}]"
	ready e
	add_ephemeral debugger
	said() { k logs e -c debugger | grep -q polo; }
	await 30 said
}

ephemeral_added() {
	pod_with e "containers: [{$waits}]"
	ready e
	add_ephemeral debugger1
	equal debugger1 of pod/e '{.spec.ephemeralContainers[*].name}'
	# as the original does it: the list is read, added to and put
	k get --raw "/api/v1/namespaces/$ns/pods/e" > "$scratch/$ns.json"
	python3 - "$scratch/$ns.json" <<- 'END'
	import copy, json, sys
	with open(sys.argv[1]) as file: pod = json.load(file)
	another = copy.deepcopy(pod["spec"]["ephemeralContainers"][0])
	another["name"] = "debugger2"
	pod["spec"]["ephemeralContainers"].append(another)
	with open(sys.argv[1], "w") as file: json.dump(pod, file)
	END
	k replace --raw "/api/v1/namespaces/$ns/pods/e/ephemeralcontainers" -f "$scratch/$ns.json" > /dev/null
	equal "debugger1 debugger2" of pod/e '{.spec.ephemeralContainers[*].name}'
	await 60 ephemeral_runs debugger2
}

# --- init containers ---

init_of() {
	printf 'initContainers: [{name: init1, image: "web:1", command: [%s]}, {name: init2, image: "web:1", command: ["true"]}]' "$1"
}

init_condition() {
	of pod/i "{.status.conditions[?(@.type==\"Initialized\")].$1}"
}

init_then_never() {
	pod_with i "restartPolicy: Never, $(init_of '"true"'), containers: [{$(does true)}]"
	phase i Succeeded
	equal True init_condition status
	equal "Completed Completed" of pod/i '{.status.initContainerStatuses[*].state.terminated.reason}'
	equal "true true" of pod/i '{.status.initContainerStatuses[*].ready}'
}

init_then_always() {
	pod_with i "$(init_of '"true"'), containers: [{$waits, resources: {limits: {cpu: 100m}}}]"
	ready i
	equal True init_condition status
	equal "0 0" of pod/i '{.status.initContainerStatuses[*].state.terminated.exitCode}'
	expect running of pod/i '{.status.containerStatuses[0].state}'
}

# Three restarts of the first one, and neither the second nor the container has begun.
init_fails_always() {
	pod_with i "$(init_of '"false"'), containers: [{$waits, resources: {limits: {cpu: 100m}}}]"
	init_again() { [ "$(of pod/i '{.status.initContainerStatuses[0].restartCount}')" -ge 3 ]; }
	await 120 init_again
	equal Pending of pod/i '{.status.phase}'
	equal "False ContainersNotInitialized containers with incomplete status: [init1 init2]" of pod/i "{.status.conditions[?(@.type==\"Initialized\")]['status','reason','message']}"
	equal PodInitializing of pod/i '{.status.initContainerStatuses[1].state.waiting.reason}'
	equal PodInitializing of pod/i '{.status.containerStatuses[0].state.waiting.reason}'
}

init_fails_never() {
	pod_with i "restartPolicy: Never, $(init_of '"true"' | sed 's/\["true"\]}\]/["false"]}]/'), containers: [{$waits}]"
	phase i Failed
	equal "0 1" of pod/i '{.status.initContainerStatuses[*].state.terminated.exitCode}'
	equal "False ContainersNotInitialized containers with incomplete status: [init2]" of pod/i "{.status.conditions[?(@.type==\"Initialized\")]['status','reason','message']}"
	equal PodInitializing of pod/i '{.status.containerStatuses[0].state.waiting.reason}'
}

# --- kubelet ---

kubelet_logs() {
	pod_with l "restartPolicy: Never, containers: [{$(does "echo 'Hello World' ; sleep 240")}]"
	said() { [ "$(k logs l)" = "Hello World" ]; }
	await 60 said
}

kubelet_fails() {
	pod_with f "restartPolicy: Never, containers: [{$(does false)}]"
	phase f Failed
	equal "Error" of pod/f '{.status.containerStatuses[*].state.terminated.reason}'
}

kubelet_deletes_failed() {
	pod_with f "containers: [{$(does false)}]"
	restarts_are 1 f
	k delete pod f --timeout=60s
	refuses 'pods "f" not found' k get pod f
}

kubelet_read_only() {
	pod_with r "restartPolicy: Never, containers: [{$(does 'echo test > /file; sleep 240'), securityContext: {readOnlyRootFilesystem: true}}]"
	said() { k logs r | grep -q "/file: Read-only file system"; }
	await 60 said
}

kubelet_aliases() {
	prints "hostAliases: [{ip: 123.45.67.89, hostnames: [foo, bar]}], containers: [{$(does 'cat /etc/hosts')}]" \
		"# Kubernetes-managed hosts file." "# Entries added by HostAliases." $'123.45.67.89\tfoo\tbar'
}

# hosts_of POD CONTAINER yes|no: whether its /etc/hosts is the kubelet's.
hosts_of() {
	local words is=no
	words=$(k exec "$1" -c "$2" -- cat /etc/hosts)
	[[ $words != *"# Kubernetes-managed hosts file."* ]] || is=yes
	[ "$is" = "$3" ] || { echo "$1 $2: $words"; return 1; }
}

kubelet_hosts() {
	local mine="volumeMounts: [{name: h, mountPath: /etc/hosts}]"
	pod_with hosts "volumes: [{name: h, hostPath: {path: /etc/hosts, type: File}}], containers: [{name: a, image: 'web:1', command: [sleep, '900']}, {name: b, image: 'web:1', command: [sleep, '900']}, {name: c, image: 'web:1', command: [sleep, '900'], $mine}]"
	pod_with host "hostNetwork: true, containers: [{name: a, image: 'web:1', command: [sleep, '900']}, {name: b, image: 'web:1', command: [sleep, '900']}]"
	ready hosts
	ready host
	hosts_of hosts a yes
	hosts_of hosts b yes
	hosts_of hosts c no
	hosts_of host a no
	hosts_of host b no
}

# --- pods as objects ---

pods_submitted_and_removed() {
	k get pods -l time=t --watch --output-watch-events -o 'jsonpath={.type} {.object.metadata.deletionTimestamp} {.object.spec.terminationGracePeriodSeconds}{"\n"}' > "$scratch/$ns.watch" 2> /dev/null &
	watching=$!
	pod_with p "terminationGracePeriodSeconds: 30, containers: [{$waits}]" 'labels: {time: t}'
	equal p k get pods -l time=t -o 'jsonpath={.items[*].metadata.name}'
	ready p
	k delete --raw "/api/v1/namespaces/$ns/pods/p?gracePeriodSeconds=30" > /dev/null
	await 60 grep -q '^DELETED ....-..-..T.* 30$' "$scratch/$ns.watch"
	kill $watching
	grep -q '^ADDED  30' "$scratch/$ns.watch"
	equal "" k get pods -l time=t -o name
}

pods_updated() {
	pod_with p "containers: [{$waits}]" 'labels: {name: foo, time: one}'
	ready p
	k label pod p --overwrite time=two
	phase p Running
	equal p k get pods -l time=two -o 'jsonpath={.items[*].metadata.name}'
	equal 0 restarts p
}

pods_deadline() {
	pod_with p "containers: [{$waits}]" 'labels: {time: t}'
	ready p
	k patch pod p -p '{"spec":{"activeDeadlineSeconds":5}}'
	phase p Failed
	equal DeadlineExceeded of pod/p '{.status.reason}'
	refuses 'spec.activeDeadlineSeconds' k patch pod p -p '{"spec":{"activeDeadlineSeconds":50}}'
}

pods_service_env() {
	pod_with server "containers: [{$waits, ports: [{containerPort: 9376}]}]" 'labels: {name: server}'
	k expose pod server --name=fooservice --port=8765 --target-port=8080
	ip=$(of service/fooservice '{.spec.clusterIP}')
	for _ in 1 2 3; do
		k delete pod prints --ignore-not-found --timeout=30s
		prints "containers: [{$(does env)}]" "FOOSERVICE_SERVICE_HOST=$ip" FOOSERVICE_SERVICE_PORT=8765 "FOOSERVICE_PORT=tcp://$ip:8765" \
			FOOSERVICE_PORT_8765_TCP_PORT=8765 FOOSERVICE_PORT_8765_TCP_PROTO=tcp "FOOSERVICE_PORT_8765_TCP=tcp://$ip:8765" \
			"FOOSERVICE_PORT_8765_TCP_ADDR=$ip" && return
	done
	return 1
}

pods_host_ip() {
	pod_with p "containers: [{$waits}]"
	ready p
	equal '172.30.0.11 [{"ip":"172.30.0.11"}]' of pod/p '{.status.hostIP} {.status.hostIPs}'
}

pods_collection() {
	for i in 1 2 3; do pod_with test-pod-$i "restartPolicy: Never, terminationGracePeriodSeconds: 1, containers: [{$waits}]" 'labels: {type: Testing}'; done
	for i in 1 2 3; do ready test-pod-$i; done
	k delete --raw "/api/v1/namespaces/$ns/pods?labelSelector=type%3DTesting&gracePeriodSeconds=1" > /dev/null
	becomes 60 "" k get pods -l type=Testing -o name
}

pods_patch_status() {
	pod_with p "containers: [{$waits}]" 'labels: {e2e: p}'
	phase p Running
	equal "Patched by e2e test E2E" k patch pod p --subresource status --type=strategic -p '{"status":{"message":"Patched by e2e test","reason":"E2E"}}' -o 'jsonpath={.status.message} {.status.reason}'
	equal p k get pods -l e2e=p -o 'jsonpath={.items[*].metadata.name}'
}

# The conditions are those of the answer: the node writes its own again.
pods_and_status() {
	pod_with p "terminationGracePeriodSeconds: 1, containers: [{$waits}]" 'labels: {test-pod-static: "true"}'
	ready p
	k patch pod p -p '{"metadata":{"labels":{"test-pod":"patched"}},"spec":{"terminationGracePeriodSeconds":1,"containers":[{"name":"a","image":"web:2"}]}}'
	equal "patched web:2" of pod/p '{.metadata.labels.test-pod} {.spec.containers[0].image}'
	replaced_status() {
		k get --raw "/api/v1/namespaces/$ns/pods/p/status" | python3 -c 'import json, sys
pod = json.load(sys.stdin)
some = [c for c in pod["status"]["conditions"] if c["type"] in ("Ready", "ContainersReady") and c["status"] == "True"]
assert len(some) == 2, some
for c in some: c["status"] = "False"
print(json.dumps(pod))' > "$scratch/$ns.status" && k replace --raw "/api/v1/namespaces/$ns/pods/p/status" -f "$scratch/$ns.status" > "$scratch/$ns.answer"
	}
	await 60 replaced_status
	equal "False False" python3 -c 'import json, sys
pod = json.load(open(sys.argv[1]))
print(*[c["status"] for c in pod["status"]["conditions"] if c["type"] in ("Ready", "ContainersReady")])' "$scratch/$ns.answer"
	k delete --raw "/api/v1/namespaces/$ns/pods?labelSelector=test-pod-static%3Dtrue&gracePeriodSeconds=1" > /dev/null
	is_absent() { k get pod p 2>&1 | grep -q 'pods "p" not found'; }
	await 60 is_absent
}

# The messages of a WebSocket: python3's own means, as the original reads it with golang's.
web_socket() {
	nsenter --target "$(cat "$lab/host-s.pid")" --net -- python3 "$here/socket_messages.py" "$KUBECONFIG" "$1" "$2"
}

pods_exec_by_web_socket() {
	pod_with w "containers: [{$(does 'echo container is alive; sleep 600')}]"
	ready w
	equal "1 remote execution test" web_socket "/api/v1/namespaces/$ns/pods/w/exec?stderr=1&stdout=1&container=a&command=echo&command=remote+execution+test" channel.k8s.io
}

pods_logs_by_web_socket() {
	pod_with w "containers: [{$(does 'echo container is alive; sleep 10000')}]"
	ready w
	equal "99 container is alive" web_socket "/api/v1/namespaces/$ns/pods/w/log?container=a" binary.k8s.io
}

pods_gates() {
	pod_with g "readinessGates: [{conditionType: k8s.io/test-condition1}, {conditionType: k8s.io/test-condition2}], containers: [{$waits}]"
	phase g Running
	gate() { k patch pod g --subresource status --type=strategic -p '{"status":{"conditions":[{"type":"k8s.io/test-condition'"$1"'","status":"'"$2"'"}]}}'; }
	g_ready() { of pod/g '{.status.conditions[?(@.type=="Ready")].status}'; }
	equal False g_ready
	gate 1 True
	sleep 10
	equal False g_ready
	gate 2 True
	becomes 60 True g_ready
	gate 1 False
	becomes 60 False g_ready
}

# The name of the container's new image begins its delays anew.
pods_back_off_is_reset() {
	pod_with b "containers: [{$(does 'sleep 1; exit 1')}]"
	restarts_are 4 b 240
	# the next delay would be 80 s
	k patch pod b -p '{"spec":{"containers":[{"name":"a","image":"web:2"}]}}'
	begin=$SECONDS
	restarts_are $(($(restarts b) + 1)) b 25
	restarts_are $(($(restarts b) + 1)) b 25
	echo "twice in $((SECONDS - begin)) s"
}

qos_of() {
	pod_with q "containers: [{$waits, resources: {$1}}]"
	equal "$2" of pod/q '{.status.qosClass}'
}

# --- PodTemplates, Leases, Nodes ---

template() {
	printf '# yaml\n{apiVersion: v1, kind: PodTemplate, metadata: {name: %s, labels: {podtemplate-static: "true", set: "%s"}}, template: {spec: {containers: [{name: nginx, image: nginx}]}}}\n' "$1" "$2" | k create -f -
}

templates_life() {
	equal "" k get podtemplates -A -l "podtemplate-static=true,set=$ns" -o name
	template t "$ns"
	equal t of podtemplate/t '{.metadata.name}'
	k patch podtemplate t -p '{"metadata":{"labels":{"podtemplate":"patched"}}}'
	equal patched of podtemplate/t '{.metadata.labels.podtemplate}'
	k delete podtemplate t
	equal "" k get podtemplates -A -l "podtemplate-static=true,set=$ns" -o name
}

templates_collection() {
	for i in 1 2 3; do template t$i "$ns"; done
	equal "t1 t2 t3" k get podtemplates -l "set=$ns" -o 'jsonpath={.items[*].metadata.name}'
	k delete --raw "/api/v1/namespaces/$ns/podtemplates?labelSelector=set%3D$ns" > /dev/null
	equal "" k get podtemplates -o name
}

templates_replace() {
	template t "$ns"
	k get podtemplate t -o json | python3 -c 'import json, sys; t = json.load(sys.stdin); t["metadata"]["annotations"] = {"updated": "true"}; print(json.dumps(t))' | k replace -f -
	equal true of podtemplate/t '{.metadata.annotations.updated}'
}

lease() {
	printf '# yaml\n{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: %s, labels: {%s}}, spec: {%s}}\n' "$1" "${3:-}" "$2" | k "${4:-create}" -f -
}

leases() {
	lease l 'holderIdentity: holder, leaseDurationSeconds: 30, acquireTime: "2024-01-02T03:04:05.000006Z", renewTime: "2024-01-02T03:04:10.000000Z", leaseTransitions: 0'
	equal '{"acquireTime":"2024-01-02T03:04:05.000006Z","holderIdentity":"holder","leaseDurationSeconds":30,"leaseTransitions":0,"renewTime":"2024-01-02T03:04:10.000000Z"}' of lease/l '{.spec}'
	lease l 'holderIdentity: holder2, leaseDurationSeconds: 60, acquireTime: "2024-01-02T03:04:25.000000Z", renewTime: "2024-01-02T03:04:30.000000Z", leaseTransitions: 1' '' replace
	equal "holder2 60 1" of lease/l '{.spec.holderIdentity} {.spec.leaseDurationSeconds} {.spec.leaseTransitions}'
	k patch lease l -p '{"spec":{"holderIdentity":"holder3","leaseTransitions":2}}'
	equal "holder3 60 2" of lease/l '{.spec.holderIdentity} {.spec.leaseDurationSeconds} {.spec.leaseTransitions}'
	lease l2 'holderIdentity: holder' 'deletecollection: "true"'
	equal "l l2" k get leases -o 'jsonpath={.items[*].metadata.name}'
	k delete --raw "/apis/coordination.k8s.io/v1/namespaces/$ns/leases?labelSelector=deletecollection%3Dtrue" > /dev/null
	equal l k get leases -o 'jsonpath={.items[*].metadata.name}'
	k delete lease l
	refuses 'leases.coordination.k8s.io "l" not found' k get lease l
}

node_lease() {
	equal "n1 40" k -n kube-node-lease get lease n1 -o 'jsonpath={.spec.holderIdentity} {.spec.leaseDurationSeconds}'
	before=$(k -n kube-node-lease get lease n1 -o 'jsonpath={.spec.renewTime}')
	renewed() { [ "$(k -n kube-node-lease get lease n1 -o 'jsonpath={.spec.renewTime}')" != "$before" ]; }
	await 20 renewed
}

node_lease_owner() {
	equal "Node n1" k -n kube-node-lease get lease n1 -o "jsonpath={.metadata.ownerReferences[0]['kind','name']}"
	equal "$(of node/n1 '{.metadata.uid}')" k -n kube-node-lease get lease n1 -o "jsonpath={.metadata.ownerReferences[0].uid}"
}

nodes_life() {
	printf '# yaml\n{apiVersion: v1, kind: Node, metadata: {name: fake-%s}, status: {phase: Running, conditions: [{type: Ready, status: "True", reason: e2e, message: Set from e2e test}]}}\n' "$ns" | k create -f -
	node=node/fake-$ns
	equal "fake-$ns" of "$node" '{.metadata.name}'
	k patch "$node" -p "{\"metadata\":{\"labels\":{\"$ns\":\"patched\"}}}"
	equal patched of "$node" "{.metadata.labels.$ns}"
	equal "fake-$ns" k get nodes -l "$ns=patched" -o 'jsonpath={.items[*].metadata.name}'
	updated() { k get "$node" -o json | sed "s/\"$ns\": \"patched\"/\"$ns\": \"updated\"/" | k replace -f -; }
	await 20 updated
	equal updated of "$node" "{.metadata.labels.$ns}"
	k delete "$node"
	refuses "not found" k get "$node"
}

# tolerates NAME SECONDS
tolerates() {
	pod_with "$1" "nodeName: n1, tolerations: [{key: e2e-evict-taint-key, operator: Exists, effect: NoExecute${2:+, tolerationSeconds: $2}}], containers: [{$waits}]" 'labels: {group: evicted}'
	ready "$1"
}

untaint() {
	k taint node n1 e2e-evict-taint-key- > /dev/null 2>&1 || true
}

taint_two() {
	tolerates one 5
	tolerates two 20
	trap untaint EXIT
	k taint node n1 e2e-evict-taint-key=evictTaintVal:NoExecute
	begin=$SECONDS
	becomes 30 pod/two k get pods -o name
	[ $((SECONDS - begin)) -ge 4 ]
	becomes 60 "" k get pods -o name
	[ $((SECONDS - begin)) -ge 18 ]
}

taint_removed() {
	tolerates one 15
	trap untaint EXIT
	k taint node n1 e2e-evict-taint-key=evictTaintVal:NoExecute
	sleep 5
	k taint node n1 e2e-evict-taint-key-
	sleep 25
	equal "Running " of pod/one '{.status.phase} {.metadata.deletionTimestamp}'
}

taint_evicts() {
	pod_with one "nodeName: n1, containers: [{$waits}]"
	ready one
	trap untaint EXIT
	k taint node n1 e2e-evict-taint-key=evictTaintVal:NoExecute
	becomes 60 "" k get pods -o name
}

taint_tolerated() {
	tolerates one
	trap untaint EXIT
	k taint node n1 e2e-evict-taint-key=evictTaintVal:NoExecute
	sleep 20
	equal "Running " of pod/one '{.status.phase} {.metadata.deletionTimestamp}'
}
