#!/bin/bash
# autoscale.sh - HorizontalPodAutoscalers with pods that work and pods that rest, with the real kubectl.
#
# Goal: more pods for busy ones, fewer for idle ones, the limits of the spec; what cannot be measured says why; all in
# the words that scripts read.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

# work NAME REPLICAS COMMAND [requests]
work() {
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
	      terminationGracePeriodSeconds: 0
	      containers: [{name: a, image: "web:1", command: [sh, -c, "$3"], resources: {requests: {${4-cpu: 50m}}}}]
	END
}

# scaler NAME METRICS [further fields]: of the deployment of that name
scaler() {
	k apply -f - <<- END
	apiVersion: autoscaling/v2
	kind: HorizontalPodAutoscaler
	metadata: {name: $1}
	spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: $1}, maxReplicas: 3, metrics: [$2], $3}
	END
}

cpu() {
	echo "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: $1}}}"
}

# says NAME CONDITION STATUS REASON
says() {
	[ "$(of "hpa/$1" "{.status.conditions[?(@.type==\"$2\")].status} {.status.conditions[?(@.type==\"$2\")].reason}")" = "$3 $4" ]
}

# told NAME REASON TEXT
told() {
	k get events --field-selector "involvedObject.kind=HorizontalPodAutoscaler,involvedObject.name=$1,reason=$2" \
		-o 'jsonpath={.items[*].message}' | grep -qF -- "$3"
}

now='behavior: {scaleDown: {stabilizationWindowSeconds: 0}}'

# The pods need time until they can be measured: all that waits for it begins here.
begin() {
	work busy 1 "while :; do :; done"
	work idle 3 "sleep 1000"
	work bare 1 "sleep 1000" ""
	scaler busy "$(cpu 20)"
	scaler idle "$(cpu 80)" "$now"
	scaler bare "$(cpu 80)"
	# Its pods are exchanged while the first figures are under way.
	k create deployment rolled --image=web:1 -- sleep 1000
	k set resources deployment rolled --requests=cpu=10m
	k autoscale deployment rolled --min=1 --max=4 --cpu-percent=50
	k expose deployment rolled --port=80
}

test_limits_at_once() {
	work low 1 "sleep 1000"
	scaler low "$(cpu 80)" "minReplicas: 2"
	await 5 is 2 deployment/low '{.spec.replicas}'
	await 5 told low SuccessfulRescale "New size: 2; reason: Current number of replicas below Spec.MinReplicas"
	await 5 says low AbleToScale True SucceededRescale
	k scale deployment low --replicas=0
	k patch hpa low -p '{"spec":{"maxReplicas":4}}'
	await 5 says low ScalingActive False ScalingDisabled
	equal 0 of deployment/low '{.spec.replicas}'
	k delete deployment/low hpa/low > /dev/null
}

test_what_is_not_there() {
	scaler nobody "$(cpu 80)"
	await 5 says nobody AbleToScale False FailedGetScale
	expect 'deployments.apps "nobody" not found' of hpa/nobody '{.status.conditions[0].message}'
	work outside 1 "sleep 1000"
	scaler outside "{type: External, external: {metric: {name: queue}, target: {type: AverageValue, averageValue: 30}}}"
	await 5 says outside ScalingActive False FailedGetExternalMetric
	scaler outside "{type: Pods, pods: {metric: {name: hits}, target: {type: AverageValue, averageValue: 30}}}"
	await 5 says outside ScalingActive False FailedGetPodsMetric
	expect "the HPA was unable to compute the replica count: unable to get metric hits: unable to fetch metrics from custom metrics API" \
		of hpa/outside '{.status.conditions[?(@.type=="ScalingActive")].message}'
	scaler outside "{type: Object, object: {metric: {name: hits}, describedObject: {apiVersion: v1, kind: Service, name: s}, target: {type: Value, value: 30}}}"
	await 5 says outside ScalingActive False FailedGetObjectMetric
	k delete deployment/outside hpa/outside hpa/nobody > /dev/null
}

test_busy_pods_get_more() {
	await 45 is 3 deployment/busy '{.spec.replicas}'
	await 5 told busy SuccessfulRescale "reason: cpu resource utilization (percentage of request) above target"
	await 5 says busy ScalingActive True ValidMetricFound
	await 5 says busy ScalingLimited True TooManyReplicas
	expect "cpu: " k get hpa busy
	expect "cpu" of hpa/busy '{.status.currentMetrics[0].resource.name}'
	[ "$(of hpa/busy '{.status.currentMetrics[0].resource.current.averageUtilization}')" -gt 20 ]
	expect "T" of hpa/busy '{.status.lastScaleTime}'
}

test_idle_pods_become_fewer() {
	await 45 is 1 deployment/idle '{.spec.replicas}'
	await 5 told idle SuccessfulRescale "New size: 1; reason: All metrics below target"
	await 5 is "1" hpa/idle '{.status.desiredReplicas}'
}

test_pods_without_requests_cannot_be_weighed() {
	await 45 told bare FailedGetResourceMetric "missing request for cpu in container a of Pod bare-"
	await 5 says bare ScalingActive False FailedGetResourceMetric
	await 5 told bare FailedComputeMetricsReplicas "invalid metrics (1 invalid out of 1), first error is: "
	equal 1 of deployment/bare '{.spec.replicas}'
}

# lonely NAME ANNOTATIONS: a pod on n1
lonely() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1, annotations: {$2}}
	spec: {nodeName: n1, restartPolicy: Always, terminationGracePeriodSeconds: 1, containers: [{name: a, image: "web:1", command: [sleep, "$3"]}]}
	END
	await 20 is Running "pod/$1" '{.status.phase}'
}

runs() {
	on n1 pgrep -xf "sleep $1"
}

ended() {
	! runs "$1"
}

# Without its server a node stops what is not to run alone, and nothing else.
test_what_stops_when_cut_off() {
	lonely shy "mote.dev/stop-after: 1s" 77701
	lonely bold "mote.dev/stop-after: 1h" 77702
	stop server
	await 20 ended 77701
	runs 77702
	server_start
	await 20 is "Failed Disconnected" pod/shy '{.status.phase} {.status.reason}'
	equal Running of pod/bold '{.status.phase}'
	runs 77702
	k delete pod shy bold > /dev/null
}

open_two_nodes
begin > /dev/null
run_tests autoscale
