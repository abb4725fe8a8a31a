#!/bin/bash
# apps.sh - Deployments, ReplicaSets, ReplicationControllers, StatefulSets and DaemonSets, with pods that really run on
# two nodes, and kubectl rollout over the three kinds that have it.
#
# Goal: what a Kubernetes book shows of them happens here, with the same words.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

# template NAME: the pod template of the tests, with that label.
template() {
	cat <<- END
	  selector: {matchLabels: {app: $1}}
	  template:
	    metadata: {labels: {app: $1}}
	    spec:
	      terminationGracePeriodSeconds: 1
	      containers: [{name: a, image: "web:1", command: [sh, -c, "trap exit TERM; sleep 3600 & wait"]}]
	END
}

# app KIND NAME: of apps/v1; further lines of the spec come from the standard input.
app() {
	{
		printf 'apiVersion: apps/v1\nkind: %s\nmetadata: {name: %s}\nspec:\n' "$1" "$2"
		cat
		template "$2"
	} | k apply -f - > /dev/null
}

# names LABEL: the pods that are not on their way out, sorted.
names() {
	k get pods -l "app=$1" -o 'jsonpath={range .items[*]}{.metadata.name}{"#"}{.metadata.deletionTimestamp}{"\n"}{end}' |
		sed -n 's/#$//p' | sort | tr '\n' ' '
}

count_is() {
	[ "$(names "$1" | wc -w)" = "$2" ]
}

# events KIND NAME: reasons and messages
events() {
	k get events --field-selector "involvedObject.kind=$1,involvedObject.name=$2" -o 'jsonpath={range .items[*]}{.type} {.reason} {.source.component} {.message}{"\n"}{end}'
}

# condition DEPLOYMENT TYPE
condition() {
	k get deployment "$1" -o "jsonpath={.status.conditions[?(@.type==\"$2\")].status} {.status.conditions[?(@.type==\"$2\")].reason}"
}

condition_is() {
	[ "$(condition "$1" "$2")" = "$3" ]
}

images() {
	k get pods -l "app=$1" -o 'jsonpath={.items[*].spec.containers[0].image}'
}

images_are() {
	[ "$(images "$1")" = "$2" ]
}

# names_are LABEL "A B ": all of them, and none on its way out
names_are() {
	[ "$(names "$1")" = "$2" ] && [ "$(k get pods -l "app=$1" -o name | wc -l)" = "$(echo "$2" | wc -w)" ]
}

# nodes_of LABEL
nodes_of() {
	k get pods -l "app=$1" -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}' | sort | paste -sd ' '
}

no_claim() {
	k get pvc "$1" 2>&1 | grep -q 'not found'
}

has_event() {
	k get events | grep -q "$1"
}

another_uid() {
	[ "$(of "$1" '{.metadata.uid}')" != "$2" ]
}

is_updated() {
	[ "$(of "sts/$1" '{.status.currentRevision}')" = "$(of "sts/$1" '{.status.updateRevision}')" ]
}

has_image() {
	images "$1" > "$scratch/images" && grep -q "$2" "$scratch/images"
}

test_deployment_rolls_and_goes_back() {
	app Deployment web <<< "  replicas: 3"
	k rollout status deployment/web --timeout=20s
	equal "True NewReplicaSetAvailable" condition web Progressing
	equal "True MinimumReplicasAvailable" condition web Available
	expect "Normal ScalingReplicaSet deployment-controller Scaled up replica set web-" events Deployment web
	expect "from 0 to 3" events Deployment web
	set=$(k get rs -l app=web -o 'jsonpath={.items[0].metadata.name}')
	expect "Normal SuccessfulCreate replicaset-controller Created pod: $set-" events ReplicaSet "$set"
	k annotate deployment/web kubernetes.io/change-cause=first
	k set image deployment/web a=web:2
	k annotate deployment/web kubernetes.io/change-cause=second --overwrite
	expect "successfully rolled out" k rollout status deployment/web --timeout=30s
	await 10 count_is web 3
	expect "1         first" k rollout history deployment/web
	expect "2         second" k rollout history deployment/web
	expect "web:1" k rollout history deployment/web --revision=1
	k rollout undo deployment/web --to-revision=1
	k rollout status deployment/web --timeout=30s
	equal web:1 of deployment/web '{.spec.template.spec.containers[0].image}'
	equal 3 of deployment/web '{.metadata.annotations.deployment\.kubernetes\.io/revision}'
	equal 1 of "rs/$set" '{.metadata.annotations.deployment\.kubernetes\.io/revision-history}'
	k rollout restart deployment/web
	k rollout status deployment/web --timeout=30s
	equal 4 of deployment/web '{.metadata.annotations.deployment\.kubernetes\.io/revision}'
	gone deployment/web
	await 10 count_is web 0
}

test_deployment_pauses_and_says_what_failed() {
	app Deployment slow <<< "  replicas: 2
  progressDeadlineSeconds: 2"
	k rollout status deployment/slow --timeout=20s
	k rollout pause deployment/slow
	await 5 condition_is slow Progressing "Unknown DeploymentPaused"
	k set image deployment/slow a=absent:1
	k rollout resume deployment/slow
	expect 'deployment "slow" exceeded its progress deadline' k rollout status deployment/slow --timeout=20s
	await 10 condition_is slow Progressing "False ProgressDeadlineExceeded"
	equal "True MinimumReplicasAvailable" condition slow Available
	equal 2 of deployment/slow '{.status.availableReplicas}'
	k rollout undo deployment/slow
	k rollout status deployment/slow --timeout=20s
	gone deployment/slow
}

test_recreate_has_never_both() {
	app Deployment single <<< "  strategy: {type: Recreate}"
	k rollout status deployment/single --timeout=20s
	old=$(names single)
	k set image deployment/single a=web:2
	await 20 has_image single web:2
	equal web:2 cat "$scratch/images"
	k rollout status deployment/single --timeout=20s
	[ "$(names single)" != "$old" ]
	gone deployment/single
}

test_replica_sets_take_in_and_let_go() {
	pod lone n1
	k label pod lone app=rs
	app ReplicaSet rs <<< "  replicas: 2"
	await 10 is rs pod/lone '{.metadata.ownerReferences[0].name}'
	await 10 count_is rs 2
	k label pod lone app=free --overwrite
	await 10 count_is rs 2
	equal "" of pod/lone '{.metadata.ownerReferences}'
	await 20 is 2 rs/rs '{.status.availableReplicas}'
	first=$(names rs | cut -d ' ' -f 1)
	k annotate pod "$first" controller.kubernetes.io/pod-deletion-cost=-5
	k scale rs/rs --replicas=1
	await 10 has_event "Deleted pod: $first"
	k delete rs/rs --cascade=orphan
	await 5 count_is rs 1
	gone pod -l app=rs
	gone pod/lone
}

test_replication_controllers() {
	k create -f - <<- 'END'
	apiVersion: v1
	kind: ReplicationController
	metadata: {name: old}
	spec:
	  replicas: 2
	  selector: {app: old}
	  template:
	    metadata: {labels: {app: old}}
	    spec: {terminationGracePeriodSeconds: 1, containers: [{name: a, image: "web:1", command: [sleep, "3600"]}]}
	END
	await 20 is "2 2 2" rc/old '{.status.replicas} {.status.readyReplicas} {.status.fullyLabeledReplicas}'
	expect "Normal SuccessfulCreate replication-controller Created pod: old-" events ReplicationController old
	k scale rc/old --replicas=0
	await 10 count_is old 0
	gone rc/old
}

test_stateful_sets_keep_order_and_names() {
	app StatefulSet db <<< "  replicas: 3
  serviceName: db
  minReadySeconds: 1"
	await 10 k get pod/db-0 # one alone is soon over
	expect "Waiting for" k rollout status sts/db --timeout=30s
	equal "db-0 db-1 db-2 " names db
	times=$(k get pods -l app=db -o 'jsonpath={range .items[*]}{.metadata.name} {.metadata.creationTimestamp} {.status.conditions[?(@.type=="Ready")].lastTransitionTime}{"\n"}{end}')
	[[ $(echo "$times" | awk '/db-0/ { print $3 }') < $(echo "$times" | awk '/db-1/ { print $2 }') ]]
	equal "db-1 db 1 db-1" k get pod db-1 -o 'jsonpath={.spec.hostname} {.spec.subdomain} {.metadata.labels.apps\.kubernetes\.io/pod-index} {.metadata.labels.statefulset\.kubernetes\.io/pod-name}'
	expect "Normal SuccessfulCreate statefulset-controller create Pod db-2 in StatefulSet db successful" events StatefulSet db
	uid=$(of pod/db-1 '{.metadata.uid}')
	k delete pod db-1 --wait=false
	await 15 another_uid pod/db-1 "$uid"
	k patch sts db --type=merge -p '{"spec":{"minReadySeconds":0,"updateStrategy":{"rollingUpdate":{"partition":2}}}}'
	k set image sts/db a=web:2
	await 20 is web:2 pod/db-2 '{.spec.containers[0].image}'
	expect "partitioned roll out complete: 1 new pods have been updated" k rollout status sts/db --timeout=20s
	equal web:1 of pod/db-1 '{.spec.containers[0].image}'
	expect "db-" of sts/db '{.status.currentRevision}'
	[ "$(of sts/db '{.status.currentRevision}')" != "$(of sts/db '{.status.updateRevision}')" ]
	k patch sts db --type=merge -p '{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}'
	k rollout status sts/db --timeout=30s
	await 10 is_updated db
	k rollout undo sts/db
	expect "3         <none>" k rollout history sts/db
	k rollout status sts/db --timeout=30s
	await 10 is web:1 pod/db-0 '{.spec.containers[0].image}'
	k scale sts/db --replicas=1
	await 10 names_are db "db-0 "
	gone sts/db
	await 10 count_is db 0
}

test_stateful_claims_come_first_and_go_as_told() {
	app StatefulSet disk <<- 'END'
	  replicas: 2
	  podManagementPolicy: Parallel
	  ordinals: {start: 5}
	  persistentVolumeClaimRetentionPolicy: {whenScaled: Delete, whenDeleted: Delete}
	  volumeClaimTemplates:
	  - metadata: {name: data}
	    spec: {accessModes: [ReadWriteOnce], storageClassName: by-hand, resources: {requests: {storage: 1Mi}}}
	END
	await 10 count_is disk 2
	equal "disk-5 disk-6 " names disk
	equal "StatefulSet StatefulSet" k get pvc data-disk-5 data-disk-6 -o 'jsonpath={.items[*].metadata.ownerReferences[0].kind}'
	equal data-disk-6 of pod/disk-6 '{.spec.volumes[0].persistentVolumeClaim.claimName}'
	expect "create Claim data-disk-5 Pod disk-5 in StatefulSet disk success" events StatefulSet disk
	k scale sts/disk --replicas=1
	await 10 no_claim data-disk-6
	k get pvc data-disk-5
	gone sts/disk
	await 10 no_claim data-disk-5
}

test_daemon_sets_are_on_each_node() {
	app DaemonSet agent < /dev/null
	k rollout status ds/agent --timeout=20s
	equal "n1 n2" nodes_of agent
	equal "2 2 2 2 2" k get ds agent -o 'jsonpath={.status.desiredNumberScheduled} {.status.currentNumberScheduled} {.status.numberReady} {.status.updatedNumberScheduled} {.status.numberAvailable}'
	expect "Normal SuccessfulCreate daemonset-controller Created pod: agent-" events DaemonSet agent
	k taint node n2 mine=yes:NoExecute
	await 15 is "1 1" ds/agent '{.status.desiredNumberScheduled} {.status.currentNumberScheduled}'
	k taint node n2 mine-
	await 15 is 2 ds/agent '{.status.numberAvailable}'
	k cordon n2 # daemons come all the same
	k delete pod -l app=agent
	k rollout status ds/agent --timeout=20s
	await 15 is 2 ds/agent '{.status.numberAvailable}'
	k uncordon n2
	k set image ds/agent a=web:2
	k rollout status ds/agent --timeout=30s
	await 10 images_are agent "web:2 web:2"
	expect "2         <none>" k rollout history ds/agent
	k rollout undo ds/agent
	k rollout status ds/agent --timeout=30s
	equal web:1 of ds/agent '{.spec.template.spec.containers[0].image}'
	k patch ds agent --type=merge -p '{"spec":{"updateStrategy":{"type":"OnDelete"}}}'
	k rollout restart ds/agent
	await 10 is "" ds/agent '{.status.updatedNumberScheduled}'
	k delete pod -l app=agent
	await 15 is 2 ds/agent '{.status.updatedNumberScheduled}'
	gone ds/agent
	await 10 count_is agent 0
}

open_two_nodes
run_tests apps
