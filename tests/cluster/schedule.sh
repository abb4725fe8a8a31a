#!/bin/bash
# schedule.sh - the scheduler on a server alone: nodes are objects whose status is written by hand.
#
# Goal: pods get the node that the real scheduler gives them, and those that get none say why in its words.
# Each part has a label of its own on its nodes, so that parts do not see each other's.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

mkdir "$scratch/a"
cat > "$scratch/config" <<- 'END'
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
podMaxBackoffSeconds: 2
profiles:
- schedulerName: default-scheduler
- schedulerName: packing
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
  plugins: {score: {disabled: [{name: PodTopologySpread}, {name: NodeResourcesBalancedAllocation}]}}
END
start_server "$scratch/a" "$(($(free_port) + 4100))" --kube-scheduler-arg "config=$scratch/config" ||
	{ cat "$scratch/a/log"; exit 1; }
await 10 k get serviceaccount default

# node NAME GROUP [CPU [FURTHER ALLOCATABLE]]: an object; its group is a label.
node() {
	k create -f - > /dev/null <<< "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"$1\",\"labels\":{\"group\":\"$2\",\"kubernetes.io/hostname\":\"$1\"}}}"
	k patch node "$1" --subresource=status --type=merge > /dev/null -p "{\"status\":{\"allocatable\":{\"cpu\":\"${3:-1}\",\"memory\":\"1Gi\",\"pods\":\"110\"${4:-}},\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}"
}

# pod NAME GROUP CPU [SPEC [LABELS]]: in the group by its node selector, if that is not empty.
pod() {
	k create -f - > /dev/null <<< "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"$1\",\"labels\":{${5:-}}},\"spec\":{${2:+\"nodeSelector\":{\"group\":\"$2\"\},}${4:+$4,}\"containers\":[{\"name\":\"c\",\"image\":\"x\",\"resources\":{\"requests\":{\"cpu\":\"$3\"}}}]}}"
}

on() { [ "$(k get pod "$1" -o 'jsonpath={.spec.nodeName}')" = "$2" ]; }
is_placed() { [ -n "$(k get pod "$1" -o 'jsonpath={.spec.nodeName}')" ]; }
why() { k get pod "$1" -o 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].message}'; }
says() { [ "$(why "$1")" = "$2" ]; }
# await_why POD TEXT: and shows what it says instead.
await_why() { await 8 says "$1" "$2" || { echo "it says: $(why "$1")" >&2; return 1; }; }
gone() { k delete --force --grace-period=0 --wait=true "$@" > /dev/null 2>&1; }

test_words_of_refusals() {
	node r1 r; node r2 r; node r3 r
	k taint node r2 r3 k=v:NoSchedule > /dev/null
	pod big "" 2
	await_why big '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {k: v}. preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.'
	equal "False Unschedulable" k get pod big -o 'jsonpath={.status.conditions[0].status} {.status.conditions[0].reason}'
	await 5 expect FailedScheduling k get events --field-selector involvedObject.name=big
	expect default-scheduler k get events --field-selector involvedObject.name=big -o 'jsonpath={.items[0].reportingComponent}'
	k cordon r1 > /dev/null
	pod none nowhere 1m
	await_why none "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had untolerated taint {k: v}. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."
	pod claims r 1m '"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"missing"}}]'
	await_why claims '0/3 nodes are available: persistentvolumeclaim "missing" not found. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.'
	# What opens a node wakes the pod, what does not leaves it asleep.
	k taint node r2 k- > /dev/null
	k patch node r2 --subresource=status --type=merge -p '{"status":{"allocatable":{"cpu":"4"}}}' > /dev/null
	await 8 on big r2
	await 5 expect "Successfully assigned default/big to r2" k get events --field-selector involvedObject.name=big
	gone pod big none claims
	gone node r1 r2 r3
}

test_nodes_and_schedulers() {
	pod lonely lone 1m
	await_why lonely "no nodes available to schedule pods"
	pod other lone 1m '"schedulerName":"somebody"'
	pod gated lone 1m '"schedulingGates":[{"name":"a"}]'
	equal "SchedulingGated Scheduling is blocked due to non-empty scheduling gates" k get pod gated -o 'jsonpath={.status.conditions[0].reason} {.status.conditions[0].message}'
	node l1 lone
	await 5 on lonely l1
	k patch pod gated --type=json -p '[{"op":"remove","path":"/spec/schedulingGates"}]' > /dev/null
	await 5 on gated l1
	equal "" k get pod other -o 'jsonpath={.spec.nodeName}{.status.conditions}'
	gone pod lonely other gated
	gone node l1
}

test_packing_and_spreading() {
	node p1 p 10; node p2 p 10; node p3 p 10
	for i in 1 2 3 4 5 6; do pod "pack$i" p 1 '"schedulerName":"packing"'; done
	for i in 1 2 3 4 5 6; do await 5 is_placed "pack$i"; done
	equal 1 sh -c "timeout 9 $kubectl get pods -o 'jsonpath={range .items[*]}{.spec.nodeName}{\"\\n\"}{end}' | sort -u | grep -c ."
	await 5 expect packing k get events --field-selector involvedObject.name=pack1,reason=Scheduled -o 'jsonpath={.items[*].reportingComponent}'
	gone pod --all
	for i in 1 2 3 4 5 6; do pod "wide$i" p 1; await 5 is_placed "wide$i"; done
	equal 3 sh -c "timeout 9 $kubectl get pods -o 'jsonpath={range .items[*]}{.spec.nodeName}{\"\\n\"}{end}' | sort -u | grep -c ."
	gone pod --all
	gone node p1 p2 p3
}

test_preemption() {
	node v1 v 1
	k create priorityclass high --value=1000 > /dev/null
	k create priorityclass meek --value=1000 --preemption-policy=Never > /dev/null
	pod low1 v 600m; await 5 on low1 v1
	pod low2 v 400m; await 5 on low2 v1
	pod meek v 500m '"priorityClassName":"meek","preemptionPolicy":"Never"'
	await_why meek "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."
	pod high v 500m '"priorityClassName":"high"'
	await 8 sh -c "[ \"\$(timeout 9 $kubectl get pod high -o 'jsonpath={.status.nominatedNodeName}')\" = v1 ]"
	await 5 sh -c "[ -n \"\$(timeout 9 $kubectl get pod low1 -o 'jsonpath={.metadata.deletionTimestamp}')\" ]"
	equal "PreemptionByScheduler True" k get pod low1 -o 'jsonpath={.status.conditions[?(@.type=="DisruptionTarget")].reason} {.status.conditions[?(@.type=="DisruptionTarget")].status}'
	equal "" k get pod low2 -o 'jsonpath={.metadata.deletionTimestamp}'
	expect "Preempted by pod $(k get pod high -o 'jsonpath={.metadata.uid}') on node v1" k get events --field-selector involvedObject.name=low1,reason=Preempted
	# It waits until its victim has left, and nobody takes the room meanwhile.
	pod sneak v 100m
	await_why sneak "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
	equal "" k get pod high -o 'jsonpath={.spec.nodeName}'
	gone pod low1
	await 8 on high v1
	await 8 on sneak v1
	gone pod high low2 meek sneak
	gone node v1
}

test_pods_about_pods() {
	node a1 a 4; node a2 a 4
	apart='"affinity":{"podAntiAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"kubernetes.io/hostname","labelSelector":{"matchLabels":{"app":"x"}}}]}}'
	for i in 1 2 3; do pod "x$i" a 1m "$apart" '"app":"x"'; done
	await 5 is_placed x1
	await 5 is_placed x2
	await_why x3 "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."
	# Those that are there may keep others off as well.
	pod plain a 1m "" '"app":"x"'
	await_why plain "0/2 nodes are available: 2 node(s) didn't satisfy existing pods anti-affinity rules. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."
	pod near a 1m '"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"kubernetes.io/hostname","labelSelector":{"matchLabels":{"app":"later"}}}]}}'
	await_why near "0/2 nodes are available: 2 node(s) didn't match pod affinity rules. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
	pod later a 1m "" '"app":"later"'
	await 8 is_placed near
	equal "$(k get pod later -o 'jsonpath={.spec.nodeName}')" k get pod near -o 'jsonpath={.spec.nodeName}'
	gone pod --all
	even='"topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"kubernetes.io/hostname","whenUnsatisfiable":"DoNotSchedule","labelSelector":{"matchLabels":{"s":"1"}}}]'
	for i in 1 2 3 4; do pod "s$i" a 1m "$even" '"s":"1"'; done
	for i in 1 2 3 4; do await 5 is_placed "s$i"; done
	equal 2 sh -c "timeout 9 $kubectl get pods --field-selector spec.nodeName=a1 -o name | wc -l"
	k cordon a2 > /dev/null
	pod s5 a 1m "$even" '"s":"1"'
	await 5 on s5 a1
	pod s6 a 1m "$even" '"s":"1"'
	await_why s6 "0/2 nodes are available: 1 node(s) didn't match pod topology spread constraints, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
	gone pod --all
	gone node a1 a2
}

test_ports_and_further_resources() {
	node o1 o 4 ',"example.com/thing":"1"'
	port='"containers":[{"name":"c","image":"x","ports":[{"containerPort":80,"hostPort":8080}]}]'
	k create -f - > /dev/null <<< "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"port1\"},\"spec\":{$port}}"
	await 5 on port1 o1
	k create -f - > /dev/null <<< "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"port2\"},\"spec\":{$port}}"
	await_why port2 "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
	thing='"containers":[{"name":"c","image":"x","resources":{"limits":{"example.com/thing":"1"}}}]'
	for i in 1 2; do
		k create -f - > /dev/null <<< "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"thing$i\"},\"spec\":{$thing}}"
	done
	await_why thing2 "0/1 nodes are available: 1 Insufficient example.com/thing. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
	gone pod port1
	await 8 on port2 o1
	gone pod --all
	gone node o1
}

test_volumes_wait_for_the_first_consumer() {
	node w1 w; node w2 w
	k create -f - > /dev/null <<- 'END'
	{"apiVersion":"v1","kind":"List","items":[
	{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"by-hand"},"provisioner":"kubernetes.io/no-provisioner","volumeBindingMode":"WaitForFirstConsumer"},
	{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"c"},"spec":{"storageClassName":"by-hand","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}]}
	END
	pod vol w 1m '"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}]'
	await_why vol "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
	k create -f - > /dev/null <<- 'END'
	{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv2"},"spec":{"storageClassName":"by-hand","accessModes":["ReadWriteOnce"],"capacity":{"storage":"2Gi"},"local":{"path":"/x"},"nodeAffinity":{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["w2"]}]}]}}}}
	END
	await 8 on vol w2
	equal "c pv2" k get pvc c -o 'jsonpath={.metadata.name} {.spec.volumeName}'
	# Nobody makes this one's volume: it waits, and holds nobody up.
	k create -f - > /dev/null <<- 'END'
	{"apiVersion":"v1","kind":"List","items":[
	{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"nobody"},"provisioner":"example.com/nobody","volumeBindingMode":"WaitForFirstConsumer"},
	{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"d"},"spec":{"storageClassName":"nobody","accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}]}
	END
	pod stuck w 1m '"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"d"}}]'
	await 8 sh -c "timeout 9 $kubectl get pvc d -o 'jsonpath={.metadata.annotations.volume\.kubernetes\.io/selected-node}' | grep -q w"
	pod goes w 1m
	await 5 is_placed goes
	await 5 expect "Successfully assigned" k get events --field-selector involvedObject.name=goes
	equal "" k get pod stuck -o 'jsonpath={.spec.nodeName}'
	gone pod --all
	gone node w1 w2
}

test_configuration_is_checked() {
	for bad in 'kind: Pod' 'profiles: [{schedulerName: a, pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: Most}}}]}]' \
		'profiles: [{plugins: {score: {enabled: [{name: None}]}}}]'; do
		printf 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n%s\n' "$bad" > "$scratch/bad"
		fails 2 "scheduler configuration $scratch/bad" "$mote" server --data-dir "$scratch/none" --kube-scheduler-arg "config=$scratch/bad"
	done
	fails 2 "leader-elect is not offered: a cluster of mote has one server" "$mote" server --data-dir "$scratch/none" --kube-scheduler-arg leader-elect=false
}

run_tests schedule
