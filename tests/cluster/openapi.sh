#!/bin/bash
# openapi.sh - what clients learn about the API before they use it: discovery, OpenAPI, strict decoding; with the
# kubectl of today and that of Kubernetes 1.20.
#
# Goal: kubectl validates, explains and patches with what this server says about its kinds, and a wrong manifest is
# refused in the real server's words.
#
# What is asked for holds dollars that are meant:
# shellcheck disable=SC2016
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

old=$(packaging/deps/clients.sh kubectl-old)
export HOME=$scratch/home # kubectl's caches
mkdir "$HOME" "$scratch/a"
port=$(free_port)
start_server "$scratch/a" "$port" || { cat "$scratch/a/log"; exit 1; }
field() { sed -n "s/^ *$1: //p" "$KUBECONFIG" | base64 -d > "$scratch/$2"; }
field certificate-authority-data ca
field client-certificate-data crt
field client-key-data key

o() { timeout 60 "$old" --cache-dir "$scratch/old" "$@"; }
# ask PATH [options]: with curl as the administrator, as a program and not as a browser.
ask() {
	path=$1
	shift
	curl -s --cacert "$scratch/ca" --cert "$scratch/crt" --key "$scratch/key" -A test "$@" "https://127.0.0.1:$port$path"
}
# header NAME PATH [options]: one header of the answer.
header() {
	name=$1
	shift
	ask "$@" -o /dev/null -D - | tr -d '\r' | sed -n "s/^$name: //Ip"
}
code() { ask "$@" -o /dev/null -w '%{http_code}'; }
# send FILE TYPE PATH [options]: what the server says to this body of this type.
send() {
	file=$1 type=$2
	shift 2
	ask "$@" --data-binary "@$file" -H "Content-Type:$type"
}

# What is told about each resource is what the real server tells, in its order; kinds may be missing.
test_api_resources() {
	golden=tests/cluster/api_resources.golden
	k api-resources -o wide --no-headers | tr -s ' ' | sed 's/ $//' > "$scratch/resources"
	[ "$(wc -l < "$scratch/resources")" -gt 30 ]
	if grep -vxFf "$golden" "$scratch/resources"; then return 1; fi
	grep -xFf "$scratch/resources" "$golden" | diff - "$scratch/resources"
	equal "$(k api-versions)" o api-versions
}

# The two forms of discovery say the same, also to a client that knows only the first version of the newer one.
test_discovery_forms() {
	v2='application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
	beta='application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList'
	expect "v=v2;as" header Content-Type /apis -H "Accept: $v2,$beta,application/json"
	expect "v=v2beta1;as" header Content-Type /apis -H "Accept: $beta,application/json"
	expect "apidiscovery.k8s.io/v2beta1" ask /apis -H "Accept: $beta,application/json"
	equal application/json header Content-Type /apis -H 'Accept: application/json'
	equal application/json header Content-Type /apis -H "Accept: application/json,$v2"
	etag=$(header ETag /apis -H "Accept: $v2")
	[ "$etag" = "\"$(ask /apis -H "Accept: $v2" | sha512sum | cut -d ' ' -f 1 | tr a-f A-F)\"" ]
	equal 304 code /apis -H "Accept: $v2" -H "If-None-Match: $etag"
	equal 200 code /apis -H "Accept: $v2" -H 'If-None-Match: "x"'
	expect Accept header Vary /apis -H "Accept: $v2"
	equal public header Cache-Control /apis -H "Accept: $v2"
	expect '"name":"configmaps","singularName":"configmap","namespaced":true,"kind":"ConfigMap"' ask /api/v1
	expect '"storageVersionHash":"qFsyl6wFWjQ="' ask /api/v1
	expect '"kind":"Eviction","group":"policy","version":"v1"' ask /api/v1
	expect '"preferredVersion":{"groupVersion":"apps/v1","version":"v1"}' ask /apis/apps
	equal "404 page not found" ask /apis/nothing.example/v1
	equal 404 code /nothing
	expect '"/apis/apps/v1"' ask /nothing
	expect '"/healthz/ping"' ask /
	expect '[+]ping excluded: ok' ask '/readyz?verbose&exclude=ping'
	expect 'public, max-age=3600' header Cache-Control /openid/v1/jwks
}

test_openapi_v3() {
	url=$(ask /openapi/v3 | grep -o '/openapi/v3/apis/apps/v1?hash=[0-9A-F]*')
	hash=${url#*hash=}
	[ "$hash" = "$(ask "$url" | sha512sum | cut -d ' ' -f 1 | tr a-f A-F)" ]
	equal "public, immutable" header Cache-Control "$url"
	expect GMT header Expires "$url"
	equal 301 code "/openapi/v3/apis/apps/v1?hash=0123"
	equal "$url" header Location "/openapi/v3/apis/apps/v1?hash=0123"
	equal 304 code "$url" -H "If-None-Match: \"$hash\""
	equal gzip header Content-Encoding "$url" -H 'Accept-Encoding: gzip'
	[ "$(ask "$url" | sha512sum)" = "$(ask "$url" --compressed | sha512sum)" ]
	protobuf=application/com.github.proto-openapi.spec.v3.v1.0+protobuf
	equal "$protobuf" header Content-Type "$url" -H "Accept: $protobuf"
	equal 406 code "$url" -H 'Accept: text/html'
	equal 404 code /openapi/v3/apis/nothing/v1
	etag=$(header ETag /openapi/v3)
	equal 304 code /openapi/v3 -H "If-None-Match: $etag"
}

test_openapi_v2() {
	protobuf='application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
	equal application/json header Content-Type /openapi/v2 -H 'Accept: */*'
	expect v2.v1.0+protobuf header Content-Type /openapi/v2 -H "Accept: $protobuf"
	equal 406 code /openapi/v2 -H 'Accept: application/xml'
	modified=$(header Last-Modified /openapi/v2)
	equal 304 code /openapi/v2 -H "If-Modified-Since: $modified"
	equal 304 code /openapi/v2 -H "If-None-Match: $(header ETag /openapi/v2)"
	expect '"$ref":{"type":"string"' ask /openapi/v2
}

# Every resource can be explained whole, by both.
test_explain() {
	explained=0
	while read -r name short _; do
		case $short in */* | v[0-9]*) version=$short ;; *) version=$(awk -v n="$name" '$1 == n { print $3; exit }' "$scratch/all") ;; esac
		# Clients know these by their kinds: the plurals are those of nodes and pods.
		[ "$version" != metrics.k8s.io/v1beta1 ] || name=${name%s}metrics
		k explain "$name" --recursive --api-version="$version" > "$scratch/explained"
		grep -q '^  apiVersion	<string>$' "$scratch/explained"
		if grep '<>\|<no value>\|<Object>' "$scratch/explained"; then return 1; fi
		o explain "$name" --recursive --api-version="$version" > "$scratch/explained"
		grep -q "^VERSION:  $version$" "$scratch/explained"
		explained=$((explained + 1))
	done < <(k api-resources -o wide --no-headers | tr -s ' ' | tee "$scratch/all")
	[ "$explained" -gt 30 ]
	expect '<map[string]Quantity>' k explain pod.spec.containers.resources.limits
	expect 'maxSurge	<IntOrString>' k explain deploy.spec.strategy.rollingUpdate
	expect 'creationTimestamp	<string>' k explain pod.metadata
	expect 'enum: TCP, UDP, SCTP' k explain service.spec.ports
	expect 'port	<integer> -required-' k explain service.spec.ports
	expect 'data	<RawExtension>' k explain controllerrevision
	expect 'fieldsV1	<FieldsV1>' k explain pod.metadata.managedFields
	expect 'Always, OnFailure or Never' o explain pod.spec.restartPolicy
}

# manifest EXTRA: a deployment with one more line in its spec.
manifest() {
	cat <<- YAML
	apiVersion: apps/v1
	kind: Deployment
	metadata: {name: strict}
	spec:
	  $1
	  selector: {matchLabels: {app: web}}
	  template:
	    metadata: {labels: {app: web}}
	    spec:
	      containers:
	      - {name: web, image: nginx}
	YAML
}

test_field_validation() {
	front='Error from server (BadRequest): error when creating "STDIN": Deployment in version "v1" cannot be handled as a Deployment:'
	manifest 'foo: 1' > "$scratch/foo"
	expect "$front strict decoding error: unknown field \"spec.foo\"" k create --validate=strict -f - < "$scratch/foo"
	expect 'Warning: unknown field "spec.foo"' k create --dry-run=server --validate=warn -f - < "$scratch/foo"
	equal "deployment.apps/strict created (server dry run)" k create --dry-run=server --validate=ignore -f - < "$scratch/foo"
	[ -z "$(cat "$scratch/aside")" ]
	manifest 'replicas: "two"' > "$scratch/wrong"
	for how in strict warn ignore; do
		expect "$front json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32" \
			k create --validate=$how -f - < "$scratch/wrong"
	done
	manifest 'replicas: 1' | k create -f -
	expect 'strict decoding error: unknown field \"spec.foo\"' ask '/apis/apps/v1/namespaces/default/deployments/strict?fieldValidation=Strict' \
			-X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"spec":{"foo":1}}'
	equal 422 code '/apis/apps/v1/namespaces/default/deployments/strict?fieldValidation=Strict' \
		-X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"spec":{"paused":true,"paused":false}}'
	expect '299 - "unknown field \"spec.foo\""' header Warning /apis/apps/v1/namespaces/default/deployments/strict \
		-X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"spec":{"foo":1}}'
	k delete deploy strict
}

# Bodies that say something else than the URL, or nothing.
test_bodies() {
	list=/api/v1/namespaces/default/configmaps
	echo '{"metadata":{"name":"silent"},"data":{"a":"1"}}' > "$scratch/silent"
	expect '"apiVersion":"v1","kind":"ConfigMap"' send "$scratch/silent" '' $list
	echo '{"apiVersion":"v1","kind":"Service","metadata":{"name":"x"}}' > "$scratch/body"
	expect 'Service in version \"v1\" cannot be handled as a ConfigMap: converting (v1.Service) to (core.ConfigMap): unknown conversion' \
		send "$scratch/body" application/json $list
	echo '{"apiVersion":"apps/v1","kind":"Deployment"}' > "$scratch/body"
	expect 'the API version in the data (apps/v1) does not match the expected API version (v1)' send "$scratch/body" application/json $list
	echo '{"apiVersion":"v1","kind":"Nothing"}' > "$scratch/body"
	expect 'no kind \"Nothing\" is registered for version \"v1\"' send "$scratch/body" application/json $list
	echo '{"Metadata":{"name":"x"},"metadata":{"name":"y"},"Kind":"x"}' > "$scratch/body"
	expect 'strict decoding error: unknown field \"Metadata\", unknown field \"Kind\"' send "$scratch/body" application/json "$list?fieldValidation=Strict"
	echo '{"metadata":{"name":"x","name":"y"},"data":{"a":"1","b":"2","a":"3"}}' > "$scratch/body"
	expect 'strict decoding error: duplicate field \"metadata.name\", duplicate field \"data.a\"' \
		send "$scratch/body" application/json "$list?fieldValidation=Strict"
	printf '{"metadata":' > "$scratch/body"
	expect "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error:" \
		send "$scratch/body" application/json $list
	expect 'supported values: \"\", \"Ignore\", \"Strict\", \"Warn\"' send "$scratch/silent" application/json "$list?fieldValidation=Loose"
	printf 'metadata: {name: yaml}\ndata: {a: "1"}\n' > "$scratch/body"
	expect '"name":"yaml"' send "$scratch/body" application/yaml $list
	expect UnsupportedMediaType send "$scratch/body" text/plain $list
	k delete cm silent yaml
}

# bad STATUS NAME [TYPE]: the body in $scratch/bad is refused, at once, and the server goes on.
bad() {
	wanted=$1 name=$2 type=${3:-json}
	before=$(awk '{ print $14 + $15 }' "/proc/$server_pid/stat")
	got=$(send "$scratch/bad" "application/$type" "/api/v1/namespaces/default/configmaps?fieldValidation=Strict" -o "$scratch/said" -w '%{http_code}')
	after=$(awk '{ print $14 + $15 }' "/proc/$server_pid/stat")
	[ "$got" = "$wanted" ] || { echo "$name: $got $(head -c 300 "$scratch/said")" >&2; return 1; }
	[ $((after - before)) -le 3 ] || { echo "$name: $((after - before)) ticks of processor" >&2; return 1; }
}

test_hostile_bodies() {
	peak=$(awk '/VmHWM/ { print $2 }' "/proc/$server_pid/status")
	head -c 10000 /dev/zero | tr '\0' '[' > "$scratch/bad"
	bad 400 "depth in JSON"
	bad 400 "depth in YAML" yaml
	{ printf '{"data":'; head -c 10000 /dev/zero | sed 's/\x0/{"a":/g'; printf 1; head -c 10001 /dev/zero | tr '\0' '}'; } > "$scratch/bad"
	bad 400 "depth of objects"
	{ echo 'a0: &a0 [x,x,x,x,x,x,x,x,x]'
		for i in $(seq 30); do echo "a$i: &a$i [*a$((i - 1)),*a$((i - 1)),*a$((i - 1)),*a$((i - 1)),*a$((i - 1))]"; done; } > "$scratch/bad"
	bad 400 "a bomb of aliases" yaml
	echo '{"metadata":{"name":"x"},"data":{"a":NaN}}' > "$scratch/bad"
	bad 400 NaN
	printf '{"metadata":{"name":"x"},"data":{"a":"\xff\xfe"}}' > "$scratch/bad"
	bad 400 "bytes that are no UTF-8"
	echo '{"metadata":{"name":"x","generation":1e400}}' > "$scratch/bad"
	bad 400 "a number without end"
	echo '{"metadata":{"name":"x","generation":99999999999999999999}}' > "$scratch/bad"
	bad 400 "a number that is too large"
	head -c 3000000 /dev/zero | tr '\0' '[' > "$scratch/bad"
	bad 400 "depth of 3 MB"
	head -c 3200000 /dev/zero | tr '\0' 'x' > "$scratch/bad"
	bad 413 "more than 3 MiB"
	printf 'k8s\0\xff\xff\xff\xff\xff' > "$scratch/bad"
	bad 400 protobuf vnd.kubernetes.protobuf
	{ printf '{"metadata":{"name":"x"},"data":{'; for i in $(seq 20000); do printf '"a":"%s",' "$i"; done; printf '"b":"c"}}'; } > "$scratch/bad"
	bad 400 "the same key 20,000 times"
	[ $(($(awk '/VmHWM/ { print $2 }' "/proc/$server_pid/status") - peak)) -le 12288 ]
	equal ok ask /healthz
	k delete cm x --ignore-not-found
}

# kubectl of Kubernetes 1.20: it validates by Swagger as protobuf, also for patches and dry runs.
test_old_kubectl() {
	k delete deploy strict --ignore-not-found
	manifest 'replicas: 1' > "$scratch/old.yaml"
	equal "deployment.apps/strict created" o apply -f "$scratch/old.yaml"
	equal "deployment.apps/strict unchanged" o apply -f "$scratch/old.yaml"
	manifest 'replicas: 2' > "$scratch/old.yaml"
	equal "deployment.apps/strict configured (server dry run)" o apply --dry-run=server -f "$scratch/old.yaml"
	equal 1 o get deploy strict -o 'jsonpath={.spec.replicas}'
	equal "deployment.apps/strict configured" o apply -f "$scratch/old.yaml"
	manifest 'foo: 2' > "$scratch/old.yaml"
	expect 'unknown field "foo" in io.k8s.api.apps.v1.DeploymentSpec' o apply -f "$scratch/old.yaml"
	manifest 'replicas: x' > "$scratch/old.yaml"
	expect 'invalid type for io.k8s.api.apps.v1.DeploymentSpec.replicas: got "string", expected "integer"' o apply -f "$scratch/old.yaml"
	expect 'selector	<Object> -required-' o explain deploy.spec
	o delete deploy strict
}

run_tests openapi
