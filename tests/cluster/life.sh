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
	[ -z "${3:-}" ] || body=(-H "Content-Type: ${4:-application/json}" --data-binary "$3")
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

run_tests life
