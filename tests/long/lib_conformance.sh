# lib_conformance.sh - what the scripts of the conformance list share: calls of the API as a typed client makes them.
# shellcheck shell=bash disable=SC2154,SC2034,SC2031
#
# Goal: each test function walks the calls of one entry of Kubernetes' conformance list (docs/conformance.md says
# which) and asks for the same answers.  Pods run the images of tests/cluster/lib_nodes.sh instead of the list's own.
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

strategic=application/strategic-merge-patch+json
merge=application/merge-patch+json
json_patch=application/json-patch+json

# The table and the script are of one mind.
check_table() {
	local name=${0##*/}
	sed -n 's/^\(test_[a-z_0-9]*\)().*/\1/p' "$0" | sort > "$scratch/have"
	grep -o "\`$name: test_[a-z_0-9]*\`" docs/conformance.md | sed 's/.*: \(.*\)`/\1/' | sort -u > "$scratch/named"
	diff "$scratch/have" "$scratch/named" > "$scratch/differ" && return 0
	echo "docs/conformance.md and $name differ (< has it, > names it):" >&2
	grep '^[<>]' "$scratch/differ" >&2
	exit 1
}

# Two nodes, as the list wants, and the administrator's certificate for curl.
open_conformance() {
	check_table
	open_two_nodes
	k config view --raw -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}' | base64 -d > "$lab/ca.pem"
	k config view --raw -o 'jsonpath={.users[0].user.client-certificate-data}' | base64 -d > "$lab/admin.pem"
	k config view --raw -o 'jsonpath={.users[0].user.client-key-data}' | base64 -d > "$lab/admin.key"
	url=https://172.30.0.1:6443
	net_of_s=$(cat "$lab/host-s.pid")
	ns=
}

# as_admin ARGUMENTS...: curl, with the administrator's certificate, from the server's host.
as_admin() {
	nsenter --target "$net_of_s" --net -- curl -sS --cacert "$lab/ca.pem" --cert "$lab/admin.pem" --key "$lab/admin.key" "$@"
}

# call METHOD PATH [BODY [TYPE]]: prints the answer; fails when its status is 300 or more.
call() {
	local answer code
	answer=$(as_admin -m 30 -w '\n%{http_code}' -X "$1" -H "Content-Type: ${4:-application/json}" ${3:+--data-binary "$3"} "$url$2")
	code=${answer##*$'\n'}
	printf '%s\n' "${answer%$'\n'*}"
	[ "${code:-999}" -lt 300 ] || { echo "$1 $2: $code: ${answer%$'\n'*}" >&2; return 1; }
}

# refused STATUS METHOD PATH [BODY [TYPE]]: the call has that status; prints the answer.
refused() {
	local answer code
	answer=$(as_admin -m 30 -w '\n%{http_code}' -X "$2" -H "Content-Type: ${5:-application/json}" ${4:+--data-binary "$4"} "$url$3")
	code=${answer##*$'\n'}
	printf '%s\n' "${answer%$'\n'*}"
	[ "$code" = "$1" ] || { echo "$2 $3: $code instead of $1: ${answer%$'\n'*}" >&2; return 1; }
}

get() { call GET "$@"; }
post() { call POST "$@"; }
put() { call PUT "$@"; }
del() { call DELETE "$@"; }
patch() { call PATCH "$1" "$2" "${3:-$strategic}"; }

# says FILTER JSON WANTED: what the filter prints of the JSON.
says() {
	local have
	have=$(jq -cr "$1" <<< "$2") || { echo "no JSON: $2" >&2; return 1; }
	[ "$have" = "$3" ] && return 0
	echo "expected $1: $3" >&2
	echo "     got: $have" >&2
	return 1
}

# holds PATH FILTER: the filter is true for what is there now.
holds() {
	get "$1" | jq -e "$2"
}

# until_holds SECONDS PATH FILTER
until_holds() {
	await "$1" holds "$2" "$3" && return 0
	get "$2" >&2
	return 1
}

# is_missing PATH: there is no such object.
is_missing() {
	refused 404 GET "$1"
}

# change PATH FILTER [SUBRESOURCE]: read, changed by the filter, put; again after a conflict.  Prints the answer.
change() {
	local try answer
	for try in 1 2 3 4 5 6 7 8; do
		answer=$(put "$1${3:+/$3}" "$(get "$1" | jq -c "$2")" 2> "$scratch/conflict") && { echo "$answer"; return 0; }
		grep -q ' 409: ' "$scratch/conflict" || break
	done
	cat "$scratch/conflict" >&2
	return 1
}

# observe FILE PATH: a watch in the background, its events in FILE; ends with the test.
observe() {
	as_admin -N "$url$2" > "$1" 2> "$1.err" &
	pids="$pids $!"
}

# saw FILE FILTER: an event of that kind has come.
saw() {
	jq -c "select($2)" "$1" 2> "$1.jq" | grep -q .
}

until_saw() {
	await "$1" saw "$2" "$3" && return 0
	jq -c '[.type, .object.metadata.name, .object.metadata.labels, .object.status]' "$2" >&2
	return 1
}

# space NAME: a new namespace with its account; that of the test before goes.
space() {
	local last
	last=$(cat "$scratch/space" 2> /dev/null || true)
	[ -z "$last" ] || del "/api/v1/namespaces/$last" > "$scratch/aside"
	ns=$1
	echo "$ns" > "$scratch/space"
	post /api/v1/namespaces '{"metadata":{"name":"'"$ns"'"}}' > "$scratch/aside"
	core=/api/v1/namespaces/$ns
	apps=/apis/apps/v1/namespaces/$ns
	batch=/apis/batch/v1/namespaces/$ns
	await 10 get "$core/serviceaccounts/default"
	await 10 get "$core/configmaps/kube-root-ca.crt"
}

# pod_spec [SHELL [FURTHER]]: one container that runs the shell's text (it sleeps); FURTHER: more fields, "a":1,
pod_spec() {
	jq -nc --arg run "${1:-sleep 3600}" "{${2:-} terminationGracePeriodSeconds: 0,
		containers: [{name: \"a\", image: \"web:1\", command: [\"sh\", \"-c\", \$run]}]}"
}

# Serves the pod's name at port 9376.
serve='hostname > /tmp/index.html; exec httpd -f -p 9376 -h /tmp'

# template LABELS [SHELL [FURTHER]]: as a typed client writes it.
template() {
	echo '{"metadata":{"creationTimestamp":null,"labels":'"$1"'},"spec":'"$(pod_spec "${2:-}" "${3:-}")"'}'
}

# workload NAME LABELS REPLICAS [SHELL [FURTHER]]: a ReplicaSet's, Deployment's or StatefulSet's body; FURTHER of its spec.
workload() {
	echo '{"metadata":{"name":"'"$1"'","labels":'"$2"',"creationTimestamp":null},"spec":{'"${5:-}"'"replicas":'"$3"',
		"selector":{"matchLabels":'"$2"'},"template":'"$(template "$2" "${4:-}")"'},"status":{"replicas":0}}'
}

# controller NAME LABELS REPLICAS [SHELL]: a ReplicationController's body.
controller() {
	echo '{"metadata":{"name":"'"$1"'","labels":'"$2"',"creationTimestamp":null},"spec":{"replicas":'"$3"',
		"template":'"$(template "$2" "${4:-}")"'},"status":{"replicas":0}}'
}

# running SELECTOR COUNT: so many pods of the selector run, and no more are there.
running() {
	get "$core/pods?labelSelector=$1" | jq -e '[.items[] | select(.metadata.deletionTimestamp == null)] | length == '"$2"' and
		all(.[]; .status.phase == "Running" and any(.status.conditions[]; .type == "Ready" and .status == "True"))'
}

until_running() {
	await 60 running "$1" "$2" && return 0
	k -n "$ns" get pods >&2
	return 1
}

# listed PATH COUNT: the list has so many.
listed() {
	[ "$(get "$1" | jq '.items | length')" = "$2" ]
}

# pid_of POD: a process of the pod.
pid_of() {
	local uid pid
	uid=$(get "$core/pods/$1" | jq -r .metadata.uid)
	pid=$(find /sys/fs/cgroup -path "*/mote/pods/$uid/*" -name cgroup.procs -exec cat {} + | sed -n 1p)
	echo "${pid:?the pod has no process}"
}

# in_space POD COMMAND...: a command of this machine in the network of a pod of the namespace.
in_space() {
	nsenter --target "$(pid_of "$1")" --net -- "${@:2}"
}

# speaks POD WORD PORT: a program of this machine in the pod's network that answers the word to what comes by
# UDP, and to every method of HTTP what an echo would: {"Body": the word, "Method": ...}.
speaks() {
	cat > "$scratch/speaks.py" <<- END
	import http.server, json, socket, sys, threading
	word, port = sys.argv[1], int(sys.argv[2])
	class Handler(http.server.BaseHTTPRequestHandler):
	    def answer(self):
	        text = json.dumps({"Body": word, "Method": self.command, "Path": self.path}).encode()
	        self.send_response(200)
	        self.send_header("Content-Length", str(len(text)))
	        self.end_headers()
	        if self.command != "HEAD": self.wfile.write(text)
	    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer
	    def log_message(self, *words): pass
	datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	datagrams.bind(("", port))
	def echo():
	    while True:
	        _, who = datagrams.recvfrom(100)
	        datagrams.sendto(word.encode(), who)
	threading.Thread(target=echo, daemon=True).start()
	http.server.ThreadingHTTPServer(("", port), Handler).serve_forever()
	END
	nsenter --target "$(pid_of "$1")" --net -- python3 "$scratch/speaks.py" "$2" "$3" 2> "$scratch/speaks" &
	pids="$pids $!"
}

# udp WHO... -- WHERE PORT: what answers a datagram; WHO: how to come into the network that asks.
udp() {
	local who=()
	while [ "$1" != -- ]; do who+=("$1"); shift; done
	shift
	"${who[@]}" python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)
s.sendto(b"hello", (sys.argv[1], int(sys.argv[2]))); print(s.recvfrom(100)[0].decode())' "$@" 2> "$scratch/aside"
}
