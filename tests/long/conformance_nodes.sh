#!/bin/bash
# conformance_nodes.sh - the entries of Kubernetes' conformance list about accounts, the scheduler and Services;
# docs/conformance.md is their table.  TEST=word: those with the word in their names.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/long/lib_conformance.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/long/lib_conformance.sh
open_conformance

# --- accounts ---

account=/var/run/secrets/kubernetes.io/serviceaccount

until_runs() {
	until_holds 30 "$core/pods/$1" '.status.phase == "Running"'
}

test_account_token_is_mounted() {
	space account-mounted
	post "$core/serviceaccounts" '{"metadata":{"name":"mount-test"}}' > /dev/null
	post "$core/pods" '{"metadata":{"name":"p"},"spec":'"$(pod_spec '' '"serviceAccountName":"mount-test",')"'}' > /dev/null
	until_runs p
	says '[.status.authenticated, .status.user.username]' "$(post /apis/authentication.k8s.io/v1/tokenreviews '{"spec":{"token":"'"$(k -n "$ns" exec p -- cat $account/token)"'"}}')" \
		'[true,"system:serviceaccount:'"$ns"':mount-test"]'
	equal "$(cat "$lab/ca.pem")" k -n "$ns" exec p -- cat $account/ca.crt
	equal "$ns" k -n "$ns" exec p -- cat $account/namespace
}

test_account_opts_out() {
	space account-out
	post "$core/serviceaccounts" '{"metadata":{"name":"mount"},"automountServiceAccountToken":true}' > /dev/null
	post "$core/serviceaccounts" '{"metadata":{"name":"nomount"},"automountServiceAccountToken":false}' > /dev/null
	for row in default::1 mount::1 nomount::0 default:true:1 mount:true:1 nomount:true:1 default:false:0 mount:false:0 nomount:false:0; do
		IFS=: read -r name spec wanted <<< "$row"
		says '[.spec.containers[0].volumeMounts[]? | select(.mountPath == "'$account'")] | length' "$(post "$core/pods" '{"metadata":{"generateName":"p-"},
			"spec":'"$(pod_spec '' "\"restartPolicy\":\"Never\",\"serviceAccountName\":\"$name\",${spec:+\"automountServiceAccountToken\":$spec,}")"'}')" "$wanted"
	done
}

test_account_projected_token() {
	space account-projected
	post "$core/pods" '{"metadata":{"name":"p"},"spec":'"$(pod_spec 'cat /test-volume/token' '"restartPolicy":"Never","automountServiceAccountToken":false,' | jq -c '
		.volumes = [{name: "v", projected: {sources: [{serviceAccountToken: {path: "token", expirationSeconds: 3600}}]}}] |
		.containers[0].volumeMounts = [{name: "v", mountPath: "/test-volume", readOnly: true}]')"'}' > /dev/null
	until_holds 30 "$core/pods/p" '.status.phase == "Succeeded"'
	[[ $(k -n "$ns" logs p) =~ ^[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+\.[A-Za-z0-9_=-]+$ ]]
}

# claim TOKEN PART: a part of a token, decoded.
claim() {
	part=$(cut -d . -f "$2" <<< "$1" | tr '_-' '/+')
	while [ $((${#part} % 4)) != 0 ]; do part="$part="; done
	base64 -d <<< "$part"
}

# A pod finds the keys for its own token, as the account that the role of discovery was given to.
test_account_discovery() {
	space account-discovery
	post /apis/rbac.authorization.k8s.io/v1/clusterrolebindings '{"metadata":{"name":"'"$ns"'-discovery"},"subjects":[{"kind":"ServiceAccount","name":"default",
		"namespace":"'"$ns"'"}],"roleRef":{"name":"system:service-account-issuer-discovery","apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole"}}' > /dev/null
	post "$core/pods" '{"metadata":{"name":"p"},"spec":'"$(pod_spec | jq -c '.volumes = [{name: "t", projected: {sources: [{serviceAccountToken: {path: "sa-token",
		expirationSeconds: 600, audience: "oidc-discovery-test"}}]}}] | .containers[0].volumeMounts = [{name: "t", mountPath: "/var/run/secrets/tokens", readOnly: true}]')"'}' > /dev/null
	until_runs p
	token=$(k -n "$ns" exec p -- cat $account/token)
	own=$(k -n "$ns" exec p -- cat /var/run/secrets/tokens/sa-token)
	as_pod() { in_space p curl -sS -m 10 --cacert "$lab/ca.pem" -H "Authorization: Bearer $token" "$@"; }
	found=$(as_pod https://10.43.0.1/.well-known/openid-configuration)
	says '.aud' "$(claim "$own" 2)" '["oidc-discovery-test"]'
	says .issuer "$found" "$(claim "$own" 2 | jq -r .iss)"
	says '[.subject_types_supported, .id_token_signing_alg_values_supported, .response_types_supported]' "$found" '[["public"],["'"$(claim "$own" 1 | jq -r .alg)"'"],["id_token"]]'
	says '[.keys[].kid] | index("'"$(claim "$own" 1 | jq -r .kid)"'") != null' "$(as_pod "$(jq -r .jwks_uri <<< "$found")")" true
	says '[.status.authenticated, .status.audiences]' "$(post /apis/authentication.k8s.io/v1/tokenreviews '{"spec":{"token":"'"$own"'","audiences":["oidc-discovery-test"]}}')" '[true,["oidc-discovery-test"]]'
	says '.status.authenticated // false' "$(post /apis/authentication.k8s.io/v1/tokenreviews '{"spec":{"token":"'"$own"'"}}')" false
	del "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/$ns-discovery" > /dev/null
}

test_account_lifecycle() {
	space account-lifecycle
	uid=$(post "$core/serviceaccounts" '{"metadata":{"name":"testserviceaccount","labels":{"test-serviceaccount-static":"true"},"creationTimestamp":null}}' | jq -r .metadata.uid)
	says .metadata.uid "$(get "$core/serviceaccounts/testserviceaccount")" "$uid"
	observe "$scratch/sa" "$core/serviceaccounts?watch=1&labelSelector=test-serviceaccount-static%3Dtrue&timeoutSeconds=180"
	until_saw 10 "$scratch/sa" '.type == "ADDED"'
	patch "$core/serviceaccounts/testserviceaccount" '{"metadata":{"creationTimestamp":null},"automountServiceAccountToken":false}' > /dev/null
	until_saw 10 "$scratch/sa" '.type == "MODIFIED"'
	says '[.items[] | [.metadata.name, .automountServiceAccountToken]]' "$(get "/api/v1/serviceaccounts?labelSelector=test-serviceaccount-static=true")" '[["testserviceaccount",false]]'
	del "$core/serviceaccounts" '{"kind":"DeleteOptions","apiVersion":"v1"}' > /dev/null
	until_saw 10 "$scratch/sa" '.type == "DELETED"'
	await 10 get "$core/serviceaccounts/default"
	post "$core/serviceaccounts" '{"metadata":{"name":"e2e-sa"},"automountServiceAccountToken":false}' > /dev/null
	says .automountServiceAccountToken "$(change "$core/serviceaccounts/e2e-sa" '.automountServiceAccountToken = true')" true
}

test_account_root_ca() {
	space account-root
	ca=$core/configmaps/kube-root-ca.crt
	del "$ca" '{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":0}' > /dev/null
	await 10 get "$ca"
	put "$ca" '{"metadata":{"name":"kube-root-ca.crt","creationTimestamp":null},"data":{"ca.crt":""}}' > /dev/null
	until_holds 10 "$ca" '.data."ca.crt" | startswith("-----BEGIN CERTIFICATE-----")'
}

test_subject_reviews() {
	space subject-reviews
	post "$core/serviceaccounts" '{"metadata":{"name":"e2e"}}' > /dev/null
	user=system:serviceaccount:$ns:e2e
	attributes='{"verb":"list","resource":"configmaps","namespace":"'"$ns"'","version":"v1"}'
	says .status.allowed "$(post /apis/authorization.k8s.io/v1/subjectaccessreviews '{"spec":{"resourceAttributes":'"$attributes"',"user":"'"$user"'"}}')" false
	as_admin -o /dev/null -w '%{http_code}' -H "Impersonate-User: $user" "$url$core/configmaps" > "$scratch/code"
	equal 403 cat "$scratch/code"
	says .status.allowed "$(post "/apis/authorization.k8s.io/v1/namespaces/$ns/localsubjectaccessreviews" '{"metadata":{"namespace":"'"$ns"'"},"spec":{"resourceAttributes":'"$attributes"',"user":"'"$user"'"}}')" false
	post "/apis/rbac.authorization.k8s.io/v1/namespaces/$ns/rolebindings" '{"metadata":{"name":"e2e"},"subjects":[{"kind":"ServiceAccount","name":"e2e","namespace":"'"$ns"'"}],
		"roleRef":{"kind":"ClusterRole","name":"view","apiGroup":"rbac.authorization.k8s.io"}}' > /dev/null
	await 5 says .status.allowed "$(post "/apis/authorization.k8s.io/v1/namespaces/$ns/localsubjectaccessreviews" '{"metadata":{"namespace":"'"$ns"'"},"spec":{"resourceAttributes":'"$attributes"',"user":"'"$user"'"}}')" true
	as_admin -o /dev/null -w '%{http_code}' -H "Impersonate-User: $user" "$url$core/configmaps" > "$scratch/code"
	equal 200 cat "$scratch/code"
}

test_signing_requests() {
	space signing
	csrs=/apis/certificates.k8s.io/v1/certificatesigningrequests
	says '[.resources[].name] | sort' "$(get /apis/certificates.k8s.io/v1)" '["certificatesigningrequests","certificatesigningrequests/approval","certificatesigningrequests/status"]'
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$scratch/csr.key" -subj /CN=e2e-conformance 2> /dev/null > "$scratch/csr"
	body='{"metadata":{"generateName":"e2e-example-csr-","labels":{"special-label":"csr"}},"spec":{"request":"'"$(base64 -w 0 "$scratch/csr")"'","signerName":"example.com/e2e",
		"expirationSeconds":3600,"usages":["digital signature","key encipherment","server auth"]}}'
	name=$(post $csrs "$body" | jq -r .metadata.name)
	observe "$scratch/csrs" "$csrs?watch=1&labelSelector=special-label%3Dcsr&resourceVersion=$(get "$csrs?labelSelector=special-label=csr" | jq -r .metadata.resourceVersion)"
	says .metadata.annotations.patched "$(patch "$csrs/$name" '{"metadata":{"annotations":{"patched":"true"}}}' "$merge")" true
	says .metadata.annotations.updated "$(change "$csrs/$name" '.metadata.annotations.updated = "true"')" true
	until_saw 10 "$scratch/csrs" '.type == "MODIFIED" and .object.metadata.annotations.updated == "true"'
	says .metadata.name "$(get "$csrs/$name/approval")" "$name"
	says '[.metadata.annotations.patchedapproval, .status.conditions[0].type]' "$(patch "$csrs/$name/approval" '{"metadata":{"annotations":{"patchedapproval":"true"}},
		"status":{"conditions":[{"type":"ApprovalPatch","status":"True","reason":"e2e"}]}}' "$merge")" '["true","ApprovalPatch"]'
	says '[.status.conditions[].type]' "$(change "$csrs/$name" '.status.conditions += [{type: "Approved", status: "True", reason: "E2E", message: "Set from an e2e test"}]' approval)" '["ApprovalPatch","Approved"]'
	says .metadata.name "$(get "$csrs/$name/status")" "$name"
	says '[.metadata.annotations.patchedstatus, .status.certificate != null]' "$(patch "$csrs/$name/status" '{"metadata":{"annotations":{"patchedstatus":"true"}},
		"status":{"certificate":"'"$(base64 -w 0 "$lab/admin.pem")"'"}}' "$merge")" '["true",true]'
	says '[.status.conditions[].type]' "$(change "$csrs/$name" '.status.conditions += [{type: "StatusUpdate", status: "True", reason: "E2E", message: "Set from an e2e test"}]' status)" '["ApprovalPatch","Approved","StatusUpdate"]'
	del "$csrs/$name" > /dev/null
	is_missing "$csrs/$name" > /dev/null
	post $csrs "$body" > /dev/null
	del "$csrs?labelSelector=special-label=csr" '{"kind":"DeleteOptions","apiVersion":"certificates.k8s.io/v1"}' > /dev/null
	listed "$csrs?labelSelector=special-label=csr" 0
}

# --- LimitRange ---

limit_range='{"metadata":{"name":"limit-range","labels":{"time":"now"}},"spec":{"limits":[{"type":"Container","min":{"cpu":"50m","memory":"100Mi","ephemeral-storage":"100Gi"},
	"max":{"cpu":"500m","memory":"500Mi","ephemeral-storage":"500Gi"},"default":{"cpu":"500m","memory":"500Mi","ephemeral-storage":"500Gi"},
	"defaultRequest":{"cpu":"100m","memory":"200Mi","ephemeral-storage":"200Gi"}}]}}'

# needs NAME RESOURCES
needs() {
	echo '{"metadata":{"name":"'"$1"'"},"spec":'"$(pod_spec | jq -c ".containers[0].resources = $2")"'}'
}

test_limit_range() {
	space limit-range
	observe "$scratch/lr" "$core/limitranges?watch=1&labelSelector=time%3Dnow"
	post "$core/limitranges" "$limit_range" > /dev/null
	until_saw 10 "$scratch/lr" '.type == "ADDED"'
	says .spec "$(get "$core/limitranges/limit-range" | jq -cS .)" "$(jq -cS .spec <<< "$limit_range")"
	resources='.spec.containers[0].resources | [(.requests | to_entries | sort_by(.key)[] | .value), (.limits | to_entries | sort_by(.key)[] | .value)]'
	says "$resources" "$(post "$core/pods" "$(needs pod-no-resources '{}')")" '["100m","200Gi","200Mi","500m","500Gi","500Mi"]'
	says "$resources" "$(post "$core/pods" "$(needs pod-partial '{requests: {cpu: "200m", memory: "150Mi", "ephemeral-storage": "150Gi"}, limits: {cpu: "300m"}}' |
		jq -c 'del(.spec.containers[0].resources.requests.cpu)')")" '["300m","150Gi","150Mi","300m","500Gi","500Mi"]'
	refused 403 POST "$core/pods" "$(needs low '{requests: {cpu: "10m", memory: "50Mi", "ephemeral-storage": "50Gi"}}')" > /dev/null
	refused 403 POST "$core/pods" "$(needs high '{requests: {cpu: "600m", memory: "600Mi", "ephemeral-storage": "600Gi"}}')" > /dev/null
	change "$core/limitranges/limit-range" '.spec.limits[0].min = {cpu: "9m", memory: "49Mi", "ephemeral-storage": "49Gi"}' > /dev/null
	await 5 post "$core/pods" "$(needs low '{requests: {cpu: "10m", memory: "50Mi", "ephemeral-storage": "50Gi"}}')"
	refused 403 POST "$core/pods" "$(needs high '{requests: {cpu: "600m", memory: "600Mi", "ephemeral-storage": "600Gi"}}')" > /dev/null
	del "$core/limitranges/limit-range" > /dev/null
	until_saw 10 "$scratch/lr" '.type == "DELETED"'
	post "$core/pods" "$(needs high '{requests: {cpu: "600m", memory: "600Mi", "ephemeral-storage": "600Gi"}}')" > /dev/null
}

test_limit_range_collection() {
	space limit-other
	other=$core/limitranges
	post "$other" "$(jq -c '.metadata = {name: "e2e", labels: {"e2e-lr": "e2e"}}' <<< "$limit_range")" > /dev/null
	rm "$scratch/space"
	space limit-collection
	post "$core/limitranges" "$(jq -c '.metadata = {name: "e2e", labels: {"e2e-lr": "e2e"}}' <<< "$limit_range")" > /dev/null
	listed "/api/v1/limitranges?labelSelector=e2e-lr=e2e" 2
	patched=$(patch "$core/limitranges/e2e" '{"metadata":{"labels":{"e2e":"patched"}},"spec":{"limits":[{"type":"Container","min":{"cpu":"10m"}}]}}')
	says '[.metadata.labels.e2e, .spec.limits[0].min.cpu]' "$patched" '["patched","10m"]'
	del "$core/limitranges?labelSelector=e2e=patched" '{"kind":"DeleteOptions","apiVersion":"v1"}' > /dev/null
	listed "$core/limitranges" 0
	listed "/api/v1/limitranges?labelSelector=e2e-lr=e2e" 1
	del /api/v1/namespaces/limit-other > /dev/null
}

# --- scheduler ---

# unschedulable NAME: and the condition and an event say so.
unschedulable() {
	until_holds 20 "$core/pods/$1" 'any(.status.conditions[]?; .type == "PodScheduled" and .status == "False" and .reason == "Unschedulable") and .spec.nodeName == null'
	await 10 listed "$core/events?fieldSelector=involvedObject.name=$1,reason=FailedScheduling" 1
}

# What is left of each node's processors goes to one pod a node; then there is no room for another.
test_schedule_resources() {
	space schedule-resources
	for node in n1 n2; do
		used=$(get "/api/v1/pods?fieldSelector=spec.nodeName=$node" | jq '[.items[].spec.containers[].resources.requests.cpu // "0" | if endswith("m") then .[:-1] | tonumber else tonumber * 1000 end] | add // 0')
		all=$(get "/api/v1/nodes/$node" | jq '.status.allocatable.cpu | if endswith("m") then .[:-1] | tonumber else tonumber * 1000 end')
		cpu=$(((all - used) * 7 / 10))m
		post "$core/pods" "$(needs "filler-$node" '{requests: {cpu: "'$cpu'"}, limits: {cpu: "'$cpu'"}}' | jq -c '.spec.affinity = {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution:
			{nodeSelectorTerms: [{matchExpressions: [{key: "kubernetes.io/hostname", operator: "In", values: ["'$node'"]}]}]}}}')" > /dev/null
		until_runs "filler-$node"
	done
	post "$core/pods" "$(needs additional-pod '{requests: {cpu: "'$((all / 2))m'"}, limits: {cpu: "'$((all / 2))m'"}}')" > /dev/null
	unschedulable additional-pod
	says '.items[0].message | test("0/2 nodes are available: 2 Insufficient cpu")' "$(get "$core/events?fieldSelector=involvedObject.name=additional-pod")" true
	del "$core/pods/filler-n1" '{"gracePeriodSeconds":0}' > /dev/null
	until_runs additional-pod
}

test_schedule_node_selector() {
	space schedule-selector
	post "$core/pods" '{"metadata":{"name":"restricted-pod"},"spec":'"$(pod_spec '' '"nodeSelector":{"label":"nonempty"},')"'}' > /dev/null
	unschedulable restricted-pod
	patch /api/v1/nodes/n2 '{"metadata":{"labels":{"kubernetes.io/e2e-1":"42"}}}' > /dev/null
	post "$core/pods" '{"metadata":{"name":"with-labels"},"spec":'"$(pod_spec '' '"nodeSelector":{"kubernetes.io/e2e-1":"42"},')"'}' > /dev/null
	until_runs with-labels
	says .spec.nodeName "$(get "$core/pods/with-labels")" n2
	patch /api/v1/nodes/n2 '{"metadata":{"labels":{"kubernetes.io/e2e-1":null}}}' > /dev/null
}

# host_port NAME PORT ADDRESS PROTOCOL [CONTAINER-PORT]
host_port() {
	post "$core/pods" '{"metadata":{"name":"'"$1"'"},"spec":'"$(pod_spec "echo $1 > /tmp/index.html; exec httpd -f -p 8080 -h /tmp" '"nodeSelector":{"kubernetes.io/hostname":"n1"},' | jq -c '
		.containers[0].ports = [{containerPort: '"${5:-8080}"', hostPort: '"$2"', hostIP: "'"$3"'", protocol: "'"$4"'"}]')"'}' > /dev/null
}

test_schedule_port_conflict() {
	space schedule-ports
	host_port pod4 22322 '' TCP
	until_runs pod4
	host_port pod5 22322 172.30.0.11 TCP
	unschedulable pod5
}

test_host_ports_differ() {
	space host-ports
	host_port pod1 22323 127.0.0.1 TCP
	host_port pod2 22323 172.30.0.11 TCP
	host_port pod3 22323 172.30.0.11 UDP 8081
	for pod in pod1 pod2 pod3; do until_runs $pod; done
	await 10 equal pod1 on n1 curl -s -m 2 --interface 172.30.0.11 http://127.0.0.1:22323/
	await 10 equal pod2 on n1 curl -s -m 2 http://172.30.0.11:22323/
	await 10 equal pod2 in_lab curl -s -m 2 http://172.30.0.11:22323/
	speaks pod3 pod3 8081
	await 10 equal pod3 udp on n1 -- 172.30.0.11 22323
}

test_priority_classes() {
	classes=/apis/scheduling.k8s.io/v1/priorityclasses
	for i in 1 2; do post $classes '{"metadata":{"name":"e2e-p'$i'"},"value":'$i'}' > /dev/null; done
	refused 422 PATCH $classes/e2e-p1 '{"value":10}' "$strategic" > /dev/null
	refused 422 PUT $classes/e2e-p2 "$(get $classes/e2e-p2 | jq -c '.value = 20')" > /dev/null
	patch $classes/e2e-p1 '{"description":"updated description"}' > /dev/null
	change $classes/e2e-p2 '.description = "updated description"' > /dev/null
	says '[.items[] | select(.metadata.name | startswith("e2e-p")) | [.value, .description]]' "$(get $classes)" '[[1,"updated description"],[2,"updated description"]]'
	for i in 1 2; do del $classes/e2e-p$i '{"kind":"DeleteOptions","apiVersion":"scheduling.k8s.io/v1","gracePeriodSeconds":0}' > /dev/null; done
}

# A node gets a further resource by a patch of its capacity alone; the node itself offers it to pods then.
add_resource() {
	patch "/api/v1/nodes/$1/status" '{"status":{"capacity":{"'"$2"'":"'"$3"'"}}}' > /dev/null
	until_holds 30 "/api/v1/nodes/$1" '.status.allocatable."'"$2"'" == "'"$3"'"'
}

drop_resource() {
	patch "/api/v1/nodes/$1/status" '{"status":{"capacity":{"'"$2"'":null}}}' > /dev/null
	until_holds 30 "/api/v1/nodes/$1" '.status.allocatable."'"$2"'" == null and .status.capacity."'"$2"'" == null'
}

# wants NAME CLASS RESOURCE COUNT [FURTHER]
wants() {
	echo '{"metadata":{"name":"'"$1"'","labels":{"name":"'"$1"'"}},"spec":'"$(pod_spec '' '"priorityClassName":"'"$2"'",'"${5:-}" | jq -c ".containers[0].resources = {requests: {\"$3\": \"$4\"}, limits: {\"$3\": \"$4\"}}")"'}'
}

affinity_to() {
	echo '"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchFields":[{"key":"metadata.name","operator":"In","values":["'"$1"'"]}]}]}}},'
}

priorities() {
	for pair in low:1 medium:100 high:1000; do
		post /apis/scheduling.k8s.io/v1/priorityclasses '{"metadata":{"name":"'"${pair%:*}"'-priority"},"value":'"${pair#*:}"'}' > /dev/null 2>&1 || true
	done
	for node in n1 n2; do add_resource $node scheduling.k8s.io/foo 3; done
	post "$core/pods" "$(wants pod0 low-priority scheduling.k8s.io/foo 2 "$(affinity_to n1)")" > /dev/null
	post "$core/pods" "$(wants pod1 medium-priority scheduling.k8s.io/foo 2 "$(affinity_to n2)")" > /dev/null
	until_runs pod0
	until_runs pod1
}

# low_went: the low one has gone or is on its way; the other one stays.
low_went() {
	says '[.items[] | select(.metadata.deletionTimestamp == null) | .metadata.name | select(. == "pod0" or . == "pod1")]' "$(get "$core/pods")" '["pod1"]'
	for node in n1 n2; do drop_resource $node scheduling.k8s.io/foo; done
}

test_preempts() {
	space preempts
	priorities
	post "$core/pods" "$(wants preemptor-pod high-priority scheduling.k8s.io/foo 2)" > /dev/null
	until_runs preemptor-pod
	says .spec.nodeName "$(get "$core/pods/preemptor-pod")" n1
	low_went
}

test_preempts_for_critical() {
	space preempts-critical
	priorities
	post /api/v1/namespaces/kube-system/pods "$(wants critical-pod system-cluster-critical scheduling.k8s.io/foo 2)" > /dev/null
	until_holds 30 /api/v1/namespaces/kube-system/pods/critical-pod '.status.phase == "Running" and .spec.nodeName == "n1"'
	del /api/v1/namespaces/kube-system/pods/critical-pod '{"gracePeriodSeconds":0}' > /dev/null
	low_went
}

test_preempted_has_condition() {
	space preempts-condition
	priorities
	patch "$core/pods/pod0" '{"metadata":{"finalizers":["example.com/test-finalizer"]}}' > /dev/null
	post "$core/pods" "$(wants preemptor-pod high-priority scheduling.k8s.io/foo 2)" > /dev/null
	until_holds 30 "$core/pods/pod0" '.metadata.deletionTimestamp != null and any(.status.conditions[]; .type == "DisruptionTarget" and .status == "True" and .reason == "PreemptionByScheduler")'
	patch "$core/pods/pod0" '{"metadata":{"finalizers":null}}' "$merge" > /dev/null
	until_runs preemptor-pod
	low_went
}

# Three sets have 950 of 1000; who needs 500 takes the two of lower priority, once each.
test_preemption_path() {
	space preemption-path
	add_resource n1 example.com/fakecpu 1k
	for i in 1 2 3 4; do post /apis/scheduling.k8s.io/v1/priorityclasses '{"metadata":{"name":"p'$i'"},"value":'$i'}' > /dev/null; done
	observe "$scratch/pods" "$core/pods?watch=1"
	for row in 1:200 2:300 3:450; do
		i=${row%:*}
		post "$apps/replicasets" '{"metadata":{"name":"rs-pod'"$i"'"},"spec":{"replicas":1,"selector":{"matchLabels":{"name":"pod'"$i"'"}},"template":'"$(wants "pod$i" "p$i" example.com/fakecpu "${row#*:}" '"nodeSelector":{"kubernetes.io/hostname":"n1"},')"'}}' > /dev/null
		until_holds 30 "$apps/replicasets/rs-pod$i" '.status.availableReplicas == 1'
	done
	post "$core/pods" "$(wants pod4 p4 example.com/fakecpu 500 '"nodeSelector":{"kubernetes.io/hostname":"n1"},')" > /dev/null
	until_runs pod4
	sleep 3
	says 'map(select(.type == "ADDED" and (.object.metadata.name | startswith("rs-")))) | map(.object.metadata.name[:7]) | group_by(.) | map([.[0], length])' \
		"$(jq -cs . "$scratch/pods")" '[["rs-pod1",2],["rs-pod2",2],["rs-pod3",1]]'
	for i in 1 2 3 4; do del /apis/scheduling.k8s.io/v1/priorityclasses/p$i > /dev/null; done
	drop_resource n1 example.com/fakecpu
}

run_tests conformance_nodes
