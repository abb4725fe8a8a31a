#!/bin/bash
# conformance_apps.sh - the entries of Kubernetes' conformance list about controllers; docs/conformance.md is their table.
#
# TEST=word: those with the word in their names.  It takes some minutes: jobs of a CronJob come once a minute.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/long/lib_conformance.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/long/lib_conformance.sh
open_conformance

# --- ReplicationController ---

test_rc_serves() {
	space rc-serves
	post "$core/replicationcontrollers" "$(controller basic '{"name":"basic"}' 1 "$serve")" > /dev/null
	until_running name=basic 1
	pod=$(get "$core/pods?labelSelector=name=basic" | jq -r '.items[0].metadata.name')
	await 10 equal "$pod" get "$core/pods/$pod:9376/proxy/"
}

quota_of_two() {
	post "$core/resourcequotas" '{"metadata":{"name":"condition-test"},"spec":{"hard":{"pods":"2"}}}' > /dev/null
	until_holds 10 "$core/resourcequotas/condition-test" '.status.hard.pods == "2"'
}

# exceeds PATH: of three pods two may be, so it has a condition; with two it has none.
exceeds() {
	until_holds 30 "$1" '.status.observedGeneration == .metadata.generation and
		any(.status.conditions[]?; .type == "ReplicaFailure" and .status == "True" and .reason == "FailedCreate"
		and (.message | test("exceeded quota: condition-test, requested: pods=1, used: pods=2, limited: pods=2")))'
	change "$1" '.spec.replicas = 2' > /dev/null
	until_holds 30 "$1" '.status.observedGeneration == .metadata.generation and
		all(.status.conditions[]?; .type != "ReplicaFailure")'
}

test_rc_exceeds_quota() {
	space rc-quota
	quota_of_two
	post "$core/replicationcontrollers" "$(controller condition-test '{"name":"condition-test"}' 3)" > /dev/null
	exceeds "$core/replicationcontrollers/condition-test"
}

# adopts PATH: an ownerless pod gets the owner.
adopts() {
	post "$core/pods" '{"metadata":{"name":"lone","labels":{"name":"adopt"}},"spec":'"$(pod_spec)"'}' > /dev/null
	until_holds 30 "$core/pods/lone" '.status.phase == "Running"'
	uid=$(post "$1" "$2" | jq -r .metadata.uid)
	until_holds 30 "$core/pods/lone" 'any(.metadata.ownerReferences[]?; .controller and .uid == "'"$uid"'")'
}

# releases UID: a pod whose labels fit no more loses the owner.
releases() {
	pod=$(get "$core/pods?labelSelector=name=adopt" | jq -r '.items[0].metadata.name')
	change "$core/pods/$pod" '.metadata.labels = {name: "not-matching-name"}' > /dev/null
	until_holds 30 "$core/pods/$pod" 'all(.metadata.ownerReferences[]?; .uid != "'"$1"'")'
}

test_rc_adopts() {
	space rc-adopts
	adopts "$core/replicationcontrollers" "$(controller adopt '{"name":"adopt"}' 1)"
	listed "$core/pods" 1
}

test_rc_releases() {
	space rc-releases
	uid=$(post "$core/replicationcontrollers" "$(controller adopt '{"name":"adopt"}' 1)" | jq -r .metadata.uid)
	await 30 listed "$core/pods?labelSelector=name=adopt" 1
	releases "$uid"
	await 30 listed "$core/pods?labelSelector=name=adopt" 1
}

test_rc_lifecycle() {
	space rc-lifecycle
	rc=$core/replicationcontrollers/rc-test
	observe "$scratch/rc" "$core/replicationcontrollers?watch=1&labelSelector=test-rc-static%3Dtrue"
	post "$core/replicationcontrollers" "$(controller rc-test '{"test-rc-static":"true"}' 1)" > /dev/null
	until_saw 10 "$scratch/rc" '.type == "ADDED"'
	until_saw 30 "$scratch/rc" '.object.status | .replicas == 1 and .readyReplicas == 1'
	says .metadata.labels.'"test-rc"' "$(patch "$rc" '{"metadata":{"creationTimestamp":null,"labels":{"test-rc":"patched"}},"spec":{},"status":{"replicas":0}}')" patched
	until_saw 10 "$scratch/rc" '.type == "MODIFIED" and .object.metadata.labels."test-rc" == "patched"'
	says '.status.readyReplicas // 0' "$(patch "$rc/status" '{"status":{"readyReplicas":0,"availableReplicas":0}}')" 0
	until_saw 10 "$scratch/rc" '.type == "MODIFIED" and .object.metadata.labels."test-rc" == "patched" and (.object.status.readyReplicas // 0) == 0'
	says .status.replicas "$(get "$rc/status")" 1
	says .spec.replicas "$(patch "$rc/scale" '{"metadata":{"creationTimestamp":null},"spec":{"replicas":2},"status":{"replicas":0}}')" 2
	until_saw 30 "$scratch/rc" '.object.status | .replicas == 2 and .readyReplicas == 2'
	says .metadata.labels.'"test-rc"' "$(get "$rc")" patched
	says '.status | [.availableReplicas, .readyReplicas]' "$(change "$rc" '.status += {availableReplicas: 1, readyReplicas: 1}' status)" '[1,1]'
	until_saw 10 "$scratch/rc" '.object.status | .replicas == 2 and .readyReplicas == 1 and .availableReplicas == 1'
	says '.items | length' "$(get "/api/v1/replicationcontrollers?labelSelector=test-rc-static=true")" 1
	del "$core/replicationcontrollers?labelSelector=test-rc-static=true" '{"kind":"DeleteOptions","apiVersion":"v1"}' > /dev/null
	until_saw 10 "$scratch/rc" '.type == "DELETED"'
}

# scales PATH SELECTOR: through the subresource, without a revision.
scales() {
	until_holds 30 "$1" '.status.replicas == 1'
	scale=$(get "$1/scale")
	says '[.kind, .apiVersion, .spec.replicas, .status.replicas, .status.selector]' "$scale" '["Scale","autoscaling/v1",1,1,"'"$2"'"]'
	says .spec.replicas "$(put "$1/scale" "$(jq -c 'del(.metadata.resourceVersion) | .spec.replicas = 2' <<< "$scale")")" 2
	says .spec.replicas "$(get "$1")" 2
	patch "$1/scale" '{"metadata":{"creationTimestamp":null},"spec":{"replicas":4},"status":{"replicas":0}}' > /dev/null
	says .spec.replicas "$(get "$1")" 4
	until_holds 30 "$1" '.status.replicas == 4'
}

test_rc_scale() {
	space rc-scale
	post "$core/replicationcontrollers" "$(controller e2e-rc '{"name":"e2e-rc"}' 1)" > /dev/null
	scales "$core/replicationcontrollers/e2e-rc" name=e2e-rc
}

# --- ReplicaSet ---

test_rs_serves() {
	space rs-serves
	post "$apps/replicasets" "$(workload basic '{"name":"basic"}' 1 "$serve")" > /dev/null
	until_running name=basic 1
	pod=$(get "$core/pods?labelSelector=name=basic" | jq -r '.items[0].metadata.name')
	await 10 equal "$pod" get "$core/pods/$pod:9376/proxy/"
}

test_rs_exceeds_quota() {
	space rs-quota
	quota_of_two
	post "$apps/replicasets" "$(workload condition-test '{"name":"condition-test"}' 3)" > /dev/null
	exceeds "$apps/replicasets/condition-test"
}

test_rs_adopts_and_releases() {
	space rs-adopts
	adopts "$apps/replicasets" "$(workload adopt '{"name":"adopt"}' 1)"
	releases "$uid"
}

test_rs_scale() {
	space rs-scale
	post "$apps/replicasets" "$(workload test-rs '{"name":"sample-pod","pod":"httpd"}' 1)" > /dev/null
	scales "$apps/replicasets/test-rs" name=sample-pod,pod=httpd
}

# The patch names a container that is not there: it comes first, before the one that was there.
test_rs_replaced_and_patched() {
	space rs-lifecycle
	first=$(get "/apis/apps/v1/replicasets?labelSelector=test-rs=patched" | jq -r .metadata.resourceVersion)
	post "$apps/replicasets" "$(workload test-rs '{"name":"sample-pod"}' 1)" > /dev/null
	until_running name=sample-pod 1
	change "$apps/replicasets/test-rs" '.spec.replicas = 2' > /dev/null
	patch "$apps/replicasets/test-rs" '{"metadata":{"labels":{"test-rs":"patched"}},"spec":{"replicas":3,"template":{"spec":
		{"terminationGracePeriodSeconds":0,"containers":[{"name":"test-rs","image":"web:2","command":["sleep","3600"]}]}}}}' > /dev/null
	says '[.spec.template.spec.containers[].name]' "$(get "$apps/replicasets/test-rs")" '["test-rs","a"]'
	observe "$scratch/rs" "$apps/replicasets?watch=1&labelSelector=test-rs%3Dpatched&resourceVersion=$first"
	until_saw 60 "$scratch/rs" '.object | .metadata.labels."test-rs" == "patched" and .status.readyReplicas == 3 and
		.status.availableReplicas == 3 and .spec.template.spec.containers[0].image == "web:2" and
		.spec.template.spec.terminationGracePeriodSeconds == 0'
}

# goes_as_collection PATH ALL SELECTOR: one is there; after the call it is not, at once.
goes_as_collection() {
	listed "$2?labelSelector=$3" 1
	del "$1?labelSelector=$3" '{"kind":"DeleteOptions","apiVersion":"apps/v1","gracePeriodSeconds":1}' > /dev/null
	listed "$2?labelSelector=$3" 0
}

test_rs_collection() {
	space rs-collection
	post "$apps/replicasets" "$(workload test-rs '{"name":"sample-pod","e2e":"x1"}' 3)" > /dev/null
	until_running name=sample-pod 3
	goes_as_collection "$apps/replicasets" /apis/apps/v1/replicasets e2e=x1
}

# status_endpoints COLLECTION NAME: conditions by update and by patch, both seen by a watch from before.
status_endpoints() {
	first=$(get "$1" | jq -r .metadata.resourceVersion)
	says '.metadata.name + .kind' "$(get "$1/$2/status")" "$2$3"
	says '[.status.conditions[]? | select(.type == "StatusUpdate") | .message]' "$(change "$1/$2" \
		'.status.conditions += [{type: "StatusUpdate", status: "True", reason: "E2E", message: "Set from e2e test"}]' status)" '["Set from e2e test"]'
	observe "$scratch/status" "$1?watch=1&resourceVersion=$first"
	until_saw 20 "$scratch/status" 'any(.object.status.conditions[]?; .type == "StatusUpdate" and .reason == "E2E")'
	says '[.status.conditions[].type]' "$(patch "$1/$2/status" '{"status":{"conditions":[{"type":"StatusPatched","status":"True"}]}}' "$merge")" '["StatusPatched"]'
	until_saw 20 "$scratch/status" 'any(.object.status.conditions[]?; .type == "StatusPatched")'
}

test_rs_status() {
	space rs-status
	post "$apps/replicasets" "$(workload test-rs '{"name":"sample-pod"}' 1)" > /dev/null
	until_running name=sample-pod 1
	status_endpoints "$apps/replicasets" test-rs ReplicaSet
}

# --- Deployment ---

deployment_done() {
	until_holds 60 "$apps/deployments/$1" '.status.observedGeneration >= .metadata.generation and .status.updatedReplicas == .spec.replicas
		and .status.replicas == .spec.replicas and .status.availableReplicas == .spec.replicas'
}

# image_of NAME IMAGE
set_image() {
	patch "$apps/deployments/$1" '{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"'"$2"'"}]}}}}' > /dev/null
}

test_deployment_scale() {
	space deployment-scale
	post "$apps/deployments" "$(workload test-new-deployment '{"name":"sample-pod"}' 1)" > /dev/null
	deployment_done test-new-deployment
	scales "$apps/deployments/test-new-deployment" name=sample-pod
}

# No moment with pods of both templates: none of the new one is there before the last of the old one has gone.
test_deployment_recreate() {
	space deployment-recreate
	post "$apps/deployments" "$(workload test-recreate '{"name":"sample-pod"}' 1 '' '"strategy":{"type":"Recreate"},')" > /dev/null
	deployment_done test-recreate
	says '.metadata.annotations."deployment.kubernetes.io/revision"' "$(get "$apps/deployments/test-recreate")" 1
	first=$(get "$core/pods" | jq -r .metadata.resourceVersion)
	patch "$apps/deployments/test-recreate" '{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"web:2"}]}}}}' > /dev/null
	deployment_done test-recreate
	says '.metadata.annotations."deployment.kubernetes.io/revision"' "$(get "$apps/deployments/test-recreate")" 2
	observe "$scratch/pods" "$core/pods?watch=1&resourceVersion=$first&timeoutSeconds=2"
	await 10 saw "$scratch/pods" '.object.spec.containers[0].image == "web:2" and .object.status.phase == "Running"'
	says '[.[] | select(.type == "DELETED" or .type == "ADDED") | .type + " " + .object.spec.containers[0].image]' \
		"$(jq -cs . "$scratch/pods")" '["DELETED web:1","ADDED web:2"]'
}

# An older ReplicaSet of its selector is adopted, brought to nothing, and its revision is lower by one.
test_deployment_rolling_update() {
	space deployment-rolling
	post "$apps/replicasets" "$(workload test-rolling-update-controller '{"name":"sample-pod"}' 1 | jq -c '
		.metadata.annotations = {"deployment.kubernetes.io/revision": "3546342826724305832"}')" > /dev/null
	until_running name=sample-pod 1
	post "$apps/deployments" "$(workload test-rolling '{"name":"sample-pod"}' 1 | jq -c '.spec.template.spec.containers[0].image = "web:2"')" > /dev/null
	until_holds 30 "$apps/deployments/test-rolling" '.metadata.annotations."deployment.kubernetes.io/revision" == "3546342826724305833"'
	deployment_done test-rolling
	listed "$apps/replicasets" 2
	says '.spec.replicas' "$(get "$apps/replicasets/test-rolling-update-controller")" 0
	says '.metadata.ownerReferences[0].name' "$(get "$apps/replicasets/test-rolling-update-controller")" test-rolling
	says '[.items[] | select(.metadata.name | startswith("test-rolling-update") | not) | .metadata.labels."pod-template-hash" == .spec.selector.matchLabels."pod-template-hash"]' \
		"$(get "$apps/replicasets")" '[true]'
}

test_deployment_deletes_old() {
	space deployment-history
	post "$apps/replicasets" "$(workload test-cleanup-controller '{"name":"cleanup-pod"}' 1)" > /dev/null
	until_running name=cleanup-pod 1
	post "$apps/deployments" "$(workload test-cleanup '{"name":"cleanup-pod"}' 1 '' '"revisionHistoryLimit":0,' | jq -c '.spec.template.spec.containers[0].image = "web:2"')" > /dev/null
	await 60 is_missing "$apps/replicasets/test-cleanup-controller"
	deployment_done test-cleanup
	listed "$apps/replicasets" 1
}

test_deployment_rollover() {
	space deployment-rollover
	post "$apps/replicasets" "$(workload test-rollover-controller '{"name":"rollover-pod"}' 1)" > /dev/null
	until_running name=rollover-pod 1
	post "$apps/deployments" "$(workload test-rollover '{"name":"rollover-pod"}' 1 '' '"minReadySeconds":3,
		"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":0,"maxSurge":1}},' |
		jq -c '.spec.template.spec.containers[0] += {image: "nowhere.invalid/redis:bad", imagePullPolicy: "IfNotPresent"}')" > /dev/null
	until_holds 30 "$apps/deployments/test-rollover" '.status.unavailableReplicas == 1 and .status.updatedReplicas == 1'
	says '.status.availableReplicas' "$(get "$apps/replicasets/test-rollover-controller")" 1
	set_image test-rollover web:2
	until_holds 30 "$apps/deployments/test-rollover" '.status.observedGeneration == 2'
	deployment_done test-rollover
	says '[.items[] | select(.spec.replicas > 0)] | length' "$(get "$apps/replicasets")" 1
	says '[.items[] | select(.spec.replicas == 0 and (.status.replicas // 0) == 0)] | length' "$(get "$apps/replicasets")" 2
}

# 10 pods, 3 more and 2 fewer at most.  With a bad image 8 old and 5 new stand; to 30 they become 20 and 13.
test_deployment_proportional() {
	space deployment-proportional
	post "$apps/deployments" "$(workload webserver '{"name":"httpd"}' 10 '' '"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":3,"maxUnavailable":2}},')" > /dev/null
	deployment_done webserver
	old=$(get "$apps/replicasets" | jq -r '.items[0].metadata.name')
	set_image webserver nowhere.invalid/webserver:404
	until_holds 30 "$apps/deployments/webserver" '.status.observedGeneration == .metadata.generation and .status.updatedReplicas == 5'
	until_holds 30 "$apps/replicasets/$old" '.spec.replicas == 8 and .status.availableReplicas == 8'
	new=$(get "$apps/replicasets" | jq -r '.items[] | select(.metadata.name != "'"$old"'") | .metadata.name')
	until_holds 10 "$apps/replicasets/$new" '.spec.replicas == 5 and (.status.availableReplicas // 0) == 0'
	change "$apps/deployments/webserver" '.spec.replicas = 30' > /dev/null
	until_holds 30 "$apps/replicasets/$old" '.spec.replicas == 20'
	until_holds 30 "$apps/replicasets/$new" '.spec.replicas == 13'
}

test_deployment_lifecycle() {
	space deployment-lifecycle
	all="/apis/apps/v1/deployments?labelSelector=test-deployment-static=true"
	one=$apps/deployments/test-deployment
	body=$(workload test-deployment '{"test-deployment-static":"true"}' 2)
	first=$(get "$all" | jq -r .metadata.resourceVersion)
	observe "$scratch/d" "$apps/deployments?watch=1&labelSelector=test-deployment-static%3Dtrue&resourceVersion=$first"
	post "$apps/deployments" "$body" > /dev/null
	until_saw 10 "$scratch/d" '.type == "ADDED"'
	until_saw 60 "$scratch/d" '.object.status.readyReplicas == 2'
	patch "$one" '{"metadata":{"labels":{"test-deployment":"patched"}},"spec":{"replicas":1,"template":{"spec":
		{"terminationGracePeriodSeconds":2,"containers":[{"name":"a","image":"web:2"}]}}}}' > /dev/null
	until_saw 60 "$scratch/d" '.object | .metadata.labels."test-deployment" == "patched" and .spec.template.spec.terminationGracePeriodSeconds == 2 and
		.spec.template.spec.containers[0].image == "web:2" and .status.readyReplicas == 1 and .status.updatedReplicas == 1 and (.status.unavailableReplicas // 0) == 0'
	says '[.items[].metadata.name]' "$(get "$all")" '["test-deployment"]'
	put "$one" "$(jq -c '.kind = "Deployment" | .apiVersion = "apps/v1" | .metadata.labels."test-deployment" = "updated" |
		.spec.template.spec.containers[0].image = "web:1"' <<< "$body")" > /dev/null
	says '[.spec.template.spec.containers[0].image, .metadata.labels."test-deployment"]' "$(get "$one/status")" '["web:1","updated"]'
	until_saw 60 "$scratch/d" '.object | .metadata.labels."test-deployment" == "updated" and .status.readyReplicas == 2 and .status.updatedReplicas == 2 and (.status.unavailableReplicas // 0) == 0'
	patch "$one/status" '{"metadata":{"labels":{"test-deployment":"patched-status"}},"status":{"readyReplicas":0,"availableReplicas":0}}' > /dev/null
	says '[.spec.template.spec.containers[0].image, .metadata.labels."test-deployment"]' "$(get "$one/status")" '["web:1","updated"]'
	until_holds 30 "$one" '.status.readyReplicas == 2 and .status.updatedReplicas == 2'
	del "$apps/deployments?labelSelector=test-deployment-static=true" '{"kind":"DeleteOptions","apiVersion":"apps/v1","gracePeriodSeconds":1}' > /dev/null
	until_saw 30 "$scratch/d" '.type == "DELETED"'
}

test_deployment_status() {
	space deployment-status
	post "$apps/deployments" "$(workload test-deployment '{"e2e":"testing"}' 1)" > /dev/null
	deployment_done test-deployment
	status_endpoints "$apps/deployments" test-deployment Deployment
}

# --- ControllerRevision, DaemonSet ---

# daemon NAME LABEL [SHELL]: a DaemonSet's body.
daemon() {
	echo '{"metadata":{"name":"'"$1"'","labels":{"daemonset-name":"'"$2"'"}},"spec":{"selector":{"matchLabels":{"daemonset-name":"'"$2"'"}},
		"template":'"$(template '{"daemonset-name":"'"$2"'"}' "${3:-}")"'}}'
}

# on_all_nodes NAME: a pod on each node is available, and the status says so.
on_all_nodes() {
	until_running "daemonset-name=$1" 2
	until_holds 20 "$apps/daemonsets/$1" '.status | [.desiredNumberScheduled, .currentNumberScheduled, .numberReady, .numberAvailable] == [2,2,2,2]'
	equal 2 eval "get '$core/pods?labelSelector=daemonset-name=$1' | jq -r '.items[].spec.nodeName' | sort -u | wc -l"
}

revisions_are() {
	await 30 listed "$apps/controllerrevisions?labelSelector=daemonset-name=ds" "$1"
}

test_controller_revision() {
	space revision
	post "$apps/daemonsets" "$(daemon ds ds)" > /dev/null
	on_all_nodes ds
	ds=$(get "$apps/daemonsets/ds")
	all=$(get "/apis/apps/v1/controllerrevisions?labelSelector=daemonset-name=ds")
	says '[.items | length, .[0].metadata.ownerReferences[0].kind, .[0].revision]' "$all" '[1,"DaemonSet",1]'
	first=$(jq -r '.items[0].metadata.name' <<< "$all")
	says ".metadata.labels.\"$first\"" "$(patch "$apps/controllerrevisions/$first" '{"metadata":{"labels":{"'"$first"'":"patched"}}}')" patched
	# A revision of the test's own, with the same content and a number that is higher by one.
	jq -c --argjson ds "$ds" '.items[0] | {metadata: {name: "ds-54321", namespace: .metadata.namespace, annotations: $ds.metadata.annotations,
		labels: {"daemonset-name": "ds", "controller-revision-hash": "54321"}, ownerReferences: [{apiVersion: "apps/v1", kind: "DaemonSet", name: "ds",
		uid: $ds.metadata.uid, controller: true, blockOwnerDeletion: true}]}, data, revision: (.revision + 1)}' <<< "$all" > "$scratch/revision"
	post "$apps/controllerrevisions" "$(cat "$scratch/revision")" > /dev/null
	revisions_are 2
	del "$apps/controllerrevisions/$first" > /dev/null
	revisions_are 1
	now=$(get "$apps/controllerrevisions" | jq -r '.items[0].metadata.name')
	says ".metadata.labels.\"$now\"" "$(change "$apps/controllerrevisions/$now" ".metadata.labels.\"$now\" = \"updated\"")" updated
	patch "$apps/daemonsets/ds" '{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":1}}},"updateStrategy":{"type":"RollingUpdate"}}' > /dev/null
	revisions_are 2
	del "$apps/controllerrevisions?labelSelector=$now=updated" > /dev/null
	revisions_are 1
	says '.items[0].revision' "$(get "$apps/controllerrevisions")" 3
}

test_daemon_simple() {
	space daemon-simple
	post "$apps/daemonsets" "$(daemon simple simple)" > /dev/null
	on_all_nodes simple
	pod=$(get "$core/pods" | jq -r '.items[0].metadata.name')
	del "$core/pods/$pod" > /dev/null
	await 30 is_missing "$core/pods/$pod"
	on_all_nodes simple
}

test_daemon_complex() {
	space daemon-complex
	post "$apps/daemonsets" "$(daemon complex complex | jq -c '.spec.template.spec.nodeSelector = {"daemonset-color": "blue"}')" > /dev/null
	until_holds 10 "$apps/daemonsets/complex" '.status.observedGeneration == 1 and .status.desiredNumberScheduled == 0'
	listed "$core/pods" 0
	patch /api/v1/nodes/n1 '{"metadata":{"labels":{"daemonset-color":"blue"}}}' > /dev/null
	until_running daemonset-name=complex 1
	says '.items[0].spec.nodeName' "$(get "$core/pods")" n1
	patch /api/v1/nodes/n1 '{"metadata":{"labels":{"daemonset-color":"green"}}}' > /dev/null
	await 30 listed "$core/pods" 0
	patch "$apps/daemonsets/complex" '{"spec":{"template":{"spec":{"nodeSelector":{"daemonset-color":"green"}}},"updateStrategy":{"type":"RollingUpdate"}}}' > /dev/null
	until_running daemonset-name=complex 1
	until_holds 20 "$apps/daemonsets/complex" '.status | [.desiredNumberScheduled, .numberAvailable, .updatedNumberScheduled] == [1,1,1]'
	patch /api/v1/nodes/n1 '{"metadata":{"labels":{"daemonset-color":null}}}' > /dev/null
}

# The phase is set by the status of a pod that still runs: the pod goes, and another comes.
test_daemon_retries() {
	space daemon-retries
	post "$apps/daemonsets" "$(daemon retry retry)" > /dev/null
	on_all_nodes retry
	pod=$(get "$core/pods" | jq -c '.items[0]')
	name=$(jq -r .metadata.name <<< "$pod")
	put "$core/pods/$name/status" "$(jq -c 'del(.metadata.resourceVersion) | .status.phase = "Failed"' <<< "$pod")" > /dev/null
	await 60 is_missing "$core/pods/$name"
	on_all_nodes retry
}

test_daemon_rolling_update() {
	space daemon-rolling
	post "$apps/daemonsets" "$(daemon roll roll | jq -c '.spec.updateStrategy = {type: "RollingUpdate"}')" > /dev/null
	on_all_nodes roll
	hash=$(get "$apps/controllerrevisions" | jq -r '.items[0].metadata.labels."controller-revision-hash"')
	listed "$core/pods?labelSelector=controller-revision-hash=$hash" 2
	patch "$apps/daemonsets/roll" '{"spec":{"template":{"spec":{"containers":[{"name":"a","image":"web:2"}]}}}}' > /dev/null
	until_holds 60 "$apps/daemonsets/roll" '.status | .observedGeneration == 2 and .updatedNumberScheduled == 2 and .numberAvailable == 2'
	says '[.items[].spec.containers[0].image] | unique' "$(get "$core/pods")" '["web:2"]'
	on_all_nodes roll
	new=$(get "$apps/controllerrevisions" | jq -r '.items[] | select(.revision == 2) | .metadata.labels."controller-revision-hash"')
	[ -n "$new" ] && [ "$new" != "$hash" ]
	listed "$core/pods?labelSelector=controller-revision-hash=$new" 2
}

# Half way through a rollout that cannot end, the old template comes back: pods that still have it stay.
test_daemon_rollback() {
	space daemon-rollback
	post "$apps/daemonsets" "$(daemon back back)" > /dev/null
	on_all_nodes back
	change "$apps/daemonsets/back" '.spec.template.spec.containers[0].image = "nowhere.invalid/foo:non-existent"' > /dev/null
	await 30 holds "$core/pods" '[.items[] | select(.spec.containers[0].image != "web:1" and .metadata.deletionTimestamp == null)] | length == 1'
	stays=$(get "$core/pods" | jq -r '.items[] | select(.spec.containers[0].image == "web:1" and .metadata.deletionTimestamp == null) | .metadata.name + " " + .metadata.uid')
	[ "$(wc -l <<< "$stays")" = 1 ]
	change "$apps/daemonsets/back" '.spec.template.spec.containers[0].image = "web:1"' > /dev/null
	on_all_nodes back
	until_holds 20 "$core/pods" 'all(.items[]; .spec.containers[0].image == "web:1") and any(.items[]; .metadata.name + " " + .metadata.uid == "'"$stays"'")'
	says '[.items[].revision] | sort' "$(get "$apps/controllerrevisions")" '[2,3]'
}

test_daemon_collection() {
	space daemon-collection
	post "$apps/daemonsets" "$(daemon many many)" > /dev/null
	on_all_nodes many
	goes_as_collection "$apps/daemonsets" /apis/apps/v1/daemonsets daemonset-name=many
}

test_daemon_status() {
	space daemon-status
	post "$apps/daemonsets" "$(daemon state state)" > /dev/null
	on_all_nodes state
	status_endpoints "$apps/daemonsets" state DaemonSet
}

# --- StatefulSet ---

# stateful NAME REPLICAS [SHELL [FURTHER]]: a StatefulSet's body, with a probe of a file that a test may take away.
stateful() {
	workload "$1" '{"app":"'"$1"'"}' "$2" "${3:-touch /tmp/ok; sleep 3600}" '"serviceName":"test",'"${4:-}" |
		jq -c '.spec.template.spec.containers[0].readinessProbe = {exec: {command: ["test", "-e", "/tmp/ok"]}, periodSeconds: 1, failureThreshold: 1}'
	post "$core/services" '{"metadata":{"name":"test"},"spec":{"clusterIP":"None","selector":{"app":"'"$1"'"},"ports":[{"name":"http","port":80}]}}' > "$scratch/service"
}

stateful_ready() {
	until_holds 60 "$apps/statefulsets/$1" '.status.observedGeneration == .metadata.generation and .status.replicas == '"$2"' and (.status.readyReplicas // 0) == '"$2"
}

breaks() { k -n "$ns" exec "$1" -- rm /tmp/ok && until_holds 20 "$core/pods/$1" "$unready"; }
mends() { k -n "$ns" exec "$1" -- touch /tmp/ok; }
unready='any(.status.conditions[]; .type == "Ready" and .status == "False")'
replicas_to() { patch "$apps/statefulsets/$1" '{"spec":{"replicas":'"$2"'}}' > /dev/null; }

# has_not FILE FILTER: no such event in two seconds.
has_not() {
	sleep 2
	! saw "$1" "$2" || { echo "there is a $2" >&2; return 1; }
}

test_stateful_scales_in_order() {
	space stateful-order
	observe "$scratch/pods" "$core/pods?watch=1"
	post "$apps/statefulsets" "$(stateful ss 1)" > /dev/null
	stateful_ready ss 1
	breaks ss-0
	replicas_to ss 3
	until_holds 10 "$apps/statefulsets/ss" '.status.observedGeneration == .metadata.generation'
	has_not "$scratch/pods" '.object.metadata.name == "ss-1"'
	mends ss-0
	stateful_ready ss 3
	says . "$(jq -sc '[.[] | select(.type == "ADDED") | .object.metadata.name]' "$scratch/pods")" '["ss-0","ss-1","ss-2"]'
	for i in 0 1 2; do breaks ss-$i; done
	replicas_to ss 0
	until_holds 10 "$apps/statefulsets/ss" '.status.observedGeneration == .metadata.generation'
	has_not "$scratch/pods" '.type == "DELETED"'
	mends ss-2
	mends ss-1 # the first one that is not ready stops nobody but those after it
	stateful_ready ss 0
	says . "$(jq -sc '[.[] | select(.type == "DELETED") | .object.metadata.name]' "$scratch/pods")" '["ss-2","ss-1","ss-0"]'
}

test_stateful_bursts() {
	space stateful-burst
	post "$apps/statefulsets" "$(stateful ss 1 '' '"podManagementPolicy":"Parallel",')" > /dev/null
	stateful_ready ss 1
	breaks ss-0
	replicas_to ss 3
	until_holds 30 "$apps/statefulsets/ss" '.status.replicas == 3 and .status.readyReplicas == 2'
	mends ss-0
	stateful_ready ss 3
	breaks ss-0
	replicas_to ss 0
	stateful_ready ss 0
	listed "$core/pods" 0
}

test_stateful_rolls_and_rolls_back() {
	space stateful-rolls
	post "$apps/statefulsets" "$(stateful ss2 3)" > /dev/null
	stateful_ready ss2 3
	first=$(get "$apps/statefulsets/ss2" | jq -r .status.currentRevision)
	says '.status.updateRevision' "$(get "$apps/statefulsets/ss2")" "$first"
	observe "$scratch/pods" "$core/pods?watch=1"
	change "$apps/statefulsets/ss2" '.spec.template.spec.containers[0].image = "web:2"' > /dev/null
	until_holds 10 "$apps/statefulsets/ss2" '.status.observedGeneration == 2 and .status.updateRevision != "'"$first"'" and .status.currentRevision == "'"$first"'"'
	until_holds 90 "$apps/statefulsets/ss2" '.status.currentRevision == .status.updateRevision and .status.updatedReplicas == 3'
	says . "$(jq -sc '[.[] | select(.type == "DELETED") | .object.metadata.name]' "$scratch/pods")" '["ss2-2","ss2-1","ss2-0"]'
	second=$(get "$apps/statefulsets/ss2" | jq -r .status.currentRevision)
	says '[.items[] | [.spec.containers[0].image, .metadata.labels."controller-revision-hash"]] | unique' "$(get "$core/pods")" '[["web:2","'"$second"'"]]'
	change "$apps/statefulsets/ss2" '.spec.template.spec.containers[0].image = "web:1"' > /dev/null
	until_holds 10 "$apps/statefulsets/ss2" '.status.updateRevision == "'"$first"'" and .status.currentRevision == "'"$second"'"'
	until_holds 90 "$apps/statefulsets/ss2" '.status.currentRevision == "'"$first"'" and .status.updateRevision == "'"$first"'"'
	says '[.items[] | [.spec.containers[0].image, .metadata.labels."controller-revision-hash"]] | unique' "$(get "$core/pods")" '[["web:1","'"$first"'"]]'
	listed "$apps/controllerrevisions" 2
}

# revisions PARTITION: pods below it have the first revision, the others the second.
parted() {
	until_holds 60 "$core/pods" '(.items | length) == 3 and all(.items[]; any(.status.conditions[]; .type == "Ready" and .status == "True") and
		((.metadata.name[-1:] | tonumber) as $i | [.metadata.labels."controller-revision-hash", .spec.containers[0].image] ==
		if $i < '"$1"' then ["'"$first"'", "web:1"] else ["'"$second"'", "web:2"] end))'
}

test_stateful_canary() {
	space stateful-canary
	post "$apps/statefulsets" "$(stateful ss2 3 '' '"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":3}},')" > /dev/null
	stateful_ready ss2 3
	first=$(get "$apps/statefulsets/ss2" | jq -r .status.currentRevision)
	change "$apps/statefulsets/ss2" '.spec.template.spec.containers[0].image = "web:2"' > /dev/null
	until_holds 10 "$apps/statefulsets/ss2" '.status.observedGeneration == 2 and .status.updateRevision != "'"$first"'"'
	second=$(get "$apps/statefulsets/ss2" | jq -r .status.updateRevision)
	parted 3
	says '.status | [.currentRevision, .updatedReplicas // 0]' "$(get "$apps/statefulsets/ss2")" '["'"$first"'",0]'
	change "$apps/statefulsets/ss2" '.spec.updateStrategy.rollingUpdate.partition = 2' > /dev/null
	parted 2
	# Who deletes pods by hand gets each back with the template that the partition says.
	del "$core/pods?labelSelector=app=ss2" > /dev/null
	parted 2
	for partition in 1 0; do
		change "$apps/statefulsets/ss2" ".spec.updateStrategy.rollingUpdate.partition = $partition" > /dev/null
		parted $partition
	done
	until_holds 30 "$apps/statefulsets/ss2" '.status.currentRevision == "'"$second"'" and .status.updateRevision == "'"$second"'"'
}

# Another pod has the port of its node: the set's pod fails again and again until that one goes.
test_stateful_evicted() {
	space stateful-evicted
	post "$core/pods" '{"metadata":{"name":"test-pod"},"spec":'"$(pod_spec '' '"nodeName":"n1",' | jq -c '.containers[0].ports = [{containerPort: 21017, hostPort: 21017, name: "conflict"}]')"'}' > /dev/null
	until_holds 20 "$core/pods/test-pod" '.status.phase == "Running"'
	observe "$scratch/pods" "$core/pods?watch=1&fieldSelector=metadata.name%3Dss-0"
	post "$apps/statefulsets" "$(stateful ss 1 | jq -c '.spec.template.spec += {nodeName: "n1"} | .spec.template.spec.containers[0].ports = [{containerPort: 21017, hostPort: 21017, name: "conflict"}]')" > /dev/null
	until_saw 30 "$scratch/pods" '.object.status.phase == "Failed"'
	until_saw 30 "$scratch/pods" '.type == "DELETED"'
	uid=$(jq -r 'select(.type == "ADDED") | .object.metadata.uid' "$scratch/pods" | sed -n 1p)
	del "$core/pods/test-pod" '{"gracePeriodSeconds":0}' > /dev/null
	until_holds 60 "$core/pods/ss-0" '.status.phase == "Running" and .metadata.uid != "'"$uid"'"'
}

test_stateful_scale() {
	space stateful-scale
	post "$apps/statefulsets" "$(stateful ss 1)" > /dev/null
	stateful_ready ss 1
	scales "$apps/statefulsets/ss" app=ss
}

# The patch has a field that does not exist, written with a capital: it is passed over.
test_stateful_collection() {
	space stateful-collection
	post "$apps/statefulsets" "$(stateful test-ss 1)" > /dev/null
	stateful_ready test-ss 1
	patch "$apps/statefulsets/test-ss" '{"metadata":{"labels":{"test-ss":"patched"}},"spec":{"replicas":2,"template":{"spec":
		{"TerminationGracePeriodSeconds":1,"containers":[{"name":"a","image":"web:2"}]}}}}' > /dev/null
	says '[.spec.replicas, .spec.template.spec.containers[0].image, .spec.template.spec.terminationGracePeriodSeconds]' "$(get "$apps/statefulsets/test-ss")" '[2,"web:2",0]'
	stateful_ready test-ss 2
	goes_as_collection "$apps/statefulsets" /apis/apps/v1/statefulsets test-ss=patched
}

test_stateful_status() {
	space stateful-status
	post "$apps/statefulsets" "$(stateful ss 1)" > /dev/null
	stateful_ready ss 1
	patch "$apps/statefulsets/ss" '{"metadata":{"labels":{"e2e":"testing"}}}' > /dev/null
	status_endpoints "$apps/statefulsets" ss StatefulSet
}

# --- Job ---

# job NAME SPEC SHELL [POLICY]: a Job's body of 4 completions, 2 at once; SPEC: further fields, "a":1,
job() {
	echo '{"metadata":{"name":"'"$1"'","labels":{"e2e-job-label":"'"$1"'"}},"spec":{'"$2"'"parallelism":2,"completions":4,"backoffLimit":6,
		"manualSelector":false,"template":'"$(template '{"job":"'"$1"'"}' "$3" '"restartPolicy":"'"${4:-Never}"'","volumes":[{"name":"data","emptyDir":{}}],')"'}}'
}

job_pods() { echo "$core/pods?labelSelector=job=$1"; }

# is_complete NAME REASON SUCCEEDED: and nothing of it is under way.
is_complete() {
	until_holds 60 "$batch/jobs/$1" 'any(.status.conditions[]?; .type == "Complete" and .status == "True" and .reason == "'"$2"'") and
		any(.status.conditions[]; .type == "SuccessCriteriaMet" and .reason == "'"$2"'")'
	says '.status | [.succeeded, .active // 0, .ready, .terminating]' "$(get "$batch/jobs/$1")" "[$3,0,0,0]"
}

test_job_indexed() {
	space job-indexed
	post "$batch/jobs" "$(job indexed-job '"completionMode":"Indexed",' 'exit 0')" > /dev/null
	is_complete indexed-job CompletionsReached 4
	says '[.items[] | select(.status.phase == "Succeeded") | [.metadata.annotations."batch.kubernetes.io/job-completion-index", .spec.hostname,
		.metadata.labels."batch.kubernetes.io/job-completion-index"]] | sort' "$(get "$(job_pods indexed-job)")" \
		'[["0","indexed-job-0","0"],["1","indexed-job-1","1"],["2","indexed-job-2","2"],["3","indexed-job-3","3"]]'
}

# Fails once in each pod, and is started again in it.
test_job_fails_locally() {
	space job-local
	post "$batch/jobs" "$(job fail-once-local '' 'if [ -e /data/foo ]; then exit 0; else touch /data/foo; exit 1; fi' OnFailure | jq -c '
		.spec.template.spec.containers[0].volumeMounts = [{name: "data", mountPath: "/data"}]')" > /dev/null
	is_complete fail-once-local CompletionsReached 4
	says '[.items[].status.containerStatuses[0].restartCount]' "$(get "$(job_pods fail-once-local)")" '[1,1,1,1]'
}

test_job_exit_code_fails() {
	space job-exit
	post "$batch/jobs" "$(job pod-failure-failjob '"podFailurePolicy":{"rules":[{"action":"FailJob","onExitCodes":{"operator":"In","values":[1]}}]},' 'exit 1')" > /dev/null
	until_holds 60 "$batch/jobs/pod-failure-failjob" 'any(.status.conditions[]?; .type == "Failed" and .status == "True" and .reason == "PodFailurePolicy")'
	says '[.status.conditions[].type]' "$(get "$batch/jobs/pod-failure-failjob")" '["FailureTarget","Failed"]'
}

# Each index is evicted once; without the rule three failures were more than the two that are allowed.
test_job_ignores_disruption() {
	space job-disruption
	mkdir -p "$lab/marks"
	post "$batch/jobs" "$(job evicted '"completionMode":"Indexed","podFailurePolicy":{"rules":[{"action":"Ignore","onPodConditions":[{"type":"DisruptionTarget","status":"True"}]}]},' \
		'if [ -e /marks/$JOB_COMPLETION_INDEX ]; then exit 0; fi; touch /marks/$JOB_COMPLETION_INDEX; sleep 3600' |
		jq -c --arg marks "$lab/marks" '.spec += {parallelism: 3, completions: 3, backoffLimit: 2} | .spec.template.spec.nodeName = "n1" |
		.spec.template.spec.volumes = [{name: "marks", hostPath: {path: $marks}}] | .spec.template.spec.containers[0].volumeMounts = [{name: "marks", mountPath: "/marks"}]')" > /dev/null
	until_holds 30 "$batch/jobs/evicted" '.status.ready == 3'
	for pod in $(get "$(job_pods evicted)" | jq -r '.items[].metadata.name'); do
		post "$core/pods/$pod/eviction" '{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"'"$pod"'","namespace":"'"$ns"'","creationTimestamp":null}}' > /dev/null
		await 30 is_missing "$core/pods/$pod"
	done
	is_complete evicted CompletionsReached 3
	says '.status.failed // 0' "$(get "$batch/jobs/evicted")" 0
}

# Jobs of this version of the API leave their pods behind when nothing else is said: the call says Background.
test_job_deleted() {
	space job-deleted
	post "$batch/jobs" "$(job foo '' 'sleep 3600')" > /dev/null
	until_holds 30 "$batch/jobs/foo" '.status.active == 2 and .status.ready == 2'
	del "$batch/jobs/foo" '{"kind":"DeleteOptions","apiVersion":"batch/v1","propagationPolicy":"Background"}' > /dev/null
	await 30 is_missing "$batch/jobs/foo"
	await 30 listed "$(job_pods foo)" 0
}

test_job_adopts_and_releases() {
	space job-adopts
	uid=$(post "$batch/jobs" "$(job adopt-release '' 'sleep 3600')" | jq -r .metadata.uid)
	until_holds 30 "$batch/jobs/adopt-release" '.status.ready == 2'
	pod=$core/pods/$(get "$(job_pods adopt-release)" | jq -r '.items[0].metadata.name')
	change "$pod" 'del(.metadata.ownerReferences)' > /dev/null
	until_holds 30 "$pod" 'any(.metadata.ownerReferences[]?; .controller and .kind == "Job" and .name == "adopt-release" and .uid == "'"$uid"'")'
	change "$pod" 'del(.metadata.labels)' > /dev/null
	until_holds 30 "$pod" '.metadata.ownerReferences == null and .metadata.finalizers == null'
}

# custom_time JSON: the time of the test's own condition.
custom='[.status.conditions[] | select(.type == "CustomConditionType") | .lastTransitionTime]'

test_job_status() {
	space job-status
	uid=$(post "$batch/jobs" "$(job state '' 'sleep 3600')" | jq -r .metadata.uid)
	until_holds 30 "$batch/jobs/state" '.status.ready == 2'
	says "[$custom, .metadata.annotations.patchedstatus]" "$(patch "$batch/jobs/state/status" '{"metadata":{"annotations":{"patchedstatus":"true"}},"status":
		{"conditions":[{"type":"CustomConditionType","status":"True","lastProbeTime":null,"lastTransitionTime":"2025-01-02T03:04:05Z"}]}}' "$merge")" '[["2025-01-02T03:04:05Z"],"true"]'
	says "$custom" "$(change "$batch/jobs/state" '.status.conditions |= map(if .type == "CustomConditionType" then .lastTransitionTime = "2025-02-03T04:05:06Z" else . end)' status)" '["2025-02-03T04:05:06Z"]'
	says .metadata.uid "$(get "$batch/jobs/state/status")" "$uid"
}

test_job_lifecycle() {
	space job-lifecycle
	all="/apis/batch/v1/jobs?labelSelector=e2e-job-label=life"
	observe "$scratch/job" "$batch/jobs?watch=1&labelSelector=e2e-job-label%3Dlife&resourceVersion=$(get "$batch/jobs" | jq -r .metadata.resourceVersion)"
	post "$batch/jobs" "$(job life '"suspend":true,' 'exit 0')" > /dev/null
	patch "$batch/jobs/life" '{"metadata":{"labels":{"life":"patched"}}}' > /dev/null
	until_saw 10 "$scratch/job" '.type == "MODIFIED" and .object.metadata.labels.life == "patched"'
	until_holds 10 "$batch/jobs/life" 'any(.status.conditions[]?; .type == "Suspended" and .status == "True")'
	listed "$core/pods" 0
	says .metadata.annotations.updated "$(change "$batch/jobs/life" '.spec.suspend = false | .metadata.annotations.updated = "true"')" true
	until_saw 10 "$scratch/job" '.type == "MODIFIED" and .object.metadata.annotations.updated == "true"'
	listed "$all" 1
	is_complete life CompletionsReached 4
	del "$batch/jobs?labelSelector=e2e-job-label=life" '{"kind":"DeleteOptions","apiVersion":"batch/v1","propagationPolicy":"Background"}' > /dev/null
	until_saw 20 "$scratch/job" '.type == "DELETED"'
	listed "$all" 0
}

# --- CronJob ---

# cron_job NAME POLICY SHELL [FURTHER]: each minute; the question mark is one of the schedule's words.
cron_job() {
	echo '{"metadata":{"name":"'"$1"'"},"spec":{"schedule":"*/1 * * * ?","concurrencyPolicy":"'"$2"'",'"${4:-}"'"jobTemplate":{"spec":{"parallelism":1,"completions":1,
		"backoffLimit":1,"template":{"spec":'"$(pod_spec "$3" '"restartPolicy":"OnFailure",')"'}}}}}'
}

jobs_of() {
	get "$batch/jobs" | jq -c '[.items[] | select(.metadata.ownerReferences[0].name == "'"$1"'" and .metadata.deletionTimestamp == null) | .metadata.name] | sort'
}

jobs_differ() { [ "$(jobs_of "$1")" != "$2" ]; }

# The four policies at once, for each needs the turn of a minute or two.
test_cron_job_policies() {
	space cron
	post "$batch/cronjobs" "$(cron_job concurrent Allow 'sleep 300')" > /dev/null
	post "$batch/cronjobs" "$(cron_job suspended Allow 'sleep 300' '"suspend":true,')" > /dev/null
	post "$batch/cronjobs" "$(cron_job forbid Forbid 'sleep 300')" > /dev/null
	post "$batch/cronjobs" "$(cron_job replace Replace 'sleep 300')" > /dev/null
	for name in concurrent forbid replace; do
		until_holds 75 "$batch/cronjobs/$name" '.status.active | length == 1'
		says length "$(jobs_of $name)" 1
	done
	forbidden=$(jobs_of forbid) replaced=$(jobs_of replace)
	until_holds 75 "$batch/cronjobs/concurrent" '.status.active | length == 2'
	says length "$(jobs_of concurrent)" 2
	await 20 jobs_differ replace "$replaced"
	says length "$(jobs_of replace)" 1
	says . "$(jobs_of forbid)" "$forbidden"
	says '.status.active | length' "$(get "$batch/cronjobs/forbid")" 1
	says '.status.active // []' "$(get "$batch/cronjobs/suspended")" '[]'
	says . "$(jobs_of suspended)" '[]'
	for name in concurrent suspended forbid replace; do
		del "$batch/cronjobs/$name" '{"kind":"DeleteOptions","apiVersion":"batch/v1","propagationPolicy":"Background"}' > /dev/null
	done
	await 30 listed "$batch/jobs" 0
	await 60 listed "$core/pods" 0
}

test_cron_job_api() {
	space cron-api
	says '[.versions[].groupVersion] | index("batch/v1") >= 0' "$(get /apis/batch)" true
	says '[.resources[].name | select(startswith("cronjobs"))] | sort' "$(get /apis/batch/v1)" '["cronjobs","cronjobs/status"]'
	body=$(cron_job e2e Allow 'exit 0' | jq -c '.metadata += {generateName: "e2e-example-cj", labels: {"special-label": "cj1"}} | del(.metadata.name) | .spec.schedule = "* */1 * * ?"')
	made=$(post "$batch/cronjobs" "$body")
	cj=$batch/cronjobs/$(jq -r .metadata.name <<< "$made")
	says .metadata.uid "$(get "$cj")" "$(jq -r .metadata.uid <<< "$made")"
	list=$(get "$batch/cronjobs?labelSelector=special-label=cj1")
	says '.items | length' "$list" 1
	listed "/apis/batch/v1/cronjobs?labelSelector=special-label=cj1" 1
	since=$(jq -r .metadata.resourceVersion <<< "$list")
	observe "$scratch/cj" "$batch/cronjobs?watch=1&labelSelector=special-label%3Dcj1&resourceVersion=$since"
	observe "$scratch/cjs" "/apis/batch/v1/cronjobs?watch=1&labelSelector=special-label%3Dcj1&resourceVersion=$since"
	says .metadata.annotations.patched "$(patch "$cj" '{"metadata":{"annotations":{"patched":"true"}}}' "$merge")" true
	says .metadata.annotations.updated "$(change "$cj" '.metadata.annotations.updated = "true"')" true
	for file in cj cjs; do
		until_saw 10 "$scratch/$file" '.object.metadata.annotations | .patched == "true" and .updated == "true"'
		says 'map(select(.type != "MODIFIED")) | length' "$(jq -cs . "$scratch/$file")" 0
	done
	says '[.status.lastScheduleTime, .metadata.annotations.patchedstatus]' "$(patch "$cj/status" '{"metadata":{"annotations":{"patchedstatus":"true"}},
		"status":{"lastScheduleTime":"2025-01-02T03:04:05Z"}}' "$merge")" '["2025-01-02T03:04:05Z","true"]'
	says .status.lastScheduleTime "$(change "$cj" '.status.lastScheduleTime = "2025-01-02T03:04:06Z"' status)" 2025-01-02T03:04:06Z
	says .metadata.uid "$(get "$cj/status")" "$(jq -r .metadata.uid <<< "$made")"
	post "$batch/cronjobs" "$(jq -c '.metadata = {name: "for-removal", labels: .metadata.labels}' <<< "$body")" > /dev/null
	del "$batch/cronjobs/for-removal" '{"kind":"DeleteOptions","apiVersion":"batch/v1"}' > /dev/null
	is_missing "$batch/cronjobs/for-removal" > /dev/null
	del "$batch/cronjobs?labelSelector=special-label=cj1" '{"kind":"DeleteOptions","apiVersion":"batch/v1"}' > /dev/null
	listed "$batch/cronjobs?labelSelector=special-label=cj1" 0
}

# --- PodDisruptionBudget ---

# budget NAME SPEC [LABELS]
budget() {
	echo '{"metadata":{"name":"'"$1"'","labels":'"${3:-{\}}"'},"spec":{"selector":{"matchLabels":{"foo":"bar"}},'"$2"'}}'
}

budgets() { echo "/apis/policy/v1/namespaces/$ns/poddisruptionbudgets"; }

# Looked at by the controller: it has the generation and the pods that are there.
until_processed() {
	until_holds 20 "$(budgets)/$1" '.status.observedGeneration == .metadata.generation'
}

foo_pods() {
	for i in $(seq 0 $(($1 - 1))); do
		post "$core/pods" '{"metadata":{"name":"pod-'"$i"'","labels":{"foo":"bar"}},"spec":'"$(pod_spec)"'}' > /dev/null
	done
}

test_budget_api() {
	space budget-api
	post "$(budgets)" "$(budget foo '"minAvailable":"1%"')" > /dev/null
	until_processed foo
	says .spec.minAvailable "$(change "$(budgets)/foo" '.spec.minAvailable = "2%"')" 2%
	until_processed foo
	says .spec.minAvailable "$(patch "$(budgets)/foo" '{"spec":{"minAvailable":"3%"}}')" 3%
	until_processed foo
	del "$(budgets)/foo" > /dev/null
	is_missing "$(budgets)/foo" > /dev/null
}

test_budget_collection() {
	space budget-other
	other=$(budgets)
	post "$other" "$(budget foo2 '"minAvailable":1')" > /dev/null
	rm "$scratch/space"
	space budget-collection
	post "$(budgets)" "$(budget foo '"minAvailable":1' '{"special":"b1"}')" > /dev/null
	post "$(budgets)" "$(budget foo3 '"minAvailable":1' '{"special":"b1"}')" > /dev/null
	says '[.items[] | .metadata.namespace + "/" + .metadata.name | select(startswith("budget"))] | sort' "$(get /apis/policy/v1/poddisruptionbudgets)" \
		'["budget-collection/foo","budget-collection/foo3","budget-other/foo2"]'
	listed "$(budgets)" 2
	del "$(budgets)?labelSelector=special=b1" '{"kind":"DeleteOptions","apiVersion":"policy/v1"}' > /dev/null
	listed "$(budgets)" 0
	listed "$other" 1
	del /api/v1/namespaces/budget-other > /dev/null
}

test_budget_status() {
	space budget-status
	post "$(budgets)" "$(budget foo '"minAvailable":1')" > /dev/null
	until_processed foo
	foo_pods 3
	until_holds 30 "$(budgets)/foo" '.status | .disruptionsAllowed == 2 and .currentHealthy == 3 and .expectedPods == 3 and .desiredHealthy == 1 and
		any(.conditions[]; .type == "DisruptionAllowed" and .status == "True" and .reason == "SufficientPods")'
}

# Pods that a budget has given leave to go, by hand: update, then a patch with only that field.
test_budget_disrupted_pods() {
	space budget-disrupted
	post "$(budgets)" "$(budget foo '"minAvailable":1')" > /dev/null
	foo_pods 1
	until_holds 30 "$(budgets)/foo" '.status.currentHealthy == 1 and .status.observedGeneration == .metadata.generation'
	now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	says '.status.disruptedPods | keys' "$(change "$(budgets)/foo" '.status.disruptedPods = {"pod-0": "'"$now"'"}' status)" '["pod-0"]'
	says '[.status.disruptedPods // {} | keys[] | select(. == "pod-0")] | length' "$(patch "$(budgets)/foo/status" "$(get "$(budgets)/foo" |
		jq -c '{metadata: {resourceVersion: .metadata.resourceVersion}, status: {disruptedPods: null}}')" "$merge")" 0
}

test_budget_blocks() {
	space budget-blocks
	post "$(budgets)" "$(budget foo '"minAvailable":3')" > /dev/null
	foo_pods 3
	until_holds 30 "$(budgets)/foo" '.status.currentHealthy == 3 and .status.disruptionsAllowed == 0'
	evict='{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"pod-0","namespace":"'"$ns"'","creationTimestamp":null}}'
	says '[.reason, .message, .details.causes[0].reason, .details.causes[0].message]' "$(refused 429 POST "$core/pods/pod-0/eviction" "$evict")" '["TooManyRequests",
		"Cannot evict pod as it would violate the pod'"'"'s disruption budget.","DisruptionBudget","The disruption budget foo needs 3 healthy pods and has 3 currently"]' 2> "$scratch/aside" ||
		says '[.reason, .details.causes[0].reason]' "$(refused 429 POST "$core/pods/pod-0/eviction" "$evict")" '["TooManyRequests","DisruptionBudget"]'
	change "$(budgets)/foo" '.spec.minAvailable = 2' > /dev/null
	until_holds 20 "$(budgets)/foo" '.status.disruptionsAllowed == 1'
	post "$core/pods/pod-0/eviction" "$evict" > /dev/null
	await 30 is_missing "$core/pods/pod-0"
	refused 429 POST "$core/pods/pod-1/eviction" "$(jq -c '.metadata.name = "pod-1"' <<< "$evict")" > /dev/null
	patch "$(budgets)/foo" '{"spec":{"minAvailable":3}}' > /dev/null
	post "$core/pods" '{"metadata":{"name":"pod-3","labels":{"foo":"bar"}},"spec":'"$(pod_spec)"'}' > /dev/null
	until_holds 30 "$(budgets)/foo" '.status.currentHealthy == 3 and .status.observedGeneration == .metadata.generation'
	refused 429 POST "$core/pods/pod-1/eviction" "$(jq -c '.metadata.name = "pod-1"' <<< "$evict")" > /dev/null
	del "$(budgets)/foo" > /dev/null
	post "$core/pods/pod-1/eviction" "$(jq -c '.metadata.name = "pod-1"' <<< "$evict")" > /dev/null
	await 30 is_missing "$core/pods/pod-1"
}

run_tests conformance_apps
