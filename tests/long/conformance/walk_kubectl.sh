# walk_kubectl.sh - test/e2e/kubectl: what people type.
# shellcheck shell=bash disable=SC2015,SC2016,SC2154,SC2317

# rc NAME REPLICAS [IMAGE]
rc() {
	printf '# yaml\n{apiVersion: v1, kind: ReplicationController, metadata: {name: %s, labels: {app: agnhost, role: primary}}, spec: {replicas: %s, selector: {app: agnhost, role: primary}, template: {metadata: {labels: {app: agnhost, role: primary}}, spec: {terminationGracePeriodSeconds: 0, containers: [{name: agnhost-primary, image: "%s", command: [httpd, -f, -p, "6379", -h, /www], ports: [{name: agnhost-server, containerPort: 6379}]}]}}}}\n' "$1" "$2" "${3:-web:1}" | k create -f -
	becomes 90 "$2" of "rc/$1" '{.status.readyReplicas}'
}

primary_service='# yaml
{apiVersion: v1, kind: Service, metadata: {name: agnhost-primary, labels: {app: agnhost, role: primary}}, spec: {ports: [{port: 6379, targetPort: agnhost-server}], selector: {app: agnhost, role: primary}}}'

demo_pods() {
	k get pods -o template '--template={{range.items}}{{.metadata.name}} {{end}}' -l app=agnhost | wc -w
}

demo_created() {
	rc demo 2
	equal 2 demo_pods
	for name in $(k get pods -l app=agnhost -o 'jsonpath={.items[*].metadata.name}'); do
		equal true k get pods "$name" -o template '--template={{if (exists . "status" "containerStatuses")}}{{range .status.containerStatuses}}{{if (and (eq .name "agnhost-primary") (exists . "state" "running"))}}true{{end}}{{end}}{{end}}'
		equal web:1 k get pods "$name" -o template '--template={{if (exists . "spec" "containers")}}{{range .spec.containers}}{{if eq .name "agnhost-primary"}}{{.image}}{{end}}{{end}}{{end}}'
	done
}

demo_scaled() {
	rc demo 2
	k scale rc demo --replicas=1 --timeout=5m
	becomes 60 1 demo_pods
	k scale rc demo --replicas=2 --timeout=5m
	becomes 60 2 of rc/demo '{.status.readyReplicas}'
	equal 2 demo_pods
}

# A frontend that keeps in a primary what it is given, and what was written is read from the replicas.
guestbook() {
	for tier in primary replica frontend; do
		printf '# yaml\n{apiVersion: v1, kind: Service, metadata: {name: %s, labels: {tier: %s}}, spec: {ports: [{port: 80, targetPort: 8080}], selector: {tier: %s}}}\n' $tier $tier $tier | k create -f -
	done
	for tier in primary replica frontend; do
		replicas=1
		[ $tier != replica ] || replicas=2
		printf '# yaml\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: %s}, spec: {replicas: %s, selector: {matchLabels: {tier: %s}}, template: {metadata: {labels: {tier: %s}}, spec: {terminationGracePeriodSeconds: 0, containers: [{%s, env: [{name: PROGRAM, value: %s}], readinessProbe: {httpGet: {path: /, port: 8080}}}]}}}}\n' \
			$tier $replicas $tier $tier "$(does 'mkdir -p /www/cgi-bin; echo "$PROGRAM" > /www/cgi-bin/entry; chmod +x /www/cgi-bin/entry; exec httpd -f -p 8080 -h /www')" "$(json_text "$(guest_program $tier)")" | k create -f -
	done
	for tier in primary replica frontend; do k rollout status deployment $tier --timeout=90s; done
	entry=/api/v1/namespaces/$ns/services/frontend/proxy/cgi-bin/entry
	becomes 30 '{"data":""}' k get --raw "$entry?cmd=get"
	k get --raw "$entry?cmd=TestEntry"
	becomes 30 '{"data":"TestEntry"}' k get --raw "$entry?cmd=get"
	k delete deployment,service --all --timeout=60s
	becomes 60 "" k get pods -o name
}

guest_program() {
	printf '#!/bin/sh\necho "Content-Type: text/plain"\necho\n'
	case $1 in
	primary) echo '[ "$QUERY_STRING" = cmd=get ] || printf %s "${QUERY_STRING#cmd=}" > /tmp/kept; cat /tmp/kept 2> /dev/null; exit 0' ;;
	replica) echo "exec wget -q -O - http://$(of service/primary '{.spec.clusterIP}')/cgi-bin/entry?cmd=get" ;;
	frontend)
		echo "ask() { wget -q -O - \"http://\$1/cgi-bin/entry?\$QUERY_STRING\"; }"
		echo "if [ \"\$QUERY_STRING\" = cmd=get ]; then printf '{\"data\":\"%s\"}' \"\$(ask $(of service/replica '{.spec.clusterIP}'))\"; else ask $(of service/primary '{.spec.clusterIP}'); fi"
		;;
	esac
}

api_versions() {
	k api-versions | grep -qx v1
}

cluster_info() {
	expect "Kubernetes control plane" k cluster-info
	expect "is running at" k cluster-info
}

version() {
	words=$(k version -o yaml)
	for text in clientVersion: serverVersion: major: minor: gitCommit: buildDate: gitTreeState: goVersion: compiler: platform:; do
		[[ $words == *$text* ]] || { echo "no $text in $words"; return 1; }
	done
	for text in "Client Version:" "Server Version: v1.32"; do expect "$text" k version; done
}

# describes TEXT... -- ARGUMENTS...: each text is in a line.
describes() {
	local texts=()
	while [ "$1" != -- ]; do texts+=("$1"); shift; done
	shift
	words=$(k describe "$@")
	for text in "${texts[@]}"; do [[ $words == *"$text"* ]] || { echo "no '$text' in"; echo "$words"; return 1; }; done
}

describe_all() {
	rc agnhost-primary 1
	echo "$primary_service" | k create -f -
	name=$(k get pods -l app=agnhost -o 'jsonpath={.items[0].metadata.name}')
	describes Name: "$name" "Namespace:" "$ns" "Node:" "Labels:" "app=agnhost" "role=primary" "Annotations:" "Status:" Running "IP:" \
		"Controlled By:" "ReplicationController/agnhost-primary" "Image:" web:1 "State:" Running "QoS Class:" BestEffort -- pod "$name"
	describes Name: agnhost-primary "Namespace:" "$ns" "Selector:" app=agnhost,role=primary "Labels:" "Annotations:" "Replicas:" \
		"1 current / 1 desired" "Pods Status:" "1 Running / 0 Waiting / 0 Succeeded / 0 Failed" "Pod Template:" "Image:" web:1 "Events:" -- rc agnhost-primary
	describes Name: agnhost-primary "Namespace:" "$ns" "Labels:" "Selector:" "Type:" ClusterIP "IP:" "Port:" "<unset>" 6379/TCP "Endpoints:" "Session Affinity:" -- service agnhost-primary
	describes Name: n1 "Labels:" "Annotations:" "CreationTimestamp:" "Conditions:" Type Status LastHeartbeatTime LastTransitionTime Reason Message "Addresses:" "Capacity:" \
		"Version:" "Kernel Version:" "OS Image:" "Container Runtime Version:" "Kubelet Version:" "Non-terminated Pods:" -- node n1
	describes Name: "$ns" "Labels:" "Annotations:" "Status:" Active "No resource quota" "No LimitRange resource" -- namespace "$ns"
}

describe_cron_job() {
	printf '# yaml\n{apiVersion: batch/v1, kind: CronJob, metadata: {name: cronjob-test}, spec: {schedule: "*/1 * * * *", concurrencyPolicy: Allow, suspend: true, startingDeadlineSeconds: 30, jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: test, image: "web:1", args: ["/bin/true"]}]}}}}}}\n' | k create -f -
	describes Name: cronjob-test "Namespace:" "Labels:" "Annotations:" "Schedule:" "*/1 * * * *" "Concurrency Policy:" Allow "Suspend:" True \
		"Successful Job History Limit:" 3 "Failed Job History Limit:" 1 "Starting Deadline Seconds:" 30s "Selector:" "Parallelism:" "Completions:" -- cronjob cronjob-test
}

diff_of_deployment() {
	deployment() { printf '# yaml\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: httpd, labels: {app: httpd}}, spec: {replicas: 1, selector: {matchLabels: {app: httpd}}, template: {metadata: {labels: {app: httpd}}, spec: {nodeSelector: {no: where}, containers: [{name: httpd, image: "%s", ports: [{containerPort: 80}]}]}}}}\n' "$1"; }
	deployment web:1 | k create -f -
	words=$(deployment web:2 | k diff -f -) && { echo "no difference"; return 1; }
	[[ $words == *"- image: web:1"* && $words == *"- image: web:2"* ]] || { echo "$words"; return 1; }
}

# serves SERVICE PORT: one endpoint at 6379 behind it.
serves() {
	equal "$2 6379" of "service/$1" '{.spec.ports[0].port} {.spec.ports[0].targetPort}'
	becomes 60 6379 of "endpoints/$1" '{.subsets[*].ports[*].port}'
}

expose_rc() {
	rc agnhost-primary 1
	k expose rc agnhost-primary --name=rm2 --port=1234 --target-port=6379
	serves rm2 1234
	k expose service rm2 --name=rm3 --port=2345 --target-port=6379
	serves rm3 2345
}

label_pod() {
	pod_with pause "containers: [{$waits}]" 'labels: {name: pause}'
	ready pause
	k label pods pause testing-label=testing-label-value
	expect testing-label-value k get pod pause -L testing-label
	k label pods pause testing-label-
	words=$(k get pod pause -L testing-label)
	[[ $words != *testing-label-value* ]]
}

patch_pods_of_rc() {
	rc agnhost-primary 1
	for name in $(k get pods -l app=agnhost -o 'jsonpath={.items[*].metadata.name}'); do
		k patch pod "$name" -p '{"metadata":{"annotations":{"x":"y"}}}'
		equal y of "pod/$name" '{.metadata.annotations.x}'
	done
}

run_pod() {
	k run e2e-test-httpd-pod --restart=Never --pod-running-timeout=2m0s --image=web:1
	equal "web:1 Never" of pod/e2e-test-httpd-pod '{.spec.containers[*].image} {.spec.restartPolicy}'
	k delete pods e2e-test-httpd-pod --timeout=60s
}

replace_image() {
	k run e2e-test-httpd-pod --image=web:1 --pod-running-timeout=2m0s --labels=run=e2e-test-httpd-pod --command -- sleep 1000
	becomes 60 Running k get pods -l run=e2e-test-httpd-pod -o 'jsonpath={.items[*].status.phase}'
	k get pod e2e-test-httpd-pod -o json | sed 's/web:1/web:2/' | k replace -f -
	equal web:2 of pod/e2e-test-httpd-pod '{.spec.containers[*].image}'
	k delete pods e2e-test-httpd-pod --grace-period=0 --force
}

dry_run() {
	k run e2e-test-httpd-pod --image=web:1 --pod-running-timeout=2m0s --labels=run=e2e-test-httpd-pod --command -- sleep 1000
	becomes 60 Running k get pods -l run=e2e-test-httpd-pod -o 'jsonpath={.items[*].status.phase}'
	k patch pod e2e-test-httpd-pod -p '{"spec":{"containers":[{"name":"e2e-test-httpd-pod","image":"web:2"}]}}' --dry-run=server
	equal web:1 of pod/e2e-test-httpd-pod '{.spec.containers[*].image}'
	k delete pods e2e-test-httpd-pod --grace-period=0 --force
}

# proxied OPTION...: the proxy's first line tells where it serves.
proxy_at() {
	nsenter --target "$(cat "$lab/host-s.pid")" --net -- "$kubectl" proxy "$@" > "$scratch/$ns.proxy" 2>&1 &
	proxy_pid=$!
	await 20 grep -q 'Starting to serve on' "$scratch/$ns.proxy"
}

proxy_port_zero() {
	proxy_at -p 0 --disable-filter
	port=$(sed -n 's/.*:\([0-9]*\)$/\1/p' "$scratch/$ns.proxy")
	expect '"versions":["v1"]' sh -c "nsenter --target $(cat "$lab/host-s.pid") --net -- curl -s http://127.0.0.1:$port/api/ | tr -d ' \n'"
	kill $proxy_pid
}

proxy_socket() {
	proxy_at "--unix-socket=$scratch/$ns.socket"
	expect '"versions"' curl -s --unix-socket "$scratch/$ns.socket" http://localhost/api
	kill $proxy_pid
}

logs_filtered() {
	pod_with logs-generator "restartPolicy: Never, containers: [{name: logs-generator, image: 'web:1', command: [sh, -c, 'for i in \$(seq 100); do echo \"I0101 \$i GET /api/v1/namespaces/kube-system/pods/x 200\"; sleep 0.2; done']}]"
	said() { k logs logs-generator logs-generator | grep -q /api/v1/namespaces/kube-system; }
	await 60 said
	equal 1 sh -c "echo '$(k logs logs-generator logs-generator --tail=1)' | wc -l"
	equal I k logs logs-generator logs-generator --limit-bytes=1
	words=$(k logs logs-generator logs-generator --tail=1 --timestamps)
	[[ $words =~ ^20[0-9-]*T[0-9:.]*Z\ I0101 ]] || { echo "$words"; return 1; }
	sleep 2.5
	recent=$(k logs logs-generator logs-generator --since=1s | wc -l)
	older=$(k logs logs-generator logs-generator --since=24h | wc -l)
	[ "$recent" -lt "$older" ] && [ "$older" -ge 13 ] || { echo "$recent of $older"; return 1; }
	expect "$(k logs logs-generator --tail=1 | cut -c 1-6)" k logs logs-generator --all-containers --tail=1
}

# The default container of a pod is told by its annotation.
logs_of_default_container() {
	pod_with d "restartPolicy: Never, containers: [{name: one, image: 'web:1', command: [echo, first]}, {name: two, image: 'web:1', command: [echo, second]}]" 'annotations: {kubectl.kubernetes.io/default-container: two}'
	phase d Succeeded
	equal second k logs d
}

exec_in_pod() {
	pod_with e "containers: [{$waits}]"
	ready e
	equal "running in container" k exec e -- echo running in container
	k_seconds=200 equal "abcd1234" sh -c "printf abcd1234 | nsenter --target $(cat "$lab/host-s.pid") --net -- $kubectl --namespace $ns exec -i e -- cat"
	local status=0
	k exec e -- sh -c 'exit 42' || status=$?
	[ "$status" = 42 ]
}

quota_made() {
	k create quota million --hard=pods=1000000,services=1000000
	equal '1M 1M' of quota/million '{.spec.hard.pods} {.spec.hard.services}'
	k create quota scopes --hard=pods=1000000 --scopes=BestEffort,NotTerminating
	equal '["BestEffort","NotTerminating"]' of quota/scopes '{.spec.scopes}'
	refuses "error" k create quota bad --hard=hard=pods=1000000 --scopes=Foo
}

taint_node() {
	k taint node n1 kubernetes.io/e2e-taint-key-001="testing-taint-value:NoSchedule"
	describes Name: n1 "Taints:" "kubernetes.io/e2e-taint-key-001=testing-taint-value:NoSchedule" -- node n1
	k taint node n1 kubernetes.io/e2e-taint-key-001=another:PreferNoSchedule
	describes "kubernetes.io/e2e-taint-key-001=another:PreferNoSchedule" -- node n1
	k taint node n1 kubernetes.io/e2e-taint-key-001-
	[[ $(k describe node n1) != *e2e-taint-key* ]]
}

apply_keeps_and_view() {
	rc agnhost-primary 1
	echo "$primary_service" | k create -f -
	k get rc agnhost-primary -o json | k apply -f - 2>&1
	port=$(of service/agnhost-primary '{.spec.clusterIP}')
	echo "$primary_service" | k apply -f -
	equal "$port" of service/agnhost-primary '{.spec.clusterIP}'
	k get rc agnhost-primary -o json | k apply set-last-applied -f - > /dev/null
	expect agnhost k apply view-last-applied rc agnhost-primary -o json
}

cp_file() {
	pod_with c "containers: [{$waits}]"
	ready c
	echo "some words" > "$scratch/$ns.file"
	k cp "$scratch/$ns.file" c:/tmp/there
	k cp c:/tmp/there "$scratch/$ns.back"
	cmp "$scratch/$ns.file" "$scratch/$ns.back"
}
