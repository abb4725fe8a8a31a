#!/bin/bash
# endpoints.sh - where services lead, in Endpoints and in slices, with the real kubectl and pods whose status we write.
#
# Goal: ready, not ready and leaving pods; named ports; headless names; many slices; what people write is mirrored.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

mkdir "$scratch/a"
start_server "$scratch/a" "$(free_port)" || { cat "$scratch/a/log"; exit 1; }
k create -f - > /dev/null <<< '{"kind":"Node","apiVersion":"v1","metadata":{"name":"node-1","labels":{"topology.kubernetes.io/zone":"z1"}}}'

# pod NAME LABEL IP READY [further fields of its spec]: on node-1
pod() {
	k create -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1, labels: {app: $2}}
	spec: {nodeName: node-1, tolerations: [{operator: Exists}], $5 containers: [{name: c, image: i, ports: [{name: web, containerPort: ${6:-8080}}]}]}
	END
	be_ready "$1" "$3" "$4"
}

# be_ready NAME IP READY
be_ready() {
	k patch pod "$1" --subresource=status --type=merge -p "{\"status\":{\"phase\":\"Running\",\"podIP\":\"$2\",\"podIPs\":[{\"ip\":\"$2\"}],\"conditions\":[{\"type\":\"Ready\",\"status\":\"$3\",\"lastTransitionTime\":\"2026-01-02T03:04:05Z\"}]}}" > /dev/null
}

service() {
	k create -f - <<- END
	apiVersion: v1
	kind: Service
	metadata: {name: $1, labels: {team: blue}}
	spec: {$2}
	END
}

# slices SERVICE JSONPATH
slices() {
	k get endpointslices -l "kubernetes.io/service-name=$1" -o "jsonpath=$2"
}

slices_are() {
	[ "$(slices "$2" "$3")" = "$1" ]
}

endpoints_are() {
	[ "$(k get endpoints "$2" -o "jsonpath=$3")" = "$1" ]
}

clear_pods() {
	k delete pods --all --force --grace-period=0 --wait=false > /dev/null 2>&1
	k delete service "$@"
}

test_ready_and_not() {
	pod up web 10.42.0.5 True
	pod down web 10.42.0.4 False
	service web "selector: {app: web}, ports: [{name: http, port: 80, targetPort: web, appProtocol: kubernetes.io/ws}]"
	await 5 endpoints_are "10.42.0.5 10.42.0.4" web '{.subsets[0].addresses[*].ip} {.subsets[0].notReadyAddresses[*].ip}'
	equal "http 8080 TCP kubernetes.io/ws node-1 Pod up blue" k get endpoints web -o \
		'jsonpath={.subsets[0].ports[0].name} {.subsets[0].ports[0].port} {.subsets[0].ports[0].protocol} {.subsets[0].ports[0].appProtocol} {.subsets[0].addresses[0].nodeName} {.subsets[0].addresses[0].targetRef.kind} {.subsets[0].addresses[0].targetRef.name} {.metadata.labels.team}'
	expect "10.42.0.5:8080" k get endpoints web
	equal "true true false z1 node-1" slices web '{range .items[0].endpoints[?(@.targetRef.name=="up")]}{.conditions.ready} {.conditions.serving} {.conditions.terminating} {.zone} {.nodeName}{end}'
	equal "false false false" slices web '{range .items[0].endpoints[?(@.targetRef.name=="down")]}{.conditions.ready} {.conditions.serving} {.conditions.terminating}{end}'
	equal "IPv4 endpointslice-controller.k8s.io blue Service 8080 kubernetes.io/ws" slices web '{.items[0].addressType} {.items[0].metadata.labels.endpointslice\.kubernetes\.io/managed-by} {.items[0].metadata.labels.team} {.items[0].metadata.ownerReferences[0].kind} {.items[0].ports[0].port} {.items[0].ports[0].appProtocol}'
	expect "T" slices web '{.items[0].metadata.annotations.endpoints\.kubernetes\.io/last-change-trigger-time}'
	expect "T" k get endpoints web -o 'jsonpath={.metadata.annotations.endpoints\.kubernetes\.io/last-change-trigger-time}'
	be_ready down 10.42.0.4 True
	await 5 endpoints_are "10.42.0.4 10.42.0.5 " web '{.subsets[0].addresses[*].ip} {.subsets[0].notReadyAddresses[*].ip}'
	# One that leaves serves on, and is no longer ready; Endpoints have forgotten it.
	k delete pod up --wait=false --grace-period=300 > /dev/null
	await 5 endpoints_are 10.42.0.4 web '{.subsets[*].addresses[*].ip}'
	await 5 slices_are "false true true" web '{range .items[0].endpoints[?(@.targetRef.name=="up")]}{.conditions.ready} {.conditions.serving} {.conditions.terminating}{end}'
	k patch service web -p '{"spec":{"publishNotReadyAddresses":true}}' > /dev/null
	await 5 slices_are "true true true" web '{range .items[0].endpoints[?(@.targetRef.name=="up")]}{.conditions.ready} {.conditions.serving} {.conditions.terminating}{end}'
	k patch service web -p '{"spec":{"selector":{"app":"nobody"}}}' > /dev/null
	await 5 endpoints_are "" web '{.subsets}'
	await 5 slices_are "" web '{.items[*].endpoints[*].addresses}'
	equal 1 sh -c "timeout 9 $kubectl get endpointslices -l kubernetes.io/service-name=web -o name | wc -l"
	clear_pods web
	expect "not found" k get endpoints web
	await 5 slices_are "" web '{.items}' || slices_are "[]" web '{.items}'
}

test_headless() {
	pod a-0 set 10.42.0.10 False "hostname: a-0, subdomain: set,"
	pod a-1 set 10.42.0.11 True "hostname: a-1, subdomain: other,"
	service set "clusterIP: None, selector: {app: set}"
	await 5 endpoints_are "a-0" set '{.subsets[*].notReadyAddresses[*].hostname}'
	equal "10.42.0.11 " k get endpoints set -o 'jsonpath={.subsets[*].addresses[*].ip} {.subsets[*].addresses[*].hostname}'
	await 5 slices_are "a-0" set '{.items[0].endpoints[*].hostname}'
	expect '"service.kubernetes.io/headless":""' slices set '{.items[0].metadata.labels}'
	expect '"service.kubernetes.io/headless":""' k get endpoints set -o 'jsonpath={.metadata.labels}'
	clear_pods set
}

# Two numbers under one name: two slices, two subsets.
test_named_ports_differ() {
	pod old mix 10.42.0.20 True "" 8080
	pod new mix 10.42.0.21 True "" 9090
	service mix "selector: {app: mix}, ports: [{port: 80, targetPort: web}]"
	await 5 endpoints_are "10.42.0.20 10.42.0.21" mix '{.subsets[?(@.ports[0].port==8080)].addresses[0].ip} {.subsets[?(@.ports[0].port==9090)].addresses[0].ip}'
	await 5 slices_are "10.42.0.21" mix '{.items[?(@.ports[0].port==9090)].endpoints[*].addresses[0]}'
	clear_pods mix
}

counts_are() {
	[ "$(slices many '{range .items[*]}{.endpoints[*].targetRef.kind}{"\n"}{end}' | awk '{print NF}' | sort -n | xargs)" = "$1" ]
}

endpoints_left() {
	[ "$(slices many '{.items[*].endpoints[*].targetRef.name}' | wc -w)" = "$1" ]
}

# 120 pods: 100 and 20; the rest stays where it is when some go.
test_many() {
	for i in $(seq 120); do
		echo "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p$i\",\"labels\":{\"app\":\"many\"}},\"spec\":{\"nodeName\":\"node-1\",\"tolerations\":[{\"operator\":\"Exists\"}],\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"
	done | k create -f - > /dev/null
	mkdir "$scratch/status"
	for i in $(seq 120); do
		echo "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p$i\"},\"status\":{\"phase\":\"Running\",\"podIP\":\"10.42.1.$i\",\"podIPs\":[{\"ip\":\"10.42.1.$i\"}],\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}"
	done > "$scratch/status/all.json"
	k apply -f "$scratch/status/all.json" --subresource=status --server-side > /dev/null
	service many "selector: {app: many}, ports: [{port: 80}]"
	await 5 counts_are "20 100"
	# The Endpoints follow the slices in calls of their own.
	await 5 sh -c "[ \"\$(timeout 9 $kubectl get endpoints many -o 'jsonpath={.subsets[*].addresses[*].ip}' | wc -w)\" = 120 ]"
	k delete pods p1 p2 p3 --force --grace-period=0 > /dev/null 2>&1
	await 5 endpoints_left 117
	equal 2 sh -c "timeout 9 $kubectl get endpointslices -l kubernetes.io/service-name=many -o name | wc -l"
	clear_pods many
}

test_written_by_hand_is_mirrored() {
	service out "ports: [{name: db, port: 5432}]"
	k create -f - <<- END
	apiVersion: v1
	kind: Endpoints
	metadata: {name: out, labels: {kind: legacy}}
	subsets: [{addresses: [{ip: 192.0.2.9}, {ip: "2001:db8::9"}], notReadyAddresses: [{ip: 192.0.2.10}], ports: [{name: db, port: 5432}]}]
	END
	await 5 slices_are "192.0.2.9 192.0.2.10" out '{.items[?(@.addressType=="IPv4")].endpoints[*].addresses[0]}'
	equal "2001:db8::9" slices out '{.items[?(@.addressType=="IPv6")].endpoints[*].addresses[0]}'
	equal "endpointslicemirroring-controller.k8s.io legacy Endpoints true false" slices out '{.items[?(@.addressType=="IPv4")].metadata.labels.endpointslice\.kubernetes\.io/managed-by} {.items[0].metadata.labels.kind} {.items[0].metadata.ownerReferences[0].kind} {.items[?(@.addressType=="IPv4")].endpoints[*].conditions.ready}'
	k patch endpoints out --type=merge -p '{"subsets":[{"addresses":[{"ip":"192.0.2.9"}],"ports":[{"name":"db","port":5432}]}]}' > /dev/null
	await 5 slices_are "192.0.2.9" out '{.items[*].endpoints[*].addresses[0]}'
	k label endpoints out endpointslice.kubernetes.io/skip-mirror=true > /dev/null
	await 5 slices_are "" out '{.items[*].metadata.name}'
	k label endpoints out endpointslice.kubernetes.io/skip-mirror- > /dev/null
	await 5 slices_are "192.0.2.9" out '{.items[*].endpoints[*].addresses[0]}'
	k delete service out
	await 5 slices_are "" out '{.items[*].metadata.name}'
	expect "not found" k get endpoints out
}

run_tests endpoints
