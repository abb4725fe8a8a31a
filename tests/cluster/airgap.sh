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
		--node-name s --pod-logs-dir "$lab/s/logs"
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

# The node and its server believe that it is $1 years later than this machine's clock says, which is to them
# a clock that is as much behind.  A synchronised clock would be believed.
years_later() {
	for part in server agent; do
		mkdir -p "$lab/s/data/$part"
		echo $(($(date +%s) + $1 * 365 * 86400)) > "$lab/s/data/$part/time-floor"
	done
}

year_of() {
	of "$1" "$2" | cut -c 1-4
}

same_pod() {
	equal "$before" of pod/ask '{.status.podIP} {.status.containerStatuses[0].containerID}'
	await 20 k wait --for=condition=Ready pod/ask --timeout=5s
	await 20 k exec ask -- true
	await 90 api_from_pod
}

test_clocks_that_are_wrong_and_set() {
	if adjtimex_says_synchronised; then
		echo "this machine's clock is synchronised: not tested"
		return
	fi
	island ""
	years_later 5
	island_server
	pod ask s
	year=$(date -d '+1825 days' +%Y)
	equal "$year" year_of pod/ask '{.metadata.creationTimestamp}'
	equal "$year" year_of pod/ask '{.status.containerStatuses[0].state.running.startedAt}'
	await 5 api_from_pod
	before=$(of pod/ask '{.status.podIP} {.status.containerStatuses[0].containerID}')
	# The clock is found to have been five years ahead, then three years behind that.
	for years in 0 8; do
		stop server -KILL
		years_later $years
		island_server
		same_pod
	done
	equal 0 of pod/ask '{.status.containerStatuses[0].restartCount}'
	gone pod/ask
	island_end
}

adjtimex_says_synchronised() {
	busybox adjtimex | grep -q 'return value: *[0-4] '
}

( set -e; lab_open; image_make web:1 one ) || exit 1
run_tests airgap
