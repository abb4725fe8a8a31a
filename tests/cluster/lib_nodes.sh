# lib_nodes.sh - a cluster of real hosts for the tests: each has its own network and mounts; nothing is faked.
# shellcheck shell=bash disable=SC2154
#
#   lab   172.30.0.254  a bridge; where the clients outside of the cluster are
#   s     172.30.0.1    the server; kubectl is there too
#   n1 .. 172.30.0.11+  agents
#
# A host is a process that sleeps in namespaces of its own; who enters them is on that host.  They have no
# names, so two labs never meet, and they are gone with their processes.  Pids are in $lab/*.pid: tests run
# in subshells and may end and start what others use.  Read lib.sh first.

lab=$scratch/lab
tar_image=$lab/images

[ "$(id -u)" = 0 ] || { echo "the tests of nodes need root: they make network namespaces" >&2; exit 1; }

# on HOST COMMAND...: there.
on() {
	nsenter --target "$(cat "$lab/host-$1.pid")" --net --mount -- "${@:2}"
}

in_lab() {
	nsenter --target "$(cat "$lab/host-lab.pid")" --net -- "$@"
}

k() {
	in_time "${k_seconds:-60}" nsenter --target "$(cat "$lab/host-s.pid")" --net -- "$kubectl" "$@"
}

# launch PART HOST COMMAND...: a process that goes on there; its pid is in $lab/PART.pid, what it says in HOST/log.
launch() {
	nsenter --target "$(cat "$lab/host-$2.pid")" --net --mount -- "${@:3}" >> "$lab/$2/log" 2>&1 &
	echo $! > "$lab/$1.pid"
}

# in_pod POD COMMAND...: a command of this machine in the pod's network, as if it ran in the pod.
in_pod() {
	uid=$(k get pod "$1" -o 'jsonpath={.metadata.uid}')
	pid=$(find /sys/fs/cgroup -path "*/mote/pods/$uid/*" -name cgroup.procs -exec cat {} + | sed -n '1p')
	nsenter --target "${pid:?the pod has no process}" --net -- "${@:2}"
}

# A killed process may have a thread that still waits for the disk, and all its files with it.
is_gone() {
	local status
	# It may go while it is looked at.
	status=$(cat "/proc/$1/status" 2> /dev/null) || return 0
	[[ $status = *State:?Z* && $(find "/proc/$1/task" -mindepth 1 -maxdepth 1 2> /dev/null | wc -l) -le 1 ]]
}

namespaces_differ() {
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# A process that holds namespaces open; $2 are unshare's options.
hold() {
	# shellcheck disable=SC2086
	unshare $2 sleep infinity > /dev/null 2>&1 &
	echo $! > "$lab/host-$1.pid"
	await 5 namespaces_differ $!
}

lab_open() {
	mkdir -p "$lab" "$tar_image"
	cp "$mote" "$lab/mote" # a new build in the middle of the tests is not ours
	hold lab --net
	in_lab ip link set lo up
	in_lab ip link add lab type bridge
	in_lab ip address add 172.30.0.254/24 dev lab
	in_lab ip link set lab up
}

# host_add NAME ADDRESS: eth0 of the host is NAME on the bridge.
host_add() {
	hold "$1" "--net --mount --propagation private"
	mkdir -p "$lab/$1"
	in_lab ip link add "$1" type veth peer name eth0 netns "$(cat "$lab/host-$1.pid")"
	in_lab ip link set "$1" master lab up
	on "$1" ip link set lo up
	on "$1" ip address add "$2/24" dev eth0
	on "$1" ip link set eth0 up
	on "$1" ip route add default via 172.30.0.254
	on "$1" mount -t tmpfs run /run
	on "$1" mount -t tmpfs log /var/log
}

server_start() {
	launch server s "$lab/mote" server --data-dir "$lab/s/data" --write-kubeconfig "$lab/kubeconfig" \
		--advertise-address 172.30.0.1 --disable-agent "$@"
	export KUBECONFIG="$lab/kubeconfig"
	await 20 k get --raw /readyz
	await 10 k get service kubernetes
}

# agent_run NAME [options]: not waited for.
agent_run() {
	launch "agent-$1" "$1" "$lab/mote" agent --server https://172.30.0.1:6443 --token-file "$lab/s/data/server/node-token" \
		--data-dir "$lab/$1/data" --node-name "$1" --pod-logs-dir "$lab/$1/logs" "${@:2}"
}

agent_start() {
	agent_run "$@"
	await 20 k wait --for=condition=Ready "node/$1" --timeout=15s
}

# What a test that failed left dead or cut is whole again.
mend_cluster() {
	is_gone "$(cat "$lab/server.pid" 2>/dev/null || echo none)" && server_start
	for node in n1 n2; do
		in_lab ip link set $node up
		is_gone "$(cat "$lab/agent-$node.pid" 2>/dev/null || echo none)" && agent_run $node
	done
	k wait --for=condition=Ready node/n1 node/n2 --timeout=30s > /dev/null
}

# stop NAME [SIGNAL]: server, agent-n1 ...; waits until it has ended.
stop() {
	pid=$(cat "$lab/$1.pid" 2>/dev/null) || return 0
	rm "$lab/$1.pid"
	kill "${2:--TERM}" "$pid" 2>/dev/null || return 0
	await 10 is_gone "$pid"
}

# --- images ---

machine_word() {
	case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	armv*) echo arm ;;
	*) uname -m ;;
	esac
}

digest() {
	sha256sum < "$1" | cut -d ' ' -f 1
}

# The files that every image has: busybox under each of its names.
image_base() {
	mkdir -p "$tar_image/base/bin" "$tar_image/base/etc" "$tar_image/base/tmp" "$tar_image/base/www"
	chmod 1777 "$tar_image/base/tmp"
	cp /bin/busybox "$tar_image/base/bin/busybox"
	for name in $(/bin/busybox --list); do
		[ "$name" = busybox ] || ln -s busybox "$tar_image/base/bin/$name"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n' > "$tar_image/base/etc/passwd"
	printf 'root:x:0:\nuser:x:1000:\n' > "$tar_image/base/etc/group"
	tar -C "$tar_image/base" --owner=0 --group=0 --numeric-owner -cf "$tar_image/base.tar" .
}

# image_make NAME:TAG PAGE: an archive of two layers, as docker save writes it; its path is $tar_image/NAME-TAG.tar.
image_make() {
	file=${1/:/-}
	work=$tar_image/$file
	[ -e "$tar_image/base.tar" ] || image_base
	mkdir -p "$work/out/base" "$work/out/page" "$work/www"
	echo "$2" > "$work/www/index.html"
	tar -C "$work" --owner=0 --group=0 --numeric-owner -cf "$work/out/page/layer.tar" www
	ln "$tar_image/base.tar" "$work/out/base/layer.tar"
	cat > "$work/out/config.json" <<- END
	{"architecture":"$(machine_word)","os":"linux","config":{"Cmd":["sh"],"Env":["PATH=/bin","FROM_IMAGE=yes"],
	"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:$(digest "$work/out/base/layer.tar")",
	"sha256:$(digest "$work/out/page/layer.tar")"]}}
	END
	echo "[{\"Config\":\"config.json\",\"RepoTags\":[\"$1\"],\"Layers\":[\"base/layer.tar\",\"page/layer.tar\"]}]" \
		> "$work/out/manifest.json"
	tar -C "$work/out" -cf "$tar_image/$file.tar" manifest.json config.json base page
}

# image_give HOST FILE: into its folder of images, whole at once.
image_give() {
	mkdir -p "$lab/$1/data/agent/images"
	cp "$2" "$lab/$1/data/agent/.coming"
	mv "$lab/$1/data/agent/.coming" "$lab/$1/data/agent/images/$(basename "$2")"
}

# --- what is left ---

# Every pod folder that is there now: its pod is remembered for leftovers().
remember_pods() {
	for folder in "$lab"/*/data/agent/pods/*/; do
		[ -d "$folder" ] && basename "$folder" >> "$lab/pods-seen"
	done
	sort -u -o "$lab/pods-seen" "$lab/pods-seen" 2>/dev/null || true
}

# The cgroup folders of the pods seen, deepest first.
cgroups_of_pods() {
	[ -s "$lab/pods-seen" ] || return 0
	find /sys/fs/cgroup -depth -type d -path '*/mote/pods/*' 2>/dev/null | grep -F -f "$lab/pods-seen" || true
}

# The pids of the monitors of this lab's pods.
monitors() {
	pgrep -f "^mote monitor $lab/" || true
}

# Prints what pods left behind: folders, cgroups, their processes, mounts, interfaces.
leftovers() {
	cgroups_of_pods
	for folder in "$lab"/*/data/agent/pods/*/; do
		[ ! -d "$folder" ] || echo "$folder"
	done
	monitors
	grep -F "$lab/" /proc/[0-9]*/mountinfo 2>/dev/null || true
	for host in "$lab"/host-n*.pid; do
		host=$(basename "$host" .pid)
		on "${host#host-}" ip -o link | grep -vE ': (lo|eth0|cni0|flannel\.1)[:@]' || true
	done
}

# The nftables rules of a host without counts.
rules_of() {
	on "$1" nft list ruleset | sed 's/counter packets [0-9]* bytes [0-9]*/counter/'
}

lab_close() {
	[ -d "$lab" ] || return 0
	remember_pods
	for file in "$lab"/agent-*.pid "$lab"/server*.pid; do
		[ -e "$file" ] && stop "$(basename "$file" .pid)" -KILL
	done
	for pid in $(monitors); do
		kill -9 "$pid" 2>/dev/null || true
	done
	for folder in $(cgroups_of_pods); do
		# shellcheck disable=SC2046
		kill -9 $(cat "$folder/cgroup.procs" 2>/dev/null) 2>/dev/null || true
	done
	for folder in $(cgroups_of_pods); do
		await 2 rmdir "$folder" || break
	done
	for file in "$lab"/host-*.pid; do
		[ -e "$file" ] || continue
		kill -9 "$(cat "$file")" 2>/dev/null || true
		wait "$(cat "$file")" 2>/dev/null || true
	done
}
trap 'lab_close; finish' EXIT

# --- a cluster of two nodes, and what its tests say often ---

# A server and the nodes n1 and n2, ready, with the images web:1 and web:2.
open_two_nodes() {
	# Not in a condition: bash would go on after a failure in it.
	( set -e; two_nodes_up )
	[ $? = 0 ] || { cat "$lab"/*/log; exit 1; }
	export KUBECONFIG="$lab/kubeconfig"
}

two_nodes_up() {
	lab_open
	host_add s 172.30.0.1
	image_make web:1 one
	image_make web:2 two
	for node in 1 2; do
		host_add n$node 172.30.0.1$node
		image_give n$node "$tar_image/web-1.tar"
		image_give n$node "$tar_image/web-2.tar"
	done
	server_start
	agent_run n1
	agent_run n2
	await 20 k wait --for=condition=Ready node/n1 node/n2 --timeout=15s
	for node in n1 n2; do
		await 10 rules_are_up "$node"
		rules_of "$node" > "$lab/rules-$node"
	done
}

rules_are_up() {
	rules_of "$1" | grep -q 'elements = .*10.43.0.1'
}

# web NAME REPLICAS: a Deployment of web servers and its Service, waited for.
web() {
	k apply -f - <<- END
	apiVersion: apps/v1
	kind: Deployment
	metadata: {name: $1}
	spec:
	  replicas: $2
	  selector: {matchLabels: {app: $1}}
	  template:
	    metadata: {labels: {app: $1}}
	    spec:
	      terminationGracePeriodSeconds: 5
	      containers:
	      - name: web
	        image: web:1
	        command: [httpd, -f, -p, "80", -h, /www]
	        readinessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1}
	        lifecycle: {preStop: {exec: {command: [sleep, "2"]}}}
	---
	apiVersion: v1
	kind: Service
	metadata: {name: $1}
	spec:
	  type: NodePort
	  selector: {app: $1}
	  ports: [{port: 80}]
	END
	k rollout status deployment "$1" --timeout=60s
}

# pod NAME NODE: a pod that waits to be asked.
pod() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec:
	  nodeName: $2
	  terminationGracePeriodSeconds: 1
	  containers: [{name: a, image: "web:1", command: [sh, -c, "trap exit TERM; sleep 3600 & wait"]}]
	END
	k wait --for=condition=Ready "pod/$1" --timeout=30s
}

# of KIND/NAME JSONPATH
of() {
	k get "$1" -o "jsonpath=$2"
}

# is WANTED KIND/NAME JSONPATH
is() {
	have=$(of "$2" "$3") && [ "$have" = "$1" ]
}

gone() {
	k delete --wait --timeout=30s "$@"
}

no_pods() {
	left=$(k get pods --selector="$1" -o name) && [ -z "$left" ]
}

# shell TEXT: in a shell that has k.
shell() {
	bash -c "$(declare -f in_time k); lab=$lab kubectl=$kubectl; $1"
}
