#!/bin/bash
# workload_kinds.sh - workloads and what bounds them, made by the real kubectl (which sends protobuf): one server, no
# node.
#
# Goal: what kubectl creates is kept with the defaults, labels and selectors of the real server; what is wrong is told
# in its words; both versions of an autoscaler are one object.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

mkdir "$scratch/a"
start_server "$scratch/a" "$(free_port)" || { cat "$scratch/a/log"; exit 1; }

# spec KIND NAME: its spec as JSON.
spec() {
	k get "$1" "$2" -o 'jsonpath={.spec}'
}

test_job() {
	expect "job.batch/pi created" k create job pi --image=perl -- echo hi
	uid=$(k get job pi -o 'jsonpath={.metadata.uid}')
	equal "{\"batch.kubernetes.io/controller-uid\":\"$uid\"}" k get job pi -o 'jsonpath={.spec.selector.matchLabels}'
	labels="{\"batch.kubernetes.io/controller-uid\":\"$uid\",\"batch.kubernetes.io/job-name\":\"pi\",\"controller-uid\":\"$uid\",\"job-name\":\"pi\"}"
	equal "$labels" k get job pi -o 'jsonpath={.spec.template.metadata.labels}'
	equal "$labels" k get job pi -o 'jsonpath={.metadata.labels}'
	equal "6 NonIndexed 1 1 false TerminatingOrFailed 1" k get job pi -o 'jsonpath={.spec.backoffLimit} {.spec.completionMode} {.spec.completions} {.spec.parallelism} {.spec.suspend} {.spec.podReplacementPolicy} {.metadata.generation}'
	expect "Running" k get job pi
	await 5 expect "1 Active (0 Ready) / 0 Succeeded / 0 Failed" k describe job pi
	expect "spec.completions: Invalid value: 2: field is immutable" k patch job pi --type=merge -p '{"spec":{"completions":2}}'
	expect "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"" k create -f - <<-YAML
	apiVersion: batch/v1
	kind: Job
	metadata: {name: x}
	spec: {template: {spec: {containers: [{name: c, image: i}]}}}
	YAML
	equal pi k get job --field-selector=status.successful!=1 -o 'jsonpath={.items[*].metadata.name}'
	expect "deleted" k delete job pi
}

# What the server has made of a job is not its writer's: server-side apply after the other one leaves it.
test_job_applied() {
	cat > "$scratch/job.yaml" <<-YAML
	apiVersion: batch/v1
	kind: Job
	metadata: {name: twice}
	spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}
	YAML
	expect "job.batch/twice created" k apply -f "$scratch/job.yaml"
	equal "job.batch/twice unchanged" k apply -f "$scratch/job.yaml"
	output=$(k apply --server-side -f "$scratch/job.yaml" 2>&1)
	[ "$output" = "job.batch/twice serverside-applied" ] || { echo "$output" >&2; return 1; }
	k get job twice --show-managed-fields -o yaml > "$scratch/job.out"
	! grep -q "f:selector\|f:batch.kubernetes.io" "$scratch/job.out"
}

test_cronjob() {
	equal "cronjob.batch/tick created" k create cronjob tick --image=perl --schedule='*/5 * * * *' -- date
	equal '{"concurrencyPolicy":"Allow","failedJobsHistoryLimit":1,"jobTemplate":{"metadata":{"name":"tick"},"spec":{"template":{"metadata":{},"spec":{"containers":[{"command":["date"],"image":"perl","imagePullPolicy":"Always","name":"tick","resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],"dnsPolicy":"ClusterFirst","restartPolicy":"OnFailure","schedulerName":"default-scheduler","securityContext":{},"terminationGracePeriodSeconds":30}}}},"schedule":"*/5 * * * *","successfulJobsHistoryLimit":3,"suspend":false}' \
		spec cronjob tick
	expect "<none>     False     0        <none>" k get cronjob tick
	equal "job.batch/now created" k create job now --from=cronjob/tick
	equal "CronJob/tick" k get job now -o 'jsonpath={.metadata.ownerReferences[0].kind}/{.metadata.ownerReferences[0].name}'
	expect "spec.schedule: Invalid value: \"noon\": expected exactly 5 fields, found 1: [noon]" \
		k create cronjob bad --image=perl --schedule=noon
	expect "unknown time zone Mars/Olympus" k patch cronjob tick --type=merge -p '{"spec":{"timeZone":"Mars/Olympus"}}'
	equal "cronjob.batch/tick patched" k patch cronjob tick --type=merge -p '{"spec":{"timeZone":"Europe/Berlin"}}'
	equal 2 k get cronjob tick -o 'jsonpath={.metadata.generation}'
	expect "a DNS label is recommended: [must not contain dots]" k create deployment a.b --image=perl
}

test_sets() {
	equal "deployment.apps/web created" k create deployment web --image=nginx --replicas=2
	equal '{"rollingUpdate":{"maxSurge":"25%","maxUnavailable":"25%"},"type":"RollingUpdate"}' k get deploy web -o 'jsonpath={.spec.strategy}'
	expect "spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{\"app\":\"x\"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable" \
		k patch deploy web --type=merge -p '{"spec":{"selector":{"matchLabels":{"app":"x"}},"template":{"metadata":{"labels":{"app":"x"}}}}}'
	k create -f - <<-YAML
	apiVersion: apps/v1
	kind: StatefulSet
	metadata: {name: db}
	spec:
	  serviceName: db
	  selector: {matchLabels: {app: db}}
	  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: pg}]}}
	---
	apiVersion: apps/v1
	kind: DaemonSet
	metadata: {name: log}
	spec:
	  selector: {matchLabels: {app: log}}
	  template: {metadata: {labels: {app: log}}, spec: {containers: [{name: c, image: fluent}]}}
	YAML
	expect "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden" \
		k patch sts db --type=merge -p '{"spec":{"serviceName":"x"}}'
	expect "statefulset.apps/db scaled" k scale sts db --replicas=3
	expect "daemonset.apps/log image updated" k set image ds/log c=fluent:2
	equal "2 2" k get ds log -o 'jsonpath={.metadata.generation} {.metadata.annotations.deprecated\.daemonset\.template\.generation}'
	expect "log    0         0         0       0            0           <none>" k get ds
	await 5 k rollout history ds/log --revision=2
	expect "daemonset.apps/log skipped rollback (current template already matches revision 2)" k rollout undo ds/log --to-revision=2
	expect "statefulset.apps/db skipped rollback (current template already matches revision 1)" k rollout undo sts/db --to-revision=1
}

test_autoscaler() {
	k create deployment auto --image=nginx > /dev/null
	equal "horizontalpodautoscaler.autoscaling/auto autoscaled" k autoscale deployment auto --min=2 --max=5 --cpu-percent=60
	expect "Deployment/auto   cpu: <unknown>/60%   2         5         " k get hpa auto
	one=/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers/auto
	expect '"targetCPUUtilizationPercentage":60' k get --raw "$one"
	expect "patched" k patch horizontalpodautoscalers.v1.autoscaling auto --type=merge -p '{"spec":{"targetCPUUtilizationPercentage":70}}'
	equal 70 k get hpa auto -o 'jsonpath={.spec.metrics[0].resource.target.averageUtilization}'
	expect "patched" k patch hpa auto --type=merge -p '{"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":9}}}}'
	expect 'autoscaling.alpha.kubernetes.io/behavior' k get --raw "$one"
	expect "spec.maxReplicas: Invalid value: 1: must be greater than or equal to \`minReplicas\`" k patch hpa auto --type=merge -p '{"spec":{"maxReplicas":1}}'
	expect "Min replicas:" k describe hpa auto
}

test_budget() {
	equal "poddisruptionbudget.policy/web created" k create pdb web --selector=app=web --min-available=50%
	expect "web    50%             N/A               0" k get pdb web
	expect "minAvailable and maxUnavailable cannot be both set" k patch pdb web --type=merge -p '{"spec":{"maxUnavailable":1}}'
	expect "quota/q created" k create quota q --hard=pods=500
	k delete quota q
}

test_priorities() {
	equal "priorityclass.scheduling.k8s.io/high created" k create priorityclass high --value=1000 --preemption-policy=Never
	equal "2000001000 2000000000" k get pc system-node-critical system-cluster-critical -o 'jsonpath={.items[*].value}'
	expect "prefix are reserved for system use only. error: system-x is not a known system priority class" k create priorityclass system-x --value=1
	expect "value: Forbidden: may not be changed in an update." k patch pc high --type=merge -p '{"value":5}'
	expect "is forbidden: this is a system priority class and cannot be deleted" k delete pc system-node-critical
	equal "1000 Never" k run a --image=i --overrides='{"spec":{"priorityClassName":"high"}}' -o 'jsonpath={.spec.priority} {.spec.preemptionPolicy}'
	expect "pods \"b\" is forbidden: no PriorityClass with name low was found" k run b --image=i --overrides='{"spec":{"priorityClassName":"low"}}'
	expect "the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name" \
		k run b --image=i --overrides='{"spec":{"priorityClassName":"high","priority":7}}'
	equal "priorityclass.scheduling.k8s.io/usual created" k create priorityclass usual --value=5 --global-default
	equal "5 usual" k run c --image=i -o 'jsonpath={.spec.priority} {.spec.priorityClassName}'
	expect "is forbidden: PriorityClass usual is already marked as default. Only one default can exist" k create priorityclass more --value=6 --global-default
	expect "maximum allowed value of a user defined priority is 1000000000" k create priorityclass top --value=1000000001
}

run_tests workload_kinds
