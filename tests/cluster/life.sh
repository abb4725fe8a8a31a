#!/bin/bash
# life.sh - how objects come, change and go, and their plain subresources: one server, no node.
#
# Goal: codes, bodies and words of every verb are those that clients were written for.
# Method: curl with the administrator's certificate, where a code or a body counts; kubectl where a user would.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

mkdir "$scratch/a"
start_server "$scratch/a" "$(free_port)" || { cat "$scratch/a/log"; exit 1; }

server=$(k config view --minify -o 'jsonpath={.clusters[0].cluster.server}')
k config view --raw -o 'jsonpath={.users[0].user.client-certificate-data}' | base64 -d > "$scratch/cert"
k config view --raw -o 'jsonpath={.users[0].user.client-key-data}' | base64 -d > "$scratch/key"
k config view --raw -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}' | base64 -d > "$scratch/ca"

core=/api/v1/namespaces/default
apps=/apis/apps/v1/namespaces/default

# ask METHOD PATH [BODY [CONTENT TYPE]]: prints the code, a blank and the body; the headers are in $scratch/headers.
ask() {
	local body=()
	echo -n "${3:-}" > "$scratch/sent"
	[ -z "${3:-}" ] || body=(-H "Content-Type: ${4:-application/json}" --data-binary "@$scratch/sent")
	curl -s -m 20 -A life --cacert "$scratch/ca" --cert "$scratch/cert" --key "$scratch/key" -X "$1" \
		-D "$scratch/headers" -o "$scratch/body" -w '%{http_code} ' "${body[@]}" "$server$2" && cat "$scratch/body"
}

# told CODE TEXT METHOD PATH [BODY [TYPE]]: the answer has this code, and the text in its body.
told() {
	local code=$1 text=$2
	shift 2
	output=$(ask "$@")
	[[ $output == "$code "*"$text"* ]] && return 0
	echo "asked: $*" >&2
	echo "expected: $code $text" >&2
	echo "     got: $output" >&2
	return 1
}

# field PATH: of the last answer, as metadata.ownerReferences.0.name; "" when it is not there, "[n]" of a list's length.
field() {
	python3 - "$scratch/body" "$1" <<- 'END'
	import json, sys
	at = json.load(open(sys.argv[1]))
	for part in sys.argv[2].split("."):
	    try:
	        at = at[int(part)] if isinstance(at, list) else at[part]
	    except (KeyError, IndexError, TypeError):
	        at = ""
	print("[%d]" % len(at) if isinstance(at, list) else json.dumps(at) if not isinstance(at, str) else at)
	END
}

# holds PATH VALUE [PATH VALUE]...: of the last answer.
holds() {
	while [ $# -gt 0 ]; do
		[ "$(field "$1")" = "$2" ] || { echo "$1 is '$(field "$1")', not '$2'" >&2; return 1; }
		shift 2
	done
}

merge=application/merge-patch+json

map() { # NAME [fields of metadata]
	echo "{\"metadata\":{\"name\":\"$1\"${2:+,$2}}}"
}

test_event_has_two_faces() {
	local events=/apis/events.k8s.io/v1/namespaces/default/events old=$core/events
	local good='"regarding":{"kind":"Pod","namespace":"default","name":"p"},"eventTime":"2026-01-01T00:00:00.000000Z"'
	good="$good,\"reportingController\":\"t.io/c\",\"reportingInstance\":\"i\",\"action\":\"a\",\"reason\":\"r\""
	expect "events.k8s.io/v1 " k api-resources
	k get events -w -o 'jsonpath={.involvedObject.name} {.message}{"\n"}' > "$scratch/core" &
	pids=$!
	k get events.v1.events.k8s.io -w -o 'jsonpath={.regarding.name} {.note}{"\n"}' > "$scratch/new" &
	pids="$pids $!"
	told 201 '"note":"hi"' POST $events "{\"metadata\":{\"name\":\"e\"},$good,\"type\":\"Normal\",\"note\":\"hi\"}"
	uid=$(field metadata.uid) version=$(field metadata.resourceVersion)
	holds apiVersion events.k8s.io/v1 kind Event regarding.name p
	told 200 '"message":"hi"' GET $old/e
	holds apiVersion v1 involvedObject.name p reportingComponent t.io/c
	holds metadata.uid "$uid" metadata.resourceVersion "$version"
	told 200 '"message":"ho"' PATCH $old/e '{"message":"ho"}' $merge
	told 200 '"note":"ho"' GET $events/e
	told 200 '"kind":"EventList","apiVersion":"events.k8s.io/v1"' GET "$events?fieldSelector=regarding.name=p"
	holds items "[1]" items.0.note ho
	told 200 '"items":[]' GET "$events?fieldSelector=regarding.name=q"
	told 400 'field label not supported' GET "$events?fieldSelector=involvedObject.name=p"
	told 409 'events.events.k8s.io \"e\" already exists' POST $events "{\"metadata\":{\"name\":\"e\"},$good,\"type\":\"Normal\"}"
	told 422 'eventTime: Required value' POST $events '{"metadata":{"name":"f"},"type":"Normal"}'
	told 422 'field is immutable' PATCH $events/e '{"note":"hu"}' $merge
	told 200 '"series":{"count":2' PATCH $events/e '{"series":{"count":2,"lastObservedTime":"2026-01-01T00:00:01.000000Z"}}' $merge
	expect "pod/p" k get events.v1.events.k8s.io
	told 200 '"kind":"events"' DELETE $events/e
	told 404 'events \"e\" not found' GET $old/e
	await 5 grep -q "p ho" "$scratch/core"
	await 5 grep -q "p ho" "$scratch/new"
}

test_names_and_conditions() {
	told 422 'metadata.name: Required value: name or generateName is required' POST $core/configmaps '{"metadata":{}}'
	holds details.causes.0.field metadata.name details.kind ConfigMap
	told 201 '"generateName":"gen-"' POST $core/configmaps '{"metadata":{"generateName":"gen-"}}'
	[[ $(field metadata.name) =~ ^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$ ]]
	told 422 'metadata.generateName: Invalid value' POST $core/configmaps '{"metadata":{"generateName":"Gen-"}}'
	told 500 'resourceVersion should not be set on objects to be created' \
		POST $core/configmaps "$(map rv '"resourceVersion":"5"')"
	holds reason ""
	told 400 'the namespace of the provided object does not match the namespace sent on the request' \
		POST $core/configmaps "$(map a '"namespace":"other"')"
	told 201 '"name":"cond"' POST $core/configmaps "$(map cond)"
	uid=$(field metadata.uid) version=$(field metadata.resourceVersion)
	told 409 'configmaps \"cond\" already exists' POST $core/configmaps "$(map cond)"
	holds reason AlreadyExists details.kind configmaps
	told 400 'the name of the object (other) does not match the name on the URL (cond)' PUT $core/configmaps/cond "$(map other)"
	told 400 '(cond based on URL) was undeterminable: name must be provided' PUT $core/configmaps/cond '{"metadata":{}}'
	told 400 'the namespace of the object (o) does not match the namespace on the request (default)' \
		PUT $core/configmaps/cond "$(map cond '"namespace":"o"')"
	told 409 'the object has been modified; please apply' PUT $core/configmaps/cond "$(map cond '"resourceVersion":"1"')"
	holds reason Conflict details.kind configmaps details.name cond
	told 409 'Precondition failed: UID in precondition: no' PUT $core/configmaps/cond "$(map cond '"uid":"no"')"
	told 200 "\"resourceVersion\":\"$version\"" PUT $core/configmaps/cond "$(map cond "\"uid\":\"$uid\",\"resourceVersion\":\"$version\"")"
	told 404 'configmaps \"none\" not found' PUT $core/configmaps/none "$(map none)"
	told 404 'namespaces \"none\" not found' POST /api/v1/namespaces/none/configmaps "$(map x)"
	told 201 '"name":"put"' PUT $core/services/put '{"metadata":{"name":"put"},"spec":{"ports":[{"port":1}]}}'
	local leases=/apis/coordination.k8s.io/v1/namespaces/default/leases
	told 201 '"name":"l"' PUT $leases/l "$(map l)"
	told 422 'leases.coordination.k8s.io \"l\" is invalid: metadata.resourceVersion: Invalid value: 0x0: must be specified' PUT $leases/l "$(map l)"
	holds details.kind leases details.causes.0.field metadata.resourceVersion
	told 400 'does not match the name on the URL' PATCH $core/configmaps/cond '{"metadata":{"name":"o"}}' $merge
	told 409 'has been modified' PATCH $core/configmaps/cond '{"metadata":{"resourceVersion":"1"}}' $merge
}

test_generation() {
	local path=$apps/deployments/gen
	k create deployment gen --image=a
	await 5 eval "k get deploy gen -o yaml | grep -q 'deployment.kubernetes.io/revision'"
	told 200 '"generation":1' PATCH $path '{"metadata":{"labels":{"x":"y"}}}' $merge
	told 200 '"generation":2' PATCH $path '{"metadata":{"annotations":{"x":"y"}}}' $merge
	told 200 '"generation":2' PATCH $path/status '{"metadata":{"annotations":{"z":"y"},"labels":{"no":"no"}},"spec":{"replicas":9},"status":{"collisionCount":7}}' $merge
	holds metadata.annotations.z y metadata.labels.no "" spec.replicas 1 status.collisionCount 7
	told 200 '"generation":3' PATCH $path '{"spec":{"replicas":0},"status":{"collisionCount":9}}' $merge
	[ "$(field status.collisionCount)" != 9 ]
	told 200 '"generation":3' PATCH $path '{"metadata":{"finalizers":["t.io/x"]}}' $merge
	told 200 '"generation":4' DELETE $path
	told 200 '"generation":4' DELETE $path
	told 200 deletionTimestamp PATCH $path '{"metadata":{"finalizers":null}}' $merge
	told 404 'deployments.apps \"gen\" not found' GET $path
}

held() { # NAME: a config map that a finalizer holds
	ask POST $core/configmaps "$(map "$1" '"finalizers":["t.io/x"]')"
}

test_delete_with_finalizers() {
	local path=$core/configmaps/held
	held held
	told 200 '"deletionGracePeriodSeconds":0' DELETE $path
	holds kind ConfigMap metadata.finalizers "[1]"
	told 422 'no new finalizers can be added if the object is being deleted, found new finalizers []string{\"t.io/y\"}' \
		PATCH $path '{"metadata":{"finalizers":["t.io/x","t.io/y"]}}' $merge
	told 202 '"finalizers":["t.io/x"]' DELETE "$path?orphanDependents=false"
	told 200 '"finalizers":["t.io/x","orphan"]' DELETE "$path?propagationPolicy=Orphan"
	told 200 '"name":"held"' PATCH $path '{"metadata":{"finalizers":[]}}' $merge
	told 404 'not found' GET $path
	held again
	told 200 '"name":"again"' PATCH $core/configmaps/again '{"metadata":{"finalizers":["t.io/x","foregroundDeletion"]}}' $merge
	told 200 '"finalizers":["t.io/x"]' DELETE "$core/configmaps/again?propagationPolicy=Background"
	ask PATCH $core/configmaps/again '{"metadata":{"finalizers":[]}}' $merge
}

test_delete_options() {
	local path=$core/configmaps/opt
	ask POST $core/configmaps "$(map opt)"
	uid=$(field metadata.uid)
	told 422 'DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: \"Bad\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"' \
		DELETE "$path?propagationPolicy=Bad"
	holds details.kind DeleteOptions details.group meta.k8s.io details.causes.0.field propagationPolicy
	told 422 'orphanDependents and deletionPropagation cannot be both set' DELETE "$path?propagationPolicy=Orphan&orphanDependents=true"
	told 422 'dryRun: Unsupported value: []string{\"No\"}: supported values: \"All\"' DELETE $path '{"dryRun":["No"]}'
	told 409 'Operation cannot be fulfilled on ConfigMap \"opt\": the UID in the precondition (u) does not match the UID in record' \
		DELETE $path '{"preconditions":{"uid":"u"}}'
	holds details.kind ConfigMap reason Conflict
	told 409 'the ResourceVersion in the precondition (1) does not match the ResourceVersion in record' DELETE $path '{"preconditions":{"resourceVersion":"1"}}'
	told 200 '"status":"Success"' DELETE "$path" '{"dryRun":["All"]}'
	told 200 '"status":"Success"' DELETE "$path?dryRun=All"
	# The query does not count beside a body.
	told 200 "\"details\":{\"name\":\"opt\",\"kind\":\"configmaps\",\"uid\":\"$uid\"}" \
		DELETE "$path?propagationPolicy=Bad" "{\"preconditions\":{\"uid\":\"$uid\"}}"
	told 404 'configmaps \"opt\" not found' DELETE $path
	told 403 'this namespace may not be deleted' DELETE /api/v1/namespaces/default
	told 405 'the server does not allow this method' DELETE /api/v1/namespaces
}

test_delete_pod_gracefully() {
	local path=$core/pods/slow
	told 201 slow POST $core/pods '{"metadata":{"name":"slow"},"spec":{"nodeName":"nowhere","terminationGracePeriodSeconds":40,"containers":[{"name":"c","image":"i"}]}}'
	told 200 '"deletionGracePeriodSeconds":40' DELETE $path
	version=$(field metadata.resourceVersion) end=$(field metadata.deletionTimestamp)
	told 200 "\"resourceVersion\":\"$version\"" DELETE "$path?gracePeriodSeconds=50"
	told 200 '"deletionGracePeriodSeconds":10' DELETE "$path?gracePeriodSeconds=10"
	[ $(($(date -d "$end" +%s) - $(date -d "$(field metadata.deletionTimestamp)" +%s))) = 30 ]
	told 200 '"name":"slow"' DELETE "$path?gracePeriodSeconds=0"
	told 404 'not found' GET $path
	told 201 slow POST $core/pods '{"metadata":{"name":"slow"},"spec":{"containers":[{"name":"c","image":"i"}],"schedulerName":"none"}}'
	told 200 '"kind":"Pod"' DELETE $path
	told 404 'not found' GET $path
}

test_delete_collections() {
	local path=$core/configmaps
	for name in c1 c2 c3; do ask POST $path "$(map $name '"labels":{"many":"yes"}')"; done
	told 200 '"kind":"ConfigMapList"' DELETE "$path?labelSelector=many%3Dyes&dryRun=All"
	holds items "[3]"
	told 200 '"items":[' DELETE "$path?labelSelector=many%3Dyes&limit=1"
	holds items "[1]" items.0.metadata.name c1
	told 200 '"items":[' GET "$path?labelSelector=many%3Dyes"
	holds items "[2]"
	told 200 '"items":[' DELETE "$path?fieldSelector=metadata.name%3Dc3&labelSelector=many" '{"propagationPolicy":"Foreground"}'
	holds items "[1]"
	told 200 '"items":[' GET "$path?labelSelector=many%3Dyes"
	holds items.0.metadata.name c2 items.1.metadata.name c3 items.1.metadata.finalizers.0 foregroundDeletion ||
		holds items "[1]"
	told 422 'propagationPolicy' DELETE "$path?propagationPolicy=Bad"
	ask DELETE "$path?labelSelector=many"
}

test_namespace_life() {
	told 201 '"phase":"Active"' POST /api/v1/namespaces "$(map room)"
	holds spec.finalizers.0 kubernetes metadata.labels '{"kubernetes.io/metadata.name": "room"}'
	told 201 '"name":"m"' POST /api/v1/namespaces/room/configmaps "$(map m '"finalizers":["t.io/x"]')"
	told 200 '"phase":"Terminating"' DELETE /api/v1/namespaces/room
	holds metadata.deletionGracePeriodSeconds ""
	told 403 'unable to create new content in namespace room because it is being terminated' \
		POST /api/v1/namespaces/room/configmaps "$(map n)"
	holds details.causes.0.reason NamespaceTerminating details.causes.0.field metadata.namespace details.kind configmaps
	told 200 '"phase":"Terminating"' PUT /api/v1/namespaces/room '{"metadata":{"name":"room"},"spec":{"finalizers":[]}}'
	holds spec.finalizers.0 kubernetes
	told 200 '"name":"m"' PATCH /api/v1/namespaces/room/configmaps/m '{"metadata":{"finalizers":null}}' $merge
	await 5 expect 'not found' k get ns room
	told 201 '"phase":"Active"' POST /api/v1/namespaces "$(map room '"finalizers":["t.io/x"]')"
	told 200 Terminating DELETE /api/v1/namespaces/room
	told 200 '"name":"room"' PUT /api/v1/namespaces/room/finalize '{"metadata":{"name":"room","labels":{"a":"b"},"finalizers":["t.io/x"]},"spec":{"finalizers":[]}}'
	told 200 '"finalizers":["t.io/x"]' GET /api/v1/namespaces/room
	ask PATCH /api/v1/namespaces/room '{"metadata":{"finalizers":null}}' $merge
	told 404 'namespaces \"room\" not found' GET /api/v1/namespaces/room
}

test_dry_runs() {
	told 201 '"name":"dry"' POST "$core/configmaps?dryRun=All" "$(map dry)"
	holds metadata.resourceVersion ""
	[ -n "$(field metadata.uid)" ]
	told 404 'not found' GET $core/configmaps/dry
	ask POST $core/configmaps "$(map dry)"
	version=$(field metadata.resourceVersion)
	told 200 '"data":{"a":"b"}' PUT "$core/configmaps/dry?dryRun=All" '{"metadata":{"name":"dry"},"data":{"a":"b"}}'
	told 200 '"data":{"a":"b"}' PATCH "$core/configmaps/dry?dryRun=All" '{"data":{"a":"b"}}' $merge
	told 200 '"status":"Success"' DELETE "$core/configmaps/dry?dryRun=All"
	told 200 "\"resourceVersion\":\"$version\"" GET $core/configmaps/dry
	told 422 'dryRun: Unsupported value: []string{\"x\"}: supported values: \"All\"' POST "$core/configmaps?dryRun=x" "$(map dry2)"
	holds details.kind CreateOptions details.causes.0.field dryRun
	told 422 'UpdateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"No\": supported values: \"\", \"Ignore\"' \
		PUT "$core/configmaps/dry?fieldValidation=No" "$(map dry)"
	told 422 'PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch' \
		PATCH "$core/configmaps/dry?force=true" '{}' $merge
	told 422 'fieldManager: Too long: may not be more than 128 bytes' \
		PUT "$core/configmaps/dry?fieldManager=$(printf 'm%.0s' {1..129})" "$(map dry)"
}

test_patches() {
	local path=$core/configmaps/patched json=application/json-patch+json strategic=application/strategic-merge-patch+json
	ask POST $core/configmaps '{"metadata":{"name":"patched"},"data":{"a":"1"}}'
	version=$(field metadata.resourceVersion)
	told 200 "\"resourceVersion\":\"$version\"" PATCH $path '{"data":{"a":"1"}}' $merge
	told 200 "\"resourceVersion\":\"$version\"" PATCH $path '[{"op":"test","path":"/data/a","value":"1"}]' $json
	told 422 'the server rejected our request due to an error in our request' PATCH $path '[{"op":"test","path":"/data/a","value":"2"}]' $json
	holds reason Invalid details ""
	told 422 'the server rejected our request' PATCH $path '[{"op":"remove","path":"/data/none"}]' $json
	told 400 'error decoding patch' PATCH $path '{"op":"test"}' $json
	told 400 '' PATCH $path '{' $merge
	told 413 'The allowed maximum operations in a JSON patch is 10000, got 10001' PATCH $path \
		"[$(printf '{"op":"test","path":"/data/a","value":"1"},%.0s' {1..10000}){\"op\":\"test\",\"path\":\"/data/a\",\"value\":\"1\"}]" $json
	told 415 'accepted media types include' PATCH $path '{}' application/json
	# shellcheck disable=SC2016 # the dollar is the patch's
	told 400 'unrecognized patch directive' PATCH $path '{"data":{"$patch":"what"}}' $strategic
	# shellcheck disable=SC2016
	told 200 '"data":{"b":"2"}' PATCH $path '{"data":{"$patch":"replace","b":"2"}}' $strategic
	told 404 'configmaps \"none\" not found' PATCH $core/configmaps/none '{}' $merge
}

test_scale() {
	local path=$apps/statefulsets/scaled core_path=$apps/deployments/scaled strategic=application/strategic-merge-patch+json
	local rest='"selector":{"matchLabels":{"app":"s","tier":"x"}},"template":{"metadata":{"labels":{"app":"s","tier":"x"}},"spec":{"schedulerName":"none","containers":[{"name":"c","image":"i"}]}}'
	told 201 '"kind":"StatefulSet"' POST $apps/statefulsets "{\"metadata\":{\"name\":\"scaled\"},\"spec\":{\"serviceName\":\"s\",\"replicas\":2,$rest}}"
	told 201 '"kind":"Deployment"' POST $apps/deployments "{\"metadata\":{\"name\":\"scaled\"},\"spec\":{\"replicas\":0,$rest}}"
	told 200 '"kind":"Scale"' GET $path/scale
	holds apiVersion autoscaling/v1 spec.replicas 2 status.selector app=s,tier=x metadata.name scaled
	told 200 '"replicas":3' PATCH $path/scale '{"spec":{"replicas":3}}' $merge
	told 200 '"replicas":4' PATCH $path/scale '{"spec":{"replicas":4}}' $strategic
	told 200 '"replicas":5' PATCH $path/scale '[{"op":"replace","path":"/spec/replicas","value":5}]' application/json-patch+json
	told 200 '"replicas":6' PUT $path/scale '{"metadata":{"name":"scaled"},"spec":{"replicas":6}}'
	told 409 'statefulsets.apps \"scaled\": the object has been modified' PUT $path/scale '{"metadata":{"name":"scaled","resourceVersion":"1"},"spec":{"replicas":6}}'
	told 422 'Scale.autoscaling \"scaled\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0' \
		PATCH $path/scale '{"spec":{"replicas":-1}}' $merge
	holds details.kind Scale details.group autoscaling details.causes.0.field spec.replicas
	told 400 'does not match the name on the URL' PUT $path/scale '{"metadata":{"name":"other"},"spec":{"replicas":6}}'
	told 200 '"replicas":9' PATCH "$path/scale?dryRun=All" '{"spec":{"replicas":9}}' $merge
	told 200 '"replicas":6' GET $path
	expect scaled k scale statefulset scaled --replicas=1 --current-replicas=6
	told 200 '"replicas":1' GET $path/scale
	told 404 'deployments.apps \"none\" not found' GET $apps/deployments/none/scale
	told 200 '"kind":"Scale"' GET $core_path/scale
	ask DELETE $path
	ask DELETE $core_path
}

pod() { # NAME [fields of spec] [fields of metadata]
	ask POST $core/pods "{\"metadata\":{\"name\":\"$1\"${3:+,$3}},\"spec\":{\"schedulerName\":\"none\"${2:+,$2},\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"
}

test_binding() {
	pod bound
	told 422 'Binding \"bound\" is invalid: target.name: Required value' POST $core/pods/bound/binding '{"metadata":{"name":"bound"},"target":{}}'
	holds details.kind Binding details.causes.0.field target.name
	told 422 'target.kind: Unsupported value: \"Pod\": supported values: \"Node\", \"<empty>\"' \
		POST $core/pods/bound/binding '{"metadata":{"name":"bound"},"target":{"kind":"Pod","name":"n"}}'
	told 201 '"status":"Success"' POST "$core/pods/bound/binding?dryRun=All" '{"metadata":{"name":"bound"},"target":{"kind":"Node","name":"n"}}'
	told 201 '"status":"Success"' POST $core/pods/bound/binding \
		'{"metadata":{"name":"bound","annotations":{"a":"b"},"labels":{"l":"m"}},"target":{"kind":"Node","name":"n"}}'
	told 200 '"nodeName":"n"' GET $core/pods/bound
	holds metadata.annotations.a b metadata.labels.l m status.conditions.0.type PodScheduled
	told 409 'pods/binding \"bound\": pod bound is already assigned to node \"n\"' \
		POST $core/pods/bound/binding '{"metadata":{"name":"bound"},"target":{"name":"o"}}'
	holds details.kind pods/binding
	pod gated '"schedulingGates":[{"name":"t.io/g"}]'
	told 409 'pod gated has non-empty .spec.schedulingGates' POST $core/bindings '{"metadata":{"name":"gated"},"target":{"name":"n"}}'
	pod older
	told 201 '"status":"Success"' POST $core/bindings '{"metadata":{"name":"older"},"target":{"name":"n"}}'
	told 404 'pods \"none\" not found' POST $core/bindings '{"metadata":{"name":"none"},"target":{"name":"n"}}'
	told 405 'does not allow this method' GET $core/bindings
	k delete pod --force bound gated older
}

evict() { # NAME [options]
	echo "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"$1\"}${2:+,$2}}"
}

test_eviction_and_budgets() {
	local budgets=/apis/policy/v1/namespaces/default/poddisruptionbudgets ready='{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}'
	for name in ev1 ev2; do
		pod $name '"nodeName":"n"' '"labels":{"app":"ev"}'
		ask PATCH $core/pods/$name/status "$ready" $merge
	done
	told 201 PodDisruptionBudget POST $budgets '{"metadata":{"name":"b"},"spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"ev"}}}}'
	await 5 told 200 '"disruptionsAllowed":1' GET $budgets/b
	holds status.observedGeneration 1 status.currentHealthy 2 status.desiredHealthy 1 status.expectedPods 2
	told 400 'name in URL does not match' POST $core/pods/ev1/eviction "$(evict other)"
	told 201 '"status":"Success"' POST $core/pods/ev1/eviction "$(evict ev1 '"deleteOptions":{"dryRun":["All"]}')"
	told 200 '"disruptionsAllowed":1' GET $budgets/b
	revision=$(field metadata.resourceVersion)
	told 201 '"status":"Success"' POST $core/pods/ev1/eviction "$(evict ev1)"
	told 200 deletionTimestamp GET $core/pods/ev1
	# What was paid, and by whom, as it was before the controller counted anew.
	ask GET "$budgets?watch=true&resourceVersion=$revision&timeoutSeconds=1" > /dev/null
	sed -i 1q "$scratch/body"
	holds type MODIFIED object.status.disruptionsAllowed 0
	[ -n "$(field object.status.disruptedPods.ev1)" ]
	expect '"kube-apiserver status"' jq '.object.metadata.managedFields[] | .manager + " " + .subresource' "$scratch/body"
	told 200 '"disruptionsAllowed":0' GET $budgets/b
	await 5 told 200 '"currentHealthy":1' GET $budgets/b
	holds status.conditions.0.reason InsufficientPods
	told 429 'Cannot evict pod' POST $core/pods/ev2/eviction "$(evict ev2)"
	holds details.causes.0.message "The disruption budget b needs 1 healthy pods and has 1 currently" reason TooManyRequests
	if grep -qi "^retry-after" "$scratch/headers"; then return 1; fi
	told 201 PodDisruptionBudget POST $budgets '{"metadata":{"name":"c"},"spec":{"minAvailable":1,"selector":{}}}'
	told 500 'This pod has more than one PodDisruptionBudget' POST $core/pods/ev2/eviction "$(evict ev2)"
	ask DELETE $budgets/c
	# One that is not ready may go while the others are enough; one that has ended needs no budget.
	pod ev0 '"nodeName":"n"' '"labels":{"app":"ev"}'
	ask PATCH $core/pods/ev0/status "$ready" $merge
	ask PATCH $core/pods/ev2/status '{"status":{"conditions":[{"type":"Ready","status":"False"}]}}' $merge
	await 5 told 200 '"currentHealthy":1' GET $budgets/b
	told 201 '"status":"Success"' POST $core/pods/ev2/eviction "$(evict ev2 '"deleteOptions":{"gracePeriodSeconds":0}')"
	told 404 'pods \"ev2\" not found' POST $core/pods/ev2/eviction "$(evict ev2)"
	pod ev3 '' '"labels":{"app":"ev"}'
	told 201 '"status":"Success"' POST $core/pods/ev3/eviction "$(evict ev3 | sed s,policy/v1,policy/v1beta1,)"
	k delete pod --force ev0 ev1
	ask DELETE $budgets/b
}

test_parts_of_pods() {
	local strategic=application/strategic-merge-patch+json
	pod parts
	told 200 '"ephemeralContainers":[{' PATCH $core/pods/parts/ephemeralcontainers \
		'{"metadata":{"labels":{"no":"no"}},"spec":{"hostname":"no","ephemeralContainers":[{"name":"debug","image":"i"}]}}' $strategic
	holds spec.ephemeralContainers.0.name debug spec.hostname "" metadata.labels "" spec.ephemeralContainers.0.terminationMessagePolicy File
	told 422 'existing ephemeral containers \"debug\" may not be removed' PATCH $core/pods/parts/ephemeralcontainers \
		'{"spec":{"ephemeralContainers":null}}' $merge
	told 422 'existing ephemeral containers \"debug\" may not be changed' PATCH $core/pods/parts/ephemeralcontainers \
		'{"spec":{"ephemeralContainers":[{"name":"debug","image":"j"}]}}' $strategic
	told 422 'spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing' \
		PATCH $core/pods/parts/resize '{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"200m"}}}]}}' $strategic
	k delete pod --force parts
	ask POST $core/pods '{"metadata":{"name":"parts"},"spec":{"schedulerName":"none","containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"100m"}}}]}}'
	told 200 '"cpu":"200m"' PATCH $core/pods/parts/resize '{"spec":{"hostname":"no","containers":[{"name":"c","image":"no","resources":{"limits":{"cpu":"200m"}}}]}}' $strategic
	holds spec.containers.0.image i spec.hostname "" spec.containers.0.resources.limits.cpu 200m
	told 422 'pod updates may not change fields other than' PATCH $core/pods/parts '{"spec":{"hostname":"no"}}' $merge
	k delete pod --force parts
}

test_certificate_requests() {
	local path=/apis/certificates.k8s.io/v1/certificatesigningrequests request
	request=$(openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=me 2>/dev/null | base64 -w0)
	told 201 '"name":"wish"' POST $path "{\"metadata\":{\"name\":\"wish\"},\"spec\":{\"request\":\"$request\",\"signerName\":\"t.io/s\",\"usages\":[\"client auth\"]}}"
	holds spec.username system:admin status "{}"
	told 200 '"type":"Approved"' PATCH $path/wish/approval '{"spec":{"signerName":"t.io/no"},"status":{"certificate":"bm8=","conditions":[{"type":"Approved","status":"True","reason":"r","message":"m"}]}}' $merge
	holds spec.signerName t.io/s status.certificate ""
	[ -n "$(field status.conditions.0.lastUpdateTime)" ]
	told 422 'may not' PATCH $path/wish/approval '{"status":{"conditions":[]}}' $merge
	told 200 '"name":"wish"' PATCH $path/wish '{"status":{"conditions":[]}}' $merge
	holds status.conditions.0.type Approved
	expect Approved k get csr wish
	ask DELETE $path/wish
}

with_token() {
	curl -s -m 5 --cacert "$scratch/ca" -H "Authorization: Bearer $1" -o /dev/null -w '%{http_code}' "$server/version"
}

test_tokens() {
	local path=$core/serviceaccounts/default/token
	await 5 k get sa default
	told 422 'spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes' POST $path '{"spec":{"expirationSeconds":599}}'
	holds details.kind TokenRequest details.causes.0.field spec.expirationSeconds
	told 201 '"expirationSeconds":600' POST $path '{"spec":{"expirationSeconds":600,"audiences":["a"]}}'
	[ -n "$(field status.token)" ]
	pod holder
	uid=$(field metadata.uid)
	told 201 '"token"' POST $path "{\"spec\":{\"boundObjectRef\":{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"name\":\"holder\",\"uid\":\"$uid\"}}}"
	told 409 'the UID in the bound object reference (no) does not match the UID in record' \
		POST $path '{"spec":{"boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"holder","uid":"no"}}}'
	told 404 'pods \"none\" not found' POST $path '{"spec":{"boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"none"}}}'
	told 201 '"token"' POST "$path" '{"metadata":{"name":"default"},"spec":{"audiences":[]}}'
	told 422 'must match the service account name if specified' POST "$path" '{"metadata":{"name":"o"}}'
	k create secret generic holds-token
	told 201 '"kind":"Secret"' POST "$path" '{"spec":{"boundObjectRef":{"kind":"Secret","apiVersion":"v1","name":"holds-token"}}}'
	token=$(field status.token)
	expect 200 with_token "$token"
	k delete secret holds-token
	expect 401 with_token "$token"
	told 400 'cannot bind token to object of type v1, Kind=ConfigMap' POST "$path" '{"spec":{"boundObjectRef":{"kind":"ConfigMap","apiVersion":"v1","name":"x"}}}'
	told 404 'serviceaccounts \"none\" not found' POST $core/serviceaccounts/none/token '{}'
	k delete pod --force holder
}

owned() { # NAME OWNER'S-KIND OWNER'S-NAME UID [BLOCKS [more of metadata]]: a config map
	ask POST $core/configmaps "$(map "$1" "\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"$2\",\"name\":\"$3\",\"uid\":\"$4\",\"blockOwnerDeletion\":${5:-false}}]${6:+,$6}")"
}

gone() {
	told 404 'not found' GET "$1"
}

has_one_owner() {
	ask GET "$1" > /dev/null && holds metadata.ownerReferences "[1]"
}

test_garbage_goes_with_its_owner() {
	local path=$core/configmaps
	# Of any kind, to any depth; who has another owner stays and forgets the one that went.
	ask POST $core/secrets "$(map top)"
	top=$(field metadata.uid)
	owned middle Secret top "$top"
	middle=$(field metadata.uid)
	owned bottom ConfigMap middle "$middle"
	ask POST $path "$(map stays)"
	stays=$(field metadata.uid)
	ask POST $path "$(map two "\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"name\":\"top\",\"uid\":\"$top\"},{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"stays\",\"uid\":\"$stays\"}]")"
	ask DELETE $core/secrets/top
	await 5 gone $path/bottom
	await 5 gone $path/middle
	await 5 has_one_owner $path/two
	holds metadata.ownerReferences.0.name stays
	# The same name is not the same owner, and one that is of a kind that nobody knows is let be.
	owned stray ConfigMap stays other
	await 5 gone $path/stray
	owned foreign Unknown x y
	ask DELETE "$path/stays?propagationPolicy=Orphan"
	await 5 gone $path/stays
	told 200 '"name":"two"' GET $path/two
	holds metadata.ownerReferences ""
	told 200 '"name":"foreign"' GET $path/foreign
	k delete configmap two foreign
}

test_foreground_deletion_waits() {
	local path=$core/configmaps
	ask POST $path "$(map boss)"
	uid=$(field metadata.uid)
	owned blocking ConfigMap boss "$uid" true '"finalizers":["t.io/x"]'
	owned other ConfigMap boss "$uid" false '"finalizers":["t.io/x"]'
	told 200 '"finalizers":["foregroundDeletion"]' DELETE "$path/boss?propagationPolicy=Foreground"
	await 5 told 200 deletionTimestamp GET $path/blocking
	await 5 told 200 deletionTimestamp GET $path/other
	told 200 '"name":"boss"' GET $path/boss
	ask PATCH $path/blocking '{"metadata":{"finalizers":null}}' $merge
	await 5 gone $path/boss
	told 200 deletionTimestamp GET $path/other
	ask PATCH $path/other '{"metadata":{"finalizers":null}}' $merge
	# Two that own each other do not wait for ever.
	ask POST $path "$(map ring1)"
	one=$(field metadata.uid)
	owned ring2 ConfigMap ring1 "$one" true
	two=$(field metadata.uid)
	ask PATCH $path/ring1 "{\"metadata\":{\"ownerReferences\":[{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"ring2\",\"uid\":\"$two\",\"blockOwnerDeletion\":true}]}}" $merge
	ask DELETE "$path/ring1?propagationPolicy=Foreground"
	await 5 gone $path/ring1
	await 5 gone $path/ring2
}

with() { # RESOURCES of a container: the fields of a pod that never runs
	echo "{\"metadata\":{\"name\":\"lim\"},\"spec\":{\"schedulerName\":\"none\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"${1:+,\"resources\":$1}}]}}"
}

test_limit_ranges() {
	local pods=/api/v1/namespaces/lim/pods
	k create ns lim
	await 5 k -n lim get sa default
	told 201 LimitRange POST /api/v1/namespaces/lim/limitranges '{"metadata":{"name":"r"},"spec":{"limits":[
		{"type":"Container","default":{"cpu":"200m"},"defaultRequest":{"cpu":"100m"},"min":{"cpu":"50m"},"max":{"cpu":"1"},"maxLimitRequestRatio":{"cpu":"4"}},
		{"type":"Pod","max":{"cpu":"1500m"}}]}}'
	told 201 '"requests":{"cpu":"100m"}' POST $pods "$(with)"
	holds spec.containers.0.resources.limits.cpu 200m status.qosClass Burstable \
		metadata.annotations '{"kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu request for container c; cpu limit for container c"}'
	k -n lim delete pod --force lim
	told 403 'pods \"lim\" is forbidden: minimum cpu usage per Container is 50m, but request is 10m' \
		POST $pods "$(with '{"requests":{"cpu":"10m"},"limits":{"cpu":"40m"}}')"
	told 403 'maximum cpu usage per Container is 1, but limit is 2' POST $pods "$(with '{"requests":{"cpu":"500m"},"limits":{"cpu":"2"}}')"
	told 403 'cpu max limit to request ratio per Container is 4, but provided ratio is 5.000000' \
		POST $pods "$(with '{"requests":{"cpu":"100m"},"limits":{"cpu":"500m"}}')"
	told 403 'is forbidden: [maximum cpu usage per Container is 1, but limit is 2, maximum cpu usage per Pod is 1500m, but limit is 2]' \
		POST $pods "$(with '{"requests":{"cpu":"1"},"limits":{"cpu":"2"}}')"
	k delete ns lim --wait=false
}

test_priorities() {
	local path=/apis/scheduling.k8s.io/v1/priorityclasses
	told 201 PriorityClass POST $path '{"metadata":{"name":"high"},"value":100,"preemptionPolicy":"Never"}'
	pod prio '"priorityClassName":"high"'
	holds spec.priority 100 spec.preemptionPolicy Never
	k delete pod --force prio
	pod prio '"priorityClassName":"system-node-critical"'
	holds spec.priority 2000001000
	k delete pod --force prio
	told 403 'pods \"p\" is forbidden: no PriorityClass with name none was found' POST $core/pods \
		'{"metadata":{"name":"p"},"spec":{"priorityClassName":"none","containers":[{"name":"c","image":"i"}]}}'
	told 403 'the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0' POST $core/pods \
		'{"metadata":{"name":"p"},"spec":{"priority":5,"containers":[{"name":"c","image":"i"}]}}'
	told 201 PriorityClass POST $path '{"metadata":{"name":"usual"},"value":7,"globalDefault":true}'
	told 403 'PriorityClass usual is already marked as default. Only one default can exist' POST $path '{"metadata":{"name":"other"},"value":8,"globalDefault":true}'
	pod prio
	holds spec.priority 7 spec.priorityClassName usual
	k delete pod --force prio
	k delete priorityclass high usual
}

test_default_classes() {
	told 201 StorageClass POST /apis/storage.k8s.io/v1/storageclasses \
		'{"metadata":{"name":"fast","annotations":{"storageclass.kubernetes.io/is-default-class":"true"}},"provisioner":"t.io/p"}'
	local claim='"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}'
	told 201 '"storageClassName":"fast"' POST "$core/persistentvolumeclaims?dryRun=All" "{\"metadata\":{\"name\":\"c\"},$claim}}"
	told 201 '"storageClassName":""' POST "$core/persistentvolumeclaims?dryRun=All" "{\"metadata\":{\"name\":\"c\"},$claim,\"storageClassName\":\"\"}}"
	told 201 IngressClass POST /apis/networking.k8s.io/v1/ingressclasses \
		'{"metadata":{"name":"front","annotations":{"ingressclass.kubernetes.io/is-default-class":"true"}},"spec":{"controller":"t.io/c"}}'
	told 201 '"ingressClassName":"front"' POST "/apis/networking.k8s.io/v1/namespaces/default/ingresses?dryRun=All" \
		'{"metadata":{"name":"i"},"spec":{"defaultBackend":{"service":{"name":"s","port":{"number":80}}}}}'
	k delete storageclass fast
	k delete ingressclass front
}

test_runtime_classes() {
	told 201 RuntimeClass POST /apis/node.k8s.io/v1/runtimeclasses \
		'{"metadata":{"name":"boxed"},"handler":"boxed","overhead":{"podFixed":{"cpu":"10m"}},"scheduling":{"nodeSelector":{"box":"yes"},"tolerations":[{"key":"box","operator":"Exists"}]}}'
	pod boxed '"runtimeClassName":"boxed"'
	holds spec.overhead '{"cpu": "10m"}' spec.nodeSelector '{"box": "yes"}' spec.tolerations "[3]"
	k delete pod --force boxed
	told 403 'pods \"p\" is forbidden: pod rejected: RuntimeClass \"none\" not found' POST $core/pods \
		'{"metadata":{"name":"p"},"spec":{"runtimeClassName":"none","containers":[{"name":"c","image":"i"}]}}'
	told 403 'conflict: runtimeClass.scheduling.nodeSelector[box] = yes; pod.spec.nodeSelector[box] = no' POST $core/pods \
		'{"metadata":{"name":"p"},"spec":{"runtimeClassName":"boxed","nodeSelector":{"box":"no"},"containers":[{"name":"c","image":"i"}]}}'
	told 403 'Pod Overhead set without corresponding RuntimeClass' POST $core/pods \
		'{"metadata":{"name":"p"},"spec":{"overhead":{"cpu":"1"},"containers":[{"name":"c","image":"i"}]}}'
	k delete runtimeclass boxed
}

run_tests life
