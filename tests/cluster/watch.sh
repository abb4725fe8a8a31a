#!/bin/bash
# watch.sh - reads and watches as reflectors and kubectl need them: one server, no node.
#
# Goal: nobody misses an event, sees one twice or out of order, whatever happens to the server; lists are of
# the revision that was asked for; every form of an answer and every refusal has the real server's words.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

mkdir "$scratch/a"
start_server "$scratch/a" "$(free_port)" || { cat "$scratch/a/log"; exit 1; }
first_port=$port
crt=$scratch/a/crt key=$scratch/a/key
take_credentials() {
	crt=$1/crt key=$1/key
	sed -n "s/^ *client-certificate-data: //p" "$1/kubeconfig" | base64 -d > "$crt"
	sed -n "s/^ *client-key-data: //p" "$1/kubeconfig" | base64 -d > "$key"
}
take_credentials "$scratch/a"
maps=/api/v1/namespaces/default/configmaps
table='Accept: application/json;as=Table;g=meta.k8s.io;v=v1'
partial='Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
proto='Accept: application/vnd.kubernetes.protobuf'

# call PATH [curl's options]
call() {
	path=$1
	shift
	curl -sk -A test --max-time 15 --cert "$crt" --key "$key" "$@" "https://127.0.0.1:$first_port$path"
}
none() { [ "$(grep -c "$@")" = 0 ]; } # no line of a file has it
names() { grep -o '"metadata":{"name":"[^"]*"' | cut -d '"' -f 6 | tr '\n' ' '; }
revision_of() { k get cm "$1" -o 'jsonpath={.metadata.resourceVersion}'; }
field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }
# until_watched N: so many watches are open.
until_watched() { await 10 sh -c "curl -sk --cert $crt --key $key https://127.0.0.1:$first_port/metrics | grep -qx 'mote_watches $1'"; }
# own_server NAME OFFSET: the rest of this test is about another one, which may be ended and started again.
own_server() {
	mkdir "$scratch/$1"
	start_server "$scratch/$1" "$(($(free_port) + $2))"
	first_port=$port
	take_credentials "$scratch/$1"
}
watches_now() { call /metrics | sed -n 's/^mote_watches //p'; }

# 8 writers, 32 watchers that come and go, two deaths of the server and more changes than it keeps: runs beside
# the other tests, with a server of its own.
# shellcheck disable=SC2030,SC2031 # a shell of its own
prove() (
	pids=
	trap end_processes EXIT
	set -e
	own_server proof 1000
	build/tests/check_watch "https://127.0.0.1:$port" "$crt" "$key" 14 &
	checker=$!
	for _ in 1 2; do
		sleep 4
		stop_server -KILL
		start_server "$scratch/proof" "$port"
	done
	wait "$checker"
	stop_server -TERM
)

test_exact_and_at_least() {
	for name in ea eb ec; do k create cm $name; done
	old=$(revision_of ec)
	k delete cm eb
	k create cm ed
	expect '"metadata":{"resourceVersion":"'"$old"'"}' call "$maps?resourceVersion=$old&resourceVersionMatch=Exact"
	equal "ea eb ec " sh -c "$(declare -f call names); crt=$crt key=$key first_port=$first_port
		call '$maps?resourceVersion=$old&resourceVersionMatch=Exact&labelSelector=!none' | names | sed 's/kube-root-ca.crt //'"
	[[ $(call "$maps?resourceVersion=$old&resourceVersionMatch=NotOlderThan" | names) == "ea ec ed "* ]]
	[[ $(call "$maps?resourceVersion=$old&limit=2" | names) == "ea eb " ]] # as the first paging clients were promised
	[[ $(call "$maps?resourceVersion=0" | names) == "ea ec ed "* ]]
	k delete cm ea ec ed
}

# All pages are of the first one's revision; after a restart the client is told, with a token that goes on.
test_pages_are_consistent() {
	own_server pages 2000
	for name in pa pb pc pd pe; do k create cm $name; done
	call "$maps?limit=2&fieldSelector=metadata.name%21%3Dkube-root-ca.crt" > "$scratch/plain"
	expect '"continue"' cat "$scratch/plain"
	none remainingItemCount "$scratch/plain" # not told with selectors
	call "$maps?limit=2" > "$scratch/first"
	expect '"remainingItemCount":4' cat "$scratch/first"
	token=$(field continue < "$scratch/first")
	revision=$(field resourceVersion < "$scratch/first")
	k delete cm pc
	k create cm pbb
	k label cm pb changed=yes
	call "$maps?limit=2&continue=$token" > "$scratch/second"
	equal "pb pc " names < "$scratch/second"
	none changed "$scratch/second"
	[ "$(field resourceVersion < "$scratch/second")" = "$revision" ]
	expect '"remainingItemCount":2' cat "$scratch/second"
	expect 'specifying resource version is not allowed when using continue' call "$maps?limit=2&continue=$token&resourceVersion=5"
	expect 'invalid continue token: continue key is not valid' call "$maps?continue=%21%21"
	equal 6 sh -c "timeout 20 $kubectl get cm --chunk-size=2 -o name | wc -l"
	stop_server -TERM
	start_server "$scratch/pages" "$port"
	call "$maps?limit=2&continue=$token" > "$scratch/expired"
	expect '"reason":"Expired"' cat "$scratch/expired"
	expect 'The provided continue parameter is too old to display a consistent list result. You can' cat "$scratch/expired"
	token=$(field continue < "$scratch/expired")
	[ "$(call "$maps?limit=2&continue=$token" | names)" = "pb pbb " ]
	k delete cm pa pb pbb pd pe
}

test_refusals() {
	now=$(revision_of kube-root-ca.crt)
	expect '"code":422' call "$maps?resourceVersionMatch=Exact"
	expect 'resourceVersionMatch is forbidden unless resourceVersion is provided' call "$maps?resourceVersionMatch=Exact"
	expect 'Unsupported value: \"X\": supported values: \"Exact\", \"NotOlderThan\"' \
		call "$maps?resourceVersion=1&resourceVersionMatch=X"
	expect 'resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"' \
		call "$maps?resourceVersion=0&resourceVersionMatch=Exact"
	expect 'sendInitialEvents is forbidden for list' call "$maps?sendInitialEvents=true"
	expect 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan' call "$maps?watch=1&sendInitialEvents=true"
	expect 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided' \
		call "$maps?watch=1&resourceVersionMatch=NotOlderThan"
	expect 'resourceVersion: Invalid value: \"abc\"' call "$maps?resourceVersion=abc"
	[ "$(call "$maps?resourceVersion=abc" -o /dev/null -w '%{http_code}')" = 500 ]
	[ "$(call "$maps?watch=1&resourceVersion=abc" -o /dev/null -w '%{http_code}')" = 422 ]
	call "$maps?resourceVersion=$((now + 1000000))" -D "$scratch/head" > "$scratch/future" &
	waiting=$!
	expect '"code":504' call "$maps/kube-root-ca.crt?resourceVersion=$((now + 1000000))" -w '%{time_total}'
	wait "$waiting"
	expect '"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}],"retryAfterSeconds":1' \
		cat "$scratch/future"
	expect 'Retry-After: 1' cat "$scratch/head"
	expect 'includeObject: Invalid value: \"x\"' call "$maps?includeObject=x" -H "$table"
	expect '"code":406' call "$maps" -H 'Accept: application/vnd.kubernetes.protobuf;as=Table;g=meta.k8s.io;v=v1'
}

# A read of a revision that comes while it waits is answered then.
test_waits_for_a_revision() {
	k create cm wa
	now=$(revision_of wa)
	call "$maps/wa?resourceVersion=$((now + 1))" > "$scratch/waited" &
	waiting=$!
	for i in 1 2 3; do k label cm wa "n=$i" --overwrite; done
	wait "$waiting"
	expect '"name":"wa"' cat "$scratch/waited"
	k delete cm wa
}

test_watch_starts() {
	own_server starts 3000
	k create cm sa
	start=$(revision_of sa)
	expect '"type":"ADDED"' call "$maps?watch=1&timeoutSeconds=1"
	equal "" call "$maps?watch=1&timeoutSeconds=1&resourceVersion=$start"
	equal "" call "$maps?watch=1&timeoutSeconds=1&resourceVersion=$((start + 100000))"
	call "$maps?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan" \
		> "$scratch/streamed"
	expect '"k8s.io/initial-events-end":"true"' sh -c "sed -n '/BOOKMARK/{p;q}' $scratch/streamed"
	expect '"type":"BOOKMARK"' sh -c "tail -n 1 $scratch/streamed" # and one before the end
	equal "" call "$maps?watch=1&timeoutSeconds=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"
	stop_server -TERM
	start_server "$scratch/starts" "$port"
	# Of an earlier life of the server: told inside the stream, in each form.
	for accept in "Accept: application/json" "$table" "$partial"; do
		call "$maps?watch=1&resourceVersion=1" -H "$accept" -w '%{http_code}' > "$scratch/old"
		expect '{"type":"ERROR","object":{"kind":"Status"' cat "$scratch/old"
		expect '"message":"too old resource version: 1 (' cat "$scratch/old"
		expect '"code":410}}' cat "$scratch/old"
		expect 200 tail -n 1 "$scratch/old"
	done
	expect 'too old resource version' sh -c "$(declare -f call); crt=$crt key=$key first_port=$first_port; call '$maps?watch=1&resourceVersion=1' -H '$proto' | strings"
	k delete cm sa
}

# What begins to match comes, what stops to match goes: with labels and with fields.
test_selector_transitions() {
	k create cm ta
	k label cm ta on=yes
	before=$(watches_now)
	call "$maps?watch=1&timeoutSeconds=4&labelSelector=on%3Dyes&resourceVersion=$(revision_of ta)" > "$scratch/labels" &
	labels=$!
	until_watched $((before + 1))
	k label cm ta on-
	k label cm ta x=y
	k label cm ta on=yes
	k label cm ta x=z --overwrite
	k delete cm ta
	wait "$labels"
	[ "$(grep -o '"type":"[A-Z]*"' "$scratch/labels" | cut -d '"' -f 4 | tr '\n' ' ')" = "DELETED ADDED MODIFIED DELETED " ]
	[ "$(grep -o '"resourceVersion":"[0-9]*"' "$scratch/labels" | cut -d '"' -f 4 | sort -n | uniq | wc -l)" = 4 ]
}

test_forms() {
	k create cm fa --from-literal=a=b
	one="$maps?watch=1&timeoutSeconds=1&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dfa"
	all="$maps?watch=1&timeoutSeconds=1&allowWatchBookmarks=true"
	call "$all" -H "$table" > "$scratch/table"
	expect '"columnDefinitions":[{"name":"Name"' sed -n 1p "$scratch/table"
	expect '"columnDefinitions":null' sed -n 2p "$scratch/table"
	expect '"object":{"kind":"PartialObjectMetadata"' sed -n 1p "$scratch/table"
	expect '"data":{"a":"b"}' call "$one&includeObject=Object" -H "$table"
	call "$one&includeObject=None" -H "$table" > "$scratch/bare"
	none '"object":{"kind":"PartialObjectMetadata"' "$scratch/bare"
	expect '"object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"fa"' call "$one" -H "$partial"
	expect 'meta.k8s.io/v1beta1' call "$one" -H 'Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1'
	# A frame: its length, then the type and the envelope of the object.
	call "$one" -H "$proto" -D "$scratch/head" > "$scratch/frames"
	expect 'Content-Type: application/vnd.kubernetes.protobuf;stream=watch' cat "$scratch/head"
	length=$((16#$(head -c 4 "$scratch/frames" | od -An -tx1 | tr -d ' ')))
	head -c $((length + 4)) "$scratch/frames" > "$scratch/frame"
	expect ADDED strings "$scratch/frame"
	expect k8s strings -n 3 "$scratch/frame"
	expect BOOKMARK sh -c "tail -c +$((length + 5)) $scratch/frames | strings"
	expect PartialObjectMetadata sh -c "$(declare -f call); crt=$crt key=$key first_port=$first_port; call '$one' -H '$proto;as=PartialObjectMetadata;g=meta.k8s.io;v=v1' | strings"
	# Protobuf alone is given; where JSON is taken too, JSON is.
	expect 'application/json' call "$maps" -o /dev/null -w '%{content_type}' -H 'Accept: application/vnd.kubernetes.protobuf, application/json'
	expect 'application/json' call "$maps" -o /dev/null -w '%{content_type}' -H 'Accept: application/yaml;q=0.5, */*'
	# The deprecated paths.
	[ "$(call "/api/v1/watch/namespaces/default/configmaps/fa?timeoutSeconds=1" | grep -c ADDED)" = 1 ]
	[ "$(call "/api/v1/watch/namespaces/default/configmaps?timeoutSeconds=1" | grep -c ADDED)" = 2 ]
	expect '"type":"ADDED"' call "/api/v1/watch/configmaps?timeoutSeconds=1"
	expect '"code":405' call "/api/v1/watch/namespaces/default/configmaps/fa" -X DELETE
	k delete cm fa
}

# frames ACCEPT: what a WebSocket watch of one object tells within a second, a line a frame: opcode, length, text.
frames() {
	python3 - "$first_port" "$crt" "$key" "$1" <<-'PYTHON'
	import socket, ssl, struct, sys
	port, crt, key, accept = sys.argv[1:]
	context = ssl.create_default_context()
	context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
	context.load_cert_chain(crt, key)
	conn = context.wrap_socket(socket.create_connection(("127.0.0.1", int(port)), timeout=10))
	conn.sendall((f"GET /api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=1&allowWatchBookmarks=true"
	    f"&fieldSelector=metadata.name%3Dwa HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAccept: {accept}\r\n"
	    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").encode())
	stream = conn.makefile("rb")
	print(stream.readline().decode().strip())
	while stream.readline().strip():
	    pass
	while True:
	    head = stream.read(2)
	    if len(head) < 2:
	        break
	    length = head[1]
	    if length == 126:
	        length = struct.unpack(">H", stream.read(2))[0]
	    print(head[0] & 15, length, stream.read(length))
	    if head[0] & 15 == 8:
	        break
	PYTHON
}

test_websocket() {
	k create cm wa
	frames application/json > "$scratch/text"
	expect 'HTTP/1.1 101' sed -n 1p "$scratch/text"
	expect '{"type":"ADDED","object":{"apiVersion":"v1","kind":"ConfigMap"' sed -n 2p "$scratch/text"
	expect '"type":"BOOKMARK"' sed -n 3p "$scratch/text"
	expect '8 2 ' sed -n 4p "$scratch/text" # closed in peace
	frames application/vnd.kubernetes.protobuf > "$scratch/binary"
	expect "2 " sed -n 2p "$scratch/binary"
	expect "ADDED" sed -n 2p "$scratch/binary"
	k delete cm wa
}

test_gzip() {
	head -c 300000 /dev/urandom | base64 -w 0 > "$scratch/noise"
	k create cm big --from-file="$scratch/noise"
	call "$maps" > "$scratch/plain"
	call "$maps" --compressed -D "$scratch/head" > "$scratch/unpacked"
	cmp "$scratch/plain" "$scratch/unpacked"
	expect 'Content-Encoding: gzip' cat "$scratch/head"
	expect 'Vary: Accept-Encoding' cat "$scratch/head"
	call "$maps/kube-root-ca.crt" --compressed -D "$scratch/head" > /dev/null
	none -i content-encoding "$scratch/head" # too small
	call "$maps" -H 'Accept-Encoding: gzip;q=0' -D "$scratch/head" > /dev/null
	none -i content-encoding "$scratch/head"
	call "$maps?watch=1&timeoutSeconds=1" --compressed -D "$scratch/head" > /dev/null
	none -i content-encoding "$scratch/head"
	for accept in "$table" "$partial" "$proto" 'Accept: application/yaml'; do
		call "$maps?includeObject=Object" -H "$accept" > "$scratch/plain"
		call "$maps?includeObject=Object" -H "$accept" --compressed > "$scratch/unpacked"
		[ "$(wc -c < "$scratch/plain")" = "$(wc -c < "$scratch/unpacked")" ]
	done
	k delete cm big
}

test_selectors() {
	pods=/api/v1/namespaces/default/pods
	expect 'field label not supported: spec.foo' call "$pods?fieldSelector=spec.foo%3Da"
	expect '\"data\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"' call "$maps?fieldSelector=data%3Da"
	for known in spec.nodeName spec.host spec.restartPolicy spec.schedulerName spec.serviceAccountName spec.hostNetwork \
		status.phase status.podIP status.podIPs status.nominatedNodeName metadata.name metadata.namespace; do
		expect '"items":[]' call "$pods?fieldSelector=$known%3Dnone"
	done
	expect "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt" call "$maps?labelSelector=a%20b"
	expect "found ')', expected: !, identifier, or 'end of string'" call "$maps?labelSelector=%29"
	expect '"code":400' call "$maps?labelSelector=a%20in%20%28b"
	for i in 1 2 3; do k create cm "d$i"; k label cm "d$i" of=many; done
	call "$maps?labelSelector=of%3Dmany&limit=2" -X DELETE > /dev/null
	equal configmap/d3 k get cm -l of=many -o name
	k delete cm -l of=many
}

test_kubectl_watches() {
	k create cm ka
	before=$(watches_now)
	timeout 10 "$kubectl" get cm ka -w --output-watch-events > "$scratch/events" &
	watching=$!
	timeout 10 "$kubectl" get cm --watch-only -o name > "$scratch/only" &
	only=$!
	# shellcheck disable=SC2031
	pids="$pids $watching $only"
	until_watched $((before + 2))
	k label cm ka x=y
	k wait --for=jsonpath='{.metadata.labels.x}'=y cm/ka --timeout=10s
	k delete cm ka
	await 5 grep -q "^DELETED *ka" "$scratch/events"
	await 5 grep -q configmap/ka "$scratch/only"
	kill "$watching" "$only"
	wait "$watching" "$only" || true
	[ "$(awk '{ print $1 }' "$scratch/events" | tr '\n' ' ')" = "EVENT ADDED MODIFIED DELETED " ]
	k create cm kb
	( sleep 0.3; k delete cm kb > /dev/null ) &
	k wait --for=delete cm/kb --timeout=10s
}

test_no_event_is_lost() {
	await 40 [ -s "$scratch/verdict" ]
	cat "$scratch/proof.out"
	[ "$(cat "$scratch/verdict")" = 0 ]
}

if [[ test_no_event_is_lost == *"${TEST:-}"* ]]; then
	make -s --no-print-directory build/tests/check_watch > /dev/null || exit 1
	( status=0; prove > "$scratch/proof.out" 2>&1 || status=$?; echo "$status" > "$scratch/verdict" ) &
	pids="$pids $!"
fi
run_tests watch
