#!/bin/bash
# airgap.sh - one machine that nobody reaches: no route, no DNS, at the least only lo.
#
# Goal: `mote server` alone makes a cluster of this machine that runs pods, whose services and API are reached,
# with an interface that has an address and no route, and with none at all.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

# A machine named s with lo, and nothing that leads anywhere; $1 = the address of its eth0, or "".
island() {
	mkdir -p "$lab/s"
	hold s "--net --mount --propagation private"
	on s ip link set lo up
	on s mount -t tmpfs run /run
	on s mount -t tmpfs log /var/log
	echo "nameserver 192.0.2.53" > "$lab/resolv.conf"
	on s mount --bind "$lab/resolv.conf" /etc/resolv.conf
	[ -z "$1" ] || {
		on s ip link add eth0 type bridge
		on s ip address add "$1/24" dev eth0
		on s ip link set eth0 up
	}
	equal "" on s ip route show default
	image_give s "$tar_image/web-1.tar"
}

island_server() {
	launch server s "$lab/mote" server --data-dir "$lab/s/data" --write-kubeconfig "$lab/kubeconfig" \
		--node-name s --pod-logs-dir "$lab/s/logs" "$@"
	export KUBECONFIG="$lab/kubeconfig"
	await 10 k get --raw /readyz
	await 10 k wait --for=condition=Ready node/s --timeout=5s
}

island_end() {
	stop server
	on s "$lab/mote" cleanup --data-dir "$lab/s/data" --pod-logs-dir "$lab/s/logs"
	kill -9 "$(cat "$lab/host-s.pid")"
	rm -rf "$lab/s" "$lab/host-s.pid"
}

page() {
	[ "$(on s curl -s -m 2 "http://$1/")" = one ]
}

# The API from a pod: by its service, with the pod's own token and CA.
api_from_pod() {
	token=$(k exec ask -- cat /var/run/secrets/kubernetes.io/serviceaccount/token)
	k exec ask -- cat /var/run/secrets/kubernetes.io/serviceaccount/ca.crt > "$scratch/ca.crt"
	in_pod ask curl -s -m 5 --cacert "$scratch/ca.crt" -H "Authorization: Bearer $token" \
		"https://10.43.0.1/api/v1/namespaces/default/pods/ask" | grep -q '"name": *"ask"'
}

# All that a cluster is for; $1 = the address that the node is to have.
works() {
	equal "$1" of node/s '{.status.addresses[?(@.type=="InternalIP")].address}'
	web shop 2
	pod ask s
	service=$(of service/shop '{.spec.clusterIP}')
	port=$(of service/shop '{.spec.ports[0].nodePort}')
	await 10 page "$service"
	equal one in_pod ask curl -s -m 5 "http://$service/"
	equal works k exec ask -- echo works
	await 5 api_from_pod
	[ "$1" = 127.0.0.1 ] || equal one on s curl -s -m 2 "http://$1:$port/"
	# Once more from the disk.
	before=$(of pod/ask '{.status.podIP} {.status.containerStatuses[0].containerID}')
	stop server -KILL
	island_server
	equal "$before" of pod/ask '{.status.podIP} {.status.containerStatuses[0].containerID}'
	await 10 k exec ask -- true
	gone deployment/shop service/shop pod/ask
	await 20 no_pods app=shop
	[ "$(cat "$lab/s/data/server/time-floor")" -gt 1700000000 ]
}

test_only_lo() {
	island ""
	island_server
	works 127.0.0.1
	island_end
}

test_an_interface_without_a_route() {
	island 192.0.2.7
	island_server
	works 192.0.2.7
	island_end
}

( set -e; lab_open; image_make web:1 one ) || exit 1
run_tests airgap
