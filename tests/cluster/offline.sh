#!/bin/bash
# offline.sh - a power cut of the nodes while their server is away: what is promised of the boot after it.
#
# Goal: with the server dead and nothing left in the kernel, an agent brings every pod back with all that
# it had, at once; when the server is back nothing restarts, and what changed meanwhile is caught up with.
# shellcheck disable=SC2119
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

# Power is cut of host $1: its agent, the monitors and containers of its pods are dead at once, and a kernel
# that boots has no mounts, interfaces, rules and groups of theirs.  The disk stays as it is.
power_cut() {
	stop "agent-$1" -KILL
	remember_pods
	for pid in $(pgrep -f "^mote monitor $lab/$1/"); do kill -9 "$pid"; done
	for pod in "$lab/$1"/data/agent/pods/*/; do
		find /sys/fs/cgroup -depth -type d -path "*/mote/pods/$(basename "$pod")*" | while read -r folder; do
			# shellcheck disable=SC2046
			kill -9 $(cat "$folder/cgroup.procs") 2>/dev/null || true
			await 5 rmdir "$folder"
		done
	done
	on "$1" grep -F "$lab/$1/" /proc/self/mountinfo | cut -d ' ' -f 5 | sort -r | while read -r point; do
		on "$1" umount -l "$point"
	done
	for link in $(on "$1" ip -o link | cut -d : -f 2 | cut -d @ -f 1 | grep -vE '^ (lo|eth0)$'); do
		on "$1" ip link del "$link" 2>/dev/null || true
	done
	on "$1" nft flush ruleset
	on "$1" umount /run
	on "$1" mount -t tmpfs run /run
}

# What the node itself says of its pods, without the server: name and state of each container, by name.
here_runs() {
	[ "$(on "$1" "$lab/mote" ctr ps --data-dir "$lab/$1/data" | grep -c -i running)" -ge "$2" ]
}

# A command in a container of the node, by the node's own way.
here() {
	on "$1" "$lab/mote" ctr exec --data-dir "$lab/$1/data" "$2" -- "${@:3}"
}

# A network process of a pod whose uid is $1.
process_of() {
	find /sys/fs/cgroup -path "*/mote/pods/$1/*" -name cgroup.procs -exec cat {} + | sed -n 1p
}

runs() {
	[ -n "$(process_of "$1")" ]
}

# page_by UID ADDRESS: the pod gets the page.
page_by() {
	[ "$(nsenter --target "$(process_of "$1")" --net -- curl -s -m 2 "http://$2/")" = one ]
}

# A pod that has one of each thing that a pod can need from outside.
rich_pod() {
	k create configmap settings --from-literal=colour=green --from-literal=size=big
	k create secret generic keys --from-literal=password=sesame --from-literal=pin=1234
	mkdir -p "$lab/n1/outside"
	echo outside > "$lab/n1/outside/file"
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: rich, labels: {app: rich}, annotations: {note: kept}}
	spec:
	  nodeName: n1
	  terminationGracePeriodSeconds: 1
	  initContainers:
	  - {name: first, image: "web:1", command: [sh, -c, "echo first >> /disk/order"], volumeMounts: [{name: disk, mountPath: /disk}]}
	  - {name: second, image: "web:1", command: [sh, -c, "echo second >> /disk/order"], volumeMounts: [{name: disk, mountPath: /disk}]}
	  containers:
	  - name: a
	    image: web:1
	    imagePullPolicy: Always
	    command: [sh, -c, "echo begun; echo main >> /disk/order; trap exit TERM; sleep 3600 & wait"]
	    env:
	    - {name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}
	    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: keys, key: password}}}
	    - {name: ADDRESS, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
	    envFrom: [{configMapRef: {name: settings}, prefix: C_}]
	    volumeMounts:
	    - {name: disk, mountPath: /disk}
	    - {name: memory, mountPath: /memory}
	    - {name: settings, mountPath: /settings}
	    - {name: keys, mountPath: /keys}
	    - {name: keys, mountPath: /one/pin, subPath: pin}
	    - {name: all, mountPath: /all}
	    - {name: outside, mountPath: /outside}
	  volumes:
	  - {name: disk, emptyDir: {}}
	  - {name: memory, emptyDir: {medium: Memory}}
	  - {name: settings, configMap: {name: settings}}
	  - {name: keys, secret: {secretName: keys}}
	  - {name: outside, hostPath: {path: $lab/n1/outside}}
	  - name: all
	    projected:
	      sources:
	      - serviceAccountToken: {path: token, expirationSeconds: 3600}
	      - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
	      - configMap: {name: settings, items: [{key: size, path: size}]}
	END
	k wait --for=condition=Ready pod/rich --timeout=30s
}

# What the pod sees; all of it is to be the same after the power cut.
# shellcheck disable=SC2016
look='echo $COLOUR $PASSWORD $ADDRESS $C_size $SHOP_SERVICE_HOST $KUBERNETES_SERVICE_HOST
cat /settings/colour /keys/password /one/pin /all/labels /all/size /outside/file; md5sum < /all/token
ls -l /keys/.. > /dev/null; hostname; cat /etc/resolv.conf /etc/hosts; echo; cat /disk/data'

test_pods_come_back_with_all_they_had() {
	mend_cluster
	web shop 2
	rich_pod
	pod other n2
	pod leaves n1
	pod forced n1
	k exec rich -- sh -c 'echo data > /disk/data; echo m > /memory/m'
	service=$(of service/shop '{.spec.clusterIP}')
	port=$(of service/shop '{.spec.ports[0].nodePort}')
	rich=$(of pod/rich '{.metadata.uid}')
	other=$(of pod/other '{.metadata.uid}')
	forced=$(of pod/forced '{.metadata.uid}')
	count=$(k get pods --field-selector spec.nodeName=n1 -o name | wc -l)
	other_ip=$(of pod/other '{.status.podIP}')
	began=$(of pod/rich '{.status.startTime}')
	k get pods -o 'jsonpath={range .items[*]}{.metadata.name} {.status.podIP}{"\n"}{end}' | sort > "$scratch/addresses"
	k exec rich -- sh -c "$look" > "$scratch/seen"
	# What the agents keep is on their disks within seconds.
	await 15 grep -q '"shop"' "$lab/n1/data/agent/services.json"
	await 15 has_two_endpoints
	power_cut n1
	k delete pod forced --force --grace-period=0
	stop server -KILL
	power_cut n2

	agent_run n1
	agent_run n2
	await 10 here_runs n1 "$count"
	await 10 here n1 rich true # what ran till now may have been the second of its init containers
	# Its node never heard of the deletion: nobody can have told it.
	await 10 runs "$forced"
	here n1 rich sh -c "$look" > "$scratch/seen-after"
	diff "$scratch/seen" "$scratch/seen-after"
	# Init containers ran again, in their order; memory is empty.
	equal "first second main first second main" here n1 rich sh -c 'tr "\n" " " < /disk/order | sed "s/ $//"'
	equal "" here n1 rich ls /memory
	equal "begun" on n1 "$lab/mote" ctr logs --data-dir "$lab/n1/data" rich
	# Service, node port, and the pods of the other node, which came back by itself too.
	await 10 runs "$other"
	await 10 page_by "$rich" "$service"
	await 10 page_by "$other" "$service"
	equal one in_lab curl -s -m 3 "http://172.30.0.11:$port/"
	equal one in_lab curl -s -m 3 "http://172.30.0.12:$port/"
	nsenter --target "$(process_of "$rich")" --net -- busybox ping -c 1 -W 2 "$other_ip"

	lives_before=$(process_of "$rich")
	[ -n "$lives_before" ] || { echo "rich has no process any more" >&2; return 1; }
	server_start
	k delete pod leaves --wait=false
	k wait --for=condition=Ready node/n1 node/n2 --timeout=30s
	k wait --for=delete pod/leaves --timeout=20s
	# What was deleted by force goes as soon as the node hears the server, and leaves nothing.
	await 10 is_removed n1 "$forced"
	k wait --for=condition=Ready pod/rich pod/other --timeout=20s
	equal "$lives_before" process_of "$rich"
	await 10 is 1 pod/rich '{.status.containerStatuses[0].restartCount}'
	equal "$began" of pod/rich '{.status.startTime}'
	k get pods -o 'jsonpath={range .items[*]}{.metadata.name} {.status.podIP}{"\n"}{end}' | sort |
		diff <(grep -v '^leaves\|^forced' "$scratch/addresses") -
	equal begun k logs rich
	equal begun k logs rich --previous
	await 20 is 2 deployment/shop '{.status.readyReplicas}'
	gone pod/rich pod/other deployment/shop service/shop configmap/settings secret/keys
	await 30 no_pods app=shop
}

# is_removed HOST UID: neither folder nor processes of the pod are there.
is_removed() {
	[ ! -e "$lab/$1/data/agent/pods/$2" ] && ! runs "$2"
}

has_two_endpoints() {
	for node in n1 n2; do
		[ "$(grep -o '"ready":true' "$lab/$node/data/agent/endpointslices.json" | wc -l)" -ge 2 ] || return 1
	done
}

twenty_pods() {
	k create deployment many --image=web:1 --replicas=0 -- sh -c 'trap exit TERM; sleep 3600 & wait'
	k patch deployment many -p '{"spec":{"replicas":20,"template":{"spec":{"nodeName":"n1","terminationGracePeriodSeconds":1}}}}'
	k rollout status deployment many --timeout=60s
}

# Twenty pods, twice without any word of the server: restarts are
# counted all the same.
test_twenty_pods_within_ten_seconds_twice() {
	in_lab ip link set s up
	mend_cluster
	twenty_pods
	stop server -KILL
	in_lab ip link set s down # no answer at all: a refused connection would be told at once
	for _ in 1 2; do
		power_cut n1
		agent_run n1
		await 10 here_runs n1 20
	done
	# Containers that went with the sandboxes of before are nobody's to remove.
	refused=$(grep -c "refused a request .*request=remove" "$lab/n1/log") || true
	equal 0 echo "$refused"
	in_lab ip link set s up
	server_start
	k wait --for=condition=Ready node/n1 --timeout=30s
	k rollout status deployment many --timeout=30s
	# What the server had before the cut reads as ready: wait for what the node says since.
	await 20 equal "$(printf '2\n%.0s' $(seq 20) | head -c -1)" k get pods -l app=many \
		-o 'jsonpath={range .items[*]}{.status.containerStatuses[0].restartCount}{"\n"}{end}'
	gone deployment/many
	await 30 no_pods app=many
}

runs_anew() {
	process_now=$(process_of "$1") && [ -n "$process_now" ] && [ "$process_now" != "$2" ]
}

# A pod that ends and starts again while nobody hears it: all of it is told when somebody does.
test_what_happened_meanwhile_is_told() {
	mend_cluster
	k apply -f - <<- 'END'
	apiVersion: v1
	kind: Pod
	metadata: {name: falls}
	spec:
	  nodeName: n1
	  terminationGracePeriodSeconds: 1
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, "echo run; while ! [ -e /v/fall ]; do sleep 0.1; done; rm /v/fall; exit 7"]
	    volumeMounts: [{name: v, mountPath: /v}]
	  volumes: [{name: v, emptyDir: {}}]
	---
	apiVersion: v1
	kind: Pod
	metadata: {name: ends}
	spec:
	  nodeName: n1
	  restartPolicy: Never
	  containers:
	  - {name: a, image: "web:1", command: [sh, -c, "echo work; exit 3"]}
	END
	k wait --for=condition=Ready pod/falls --timeout=20s
	await 20 is Failed pod/ends '{.status.phase}'
	uid=$(of pod/falls '{.metadata.uid}')
	stop server -KILL
	power_cut n1
	agent_run n1
	await 10 here_runs n1 1
	process=$(process_of "$uid")
	touch "/proc/$process/root/v/fall"
	await 20 runs_anew "$uid" "$process"
	before=$(date +%s)
	server_start
	k wait --for=condition=Ready node/n1 --timeout=30s
	await 20 is 2 pod/falls '{.status.containerStatuses[0].restartCount}'
	equal 7 of pod/falls '{.status.containerStatuses[0].lastState.terminated.exitCode}'
	started=$(date -d "$(of pod/falls '{.status.containerStatuses[0].state.running.startedAt}')" +%s)
	[ "$started" -le "$before" ] || { echo "started at $started, after $before" >&2; return 1; }
	# What was over stays over, with its reason and its log.
	equal Failed of pod/ends '{.status.phase}'
	equal 3 of pod/ends '{.status.containerStatuses[0].state.terminated.exitCode}'
	equal work k logs ends
	gone pod/falls pod/ends
}

open_two_nodes
run_tests offline
