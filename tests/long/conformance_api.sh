#!/bin/bash
# conformance_api.sh - the entries of Kubernetes' conformance list about the API of workloads: garbage, namespaces,
# quotas, watches, accounts and the scheduler; docs/conformance.md is their table.  TEST=word: those with the word.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/long/lib_conformance.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/long/lib_conformance.sh
open_conformance

# with POLICY: a body of DeleteOptions.
with() {
	echo '{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"'"$1"'"}'
}

# --- garbage collector ---

owned='[.items[] | select(.metadata.ownerReferences != null)] | length'

test_garbage_rc_background() {
	space garbage-background
	post "$core/replicationcontrollers" "$(controller simpletest.rc '{"name":"simpletest"}' 2)" > /dev/null
	await 20 listed "$core/pods" 2
	del "$core/replicationcontrollers/simpletest.rc" "$(with Background)" > /dev/null
	await 10 is_missing "$core/replicationcontrollers/simpletest.rc"
	await 30 listed "$core/pods" 0
}

test_garbage_rc_orphan() {
	space garbage-orphan
	post "$core/replicationcontrollers" "$(controller simpletest.rc '{"name":"simpletest"}' 10)" > /dev/null
	until_holds 30 "$core/replicationcontrollers/simpletest.rc" '.status.replicas == 10'
	del "$core/replicationcontrollers/simpletest.rc" "$(with Orphan)" > /dev/null
	await 20 is_missing "$core/replicationcontrollers/simpletest.rc"
	sleep 3
	says "[(.items | length), ($owned), ([.items[] | select(.metadata.deletionTimestamp)] | length)]" "$(get "$core/pods")" '[10,0,0]'
}

# deployment_goes POLICY
deployment_goes() {
	post "$apps/deployments" "$(workload simpletest.deployment '{"name":"simpletest"}' 2)" > /dev/null
	await 20 listed "$apps/replicasets" 1
	await 20 listed "$core/pods" 2
	del "$apps/deployments/simpletest.deployment" "$(with "$1")" > /dev/null
	await 20 is_missing "$apps/deployments/simpletest.deployment"
}

test_garbage_deployment_background() {
	space garbage-deployment
	deployment_goes Background
	await 20 listed "$apps/replicasets" 0
	await 20 listed "$core/pods" 0
}

test_garbage_deployment_orphan() {
	space garbage-left
	deployment_goes Orphan
	sleep 2
	says "[(.items | length), ($owned)]" "$(get "$apps/replicasets")" '[1,0]'
	says "[(.items | length), ($owned)]" "$(get "$core/pods")" '[2,2]'
}

# The controller is there, on its way out, as long as one of its pods is.
test_garbage_rc_foreground() {
	space garbage-foreground
	post "$core/replicationcontrollers" "$(controller simpletest.rc '{"name":"simpletest"}' 10 | jq -c '.spec.template.metadata.finalizers = ["example.com/stay"]')" > /dev/null
	until_holds 30 "$core/replicationcontrollers/simpletest.rc" '.status.replicas == 10'
	del "$core/replicationcontrollers/simpletest.rc" "$(with Foreground)" > /dev/null
	until_holds 20 "$core/pods" 'all(.items[]; .metadata.deletionTimestamp)'
	says '[.metadata.finalizers, .metadata.deletionTimestamp != null]' "$(get "$core/replicationcontrollers/simpletest.rc")" '[["foregroundDeletion"],true]'
	for pod in $(get "$core/pods" | jq -r '.items[].metadata.name'); do
		patch "$core/pods/$pod" '{"metadata":{"finalizers":null}}' "$merge" > /dev/null
	done
	await 30 is_missing "$core/replicationcontrollers/simpletest.rc"
	listed "$core/pods" 0
}

test_garbage_two_owners() {
	space garbage-owners
	post "$core/replicationcontrollers" "$(controller to-be-deleted '{"name":"go"}' 10)" > /dev/null
	uid=$(post "$core/replicationcontrollers" "$(controller to-stay '{"name":"stay"}' 0)" | jq -r .metadata.uid)
	until_holds 30 "$core/replicationcontrollers/to-be-deleted" '.status.replicas == 10'
	for pod in $(get "$core/pods" | jq -r '.items[:5][].metadata.name'); do
		patch "$core/pods/$pod" '{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ReplicationController","name":"to-stay","uid":"'"$uid"'"}]}}' > /dev/null
		says '.metadata.ownerReferences | length' "$(get "$core/pods/$pod")" 2
	done
	del "$core/replicationcontrollers/to-be-deleted" "$(with Foreground)" > /dev/null
	await 30 is_missing "$core/replicationcontrollers/to-be-deleted"
	until_holds 20 "$core/pods" '(.items | length) == 5'
	says '[.items[] | [.metadata.deletionTimestamp, (.metadata.ownerReferences | map(.name))]] | unique' "$(get "$core/pods")" '[[null,["to-stay"]]]'
}

test_garbage_circle() {
	space garbage-circle
	for i in 1 2 3; do post "$core/pods" '{"metadata":{"name":"pod'$i'"},"spec":'"$(pod_spec)"'}' > /dev/null; done
	for pair in 1:3 2:1 3:2; do
		uid=$(get "$core/pods/pod${pair#*:}" | jq -r .metadata.uid)
		patch "$core/pods/pod${pair%:*}" '{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"pod'"${pair#*:}"'","uid":"'"$uid"'","controller":true,"blockOwnerDeletion":true}]}}' > /dev/null
	done
	del "$core/pods/pod1" "$(with Foreground)" > /dev/null
	await 30 listed "$core/pods" 0
}

# --- namespaces ---

test_namespace_finalizer() {
	space namespace-finalizer
	name=/api/v1/namespaces/$ns
	says .spec.finalizers "$(put "$name/finalize" "$(get "$name" | jq -c '.spec.finalizers += ["e2e.example.com/fakeFinalizer"]')")" '["kubernetes","e2e.example.com/fakeFinalizer"]'
	says .spec.finalizers "$(get "$name")" '["kubernetes","e2e.example.com/fakeFinalizer"]'
	says .spec.finalizers "$(put "$name/finalize" "$(get "$name" | jq -c '.spec.finalizers = ["kubernetes"]')")" '["kubernetes"]'
}

test_namespace_update_and_patch() {
	space namespace-update
	name=/api/v1/namespaces/$ns
	says ".metadata.labels.\"$ns\"" "$(change "$name" ".metadata.labels.\"$ns\" = \"updated\"")" updated
	says .metadata.labels.testLabel "$(patch "$name" '{"metadata":{"labels":{"testLabel":"testValue"}}}')" testValue
	says .metadata.labels.testLabel "$(get "$name")" testValue
}

test_namespace_status() {
	space namespace-status
	name=/api/v1/namespaces/$ns
	says '[.kind, .status.phase]' "$(get "$name/status")" '["Namespace","Active"]'
	says '[.metadata.annotations."e2e-patched", (.status.conditions[] | [.type, .reason, .message])]' "$(patch "$name/status" '{"metadata":{"annotations":{"e2e-patched":"yes"}},
		"status":{"conditions":[{"type":"StatusPatch","status":"True","reason":"E2E","message":"Patched by an e2e test","lastTransitionTime":null}]}}' "$merge")" \
		'["yes",["StatusPatch","E2E","Patched by an e2e test"]]'
	says '[.status.conditions[].type] | sort' "$(change "$name" '.status.conditions += [{type: "StatusUpdate", status: "True", reason: "E2E", message: "Updated by an e2e test"}]' status)" '["StatusPatch","StatusUpdate"]'
	says .status.phase "$(get "$name")" Active
}

test_namespace_deletion() {
	space namespace-deletion
	post "$core/pods" '{"metadata":{"name":"test-pod"},"spec":'"$(pod_spec)"'}' > /dev/null
	post "$core/services" '{"metadata":{"name":"test-service"},"spec":{"selector":{"a":"b"},"ports":[{"port":80,"targetPort":80}]}}' > /dev/null
	until_holds 20 "$core/pods/test-pod" '.status.phase == "Running"'
	del "/api/v1/namespaces/$ns" > /dev/null
	await 30 is_missing "/api/v1/namespaces/$ns"
	post /api/v1/namespaces '{"metadata":{"name":"'"$ns"'"}}' > /dev/null
	is_missing "$core/pods/test-pod" > /dev/null
	is_missing "$core/services/test-service" > /dev/null
}

# --- quotas ---

hard='{"pods":"5","services":"10","services.nodeports":"1","services.loadbalancers":"1","replicationcontrollers":"10","resourcequotas":"1",
	"cpu":"1","memory":"500Mi","configmaps":"10","secrets":"10","persistentvolumeclaims":"10","requests.storage":"10Gi","ephemeral-storage":"50Gi",
	"gold.storageclass.storage.k8s.io/persistentvolumeclaims":"10","gold.storageclass.storage.k8s.io/requests.storage":"10Gi",
	"count/replicasets.apps":"5","requests.example.com/dongle":"3"}'

# quota [HARD]: test-quota, waited for.
quota() {
	post "$core/resourcequotas" '{"metadata":{"name":"test-quota"},"spec":{"hard":'"${1:-$hard}"'}}' > /dev/null
	uses '{"resourcequotas":"1"}'
}

# uses USED [QUOTA]: the quota's status has these, among others, and its hard ones are those of its spec.
uses() {
	until_holds 20 "$core/resourcequotas/${2:-test-quota}" '.status.hard == .spec.hard and (.status.used as $used | '"$1"' | to_entries | all(.[]; $used[.key] == .value))'
}

test_quota_promptly() {
	space quota-promptly
	quota
	says '.status.used | to_entries | map(select(.value != "0")) | map(.key) | sort' "$(get "$core/resourcequotas/test-quota")" '["configmaps","resourcequotas"]'
}

test_quota_service() {
	space quota-service
	quota
	for type in ClusterIP NodePort; do
		post "$core/services" '{"metadata":{"name":"test-'"${type,,}"'"},"spec":{"type":"'$type'","ports":[{"port":80,"targetPort":80}]}}' > /dev/null
	done
	refused 403 POST "$core/services" '{"metadata":{"name":"test-lb"},"spec":{"type":"LoadBalancer","ports":[{"port":80,"targetPort":80}]}}' > /dev/null
	uses '{"services":"2","services.nodeports":"1","services.loadbalancers":"0"}'
	del "$core/services/test-clusterip" > /dev/null
	del "$core/services/test-nodeport" > /dev/null
	uses '{"services":"0","services.nodeports":"0"}'
}

test_quota_secret_and_config_map() {
	space quota-objects
	secrets=$(get "$core/secrets" | jq '.items | length')
	maps=$(get "$core/configmaps" | jq '.items | length')
	quota "$(jq -c ".secrets = \"$((secrets + 1))\" | .configmaps = \"$((maps + 1))\"" <<< "$hard")"
	uses '{"secrets":"'"$secrets"'","configmaps":"'"$maps"'"}'
	post "$core/secrets" '{"metadata":{"name":"test"},"data":{"data-1":"dmFsdWUtMQo="}}' > /dev/null
	post "$core/configmaps" '{"metadata":{"name":"test"},"data":{"a":"b"}}' > /dev/null
	uses '{"secrets":"'"$((secrets + 1))"'","configmaps":"'"$((maps + 1))"'"}'
	refused 403 POST "$core/secrets" '{"metadata":{"name":"more"}}' > /dev/null
	del "$core/secrets/test" > /dev/null
	del "$core/configmaps/test" > /dev/null
	uses '{"secrets":"'"$secrets"'","configmaps":"'"$maps"'"}'
}

# needs NAME RESOURCES [FURTHER]
needs() {
	echo '{"metadata":{"name":"'"$1"'"},"spec":'"$(pod_spec '' "${3:-}" | jq -c ".containers[0].resources = $2")"'}'
}

test_quota_pod() {
	space quota-pod
	quota
	post "$core/pods" "$(needs test-pod '{requests: {cpu: "500m", memory: "252Mi", "ephemeral-storage": "30Gi", "example.com/dongle": "2"}, limits: {"example.com/dongle": "2"}}')" > /dev/null
	used='{"pods":"1","cpu":"500m","memory":"252Mi","ephemeral-storage":"30Gi","requests.example.com/dongle":"2"}'
	uses "$used"
	refused 403 POST "$core/pods" "$(needs fail-pod '{requests: {cpu: "600m", memory: "100Mi"}}')" > /dev/null
	refused 403 POST "$core/pods" "$(needs fail-dongle '{requests: {cpu: "500m", memory: "100Mi", "ephemeral-storage": "30Gi", "example.com/dongle": "2"}, limits: {"example.com/dongle": "2"}}')" > /dev/null
	refused 422 PUT "$core/pods/test-pod" "$(get "$core/pods/test-pod" | jq -c '.spec.containers[0].resources.requests = {cpu: "100m", memory: "100Mi", "ephemeral-storage": "10Gi"}')" > /dev/null
	uses "$used"
	del "$core/pods/test-pod" '{"gracePeriodSeconds":0}' > /dev/null
	uses '{"pods":"0","cpu":"0","memory":"0","ephemeral-storage":"0","requests.example.com/dongle":"0"}'
}

test_quota_controllers() {
	space quota-controllers
	quota
	post "$core/replicationcontrollers" "$(controller test-rc '{"name":"test-rc"}' 0)" > /dev/null
	post "$apps/replicasets" "$(workload test-rs '{"name":"test-rs"}' 0)" > /dev/null
	uses '{"replicationcontrollers":"1","count/replicasets.apps":"1"}'
	del "$core/replicationcontrollers/test-rc" "$(with Background)" > /dev/null
	del "$apps/replicasets/test-rs" > /dev/null
	uses '{"replicationcontrollers":"0","count/replicasets.apps":"0"}'
}

# scoped NAME SCOPE HARD
scoped() {
	post "$core/resourcequotas" '{"metadata":{"name":"'"$1"'"},"spec":{"scopes":["'"$2"'"],"hard":'"$3"'}}' > /dev/null
	uses '{"pods":"0"}' "$1"
}

# counts POD-BODY QUOTA USED OTHER: the pod counts in one quota, not in the other, and no more when it has gone.
counts() {
	name=$(post "$core/pods" "$1" | jq -r .metadata.name)
	uses "$3" "$2"
	uses '{"pods":"0"}' "$4"
	del "$core/pods/$name" '{"gracePeriodSeconds":0}' > /dev/null
	uses '{"pods":"0"}' "$2"
}

test_quota_terminating() {
	space quota-terminating
	four='{"pods":"5","requests.cpu":"1","requests.memory":"500Mi","limits.cpu":"2","limits.memory":"1Gi"}'
	scoped quota-terminating Terminating "$four"
	scoped quota-not-terminating NotTerminating "$four"
	res='{requests: {cpu: "500m", memory: "200Mi"}, limits: {cpu: "1", memory: "400Mi"}}'
	used='{"pods":"1","requests.cpu":"500m","requests.memory":"200Mi","limits.cpu":"1","limits.memory":"400Mi"}'
	counts "$(needs test-pod "$res")" quota-not-terminating "$used" quota-terminating
	counts "$(needs terminating-pod "$res" '"activeDeadlineSeconds":3600,')" quota-terminating "$used" quota-not-terminating
}

test_quota_best_effort() {
	space quota-best-effort
	scoped quota-besteffort BestEffort '{"pods":"5"}'
	scoped quota-not-besteffort NotBestEffort '{"pods":"5"}'
	counts "$(needs besteffort-pod '{}')" quota-besteffort '{"pods":"1"}' quota-not-besteffort
	counts "$(needs burstable-pod '{requests: {cpu: "500m", memory: "200Mi"}, limits: {cpu: "1", memory: "400Mi"}}')" quota-not-besteffort '{"pods":"1"}' quota-besteffort
}

test_quota_update_and_delete() {
	space quota-update
	post "$core/resourcequotas" '{"metadata":{"name":"q"},"spec":{"hard":{"cpu":"1","memory":"500Mi"}}}' > /dev/null
	says .spec.hard "$(change "$core/resourcequotas/q" '.spec.hard = {cpu: "2", memory: "1Gi"}')" '{"cpu":"2","memory":"1Gi"}'
	uses '{"cpu":"0","memory":"0"}' q
	del "$core/resourcequotas/q" > /dev/null
	is_missing "$core/resourcequotas/q" > /dev/null
}

test_quota_lifecycle() {
	space quota-lifecycle
	post "$core/resourcequotas" '{"metadata":{"name":"q","labels":{"e2e-rq-label":"q"}},"spec":{"hard":{"cpu":"1","memory":"500Mi"}}}' > /dev/null
	listed "/api/v1/resourcequotas?labelSelector=e2e-rq-label=q" 1
	says '[.metadata.labels.q, .spec.hard.memory]' "$(patch "$core/resourcequotas/q" '{"metadata":{"labels":{"q":"patched"}},"spec":{"hard":{"memory":"750Mi"}}}')" '["patched","750Mi"]'
	del "$core/resourcequotas?labelSelector=q=patched" "$(with Background)" > /dev/null
	listed "/api/v1/resourcequotas?labelSelector=e2e-rq-label=q" 0
}

# What somebody writes into the status is there, until it is counted again; a patch of it changes no spec.
test_quota_status() {
	space quota-status
	post "$core/resourcequotas" '{"metadata":{"name":"q","labels":{"e2e-rq-label":"q"}},"spec":{"hard":{"cpu":"500m","memory":"500Mi"}}}' > /dev/null
	uses '{"cpu":"0"}' q
	observe "$scratch/q" "$core/resourcequotas?watch=1&labelSelector=e2e-rq-label%3Dq"
	says .status.hard "$(change "$core/resourcequotas/q" '.status.hard = {cpu: "600m", memory: "600Mi"}' status)" '{"cpu":"600m","memory":"600Mi"}'
	until_saw 20 "$scratch/q" '.object.status.hard.cpu == "600m"'
	uses '{"cpu":"0"}' q
	says .spec.hard "$(patch "$core/resourcequotas/q" '{"spec":{"hard":{"cpu":"1","memory":"1Gi"}}}')" '{"cpu":"1","memory":"1Gi"}'
	uses '{"cpu":"0"}' q
	says .status.hard "$(get "$core/resourcequotas/q/status")" '{"cpu":"1","memory":"1Gi"}'
	says '[.spec.hard.cpu, .status.hard.cpu]' "$(patch "$core/resourcequotas/q/status" '{"metadata":{"labels":{"e2e-rq-label":"q"}},"spec":{"hard":{"cpu":"2","memory":"2Gi"}},"status":{"hard":{"cpu":"2","memory":"2Gi"}}}')" '["1","2"]'
	uses '{"cpu":"0"}' q
}

# --- lists in chunks, watches, tables ---

test_list_in_chunks() {
	space chunks
	for i in $(seq 0 41); do
		echo '{"apiVersion":"v1","kind":"PodTemplate","metadata":{"name":"template-'"$(printf %04d "$i")"'","namespace":"'"$ns"'"},"template":{"metadata":{},"spec":'"$(pod_spec)"'}}'
	done | k create -f - > /dev/null
	token='' seen=0 first=''
	while :; do
		page=$(get "$core/podtemplates?limit=17&continue=$token")
		have=$(jq '.items | length' <<< "$page")
		[ "$have" -le 17 ]
		seen=$((seen + have)) token=$(jq -r '.metadata.continue // ""' <<< "$page")
		[ -n "$first" ] || first=$(jq -r .metadata.resourceVersion <<< "$page")
		says .metadata.resourceVersion "$page" "$first"
		if [ -z "$token" ]; then says .metadata.remainingItemCount "$page" null; break; fi
		says .metadata.remainingItemCount "$page" $((42 - seen))
	done
	[ "$seen" = 42 ]
	says '[.metadata.continue, (.items | length)]' "$(get "$core/podtemplates?limit=400")" '[null,42]'
}

test_table_not_acceptable() {
	as_admin -o "$scratch/answer" -w '%{http_code}' -H 'Accept: application/json;as=Table;v=v1;g=meta.k8s.io' -H 'Content-Type: application/json' \
		-d '{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","spec":{"resourceAttributes":{"namespace":"default","resource":"pods","verb":"get"}}}' \
		"$url/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" > "$scratch/code"
	equal 406 cat "$scratch/code"
}

test_server_version() {
	says '[.major, .minor] | map(test("^[0-9]+$"))' "$(get /version)" '[true,true]'
}

# config_map NAME LABEL VALUE
config_map() {
	echo '{"metadata":{"name":"'"$1"'","labels":{"watch-this-configmap":"'"$2"'"}},"data":{"mutation":"'"$3"'"}}'
}

# types FILE: the events that came, as "TYPE name value".
types() { jq -r '.type + " " + .object.metadata.name + " " + (.object.data.mutation // "")' "$1"; }
watch_of() { observe "$scratch/$1" "$core/configmaps?watch=1&labelSelector=$(jq -rn --arg s "$2" '$s | @uri')${3:-}"; }
until_types() { await 10 equal "$2" types "$scratch/$1"; equal "$2" types "$scratch/$1"; }

test_watch_several() {
	space watch-several
	watch_of a 'watch-this-configmap=A'
	watch_of b 'watch-this-configmap=B'
	watch_of ab 'watch-this-configmap in (A,B)'
	post "$core/configmaps" "$(config_map cm-a A 0)" > /dev/null
	change "$core/configmaps/cm-a" '.data.mutation = "1"' > /dev/null
	change "$core/configmaps/cm-a" '.data.mutation = "2"' > /dev/null
	del "$core/configmaps/cm-a" > /dev/null
	post "$core/configmaps" "$(config_map cm-b B 0)" > /dev/null
	del "$core/configmaps/cm-b" > /dev/null
	a=$'ADDED cm-a 0\nMODIFIED cm-a 1\nMODIFIED cm-a 2\nDELETED cm-a 2' b=$'ADDED cm-b 0\nDELETED cm-b 0'
	until_types a "$a"
	until_types b "$b"
	until_types ab "$a"$'\n'"$b"
}

test_watch_from_revision() {
	space watch-revision
	post "$core/configmaps" "$(config_map cm from-version 0)" > /dev/null
	first=$(change "$core/configmaps/cm" '.data.mutation = "1"' | jq -r .metadata.resourceVersion)
	change "$core/configmaps/cm" '.data.mutation = "2"' > /dev/null
	del "$core/configmaps/cm" > /dev/null
	watch_of cm watch-this-configmap=from-version "&resourceVersion=$first"
	until_types cm $'MODIFIED cm 2\nDELETED cm 2'
}

test_watch_closed_and_restarted() {
	space watch-restarted
	watch_of one watch-this-configmap=closed
	post "$core/configmaps" "$(config_map cm closed 0)" > /dev/null
	change "$core/configmaps/cm" '.data.mutation = "1"' > /dev/null
	until_types one $'ADDED cm 0\nMODIFIED cm 1'
	end_processes
	last=$(jq -r .object.metadata.resourceVersion "$scratch/one" | tail -n 1)
	change "$core/configmaps/cm" '.data.mutation = "2"' > /dev/null
	del "$core/configmaps/cm" > /dev/null
	watch_of two watch-this-configmap=closed "&resourceVersion=$last"
	until_types two $'MODIFIED cm 2\nDELETED cm 2'
}

test_watch_label_changed() {
	space watch-label
	watch_of cm watch-this-configmap=label-changed
	post "$core/configmaps" "$(config_map cm label-changed 0)" > /dev/null
	change "$core/configmaps/cm" '.data.mutation = "1"' > /dev/null
	change "$core/configmaps/cm" '.metadata.labels."watch-this-configmap" = "wrong"' > /dev/null
	change "$core/configmaps/cm" '.data.mutation = "2"' > /dev/null
	change "$core/configmaps/cm" '.metadata.labels."watch-this-configmap" = "label-changed"' > /dev/null
	change "$core/configmaps/cm" '.data.mutation = "3"' > /dev/null
	del "$core/configmaps/cm" > /dev/null
	until_types cm $'ADDED cm 0\nMODIFIED cm 1\nDELETED cm 1\nADDED cm 2\nMODIFIED cm 3\nDELETED cm 3'
}

# From each event of a first watch another one is begun: all see the same revisions in the same order.
test_watch_same_order() {
	space watch-order
	observe "$scratch/first" "$core/configmaps?watch=1&labelSelector=order%3Dyes&resourceVersion=$(get "$core/configmaps" | jq -r .metadata.resourceVersion)"
	for i in $(seq 1 8); do
		post "$core/configmaps" '{"metadata":{"name":"cm-'"$i"'","labels":{"order":"yes"}}}' > /dev/null
		[ $((i % 2)) = 0 ] || patch "$core/configmaps/cm-$i" '{"data":{"a":"b"}}' > /dev/null
		[ $((i % 3)) != 0 ] || del "$core/configmaps/cm-$i" > /dev/null
		observe "$scratch/next-$i" "$core/configmaps?watch=1&labelSelector=order%3Dyes&resourceVersion=$(jq -r .object.metadata.resourceVersion "$scratch/first" | sed -n 1p)"
	done
	until_saw 10 "$scratch/first" '.object.metadata.name == "cm-8"'
	jq -c '[.type, .object.metadata.name, .object.metadata.resourceVersion]' "$scratch/first" | sed 1d > "$scratch/wanted"
	[ "$(wc -l < "$scratch/wanted")" = 13 ]
	for i in $(seq 1 8); do
		await 10 equal "$(cat "$scratch/wanted")" jq -c '[.type, .object.metadata.name, .object.metadata.resourceVersion]' "$scratch/next-$i"
	done
}

run_tests conformance_api
