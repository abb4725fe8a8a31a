#!/bin/bash
# core_kinds.sh - kinds of the core group that no node is needed for, as the real kubectl sees them: one server.
#
# Goal: claims, quotas, limits, endpoints and templates are kept with the defaults of the real server and shown as it
# shows them; fields of a service go with the type they were for; a long refusal is told whole.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

mkdir "$scratch/a"
start_server "$scratch/a" "$(free_port)" || { cat "$scratch/a/log"; exit 1; }

test_component_statuses() {
	equal "controller-manager etcd-0 scheduler" k get cs -o 'jsonpath={.items[*].metadata.name}'
	expect "Healthy" k get cs etcd-0
	expect "does not allow this method" k delete cs etcd-0
}

test_claims() {
	expect "persistentvolumeclaim/c created" k create -f - <<-YAML
	apiVersion: v1
	kind: PersistentVolumeClaim
	metadata: {name: c}
	spec: {storageClassName: none, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
	YAML
	equal "Pending Filesystem" k get pvc c -o 'jsonpath={.status.phase} {.spec.volumeMode}'
	expect "VOLUMEATTRIBUTESCLASS" k get pvc
	expect "Only bound persistent volume claims can be expanded" k patch pvc c -p '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}'
	expect "spec is immutable after creation except resources.requests" k patch pvc c -p '{"spec":{"volumeMode":"Block"}}'
	k patch pvc c --subresource=status --type=merge -p '{"status":{"phase":"Bound","capacity":{"storage":"1Gi"}}}'
	expect "only dynamically provisioned pvc can be resized" k patch pvc c -p '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}'
	expect 'persistentvolumeclaim "c" deleted' k delete pvc c
}

test_volumes() {
	expect "persistentvolume/v created" k create -f - <<-YAML
	apiVersion: v1
	kind: PersistentVolume
	metadata: {name: v}
	spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /x}}
	YAML
	await 5 expect "Available" k get pv v
	equal "Retain Filesystem" k get pv v -o 'jsonpath={.spec.persistentVolumeReclaimPolicy} {.spec.volumeMode}'
	expect "T" k get pv v -o 'jsonpath={.status.lastPhaseTransitionTime}'
	expect "spec.persistentvolumesource is immutable after creation" k patch pv v -p '{"spec":{"hostPath":{"path":"/y"}}}'
	expect "RWO" k get pv v
	expect "deleted" k delete pv v
}

test_quotas_and_limits() {
	expect "resourcequota/q created" k create quota q --hard=pods=5,limits.cpu=2
	expect "must be a standard resource for quota" k create quota r --hard=disk=5
	expect "limitrange/l created" k create -f - <<-YAML
	apiVersion: v1
	kind: LimitRange
	metadata: {name: l}
	spec: {limits: [{type: Container, max: {cpu: 2}, min: {cpu: 100m}}]}
	YAML
	equal '{"cpu":"2"} {"cpu":"2"}' k get limits l -o 'jsonpath={.spec.limits[0].default} {.spec.limits[0].defaultRequest}'
	expect "Resource Quotas" k describe ns default
	expect "CREATED AT" k get limits l
	k delete quota/q limits/l
}

test_controllers_and_templates() {
	k create -f - <<-YAML
	apiVersion: v1
	kind: ReplicationController
	metadata: {name: r}
	spec: {template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}
	---
	apiVersion: v1
	kind: PodTemplate
	metadata: {name: t}
	template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}
	YAML
	equal '{"a":"b"} {"a":"b"} 1 1' k get rc r -o 'jsonpath={.spec.selector} {.metadata.labels} {.spec.replicas} {.metadata.generation}'
	expect "scaled" k scale rc r --replicas=3
	equal 3 k get rc r -o 'jsonpath={.spec.replicas}'
	expect "DESIRED" k get rc
	expect "POD LABELS" k get podtemplates
	await 10 sh -c "[ \"\$(timeout 9 $kubectl get rc --field-selector=status.replicas=3 -o name)\" = replicationcontroller/r ]"
	k delete rc/r podtemplate/t
}

test_endpoints() {
	k create -f - <<-YAML
	apiVersion: v1
	kind: Endpoints
	metadata: {name: e}
	subsets: [{addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.2}], ports: [{port: 80, name: a}, {port: 81, name: b}]}]
	YAML
	equal 81 k get ep e -o 'jsonpath={.subsets[0].ports[1].port}'
	expect "10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more..." k get ep e
	expect "subsets[0].ports[0].name: Required value" k create -f - <<-YAML
	apiVersion: v1
	kind: Endpoints
	metadata: {name: f}
	subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 80}, {port: 81}]}]
	YAML
}

# The address and the ports of a service come and go with its type.
test_service_types() {
	k create service loadbalancer s --tcp=80
	k patch svc s -p '{"spec":{"externalTrafficPolicy":"Local"}}'
	port=$(k get svc s -o 'jsonpath={.spec.healthCheckNodePort}')
	[ "$port" -ge 30000 ] && [ "$port" -le 32767 ]
	equal true k get svc s -o 'jsonpath={.spec.allocateLoadBalancerNodePorts}'
	expect "<pending>" k get svc s
	k patch svc s -p '{"spec":{"type":"ClusterIP"}}'
	equal " " k get svc s -o 'jsonpath={.spec.ports[0].nodePort} {.spec.externalTrafficPolicy}{.spec.healthCheckNodePort}{.spec.allocateLoadBalancerNodePorts}'
	k patch svc s -p '{"spec":{"type":"NodePort"}}'
	equal Cluster k get svc s -o 'jsonpath={.spec.externalTrafficPolicy}'
	k patch svc s -p '{"spec":{"type":"ExternalName","externalName":"a.b"}}'
	equal "ExternalName" k get svc s -o 'jsonpath={.spec.type}{.spec.clusterIP}{.spec.clusterIPs}{.spec.ipFamilies}{.spec.ports[0].nodePort}'
	expect "not configured on this cluster" k create -f - \
		<<< '{"apiVersion":"v1","kind":"Service","metadata":{"name":"x"},"spec":{"ipFamilies":["IPv6"],"ports":[{"port":1}]}}'
	equal "RequireDualStack [\"IPv4\",\"IPv6\"]" k create -f - -o 'jsonpath={.spec.ipFamilyPolicy} {.spec.ipFamilies}' \
		<<< '{"apiVersion":"v1","kind":"Service","metadata":{"name":"h"},"spec":{"clusterIP":"None"}}'
	expect "spec.SessionAffinity is ignored for headless services" k create -f - \
		<<< '{"apiVersion":"v1","kind":"Service","metadata":{"name":"y"},"spec":{"clusterIP":"None","sessionAffinity":"ClientIP","ports":[{"port":1}]}}'
	k delete svc s h y
}

# Each error of many is told, up to the last one.
test_long_refusals() {
	containers=""
	for i in $(seq 20); do containers="$containers{\"name\":\"C$i\",\"image\":\"i\"},"; done
	expect 'spec.containers[19].name: Invalid value: "C20": a lowercase RFC 1123 label must consist' \
		k create -f - \
		<<< "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[${containers%,}]}}"
}

run_tests core_kinds
