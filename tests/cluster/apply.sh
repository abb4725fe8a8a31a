#!/bin/bash
# apply.sh - server-side apply with the real kubectl: who owns what, conflicts, taking over, the way from
# client-side apply.
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

# owners KIND NAME: "manager operation[/subresource] fields" a line, as the object has them.
owners() {
	k get "$1" "$2" -o json --show-managed-fields | python3 -c '
import json, sys
for e in json.load(sys.stdin)["metadata"].get("managedFields", []):
    sub = "/" + e["subresource"] if "subresource" in e else ""
    print(e["manager"], e["operation"] + sub, json.dumps(e["fieldsV1"], separators=(",", ":")))'
}

revision() { k get "$1" "$2" -o jsonpath='{.metadata.resourceVersion} {.metadata.managedFields[*].time}'; }

# web REPLICAS [IMAGE]: a Deployment's configuration.
web() {
	cat <<- END
		apiVersion: apps/v1
		kind: Deployment
		metadata: {name: web}
		spec:
		  ${1:+replicas: $1}
		  selector: {matchLabels: {app: web}}
		  template:
		    metadata: {labels: {app: web}}
		    spec: {containers: [{name: c, image: ${2:-a}, ports: [{containerPort: 80}]}]}
	END
}

cm() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {%s}\n' "$1" "$2"; }

ssa() { k apply --server-side -f - "$@"; }

# same HAVE WANT
same() {
	[ "$1" = "$2" ] && return 0
	printf 'have: %s\nwant: %s\n' "$1" "$2" >&2
	return 1
}

test_new_again_changed() {
	cm plain 'a: "1", b: "1"' | expect serverside-applied ssa || return 1
	same "$(owners cm plain)" 'kubectl Apply {"f:data":{"f:a":{},"f:b":{}}}' || return 1
	before=$(revision cm plain)
	sleep 1.1 # the clock of entries has seconds
	cm plain 'a: "1", b: "1"' | ssa > /dev/null || return 1
	same "$(revision cm plain)" "$before" || return 1
	cm plain 'a: "2", c: "1"' | ssa > /dev/null || return 1
	same "$(k get cm plain -o jsonpath='{.data}')" '{"a":"2","c":"1"}' || return 1
	[ "$(revision cm plain)" != "$before" ]
}

test_defaults_are_nobodys() {
	web 0 | ssa > /dev/null || return 1
	same "$(owners deployment web | grep ' Apply ')" 'kubectl Apply {"f:spec":{"f:replicas":{},"f:selector":{},"f:template":{"f:metadata":{"f:labels":{"f:app":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:image":{},"f:name":{},"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{}}}}}}}}}' || return 1
	# What is left out again gets its default.
	k scale deployment web --replicas=0 > /dev/null
	web "" | ssa > /dev/null || return 1
	same "$(k get deployment web -o jsonpath='{.spec.replicas}')" 1
}

test_two_managers() {
	cm shared 'a: "1"' | ssa --field-manager=one > /dev/null || return 1
	cm shared 'b: "1"' | ssa --field-manager=two > /dev/null || return 1
	same "$(k get cm shared -o jsonpath='{.data}')" '{"a":"1","b":"1"}' || return 1
	same "$(cm shared 'a: "2"' | ssa --field-manager=two 2>&1 | head -n 1)" \
		'error: Apply failed with 1 conflict: conflict with "one": .data.a' || return 1
	k patch cm shared --type=merge -p '{"data":{"c":"1","d":"1"}}' > /dev/null
	same "$(cm shared 'a: "2", c: "2", d: "2"' | ssa --field-manager=two 2>&1 | head -n 5)" \
		'error: Apply failed with 3 conflicts: conflicts with "kubectl-patch" using v1:
- .data.c
- .data.d
conflicts with "one":
- .data.a' || return 1
	cm shared 'a: "2", b: "1"' | ssa --field-manager=two --force-conflicts > /dev/null || return 1
	same "$(owners cm shared)" 'two Apply {"f:data":{"f:a":{},"f:b":{}}}
kubectl-patch Update {"f:data":{"f:c":{},"f:d":{}}}'
}

test_status_of_a_conflict() {
	cm told 'a: "1"' | ssa --field-manager=one > /dev/null || return 1
	curl_api -X PATCH -H 'Content-Type: application/apply-patch+yaml' \
		-d "$(cm told 'a: "2"')" "api/v1/namespaces/default/configmaps/told?fieldManager=two" > "$scratch/status"
	same "$(python3 -c '
import json, sys
s = json.load(open(sys.argv[1])); print(s["code"], s["reason"], s["message"]); print(json.dumps(s["details"]))' "$scratch/status")" \
		'409 Conflict Apply failed with 1 conflict: conflict with "one": .data.a
{"causes": [{"reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".data.a"}]}'
}

# curl_api ARGUMENTS PATH: as the admin, with the certificate of the kubeconfig.
curl_api() {
	local path=${*: -1}
	for part in client-certificate client-key certificate-authority; do
		sed -n "s/.*$part-data: //p" "$KUBECONFIG" | base64 -d > "$scratch/$part"
	done
	curl -s --cacert "$scratch/certificate-authority" --cert "$scratch/client-certificate" \
		--key "$scratch/client-key" "${@:1:$#-1}" "https://127.0.0.1:$port/$path"
}

# refused WANTED CODE-AND-MESSAGE BODY QUERY: an apply of a ConfigMap "bad".
refused() {
	same "$(curl_api -X PATCH -H 'Content-Type: application/apply-patch+yaml' -d "$2" \
		"api/v1/namespaces/default/configmaps/bad?$3" |
		python3 -c 'import json, sys; s = json.load(sys.stdin); print(s["code"], s["message"])')" "$1"
}

test_refusals() {
	refused '422 PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch' \
		"$(cm bad 'a: "1"')" '' || return 1
	refused '400 metadata.managedFields must be nil' \
		'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad","managedFields":[]}}' 'fieldManager=m' || return 1
	refused '400 invalid object type: /v2, Kind=ConfigMap' \
		'{"apiVersion":"v2","kind":"ConfigMap","metadata":{"name":"bad"}}' 'fieldManager=m' || return 1
	refused '500 failed to create typed patch object (/bad; /v1, Kind=ConfigMap): .datum: field not declared in schema' \
		'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad"},"datum":{}}' 'fieldManager=m' || return 1
	refused '400 the name of the object (worse) does not match the name on the URL (bad)' \
		"$(cm worse 'a: "1"')" 'fieldManager=m' || return 1
	expect 'Error from server: failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.replicaz: field not declared in schema' \
		ssa <<< "$(web 0 | sed s/replicas/replicaz/)" || return 1
	refused '409 Operation cannot be fulfilled on configmaps "bad": uid mismatch: the provided object specified uid u, and no existing object was found' \
		'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"bad","uid":"u"}}' 'fieldManager=m' || return 1
	k create clusterrole patcher --verb=get,patch --resource=configmaps > /dev/null || return 1
	k create clusterrolebinding patcher --clusterrole=patcher --user=bob > /dev/null || return 1
	expect 'User "bob" cannot create resource "configmaps"' ssa --as=bob <<< "$(cm bad 'a: "1"')" || return 1
	! k get cm bad 2> /dev/null
}

test_secret_values_are_not_in_entries() {
	printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: sealed}\nstringData: {key: hunter2}\n' > "$scratch/secret.yaml"
	k apply --server-side -f "$scratch/secret.yaml" > /dev/null || return 1
	before=$(revision secret sealed)
	k apply --server-side -f "$scratch/secret.yaml" > /dev/null || return 1
	same "$(revision secret sealed)" "$before" || return 1
	same "$(owners secret sealed)" 'kubectl Apply {"f:stringData":{"f:key":{}}}'
}

test_dry_run_and_diff() {
	cm dry 'a: "1"' | ssa --dry-run=server > /dev/null || return 1
	! k get cm dry 2> /dev/null || return 1
	cm dry 'a: "1"' | ssa > /dev/null || return 1
	cm dry 'a: "1"' | k diff --server-side -f - || return 1
	cm dry 'a: "2"' > "$scratch/dry.yaml"
	for way in --server-side --server-side=false; do
		status=0
		k diff "$way" -f "$scratch/dry.yaml" > "$scratch/diff" || status=$?
		[ $status = 1 ] && grep -q '^+ *a: "2"' "$scratch/diff" && grep -q '^- *a: "1"' "$scratch/diff" || return 1
	done
	k apply --dry-run=server -f "$scratch/dry.yaml" > /dev/null 2>&1 || return 1
	same "$(k get cm dry -o jsonpath='{.data.a}')" 1
}

test_from_client_side_apply() {
	cm moved 'a: "1", b: "1"' | k apply -f - > /dev/null || return 1
	same "$(owners cm moved)" \
		'kubectl-client-side-apply Update {"f:data":{".":{},"f:a":{},"f:b":{}},"f:metadata":{"f:annotations":{".":{},"f:kubectl.kubernetes.io/last-applied-configuration":{}}}}' || return 1
	cm moved 'a: "2"' | expect serverside-applied ssa || return 1
	same "$(k get cm moved -o jsonpath='{.data}')" '{"a":"2"}' || return 1
	same "$(owners cm moved)" 'kubectl Apply {"f:data":{"f:a":{}}}
kubectl-last-applied Apply {"f:metadata":{"f:annotations":{"f:kubectl.kubernetes.io/last-applied-configuration":{}}}}' || return 1
	k get cm moved -o jsonpath='{.metadata.annotations}' | grep -q '{\\"a\\":\\"2\\"}' || return 1
	# And back again: the note is the server's, so what went from it goes.
	cm moved 'z: "1"' | k apply -f - > /dev/null || return 1
	same "$(k get cm moved -o jsonpath='{.data}')" '{"z":"1"}'
}

test_scale_owns_replicas() {
	web 0 | sed 's/name: web}/name: scaled}/' > "$scratch/scaled.yaml"
	k apply --server-side -f "$scratch/scaled.yaml" > /dev/null || return 1
	k scale deployment scaled --replicas=2 > /dev/null || return 1
	owners deployment scaled | grep -qxF 'kubectl Update/scale {"f:spec":{"f:replicas":{}}}' || return 1
	same "$(k apply --server-side -f "$scratch/scaled.yaml" 2>&1 | head -n 1)" \
		'error: Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas' || return 1
	sed -i /replicas/d "$scratch/scaled.yaml"
	k apply --server-side -f "$scratch/scaled.yaml" > /dev/null || return 1
	same "$(k get deployment scaled -o jsonpath='{.spec.replicas}')" 2 || return 1
	same "$(curl_api -X PATCH -H 'Content-Type: application/apply-patch+yaml' \
		-d '{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"scaled"},"spec":{"replicas":0}}' \
		'apis/apps/v1/namespaces/default/deployments/scaled/scale?fieldManager=m' |
		python3 -c 'import json, sys; print(json.load(sys.stdin)["message"])')" \
		'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas' || return 1
	curl_api -X PATCH -H 'Content-Type: application/apply-patch+yaml' \
		-d '{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"scaled"},"spec":{"replicas":0}}' \
		'apis/apps/v1/namespaces/default/deployments/scaled/scale?fieldManager=m&force=true' > /dev/null
	same "$(k get deployment scaled -o jsonpath='{.spec.replicas}')" 0 || return 1
	owners deployment scaled | grep -qxF 'm Apply/scale {"f:spec":{"f:replicas":{}}}'
}

# What is applied as a Scale is checked as one, before it reaches what is scaled.
test_scale_is_checked() {
	web 1 | sed 's/name: web}/name: sized}/' | ssa > /dev/null || return 1
	while read -r code about scale; do
		answer=$(curl_api -X PATCH -H 'Content-Type: application/apply-patch+yaml' \
			-d "{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"Scale\",$scale}" \
			'apis/apps/v1/namespaces/default/deployments/sized/scale?fieldManager=m&force=true')
		same "$(python3 -c 'import json, sys; s = json.loads(sys.argv[1]); print(s.get("code"), sys.argv[2] in s["message"].replace(" ", "_"))' \
			"$answer" "$about")" "$code True" || return 1
	done <<- 'END'
		500 .spec.replicas:_expected_numeric "metadata":{"name":"sized"},"spec":{"replicas":"x"}
		500 .spec.replicas:_expected_numeric "metadata":{"name":"sized"},"spec":{"replicas":{"a":1}}
		500 .spec:_expected_map "metadata":{"name":"sized"},"spec":[1]
		500 .spec.zz:_field_not_declared "metadata":{"name":"sized"},"spec":{"zz":2}
		422 number_1.5_into "metadata":{"name":"sized"},"spec":{"replicas":1.5}
		422 must_be_greater_than_or_equal_to_0 "metadata":{"name":"sized"},"spec":{"replicas":-3}
		400 does_not_match_the_name "metadata":{"name":"other"},"spec":{"replicas":2}
		400 does_not_match_the_namespace "metadata":{"name":"sized","namespace":"other"},"spec":{"replicas":2}
	END
	same "$(k get deployment sized -o jsonpath='{.spec.replicas}')" 1
}

# What is applied in another version is decoded before it is turned into the kept form.
test_other_versions() {
	local path='apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers/h?fieldManager=m'
	for spec in null '{"maxReplicas":null,"scaleTargetRef":null,"targetCPUUtilizationPercentage":null}'; do
		curl_api -X PATCH -H 'Content-Type: application/apply-patch+yaml' \
			-d "{\"apiVersion\":\"autoscaling/v1\",\"kind\":\"HorizontalPodAutoscaler\",\"metadata\":{\"name\":\"h\"},\"spec\":$spec}" \
			"$path" | grep -q 'spec.maxReplicas: Invalid value' || return 1
	done
	curl_api -X PATCH -H 'Content-Type: application/apply-patch+yaml' \
		-d '{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"h"},"status":null,"spec":{"maxReplicas":2,"scaleTargetRef":{"kind":"Deployment","name":"d"},"targetCPUUtilizationPercentage":50}}' \
		"$path" > /dev/null || return 1
	same "$(k get hpa.v2.autoscaling h -o jsonpath='{.spec.metrics[0].resource.target.averageUtilization}')" 50
}

test_writes_are_tracked() {
	k create cm tracked --from-literal=a=1 > /dev/null || return 1
	same "$(owners cm tracked)" 'kubectl-create Update {"f:data":{".":{},"f:a":{}}}' || return 1
	k label cm tracked x=y > /dev/null || return 1
	same "$(owners cm tracked | sort)" 'kubectl-create Update {"f:data":{".":{},"f:a":{}}}
kubectl-label Update {"f:metadata":{"f:labels":{".":{},"f:x":{}}}}' || return 1
	# [] takes all entries away; nobody is tracked until the next apply.
	k patch cm tracked --type=merge -p '{"metadata":{"managedFields":[]}}' > /dev/null || return 1
	same "$(owners cm tracked)" '' || return 1
	same "$(cm tracked 'a: "2"' | ssa 2>&1 | head -n 1)" \
		'error: Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a'
}

test_subresources_have_their_own() {
	web 0 | sed 's/name: web}/name: parts}/' | ssa > /dev/null || return 1
	curl_api -X PATCH -H 'Content-Type: application/apply-patch+yaml' \
		-d '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"parts"},"spec":{"replicas":7},"status":{"collisionCount":3}}' \
		'apis/apps/v1/namespaces/default/deployments/parts/status?fieldManager=m' > /dev/null
	owners deployment parts | grep -qxF 'm Apply/status {"f:status":{"f:collisionCount":{}}}' || return 1
	same "$(k get deployment parts -o jsonpath='{.spec.replicas} {.status.collisionCount}')" '0 3'
}

start_server "$scratch" "$(free_port)"
run_tests apply
