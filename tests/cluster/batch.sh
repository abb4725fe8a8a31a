#!/bin/bash
# batch.sh - jobs, cron jobs, budgets and quotas with the real kubectl, on one node that really runs the pods.
#
# Goal: what a script reads of them (status, conditions, events, refusals) is as the real controllers have it, and
# no ended pod is lost or counted twice when the server is killed.
# shellcheck disable=SC2016,SC2119 # commands of pods are for their shells; server_start may have options
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

one_node_up() {
	lab_open
	host_add s 172.30.0.1
	image_make web:1 one
	host_add n1 172.30.0.11
	image_give n1 "$tar_image/web-1.tar"
	server_start
	agent_start n1
}

# Not in a condition: bash would go on after a failure in it.
( set -e; one_node_up )
up=$?
[ "$up" = 0 ] || { cat "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"

# job NAME SPEC COMMAND: a job whose pods run the command; SPEC: further fields, one JSON object's inside.
job() {
	k create -f - <<- END
	apiVersion: batch/v1
	kind: Job
	metadata: {name: $1}
	spec: {$2 template: {spec: {restartPolicy: Never, terminationGracePeriodSeconds: 0,
	  containers: [{name: a, image: "web:1", command: [sh, -c, '$3']}]}}}
	END
}

# ends NAME CONDITION
ends() {
	k wait --for="condition=$2" "job/$1" --timeout=30s
}

# condition KIND/NAME TYPE FIELD
condition() {
	of "$1" "{.status.conditions[?(@.type==\"$2\")].$3}"
}

# events KIND/NAME: their reasons in order of time, without repetitions.
events() {
	k get events --field-selector "involvedObject.name=${1#*/}" --sort-by=.metadata.resourceVersion \
		-o 'jsonpath={range .items[*]}{.reason}: {.message}{"\n"}{end}'
}

test_job_completes() {
	job sums "completions: 3, parallelism: 2," "exit 0"
	ends sums Complete
	equal "3//0/0" of job/sums '{.status.succeeded}/{.status.active}/{.status.ready}/{.status.terminating}'
	equal "{}" of job/sums '{.status.uncountedTerminatedPods}'
	equal "CompletionsReached: Reached expected number of succeeded pods" of job/sums '{.status.conditions[1].reason}: {.status.conditions[1].message}'
	equal "SuccessCriteriaMet Complete" of job/sums '{.status.conditions[*].type}'
	[ "$(events job/sums | grep -c 'SuccessfulCreate: Created pod: sums-')" = 3 ]
	expect "Completed: Job completed" events job/sums
	equal "" k get pods -l job-name=sums -o 'jsonpath={.items[*].metadata.finalizers}'
	expect "Complete   3/3" k get job sums
	gone job/sums
	equal "" k get pods -l job-name=sums -o name
}

test_job_indexed() {
	job parts "completions: 4, parallelism: 4, completionMode: Indexed," 'echo $JOB_COMPLETION_INDEX on $(hostname)'
	ends parts Complete
	equal "0-3" of job/parts '{.status.completedIndexes}'
	for i in 0 1 2 3; do
		pod=$(k get pod -l "job-name=parts,batch.kubernetes.io/job-completion-index=$i" -o name)
		[[ $pod == pod/parts-$i-* ]]
		equal "$i on parts-$i" k logs "$pod"
	done
	gone job/parts
}

test_job_fails() {
	job bad "backoffLimit: 0," "exit 3"
	ends bad Failed
	equal "BackoffLimitExceeded: Job has reached the specified backoff limit" of job/bad '{.status.conditions[?(@.type=="Failed")].reason}: {.status.conditions[?(@.type=="Failed")].message}'
	equal "True" condition job/bad FailureTarget status
	equal "1" of job/bad '{.status.failed}'
	expect "BackoffLimitExceeded: Job has reached" events job/bad
	gone job/bad
}

test_job_backs_off() {
	job again "backoffLimit: 5," "exit 1"
	await 10 is 1 job/again '{.status.failed}'
	sleep 1
	equal Failed k get pods -l job-name=again -o 'jsonpath={.items[*].status.phase}'
	gone job/again
}

test_job_failure_policy() {
	job strict 'podFailurePolicy: {rules: [{action: Ignore, onExitCodes: {operator: In, values: [7]}}, {action: FailJob, onExitCodes: {containerName: a, operator: In, values: [42]}}]},' "exit 42"
	ends strict Failed
	pod=$(k get pod -l job-name=strict -o 'jsonpath={.items[0].metadata.name}')
	equal "PodFailurePolicy: Container a for pod default/$pod failed with exit code 42 matching FailJob rule at index 1" of job/strict '{.status.conditions[?(@.type=="Failed")].reason}: {.status.conditions[?(@.type=="Failed")].message}'
	gone job/strict
}

test_job_per_index() {
	job each "completions: 3, parallelism: 3, completionMode: Indexed, backoffLimitPerIndex: 0," '[ $JOB_COMPLETION_INDEX != 1 ]'
	ends each Failed
	equal "0,2 1 FailedIndexes" of job/each '{.status.completedIndexes} {.status.failedIndexes} {.status.conditions[?(@.type=="Failed")].reason}'
	equal "1" of job/each '{.status.failed}'
	gone job/each
}

test_job_success_policy() {
	job leader 'completions: 3, parallelism: 3, completionMode: Indexed, successPolicy: {rules: [{succeededIndexes: "0"}]},' '[ $JOB_COMPLETION_INDEX = 0 ] || sleep 3600'
	ends leader Complete
	equal "0 SuccessPolicy Matched rules at index 0" of job/leader '{.status.completedIndexes} {.status.conditions[?(@.type=="Complete")].reason} {.status.conditions[?(@.type=="Complete")].message}'
	gone job/leader
}

test_job_suspends() {
	job halt "parallelism: 2," "sleep 3600"
	await 10 is 2 job/halt '{.status.ready}'
	start=$(of job/halt '{.status.startTime}')
	k patch job halt --type=merge -p '{"spec":{"suspend":true}}'
	await 10 is "True JobSuspended" job/halt '{.status.conditions[?(@.type=="Suspended")].status} {.status.conditions[?(@.type=="Suspended")].reason}'
	await 10 is "" job/halt '{.status.active}'
	equal "" of job/halt '{.status.failed}'
	[ "$(of job/halt '{.status.startTime}')" = "$start" ]
	sleep 1
	k patch job halt --type=merge -p '{"spec":{"suspend":false}}'
	await 10 is "False JobResumed" job/halt '{.status.conditions[?(@.type=="Suspended")].status} {.status.conditions[?(@.type=="Suspended")].reason}'
	await 10 is 2 job/halt '{.status.ready}'
	[ "$(of job/halt '{.status.startTime}')" != "$start" ]
	expect "Suspended: Job suspended" events job/halt
	expect "Resumed: Job resumed" events job/halt
	gone job/halt
}

test_job_deadline() {
	job late "activeDeadlineSeconds: 1," "sleep 3600"
	ends late Failed
	equal "DeadlineExceeded: Job was active longer than specified deadline" of job/late '{.status.conditions[?(@.type=="Failed")].reason}: {.status.conditions[?(@.type=="Failed")].message}'
	gone job/late
}

test_job_goes_after_its_time() {
	# Long enough for a slow kubectl to see it complete.
	job brief "ttlSecondsAfterFinished: 6," "exit 0"
	ends brief Complete
	await 15 fails 1 NotFound k get job brief
	await 10 equal "" k get pods -l job-name=brief -o name
}

# Whoever says that somebody else manages it is left alone.
test_job_of_another_manager() {
	job theirs "managedBy: example.com/queue," "exit 0"
	job ours "" "exit 0"
	ends ours Complete
	equal "{}" of job/theirs '{.status}'
	gone job/theirs job/ours
}

# Goal: each pod is counted once, although the server dies again and again while they end.
test_job_survives_kills() {
	job sturdy "completions: 12, parallelism: 4," "sleep 0.3"
	for _ in 1 2 3; do
		sleep 1
		stop server -KILL
		server_start
	done
	k wait --for=condition=Complete job/sturdy --timeout=40s
	equal "12//" of job/sturdy '{.status.succeeded}/{.status.failed}/{.status.active}'
	equal 12 count_pods job-name=sturdy
	gone job/sturdy
}

count_pods() {
	k get pods -l "$1" -o name | wc -l
}

test_cronjob_runs() {
	k create -f - <<- END
	apiVersion: batch/v1
	kind: CronJob
	metadata: {name: tick}
	spec:
	  schedule: "@every 2s"
	  successfulJobsHistoryLimit: 1
	  jobTemplate: {metadata: {labels: {from: tick}}, spec: {template: {spec: {restartPolicy: Never,
	    containers: [{name: a, image: "web:1", command: ["true"]}]}}}}
	END
	await 15 has_success tick
	expect "SuccessfulCreate: Created job tick-" events cronjob/tick
	expect "SawCompletedJob: Saw completed job: tick-" events cronjob/tick
	name=$(k get jobs -l from=tick -o 'jsonpath={.items[0].metadata.name}')
	expect "Z" of "job/$name" '{.metadata.annotations.batch\.kubernetes\.io/cronjob-scheduled-timestamp}'
	# one that was made just now and ends later would take the place of ours in a history of one
	k patch cronjob tick --type=merge -p '{"spec":{"suspend":true,"successfulJobsHistoryLimit":9}}'
	expect "created" k create job by-hand --from=cronjob/tick
	ends by-hand Complete
	equal manual of job/by-hand '{.metadata.annotations.cronjob\.kubernetes\.io/instantiate}'
	gone cronjob/tick
	await 10 equal "" k get jobs -o name
}

has_success() {
	[ -n "$(of "cronjob/$1" '{.status.lastSuccessfulTime}')" ]
}

# budget NAME SPEC
budget() {
	k create -f - <<- END
	apiVersion: policy/v1
	kind: PodDisruptionBudget
	metadata: {name: $1}
	spec: {$2}
	END
}

# budget_shows WANTED NAME: expected, healthy, desired and allowed ones.
budget_shows() {
	is "$1" "pdb/$2" '{.status.expectedPods} {.status.currentHealthy} {.status.desiredHealthy} {.status.disruptionsAllowed}'
}

evict() {
	k create --raw "/api/v1/namespaces/default/pods/$1/eviction" -f - <<- END
	{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"$1","namespace":"default"}}
	END
}

# guarded REPLICAS: a deployment whose pods end at once.
guarded() {
	k create -f - <<- END
	apiVersion: apps/v1
	kind: Deployment
	metadata: {name: guarded}
	spec:
	  replicas: $1
	  selector: {matchLabels: {app: guarded}}
	  template:
	    metadata: {labels: {app: guarded}}
	    spec: {terminationGracePeriodSeconds: 1, containers: [{name: a, image: "web:1", command: [sleep, "3600"]}]}
	END
	k rollout status deployment guarded --timeout=30s
}

test_budget() {
	guarded 3
	budget half "minAvailable: 50%, selector: {matchLabels: {app: guarded}}"
	await 10 budget_shows "3 3 2 1" half
	equal "True SufficientPods" of pdb/half '{.status.conditions[0].status} {.status.conditions[0].reason}'
	read -r first second _ <<< "$(k get pods -l app=guarded -o 'jsonpath={.items[*].metadata.name}')"
	evict "$first"
	expect "EvictionByEvictionAPI: Eviction API: evicting" of "pod/$first" '{.status.conditions[?(@.type=="DisruptionTarget")].reason}: {.status.conditions[?(@.type=="DisruptionTarget")].message}'
	await 20 budget_shows "3 3 2 1" half
	equal "" of pdb/half '{.status.disruptedPods}'
	k patch pdb half --type=merge -p '{"spec":{"minAvailable":3}}'
	await 10 budget_shows "3 3 3 0" half
	fails 1 "Cannot evict pod as it would violate the pod's disruption budget." evict "$second"
	budget other "maxUnavailable: 1, selector: {matchLabels: {app: guarded}}"
	expect "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support." evict "$second"
	gone pdb/half
	await 10 budget_shows "3 3 2 1" other
	k patch pdb other --type=merge -p '{"spec":{"maxUnavailable":0}}'
	await 10 budget_shows "3 3 3 0" other
	equal "False InsufficientPods" of pdb/other '{.status.conditions[0].status} {.status.conditions[0].reason}'
	fails_to_drain 3
	gone pdb/other
	k drain n1 --ignore-daemonsets --delete-emptydir-data --force --timeout=30s
	k uncordon n1
	gone deployment/guarded
}

# A node whose pods are guarded is drained as far as the budget goes, and kubectl tries again until its time is over.
fails_to_drain() {
	output=$(k drain n1 --ignore-daemonsets --delete-emptydir-data --force --timeout="$1s" 2>&1) && return 1
	expect "Cannot evict pod as it would violate the pod's disruption budget." echo "$output"
}

test_budget_of_bare_pods() {
	pod alone n1
	k label pod alone app=alone
	budget bare "maxUnavailable: 1, selector: {matchLabels: {app: alone}}"
	await 10 budget_shows "0 1 0 0" bare
	expect "UnmanagedPods: Pods selected by this PodDisruptionBudget" events pdb/bare
	gone pdb/bare pod/alone
}

# in_quota NAME HARD [more of the spec]: a namespace with this quota, ready.
in_quota() {
	k create namespace "$1"
	k create -f - <<- END
	apiVersion: v1
	kind: ResourceQuota
	metadata: {name: q, namespace: $1}
	spec: {hard: {$2}${3:+, $3}}
	END
	await 5 used_is_there "$1"
	await 5 k get serviceaccount default -n "$1"
}

used_is_there() {
	[ -n "$(k get quota q -n "$1" -o 'jsonpath={.status.used}')" ]
}

# quota_used WANTED NAMESPACE: status.used as JSON.
quota_used() {
	[ "$(k get quota q -n "$2" -o 'jsonpath={.status.used}')" = "$1" ]
}

# sleeper NAME NAMESPACE [resources]
sleeper() {
	k create -n "$2" -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec: {terminationGracePeriodSeconds: 0, containers: [{name: a, image: "web:1", command: [sleep, "3600"]${3:+, resources: {$3\}}}]}
	END
}

test_quota_of_pods() {
	in_quota few 'pods: "2", requests.memory: 100Mi, "count/configmaps": "2"'
	await 5 quota_used '{"count/configmaps":"1","pods":"0","requests.memory":"0"}' few
	fails 1 'pods "a" is forbidden: failed quota: q: must specify requests.memory for: a' sleeper a few
	sleeper a few "requests: {memory: 64Mi}"
	fails 1 'pods "b" is forbidden: exceeded quota: q, requested: requests.memory=64Mi, used: requests.memory=64Mi, limited: requests.memory=100Mi' sleeper b few "requests: {memory: 64Mi}"
	sleeper b few "requests: {memory: 16Mi}"
	fails 1 'pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2' sleeper c few "requests: {memory: 1Mi}"
	await 5 quota_used '{"count/configmaps":"1","pods":"2","requests.memory":"80Mi"}' few
	expect "pods: 2/2" k get quota q -n few
	k create configmap one -n few
	fails 1 'configmaps "two" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2' k create configmap two -n few
	k delete pod a -n few --wait
	await 5 quota_used '{"count/configmaps":"2","pods":"1","requests.memory":"16Mi"}' few
	sleeper c few "requests: {memory: 64Mi}"
	k delete namespace few --wait=false
}

# Goal: of many who create at once no more come through than the quota has room for.
test_quota_is_exact() {
	in_quota crowd 'count/secrets: "10"'
	for i in $(seq 30); do
		k create secret generic "s$i" -n crowd > "$scratch/crowd-$i" 2>&1 &
		makers="$makers $!"
	done
	for maker in $makers; do wait "$maker" || true; done
	equal 10 count_of secrets crowd
	[ "$(cat "$scratch"/crowd-* | grep -c 'exceeded quota: q, requested: count/secrets=1, used: count/secrets=10, limited: count/secrets=10')" = 20 ]
	await 5 quota_used '{"count/secrets":"10"}' crowd
	k delete secret s1 -n crowd --ignore-not-found
	k delete secret --all -n crowd
	await 5 quota_used '{"count/secrets":"0"}' crowd
	k delete namespace crowd --wait=false
}

count_of() {
	k get "$1" -n "$2" -o name | wc -l
}

# Pods that find no room are told by events, and come when there is some.
test_quota_of_controllers() {
	in_quota tight 'pods: "1"'
	k create -n tight -f - <<- END
	apiVersion: batch/v1
	kind: Job
	metadata: {name: narrow}
	spec: {completions: 2, parallelism: 2, template: {spec: {restartPolicy: Never, containers: [{name: a, image: "web:1", command: [sleep, "1"]}]}}}
	END
	await 10 expect "is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1" k get events -n tight
	k wait -n tight --for=condition=Complete job/narrow --timeout=30s
	k delete namespace tight --wait=false
}

test_quota_scopes() {
	in_quota scoped 'pods: "1"' 'scopes: [BestEffort]'
	sleeper a scoped "requests: {cpu: 1m}"
	sleeper b scoped
	fails 1 "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1" sleeper c scoped
	await 5 quota_used '{"pods":"1"}' scoped
	k delete namespace scoped --wait=false
}

test_quota_of_services_and_claims() {
	in_quota ports 'services.nodeports: "1", services: "2", requests.storage: 1Gi'
	k create service nodeport a --tcp=80 -n ports
	fails 1 "exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1" k create service nodeport b --tcp=80 -n ports
	k create service clusterip b --tcp=80 -n ports
	fails 1 'persistentvolumeclaims "big" is forbidden: exceeded quota: q, requested: requests.storage=2Gi, used: requests.storage=0, limited: requests.storage=1Gi' k create -n ports -f - <<- END
	{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"big"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"2Gi"}}}}
	END
	k delete namespace ports --wait=false
}

run_tests batch
