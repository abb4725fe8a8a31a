#!/bin/bash
# conformance_network.sh - the entries of Kubernetes' conformance list about Services, their endpoints and the proxies,
# as far as they ask no name server; docs/conformance.md is their table.  TEST=word: those with the word.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/long/lib_conformance.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/long/lib_conformance.sh
open_conformance

slices() { echo "/apis/discovery.k8s.io/v1/namespaces/$ns/endpointslices"; }
slices_of() { echo "$(slices)?labelSelector=kubernetes.io/service-name=$1"; }

until_runs() {
	until_holds 30 "$core/pods/$1" '.status.phase == "Running" and any(.status.conditions[]; .type == "Ready" and .status == "True")'
}

# server NAME LABELS PORTS [NODE]: a pod that serves its name at port 9376; PORTS are those of its container.
server() {
	post "$core/pods" '{"metadata":{"name":"'"$1"'","labels":'"$2"'},"spec":'"$(pod_spec "$serve" "${4:+\"nodeName\":\"$4\",}" | jq -c ".containers[0].ports = $3")"'}' > /dev/null
}

# service NAME SPEC
service() {
	post "$core/services" '{"metadata":{"name":"'"$1"'"},"spec":'"$2"'}'
}

page() { in_space client curl -s -m 2 "http://$1/"; }

client() {
	post "$core/pods" '{"metadata":{"name":"client"},"spec":'"$(pod_spec '' '"nodeName":"n1",')"'}' > /dev/null
	until_runs client
}

# --- endpoints and their slices ---

test_slices_of_the_server() {
	says '[.spec.clusterIP, .spec.ports[0].port]' "$(get /api/v1/namespaces/default/services/kubernetes)" '["10.43.0.1",443]'
	says '.subsets | map([.addresses[0].ip, .ports[0].port])' "$(get /api/v1/namespaces/default/endpoints/kubernetes)" '[["172.30.0.1",6443]]'
	says '.items | map([.endpoints[0].addresses[0], .ports[0].port, .addressType])' \
		"$(get '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name=kubernetes')" '[["172.30.0.1",6443,"IPv4"]]'
	says '[.items[] | select(.metadata.name == "kubernetes" and .metadata.namespace == "default")] | length' "$(get /api/v1/services)" 1
}

# Without pods there is one empty slice; both go with the Service.
test_slices_with_selector() {
	space slices-selector
	service example-empty-selector '{"selector":{"does-not-match-anything":"endpoints-and-endpoint-slices-should-still-be-created"},"ports":[{"name":"example","port":80,"protocol":"TCP"}]}' > /dev/null
	until_holds 10 "$core/endpoints/example-empty-selector" '(.subsets // []) == []'
	until_holds 10 "$(slices_of example-empty-selector)" '(.items | length) >= 1 and ([.items[].endpoints[]?] | length) == 0'
	says '.items[0].metadata.labels."endpointslice.kubernetes.io/managed-by"' "$(get "$(slices_of example-empty-selector)")" endpointslice-controller.k8s.io
	del "$core/services/example-empty-selector" > /dev/null
	await 20 is_missing "$core/endpoints/example-empty-selector"
	await 20 listed "$(slices_of example-empty-selector)" 0
}

# Two Services of two pods: one by a number, the other by a name that means another port in each pod.
test_slices_of_pods() {
	space slices-pods
	server pod1 '{"foo":"bar"}' '[{name: "example-name", containerPort: 3000, protocol: "TCP"}]'
	server pod2 '{"foo":"bar"}' '[{name: "example-name", containerPort: 3001, protocol: "TCP"}, {name: "other-port", containerPort: 3002, protocol: "TCP"}]'
	service example-int-port '{"selector":{"foo":"bar"},"publishNotReadyAddresses":true,"ports":[{"name":"example","port":80,"targetPort":80,"protocol":"TCP"}]}' > /dev/null
	service example-named-port '{"selector":{"foo":"bar"},"publishNotReadyAddresses":true,"ports":[{"name":"http","port":80,"targetPort":"example-name","protocol":"TCP"}]}' > /dev/null
	until_runs pod1
	until_runs pod2
	one=$(get "$core/pods/pod1" | jq -r .status.podIP) two=$(get "$core/pods/pod2" | jq -r .status.podIP)
	both=$(jq -nc --arg a "$one" --arg b "$two" '[$a, $b] | sort')
	until_holds 20 "$(slices_of example-int-port)" '[.items[] | .ports[].port == 80 and .ports[].name == "example"] == [true] and ([.items[].endpoints[] | .addresses[]] | sort) == '"$both"
	until_holds 20 "$(slices_of example-named-port)" '([.items[] | [.ports[0].name, .ports[0].port, .endpoints[0].addresses[0]]] | sort) == [["http",3000,"'"$one"'"],["http",3001,"'"$two"'"]]'
	says '[.items[].endpoints[] | [.conditions.ready, .targetRef.kind, .targetRef.namespace]] | unique' "$(get "$(slices_of example-named-port)")" '[[true,"Pod","'"$ns"'"]]'
	until_holds 20 "$core/endpoints/example-int-port" '([.subsets[].addresses[].ip] | sort) == '"$both"
	says '.subsets | map([.ports[0].port, .addresses[0].ip]) | sort' "$(get "$core/endpoints/example-named-port")" '[[3000,"'"$one"'"],[3001,"'"$two"'"]]'
}

test_slices_api() {
	space slices-api
	says '[.versions[].groupVersion]' "$(get /apis/discovery.k8s.io)" '["discovery.k8s.io/v1"]'
	says '[.resources[].name]' "$(get /apis/discovery.k8s.io/v1)" '["endpointslices"]'
	body='{"metadata":{"generateName":"e2e-example-ing","labels":{"special-label":"e1"}},"addressType":"IPv4","endpoints":[{"addresses":["1.2.3.4","5.6.7.8"]},{"addresses":["2.2.3.4","6.6.7.8"]}]}'
	slice=$(slices)/$(post "$(slices)" "$body" | jq -r .metadata.name)
	list=$(get "/apis/discovery.k8s.io/v1/endpointslices?labelSelector=special-label=e1")
	says '.items | length' "$list" 1
	observe "$scratch/e" "$(slices)?watch=1&labelSelector=special-label%3De1&resourceVersion=$(jq -r .metadata.resourceVersion <<< "$list")"
	says .metadata.annotations.patched "$(patch "$slice" '{"metadata":{"annotations":{"patched":"true"}}}' "$merge")" true
	says .metadata.annotations.updated "$(change "$slice" '.metadata.annotations.updated = "true"')" true
	until_saw 10 "$scratch/e" '.type == "MODIFIED" and .object.metadata.annotations.updated == "true"'
	del "$slice" > /dev/null
	until_saw 10 "$scratch/e" '.type == "DELETED"'
	post "$(slices)" "$body" > /dev/null
	del "$(slices)?labelSelector=special-label=e1" '{"kind":"DeleteOptions","apiVersion":"discovery.k8s.io/v1"}' > /dev/null
	listed "$(slices)" 0
}

test_slices_mirror_endpoints() {
	space slices-mirror
	service example-custom-endpoints '{"ports":[{"name":"example","port":80,"protocol":"TCP"}]}' > /dev/null
	post "$core/endpoints" '{"metadata":{"name":"example-custom-endpoints"},"subsets":[{"ports":[{"port":80}],"addresses":[{"ip":"10.1.2.3"}]}]}' > /dev/null
	until_holds 15 "$(slices_of example-custom-endpoints)" '(.items | length) == 1 and .items[0].ports[0].port == 80 and .items[0].endpoints[0].addresses == ["10.1.2.3"]'
	says '.items[0].metadata.labels."endpointslice.kubernetes.io/managed-by"' "$(get "$(slices_of example-custom-endpoints)")" endpointslicemirroring-controller.k8s.io
	change "$core/endpoints/example-custom-endpoints" '.subsets[0].addresses = [{ip: "10.2.3.4"}] | .subsets[0].ports[0].port = 81' > /dev/null
	until_holds 15 "$(slices_of example-custom-endpoints)" '(.items | length) == 1 and .items[0].ports[0].port == 81 and .items[0].endpoints[0].addresses == ["10.2.3.4"]'
	del "$core/endpoints/example-custom-endpoints" > /dev/null
	await 15 listed "$(slices_of example-custom-endpoints)" 0
}

# ends SERVICE WANTED: [[pod, port] ...] of the Endpoints, sorted.
ends() {
	until_holds 30 "$core/endpoints/$1" '([.subsets[]? | .ports[].port as $p | .addresses[]? | [.targetRef.name, $p]] | sort) == '"$2" || return 1
	until_holds 30 "$(slices_of "$1")" '([.items[] | .ports[]?.port as $p | .endpoints[]? | [.targetRef.name, $p]] | sort) == '"$2"
}

gone_pod() { del "$core/pods/$1" '{"gracePeriodSeconds":0}' > /dev/null; }

test_service_basic_endpoints() {
	space service-basic
	client
	address=$(service endpoint-test2 '{"selector":{"app":"e2"},"ports":[{"port":80,"targetPort":9376}]}' | jq -r .spec.clusterIP)
	ends endpoint-test2 '[]'
	server pod1 '{"app":"e2"}' '[{containerPort: 9376}]'
	ends endpoint-test2 '[["pod1",9376]]'
	await 10 equal pod1 page "$address"
	server pod2 '{"app":"e2"}' '[{containerPort: 9376}]'
	ends endpoint-test2 '[["pod1",9376],["pod2",9376]]'
	gone_pod pod1
	ends endpoint-test2 '[["pod2",9376]]'
	await 10 equal pod2 page "$address"
	gone_pod pod2
	ends endpoint-test2 '[]'
}

test_service_several_ports() {
	space service-ports
	service multi-endpoint-test '{"selector":{"app":"m"},"ports":[{"name":"portname1","port":80,"targetPort":"svc1"},{"name":"portname2","port":81,"targetPort":"svc2"}]}' > /dev/null
	ends multi-endpoint-test '[]'
	server pod1 '{"app":"m"}' '[{name: "svc1", containerPort: 100}]'
	ends multi-endpoint-test '[["pod1",100]]'
	server pod2 '{"app":"m"}' '[{name: "svc2", containerPort: 101}]'
	ends multi-endpoint-test '[["pod1",100],["pod2",101]]'
	gone_pod pod1
	ends multi-endpoint-test '[["pod2",101]]'
	gone_pod pod2
	ends multi-endpoint-test '[]'
}

test_endpoints_lifecycle() {
	space endpoints-lifecycle
	one=$core/endpoints/testservice
	observe "$scratch/ep" "$core/endpoints?watch=1&labelSelector=test-endpoint-static%3Dtrue&resourceVersion=$(get /api/v1/endpoints | jq -r .metadata.resourceVersion)"
	post "$core/endpoints" '{"metadata":{"name":"testservice","labels":{"test-endpoint-static":"true"},"creationTimestamp":null},"subsets":[{"addresses":[{"ip":"10.0.0.24"}],"ports":[{"name":"http","port":80,"protocol":"TCP"}]}]}' > /dev/null
	until_saw 10 "$scratch/ep" '.type == "ADDED"'
	listed "/api/v1/endpoints?labelSelector=test-endpoint-static=true" 1
	change "$one" '.metadata.labels."test-service" = "updated"' > /dev/null
	until_saw 10 "$scratch/ep" '.type == "MODIFIED" and .object.metadata.labels."test-service" == "updated"'
	patch "$one" '{"metadata":{"labels":{"test-service":"patched"}},"subsets":[{"addresses":[{"ip":"10.0.0.25"}],"ports":[{"name":"http-test","port":8080}]}]}' > /dev/null
	says '[.metadata.labels."test-service", .subsets[0].addresses[0].ip, .subsets[0].ports[0].name, .subsets[0].ports[0].port]' "$(get "$one")" '["patched","10.0.0.25","http-test",8080]'
	del "$core/endpoints?labelSelector=test-endpoint-static=true" '{"kind":"DeleteOptions","apiVersion":"v1"}' > /dev/null
	until_saw 10 "$scratch/ep" '.type == "DELETED"'
	is_missing "$one" > /dev/null
}

# --- Services ---

test_service_status_lifecycle() {
	space service-status
	one=$core/services/test-service
	observe "$scratch/svc" "$core/services?watch=1&labelSelector=test-service-static%3Dtrue"
	post "$core/services" '{"metadata":{"name":"test-service","labels":{"test-service-static":"true"}},"spec":{"type":"LoadBalancer","loadBalancerClass":"example.com/internal-vip","ports":[{"name":"http","protocol":"TCP","port":80,"targetPort":80}]}}' > /dev/null
	until_saw 10 "$scratch/svc" '.type == "ADDED"'
	says .status.loadBalancer "$(get "$one/status")" '{}'
	patch "$one/status" '{"metadata":{"annotations":{"patchedstatus":"true"}},"status":{"loadBalancer":{"ingress":[{"ip":"203.0.113.1"}]}}}' "$merge" > /dev/null
	until_saw 10 "$scratch/svc" '.object.metadata.annotations.patchedstatus == "true"'
	change "$one" '.status.conditions += [{type: "StatusUpdate", status: "True", lastTransitionTime: null, reason: "E2E", message: "Set from e2e test"}]' status > /dev/null
	until_saw 10 "$scratch/svc" 'any(.object.status.conditions[]?; .type == "StatusUpdate" and .reason == "E2E" and .message == "Set from e2e test")'
	patch "$one" '{"metadata":{"creationTimestamp":null,"labels":{"test-service":"patched"}},"spec":{},"status":{"loadBalancer":{}}}' > /dev/null
	until_saw 10 "$scratch/svc" '.object.metadata.labels."test-service" == "patched"'
	change "$one" '.metadata.annotations.updatedstatus = "true"' > /dev/null
	del "$one" > /dev/null
	until_saw 10 "$scratch/svc" '.type == "DELETED"'
}

test_service_collection() {
	space service-collection
	for row in a:yes b:yes c:no; do
		post "$core/services" '{"metadata":{"name":"svc-'"${row%:*}"'","labels":{"e2e":"'"${row#*:}"'"}},"spec":{"type":"ClusterIP","ports":[{"name":"http","protocol":"TCP","port":80}]}}' > /dev/null
	done
	listed "$core/services" 3
	del "$core/services?labelSelector=e2e=yes" '{"kind":"DeleteOptions","apiVersion":"v1"}' > /dev/null
	says '[.items[].metadata.name]' "$(get "$core/services")" '["svc-c"]'
}

# three NAME: pods that serve their names.
three() {
	post "$core/replicationcontrollers" "$(controller "$1" '{"name":"'"$1"'"}' 3 "$serve")" > /dev/null
	until_running "name=$1" 3
	until_holds 20 "$core/endpoints/$1" '[.subsets[]?.addresses[]?] | length == 3'
}

# names_at COUNT WHERE COMMAND...: how many different names answer in so many calls.
names_at() {
	for _ in $(seq "$1"); do "${@:3}" "http://$2/" || echo failed; done | sort -u | tr '\n' ' ' | wc -w
}

# affinity WHERE COMMAND...: ClientIP has one pod answer, None several, ClientIP one again.
affinity() {
	await 10 "${@:2}" "http://$1/"
	equal 1 names_at 20 "$1" "${@:2}"
	change "$core/services/aff" '.spec.sessionAffinity = "None" | del(.spec.sessionAffinityConfig)' > /dev/null
	several() { [ "$(names_at 20 "$@")" -ge 2 ]; }
	await 20 several "$1" "${@:2}"
	change "$core/services/aff" '.spec.sessionAffinity = "ClientIP"' > /dev/null
	alone() { [ "$(names_at 20 "$@")" = 1 ]; }
	await 20 alone "$1" "${@:2}"
	says .spec.sessionAffinityConfig.clientIP.timeoutSeconds "$(get "$core/services/aff")" 10800
}

test_affinity_cluster_ip() {
	space affinity-cluster
	client
	address=$(service aff '{"selector":{"name":"aff"},"sessionAffinity":"ClientIP","ports":[{"port":80,"targetPort":9376}]}' | jq -r .spec.clusterIP)
	three aff
	affinity "$address" in_space client curl -s -m 2
}

test_affinity_node_port() {
	space affinity-node
	port=$(service aff '{"type":"NodePort","selector":{"name":"aff"},"sessionAffinity":"ClientIP","ports":[{"port":80,"targetPort":9376}]}' | jq -r '.spec.ports[0].nodePort')
	three aff
	affinity "172.30.0.12:$port" in_lab curl -s -m 2
}

test_node_port_service() {
	space node-port
	client
	made=$(service np '{"type":"NodePort","selector":{"name":"np"},"ports":[{"port":80,"targetPort":9376,"protocol":"TCP"}]}')
	port=$(jq -r '.spec.ports[0].nodePort' <<< "$made")
	[ "$port" -ge 30000 ] && [ "$port" -le 32767 ]
	three np
	for where in "$(jq -r .spec.clusterIP <<< "$made")" "172.30.0.11:$port" "172.30.0.12:$port"; do
		await 10 page "$where"
		[[ $(page "$where") == np-* ]]
	done
}

# The name of such a Service is the name server's matter; here it is what the API and the nodes make of it.
test_service_types_change() {
	space service-types
	client
	three_of='{"type":"ExternalName","externalName":"foo.example.com"}'
	service np "$three_of" > /dev/null
	says '[.spec.clusterIP, .spec.ports]' "$(get "$core/services/np")" '[null,null]'
	post "$core/replicationcontrollers" "$(controller np '{"name":"np"}' 2 "$serve")" > /dev/null
	until_running name=np 2
	made=$(change "$core/services/np" '.spec += {type: "ClusterIP", selector: {name: "np"}, ports: [{port: 80, targetPort: 9376, name: "http", protocol: "TCP"}]} | del(.spec.externalName)')
	address=$(jq -r .spec.clusterIP <<< "$made")
	[[ $address == 10.43.* ]]
	await 20 page "$address"
	made=$(change "$core/services/np" '.spec.type = "ExternalName" | .spec.externalName = "bar.example.com" | .spec.clusterIP = "" | del(.spec.clusterIPs)')
	says '[.spec.type, .spec.clusterIP // "", .spec.clusterIPs // []]' "$made" '["ExternalName","",[]]'
	silent() { ! page "$1"; }
	await 20 silent "$address"
	made=$(change "$core/services/np" '.spec.type = "NodePort" | del(.spec.externalName)')
	port=$(jq -r '.spec.ports[0].nodePort' <<< "$made")
	await 20 page "$(jq -r .spec.clusterIP <<< "$made")"
	await 20 page "172.30.0.12:$port"
	made=$(change "$core/services/np" '.spec.type = "ExternalName" | .spec.externalName = "baz.example.com" | .spec.clusterIP = "" | del(.spec.clusterIPs) | .spec.ports[0].nodePort = 0')
	says '[.spec.type, .spec.clusterIP // "", .spec.ports[0].nodePort // 0]' "$made" '["ExternalName","",0]'
	await 20 silent "172.30.0.12:$port"
	post "$core/services" '{"metadata":{"name":"takes"},"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":'"$port"'}]}}' > /dev/null
}

# idle NAME LABELS [FURTHER]: a pod that sleeps.
idle() {
	post "$core/pods" '{"metadata":{"name":"'"$1"'","labels":'"$2"'},"spec":'"$(pod_spec '' "${3:-}")"'}' > /dev/null
	until_runs "$1"
}

test_same_port_of_two_protocols() {
	space protocols
	idle backend '{"app":"multi"}'
	speaks backend both 80
	client
	address=$(service multiprotocol '{"selector":{"app":"multi"},"ports":[{"name":"tcp-port","port":80,"protocol":"TCP"},{"name":"udp-port","port":80,"protocol":"UDP"}]}' | jq -r .spec.clusterIP)
	says '[.items[].ports[] | [.protocol, .port]] | sort' "$(until_holds 20 "$(slices_of multiprotocol)" '[.items[].endpoints[]?] | length == 1'; get "$(slices_of multiprotocol)")" '[["TCP",80],["UDP",80]]'
	tcp() { says .Body "$(page "$address")" both; }
	datagram() { equal both udp in_space client -- "$address" 80; }
	no_tcp() { ! page "$address"; }
	no_datagram() { ! udp in_space client -- "$address" 80; }
	await 10 tcp
	await 10 datagram
	change "$core/services/multiprotocol" '.spec.ports = [{name: "tcp-port", port: 80, protocol: "TCP"}]' > /dev/null
	await 10 no_datagram
	await 5 tcp
	change "$core/services/multiprotocol" '.spec.ports = [{name: "udp-port", port: 80, protocol: "UDP"}]' > /dev/null
	await 10 datagram
	await 10 no_tcp
}

# From a pod and from a node to a pod of each node, by HTTP and by datagrams.
test_pods_talk() {
	space talk
	client
	for node in n1 n2; do
		idle netserver-$node '{"app":"netserver"}' '"nodeName":"'$node'",'
		speaks netserver-$node netserver-$node 8080
	done
	for node in n1 n2; do
		address=$(get "$core/pods/netserver-$node" | jq -r .status.podIP)
		for who in "in_space client" "on n1" "on n2"; do
			http() { says .Body "$($who curl -s -m 2 "http://$address:8080/hostname")" "netserver-$node"; }
			# shellcheck disable=SC2086
			datagram() { equal "netserver-$node" udp $who -- "$address" 8080; }
			await 10 http
			await 10 datagram
		done
	done
}

# methods PATH: each answers what it is.
methods() {
	for method in DELETE OPTIONS PATCH POST PUT GET; do
		says '[.Body, .Method]' "$(call $method "$1${2:-}$([ -z "${2:-}" ] || echo $method)" '' application/json)" '["foo","'$method'"]'
	done
	[ "$(as_admin -o /dev/null -I -w '%{http_code}' "$url$1/${2:+HEAD}")" = 200 ]
}

# Without a slash at the end GET and HEAD are sent on to the path with one.
moves() {
	for option in -g -I; do
		[ "$(as_admin $option -o /dev/null -w '%{http_code}' "$url$1?method=GET")" = 301 ]
	done
}

test_proxies() {
	space proxies
	idle agnhost '{"test":"response"}'
	speaks agnhost foo 80
	service test-service '{"selector":{"test":"response"},"ports":[{"port":80,"targetPort":80,"protocol":"TCP"}]}' > /dev/null
	until_holds 20 "$core/endpoints/test-service" '.subsets[0].addresses | length == 1'
	for path in "$core/pods/agnhost/proxy" "$core/services/test-service/proxy"; do
		await 10 get "$path/"
		methods "$path" /some/path/with/
		for method in DELETE OPTIONS PATCH POST PUT; do
			says '[.Body, .Method]' "$(call $method "$path?method=$method")" '["foo","'$method'"]'
		done
		moves "$path"
	done
}

# Ports by number and by name, of pods and Services, with and without the scheme.
test_proxy_names_of_ports() {
	space proxy-ports
	idle echo '{"name":"proxy"}'
	change "$core/pods/echo" '.metadata.labels.x = "y"' > /dev/null
	speaks echo foo 160
	service proxy-service '{"selector":{"name":"proxy"},"ports":[{"name":"portname1","port":80,"targetPort":160},{"name":"portname2","port":81,"targetPort":160}]}' > /dev/null
	until_holds 20 "$core/endpoints/proxy-service" '.subsets[0].addresses | length == 1'
	await 10 get "$core/services/proxy-service:portname1/proxy/"
	for path in pods/echo:160 pods/http:echo:160 services/proxy-service:portname1 services/proxy-service:portname2 services/proxy-service:80 services/http:proxy-service:portname1; do
		says .Path "$(get "$core/$path/proxy/deep/er?a=b")" '/deep/er?a=b'
	done
}

# From the creation of a Service to its endpoints, 30 times: the bar of the list is 20 s for the half of them.
test_endpoints_latency() {
	space latency
	idle backend '{"name":"svc-latency"}'
	for i in $(seq 30); do
		begin=$(date +%s%N)
		service "latency-$i" '{"selector":{"name":"svc-latency"},"ports":[{"port":80,"protocol":"TCP"}]}' > /dev/null
		await 5 holds "$core/endpoints/latency-$i" '.subsets[0].addresses | length == 1'
		echo $((($(date +%s%N) - begin) / 1000000))
	done | sort -n > "$scratch/times"
	[ "$(wc -l < "$scratch/times")" = 30 ]
	[ "$(tail -n 1 "$scratch/times")" -le 20000 ]
}

run_tests conformance_network
