#!/bin/bash
# aggregate.sh - APIs that other servers answer for: led there, told by discovery, used by autoscalers; by the real kubectl.
#
# Method: the other server (remote_api.py) runs in the network of a pod, with a certificate of an authority of its own,
# and learns from the cluster, as all of them do, whose word it may believe.
# shellcheck disable=SC2016,SC2034,SC2154
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

fortune=/apis/fortune.example.com/v1
list=$fortune/namespaces/default/fortunes
root=https://172.30.0.1:6443
apis="v1beta1.custom.metrics.k8s.io v1beta1.external.metrics.k8s.io v1.fortune.example.com"

# --- the other server ---

# make_authority NAME: $lab/NAME.crt
make_authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-keyout "$lab/$1.key" -out "$lab/$1.crt" 2> /dev/null
}

# make_certificate NAME: of the authority `own`, in $lab/remote.pem with its key.
make_certificate() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=remote" \
		-keyout "$lab/remote.key" -out "$lab/remote.csr" 2> /dev/null
	openssl x509 -req -in "$lab/remote.csr" -CA "$lab/own.crt" -CAkey "$lab/own.key" -days 2 \
		-extfile <(echo "subjectAltName=DNS:$1") -out "$lab/remote.crt" 2> /dev/null
	cat "$lab/remote.crt" "$lab/remote.key" > "$lab/remote.pem"
}

trust() {
	k get configmap -n kube-system extension-apiserver-authentication -o "jsonpath={.data.$1}"
}

remote_start() {
	trust requestheader-client-ca-file > "$lab/proxy-ca.crt"
	allowed=$(trust requestheader-allowed-names | python3 -c 'import json, sys; print(*json.load(sys.stdin))')
	uid=$(k get pod remote -o 'jsonpath={.metadata.uid}')
	pid=$(find /sys/fs/cgroup -path "*/mote/pods/$uid/*" -name cgroup.procs -exec cat {} + | sed -n '1p')
	nsenter --target "${pid:?the pod has no process}" --net -- python3 tests/cluster/remote_api.py "$lab/remote.pem" \
		"$lab/proxy-ca.crt" "$allowed" "$lab/told" >> "$lab/remote.log" 2>&1 &
	echo $! > "$lab/remote.pid"
}

remote_stop() {
	kill -9 "$(cat "$lab/remote.pid")"
	await 5 is_gone "$(cat "$lab/remote.pid")"
}

# A test that stopped it leaves it running for the next one, and known to: each API is asked for on its own.
end_test() {
	end_processes
	rm -f "$lab/told/refuse" "$lab/told/more"
	is_gone "$(cat "$lab/remote.pid")" || return 0
	remote_start
	all_are_known
}

# service NAME PORT
service() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Service
	metadata: {name: $1}
	spec: {selector: {app: $1}, ports: [{name: api, port: $2, targetPort: 8443}]}
	END
}

# register VERSION GROUP SERVICE [fields of the spec]
register() {
	k apply -f - <<- END
	apiVersion: apiregistration.k8s.io/v1
	kind: APIService
	metadata: {name: $1.$2}
	spec:
	  group: $2
	  version: $1
	  groupPriorityMinimum: 1000
	  versionPriority: 15
	  service: {namespace: default, name: $3}
	  ${4:-caBundle: $(base64 -w 0 "$lab/own.crt")}
	END
}

# available NAME STATUS REASON
available() {
	[ "$(of "apiservice/$1" '{.status.conditions[?(@.type=="Available")].status} {.status.conditions[?(@.type=="Available")].reason}')" = "$2 $3" ]
}

nothing_is_stale() {
	groups > "$lab/groups" && grep -q Current "$lab/groups" && ! grep -q Stale "$lab/groups"
}

# The other server answers, and each of its APIs has been asked for since; a look that began before may still fail.
all_are_known() {
	local name
	await 35 raw -f "$root$list/good"
	for name in $apis; do
		await 35 available "$name" True Passed
	done
	await 35 nothing_is_stale
}

raw() {
	on s curl -sS -m 20 --cacert "$lab/ca.pem" --cert "$lab/admin.pem" "$@"
}

groups() {
	raw -H 'Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' "$root/apis"
}

# message NAME
message() {
	of "apiservice/$1" '{.status.conditions[?(@.type=="Available")].message}'
}

# heard PATH HEADER: the values of that header in the last request for the path, and who is said to have asked.
heard() {
	python3 - "$lab/told/requests" "$@" <<- 'END'
	import json, sys
	asked = [r for r in map(json.loads, open(sys.argv[1])) if r["path"].startswith(sys.argv[2])][-1]
	print(*(text for name, text in asked["headers"] if name.replace("_", "-").startswith(sys.argv[3])))
	END
}

open_remote() {
	mkdir -p "$lab/told"
	: > "$lab/told/requests"
	make_authority own
	make_authority other
	make_certificate remote.default.svc
	sed -n 's/.*certificate-authority-data: //p' "$KUBECONFIG" | base64 -d > "$lab/ca.pem"
	{ sed -n 's/.*client-certificate-data: //p' "$KUBECONFIG" | base64 -d
	sed -n 's/.*client-key-data: //p' "$KUBECONFIG" | base64 -d; } > "$lab/admin.pem"
	pod remote n2
	k label pod remote app=remote
	service remote 443
	remote_start
	for version in $apis; do
		register "${version%%.*}" "${version#*.}" remote
	done
	all_are_known
}

# --- autoscalers; they are looked at every 15 s, so all of them begin here ---

# scaled NAME METRIC: a deployment that is to have three pods instead of one
scaled() {
	k create deployment "$1" --image=web:1 -- sleep 1000
	k rollout status deployment "$1" --timeout=30s
	k apply -f - <<- END
	apiVersion: autoscaling/v2
	kind: HorizontalPodAutoscaler
	metadata: {name: $1}
	spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: $1}, maxReplicas: 3, metrics: [$2]}
	END
}

begin() {
	scaled by-pods "{type: Pods, pods: {metric: {name: hits}, target: {type: AverageValue, averageValue: 10}}}"
	k get pods -l app=by-pods -o 'jsonpath={.items[*].metadata.name}' > "$lab/told/pods"
	scaled by-object "{type: Object, object: {metric: {name: hits}, describedObject: {apiVersion: v1, kind: Service, name: shop}, target: {type: Value, value: 100m}}}"
	scaled by-queue "{type: External, external: {metric: {name: queue}, target: {type: AverageValue, averageValue: 30}}}"
}

# An answer that never comes: what that ends with is in $lab/hung.
ask_in_vain() {
	raw -m 100 -w '%{http_code}' "$root$list/hang" > "$lab/hung" 2>&1 &
}

# --- the tests ---

# The first one: what comes next may take as long as it likes.
test_a_dead_server_is_found_out() {
	touch "$lab/told/refuse"
	expect "out of order" raw "$root$list/good"
	k annotate apiservice v1.fortune.example.com look=now > /dev/null
	k patch apiservice v1.fortune.example.com --type=merge -p '{"spec":{"versionPriority":16}}' > /dev/null
	await 10 available v1.fortune.example.com False FailedDiscoveryCheck
	expect "bad status from https://remote.default.svc:443/apis/fortune.example.com/v1: 500" message v1.fortune.example.com
	rm "$lab/told/refuse"
	await 35 available v1.fortune.example.com True Passed
	remote_stop
	expect "error trying to reach service: dial tcp " raw "$root$list/good"
	await 35 available v1.fortune.example.com False FailedDiscoveryCheck
	equal "service unavailable" raw "$root$list/good"
	remote_start
	all_are_known
	expect good k get --raw $list/good
	ask_in_vain
}

test_kubectl_sees_what_they_have() {
	expect "fortune.example.com/v1 " sh -c "$(declare -f in_time k); lab=$lab kubectl=$kubectl; k api-versions | tr '\n' ' '"
	expect "fortunes   luck         fortune.example.com/v1   true         Fortune" k api-resources --api-group=fortune.example.com
	equal "fortune.fortune.example.com/good fortune.fortune.example.com/bad" shell 'k get luck -o name | xargs'
	equal good k get fortune good -o 'jsonpath={.metadata.name}'
	expect "no such fortune" k get fortune ugly
	expect '"preferredVersion":{"groupVersion":"fortune.example.com/v1","version":"v1"}' k get --raw /apis/fortune.example.com
	expect '"groupVersion": "fortune.example.com/v1"' k get --raw $fortune
	expect "True" k get apiservice v1.fortune.example.com
	equal "default/remote" shell 'k get apiservice v1.fortune.example.com --no-headers | tr -s " " | cut -d " " -f 2'
	equal "Local True" shell 'k get apiservice v1.apps --no-headers | tr -s " " | cut -d " " -f 2,3'
	expect "fortune.fortune.example.com/new created" k create -f - <<- END
	kind: Fortune
	apiVersion: fortune.example.com/v1
	metadata: {name: new}
	END
	expect '{"kind":"Fortune","apiVersion":"fortune.example.com/v1","metadata":{"name":"new"}}' raw -X POST \
		-H 'Content-Type: application/json' "$root$list" -d '{"kind":"Fortune","apiVersion":"fortune.example.com/v1","metadata":{"name":"new"}}'
}

test_discovery_is_merged() {
	groups > "$scratch/groups"
	python3 - "$scratch/groups" <<- 'END'
	import json, sys
	groups = [g["metadata"]["name"] for g in json.load(open(sys.argv[1]))["items"]]
	versions = {g["metadata"]["name"]: g["versions"] for g in json.load(open(sys.argv[1]))["items"]}
	assert groups[:2] == ["apiregistration.k8s.io", "apps"], groups
	assert groups[-3:] == ["custom.metrics.k8s.io", "external.metrics.k8s.io", "fortune.example.com"], groups
	[fortune] = versions["fortune.example.com"]
	assert fortune["freshness"] == "Current", fortune
	[resource] = fortune["resources"]
	assert resource["shortNames"] == ["luck"] and resource["subresources"][0]["subresource"] == "status", resource
	[custom] = versions["custom.metrics.k8s.io"]
	assert [(r["resource"], r["responseKind"]["kind"], r["subresources"][0]["subresource"]) for r in custom["resources"]] \
		== [("pods", "", "hits"), ("services", "", "hits")], custom
	END
}

test_it_is_told_who_asks() {
	k create serviceaccount asker > /dev/null
	k create clusterrole lucky --verb=get,list --resource=fortunes.fortune.example.com > /dev/null
	k create clusterrolebinding lucky --clusterrole=lucky --serviceaccount=default:asker > /dev/null
	expect good raw "$root$list/good"
	equal "system:admin" heard $list/good x-remote-user
	equal "system:masters system:authenticated" heard $list/good x-remote-group
	token=$(k create token asker)
	await 5 k auth can-i list fortunes.fortune.example.com --as=system:serviceaccount:default:asker
	expect good on s curl -sS -m 20 --cacert "$lab/ca.pem" -H "Authorization: Bearer $token" "$root$list?limit=7"
	equal "system:serviceaccount:default:asker" heard "$list?limit=7" x-remote-user
	equal "" heard "$list?limit=7" authorization
	expect "JTI=" heard "$list?limit=7" x-remote-extra-authentication.kubernetes.io%2fcredential-id
	k get --raw $list/good --as=mia --as-group=system:masters > /dev/null
	equal mia heard $list/good x-remote-user
	equal "" heard $list/good impersonate-
}

# Nothing of what a client says of itself in these headers comes through, however it is spelled.
test_nobody_says_who_he_is() {
	expect good raw -H 'X-Remote-User: root' -H 'x-remote-group: root' -H 'X_Remote_User: root' -H 'X-Remote_Extra-a: root' \
		-H 'X-Remote-Uid: root' -H 'Connection: keep-alive, X-Remote-User, X-Remote-Group' -H 'Authorization: Bearer root' \
		"$root$list/good?smuggled"
	equal "system:admin system:masters system:authenticated" heard "$list/good?smuggled" x-remote-
	equal "" heard "$list/good?smuggled" authorization
	# What one server reads as the one and another as the other is not asked.
	expect "watch may not be said more than once" raw "$root$list?watch=0&watch=true"
	expect "the path of the URL is malformed" raw --path-as-is "$root$fortune/namespaces/default/../other/fortunes"
}

test_rights_are_asked_for() {
	expect 'fortunes.fortune.example.com is forbidden: User "jane" cannot list resource "fortunes" in API group "fortune.example.com" in the namespace "default"' \
		k get fortunes --as=jane
	expect 'cannot get resource "pods/hits" in API group "custom.metrics.k8s.io"' \
		k get --raw '/apis/custom.metrics.k8s.io/v1beta1/namespaces/default/pods/*/hits' --as=jane
	expect 'cannot watch resource "fortunes"' k get --raw "$list?watch=1" --as=jane
	expect 'cannot deletecollection resource \"fortunes\"' raw -X DELETE -H 'Impersonate-User: jane' "$root$list"
	fails 1 "" grep jane "$lab/told/requests"
	k create role jane --verb=list --resource=fortunes.fortune.example.com > /dev/null
	k create rolebinding jane --role=jane --user=jane > /dev/null
	await 5 k get fortunes --as=jane
	expect 'cannot get resource "fortunes"' k get fortune good --as=jane
	expect 'at the cluster scope' k get fortunes -A --as=jane
}

test_streams_pass() {
	k get fortunes --watch --output-watch-events -o name > "$scratch/watched" 2>&1 &
	pids=$!
	await 10 grep -q first "$scratch/watched"
	fails 1 "" grep second "$scratch/watched"
	touch "$lab/told/more"
	await 10 grep -q second "$scratch/watched"
	printf 'GET %s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello there\n' "$list/good" > "$scratch/upgrade"
	expect "HELLO THERE" on s timeout 20 openssl s_client -quiet -ign_eof -connect 172.30.0.1:6443 -cert "$lab/admin.pem" \
		-key "$lab/admin.pem" -CAfile "$lab/ca.pem" < "$scratch/upgrade"
}

test_autoscalers_by_their_metrics() {
	for name in by-pods by-object by-queue; do
		await 45 is 3 deployment/$name '{.spec.replicas}'
		await 5 is True hpa/$name '{.status.conditions[?(@.type=="ScalingActive")].status}'
	done
	equal 30 of hpa/by-pods '{.status.currentMetrics[0].pods.current.averageValue}'
	equal 300m of hpa/by-object '{.status.currentMetrics[0].object.current.value}'
	equal hits of hpa/by-object '{.status.currentMetrics[0].object.metric.name}'
	equal queue of hpa/by-queue '{.status.currentMetrics[0].external.metric.name}'
	expect "system:kube-controller-manager" heard /apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue x-remote-user
}

# Of several versions the one is asked that comes first.
test_autoscalers_take_the_newer_version() {
	register v1beta2 custom.metrics.k8s.io remote "$(printf 'insecureSkipTLSVerify: true')"
	k patch apiservice v1beta2.custom.metrics.k8s.io --type=merge -p '{"spec":{"versionPriority":200}}' > /dev/null
	await 20 available v1beta2.custom.metrics.k8s.io True Passed
	expect '"preferredVersion":{"groupVersion":"custom.metrics.k8s.io/v1beta2"' k get --raw /apis/custom.metrics.k8s.io
	await 40 grep -qF '/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/services/shop/hits' "$lab/told/requests"
	is True hpa/by-object '{.status.conditions[?(@.type=="ScalingActive")].status}'
	k delete apiservice v1beta2.custom.metrics.k8s.io > /dev/null
}

has_lost() {
	groups | grep -q lost
}

test_what_is_missing_is_said() {
	register v1 lost.example.com lost
	await 5 available v1.lost.example.com False ServiceNotFound
	equal 'service/lost in "default" is not present' message v1.lost.example.com
	expect "False (ServiceNotFound)" k get apiservice v1.lost.example.com
	equal "service unavailable
503" raw -w '%{http_code}' "$root/apis/lost.example.com/v1/things"
	expect "the server is currently unable to handle the request" k get --raw /apis/lost.example.com/v1
	expect '{"metadata":{"name":"lost.example.com","creationTimestamp":null},"versions":[{"version":"v1","freshness":"Stale"}]}' groups
	service lost 8443
	await 5 available v1.lost.example.com False ServicePortError
	equal 'service/lost in "default" is not listening on port 443' message v1.lost.example.com
	k delete service lost > /dev/null
	service lost 443
	await 5 available v1.lost.example.com False MissingEndpoints
	equal 'endpoints for service/lost in "default" have no addresses with port name "api"' message v1.lost.example.com
	k delete apiservice/v1.lost.example.com service/lost > /dev/null
	await 5 fails 1 "the server could not find the requested resource" k get --raw /apis/lost.example.com/v1
	fails 1 "" has_lost
}

test_the_certificate_must_be_right() {
	register v1 fortune.example.com remote "caBundle: $(base64 -w 0 "$lab/other.crt")"
	await 20 available v1.fortune.example.com False FailedDiscoveryCheck
	expect "the server's certificate is refused" message v1.fortune.example.com
	service alias 443
	k patch service alias -p '{"spec":{"selector":{"app":"remote"}}}' > /dev/null
	register v1 fortune.example.com alias
	await 20 available v1.fortune.example.com False FailedDiscoveryCheck
	k patch apiservice v1.fortune.example.com --type=json \
		-p '[{"op":"remove","path":"/spec/caBundle"},{"op":"add","path":"/spec/insecureSkipTLSVerify","value":true}]' > /dev/null
	await 20 available v1.fortune.example.com True Passed
	expect good k get --raw $list/good
	k delete service/alias apiservice/v1.fortune.example.com > /dev/null
	register v1 fortune.example.com remote
	await 20 available v1.fortune.example.com True Passed
}

test_it_leads_nobody_elsewhere() {
	equal "the backend attempted to redirect this request, which is not permitted 502" raw -L -w ' %{http_code}' "$root$list/elsewhere"
}

sent() {
	cat "$lab/told/sent"
}

stands() {
	local before
	before=$(sent)
	sleep 1
	[ "$(sent)" -gt 1 ] && [ "$before" = "$(sent)" ]
}

resident() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(cat "$lab/server.pid")/status"
}

# Answers that nobody reads, or that never come, cost the server next to nothing, and nobody else waits.
test_what_hangs_holds_nobody_up() {
	before=$(resident)
	raw -m 60 "$root$list/hang" > /dev/null 2>&1 &
	pids=$!
	mkfifo "$scratch/unread"
	raw -m 60 "$root$list/giant" > "$scratch/unread" 2> /dev/null &
	pids="$pids $!"
	exec 8< "$scratch/unread"
	await 20 stands
	[ "$(sent)" -lt 2000 ]
	[ $(($(resident) - before)) -lt 8192 ]
	begin=$(date +%s%N)
	expect good raw "$root$list/good"
	equal ok raw "$root/healthz"
	[ $(($(date +%s%N) - begin)) -lt 2000000000 ]
	exec 8<&-
	register v1 greedy.example.com remote
	await 20 available v1.greedy.example.com False FailedDiscoveryCheck
	expect "the reply is larger than" message v1.greedy.example.com
	k delete apiservice v1.greedy.example.com > /dev/null
}

test_what_never_comes_is_ended() {
	[ -e "$lab/hung" ] || ask_in_vain
	await 75 grep -q '504$' "$lab/hung"
	expect "request did not complete within the allotted timeout" cat "$lab/hung"
}

# What the server does itself is nobody else's, and what others trust it by comes back.
test_own_groups_stay() {
	expect "no request is led to the service" k apply -f - <<- END
	apiVersion: apiregistration.k8s.io/v1
	kind: APIService
	metadata: {name: v1beta1.metrics.k8s.io}
	spec: {group: metrics.k8s.io, version: v1beta1, groupPriorityMinimum: 100, versionPriority: 100, insecureSkipTLSVerify: true, service: {namespace: default, name: remote}}
	END
	await 5 available v1beta1.metrics.k8s.io True Local
	await 30 k top node n1
	expect NodeMetricsList k get --raw /apis/metrics.k8s.io/v1beta1/nodes
	before=$(trust client-ca-file)
	[ -n "$before" ]
	k delete configmap -n kube-system extension-apiserver-authentication > /dev/null
	await 15 k get configmap -n kube-system extension-apiserver-authentication
	equal "$before" trust client-ca-file
	equal '["X-Remote-User"] ["X-Remote-Group"] ["X-Remote-Extra-"]' shell "k get configmap -n kube-system extension-apiserver-authentication \
		-o 'jsonpath={.data.requestheader-username-headers} {.data.requestheader-group-headers} {.data.requestheader-extra-headers-prefix}'"
}

open_two_nodes
( set -e; open_remote; begin ) > "$lab/begun" 2>&1 || { cat "$lab/begun" "$lab/remote.log" "$lab"/s/log; exit 1; }
run_tests aggregate
