#!/bin/bash
# streams.sh - commands, copies, port-forwards and proxies, by kubectl as it is today and as it was: WebSocket and SPDY.
# shellcheck disable=SC2016,SC2031,SC2119,SC2034,SC2154,SC2317,SC2329
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

old=$(packaging/deps/clients.sh kubectl-old) || exit 1

# The three ways in: kubectl of today, the same without WebSockets, and the one of Debian 12.
ways="new spdy old"

words_of() {
	case $1 in
	new) echo "$kubectl" ;;
	spdy) echo "env KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false KUBECTL_PORT_FORWARD_WEBSOCKETS=false $kubectl" ;;
	old) echo "$old" ;;
	esac
}

# with WAY ARGUMENTS...
with() {
	# shellcheck disable=SC2046
	nsenter --target "$(cat "$lab/host-s.pid")" --net -- timeout 60 $(words_of "$1") "${@:2}"
}

# shell_with TEXT: in a shell that has k and with.
shell_with() {
	shell "$(declare -f with words_of on fetch); old=$old; $1"
}

# status_of WANTED COMMAND...: how it ends.
status_of() {
	local wanted=$1 status=0
	shift
	"$@" > "$scratch/status" 2>&1 || status=$?
	[ "$status" = "$wanted" ] || { echo "status $status, not $wanted: $* $(cat "$scratch/status")" >&2; return 1; }
}

# terminal WAY ARGUMENTS...: on a terminal of its own; what is typed comes from $scratch/typed, what is seen is in $scratch/seen.
terminal() {
	rm -f "$scratch/typed" "$scratch/seen"
	mkfifo "$scratch/typed"
	# Without timeout(1), which would take the command out of the terminal's foreground.
	script -qfec "exec nsenter --target $(cat "$lab/host-s.pid") --net -- $(words_of "$1") $(printf '%q ' "${@:2}")" \
		/dev/null < "$scratch/typed" > "$scratch/seen" 2>&1 &
	terminal_pid=$!
	exec 9> "$scratch/typed"
}

seen() {
	grep -q -- "$1" "$scratch/seen"
}

# What the terminal's command ended with.
terminal_status() {
	local status=0
	wait "$terminal_pid" || status=$?
	exec 9>&-
	[ "$status" = "$1" ] || { echo "status $status, not $1: $(cat "$scratch/seen")" >&2; return 1; }
}

# Those that streams are made of.
descriptors() {
	find "/proc/$(cat "$lab/$1.pid")/fd" -mindepth 1 \( -lname 'socket:*' -o -lname 'pipe:*' -o -lname '/dev/p*' \) 2> /dev/null | wc -l
}

# What server and agents hold when nobody asks for anything.
remember_descriptors() {
	for part in server agent-n1 agent-n2; do descriptors "$part" > "$lab/fds-$part"; done
}

# descriptors_are_back PART...
descriptors_are_back() {
	for part; do
		[ "$(descriptors "$part")" -le "$(($(cat "$lab/fds-$part") + 1))" ] || return 1
	done
}

no_descriptors_left() {
	await 15 descriptors_are_back "$@" && return
	for part; do
		echo "$part: $(descriptors "$part"), was $(cat "$lab/fds-$part")"
		ls -l "/proc/$(cat "$lab/$part.pid")/fd"
	done
	return 1
}

test_exec() {
	for way in $ways; do
		equal "out" with "$way" exec box -- echo out
		status_of 7 with "$way" exec box -- sh -c 'echo bad >&2; exit 7'
		expect "bad" cat "$scratch/status"
		equal "12345" shell_with "printf 12345 | with $way exec -i box -- cat"
		equal "5" shell_with "printf 12345 | with $way exec -i box -- wc -c"
		status_of 1 with "$way" exec box -- not-there
		expect "not-there" cat "$scratch/status"
		status_of 1 with "$way" exec none -- true
		expect 'pods "none" not found' cat "$scratch/status"
		status_of 1 with "$way" exec box -c none -- true
		expect "container" cat "$scratch/status"
	done
	equal "$(seq 1 200000 | md5sum)" shell "k exec box -- seq 1 200000 | md5sum"
}

test_exec_on_a_terminal() {
	for way in $ways; do
		terminal "$way" exec -it box -- sh
		await 10 seen '/ # ' || { cat -A "$scratch/seen"; false; }
		echo 'echo $((40+2)); stty -a | grep -c "isig"' >&9
		await 10 seen '^42'
		echo 'exit 3' >&9
		terminal_status 3
	done
}

# copy WAY MEGABYTES: there and back; how fast is said at the end.
copy() {
	local size=$(($2 * 1048576)) sum begin there back
	head -c "$size" "$scratch/random" > "$scratch/large"
	sum=$(md5sum < "$scratch/large")
	begin=$(date +%s%N)
	with "$1" cp "$scratch/large" box:/tmp/large
	there=$(date +%s%N)
	with "$1" cp box:/tmp/large "$scratch/back" > /dev/null
	back=$(date +%s%N)
	equal "$sum" shell "md5sum < $scratch/back"
	equal "${sum%% *}" shell "k exec box -- md5sum /tmp/large | cut -d ' ' -f 1"
	echo "$1 $2 MiB: to the pod $((size * 1000 / (there - begin))) MB/s, back $((size * 1000 / (back - there))) MB/s" >> "$scratch/speeds"
	k exec box -- rm /tmp/large
}

test_copy() {
	head -c 209715200 /dev/urandom > "$scratch/random"
	copy new 200
	copy old 50
	copy spdy 50
	rm "$scratch/random" "$scratch/large" "$scratch/back"
}

test_attach_on_a_terminal() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: shell}
	spec:
	  nodeName: n2
	  restartPolicy: Never
	  terminationGracePeriodSeconds: 1
	  containers: [{name: a, image: "web:1", command: [sh], stdin: true, tty: true}]
	END
	k wait --for=condition=Ready pod/shell --timeout=20s
	for way in $ways; do
		terminal "$way" attach -it shell
		await 10 seen "press enter\|command prompt" || { cat -A "$scratch/seen"; false; }
		printf 'echo seen-by-%s-$((40+2))\n' "$way" >&9
		await 10 seen "seen-by-$way-42"
		# The terminal's end is the end of kubectl, not of the shell.
		kill "$terminal_pid"
		wait "$terminal_pid" || true
		exec 9>&-
	done
	terminal new attach -it shell
	await 10 seen "press enter\|command prompt" || { cat -A "$scratch/seen"; false; }
	echo 'exit 5' >&9
	terminal_status 5
	await 10 is Failed pod/shell '{.status.phase}'
	gone pod/shell
}

# forward WAY POD PORTS...: a port-forward that runs until unforward; in the server's network, from port 8000 on.
forward() {
	rm -f "$scratch/forward"
	# shellcheck disable=SC2046
	nsenter --target "$(cat "$lab/host-s.pid")" --net -- $(words_of "$1") port-forward "${@:2}" > "$scratch/forward" 2>&1 &
	forward_pid=$!
	pids="$pids $forward_pid"
	await 10 grep -q 'Forwarding from' "$scratch/forward" || { cat "$scratch/forward"; false; }
}

unforward() {
	kill "$forward_pid" 2> /dev/null || true
	wait "$forward_pid" || true
}

fetch() {
	on s curl -sS -m 30 "$@"
}

test_port_forward() {
	for way in $ways; do
		forward "$way" pod/web 8000:80 8001:81
		equal one fetch http://127.0.0.1:8000/
		equal "$(head -c 30000000 /dev/zero | md5sum)" shell_with "fetch http://127.0.0.1:8000/large | md5sum"
		# Many at once, small and large.
		fetch --no-progress-meter --parallel --parallel-immediate --parallel-max 60 -o "$scratch/part-#1" -w '%{http_code}\n' \
			"http://127.0.0.1:8000/index.html?[1-300]" > "$scratch/codes"
		equal "300 200" shell "sort $scratch/codes | uniq -c | sed 's/^ *//'"
		fetch --no-progress-meter --parallel --parallel-immediate --parallel-max 8 -o "$scratch/part-#1" -w '%{size_download}\n' \
			"http://127.0.0.1:8000/large?[1-8]" > "$scratch/codes"
		equal "8 30000000" shell "sort $scratch/codes | uniq -c | sed 's/^ *//'"
		# A port that nobody listens on fails by itself; what it said is the other end's reason.
		on s curl -s -m 5 http://127.0.0.1:8001/ && false
		await 5 grep -q 'Connection refused' "$scratch/forward" || { cat "$scratch/forward"; false; }
		unforward
	done
	forward new service/web 8000:80
	equal one fetch http://127.0.0.1:8000/
	unforward
}

test_half_close_of_a_forward() {
	# What wc gets to see ends with the client's end, and its answer still comes.
	for way in $ways; do
		k exec web -- sh -c 'nc -l -p 90 -e wc -c > /dev/null 2>&1 &'
		forward "$way" pod/web 8000:90
		equal 1000000 on s sh -c 'head -c 1000000 /dev/zero | busybox nc 127.0.0.1 8000'
		unforward
	done
}

# What it says is five lines long.
talking_pod() {
	k run talks --image=web:1 --restart=Never --overrides='{"spec":{"nodeName":"n1"}}' --command -- \
		sh -c 'for i in 1 2 3 4 5; do echo line $i; done'
	await 20 is Succeeded pod/talks '{.status.phase}'
}

test_channels() {
	library=$(packaging/deps/clients.sh python)
	talking_pod
	PYTHONPATH=$library PYTHONDONTWRITEBYTECODE=1 on s timeout 30 /usr/bin/python3 "$PWD/tests/clients/python/streams.py" "$KUBECONFIG"
	gone pod/talks
}

test_log_questions() {
	talking_pod
	log=/api/v1/namespaces/default/pods/talks/log
	equal "line 4
line 5" k get --raw "$log?tailLines=2"
	equal "line 1" k get --raw "$log?limitBytes=6"
	expect 'PodLogOptions "talks" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0' k get --raw "$log?tailLines=-1"
	expect 'limitBytes: Invalid value: 0: must be greater than 0' k get --raw "$log?limitBytes=0"
	expect 'sinceSeconds: Invalid value: 0: must be greater than 0' k get --raw "$log?sinceSeconds=0"
	expect 'at most one of `sinceTime` or `sinceSeconds` may be specified' k get --raw "$log?sinceSeconds=5&sinceTime=2026-01-01T00:00:00Z"
	expect 'strconv.ParseInt: parsing "many": invalid syntax' k get --raw "$log?tailLines=many"
	expect 'container none is not valid for pod talks' k get --raw "$log?container=none"
	expect 'previous terminated container "talks" in pod "talks" not found' k logs talks --previous
	gone pod/talks
	k run nowhere --image=web:1 --overrides='{"spec":{"nodeSelector":{"no":"such"}}}' --command -- true
	equal "" k logs nowhere
	expect 'pod nowhere does not have a host assigned' k exec nowhere -- true
	gone pod/nowhere
}

raw() {
	on s curl -sS -m 10 --cacert "$lab/ca.pem" --cert "$lab/admin.pem" "$@"
}

# The administrator's certificate and the CA, for curl.
take_credentials() {
	sed -n 's/.*certificate-authority-data: //p' "$KUBECONFIG" | base64 -d > "$lab/ca.pem"
	{ sed -n 's/.*client-certificate-data: //p' "$KUBECONFIG" | base64 -d
	sed -n 's/.*client-key-data: //p' "$KUBECONFIG" | base64 -d; } > "$lab/admin.pem"
}

test_proxy() {
	take_credentials
	api=https://172.30.0.1:6443/api/v1
	pods=$api/namespaces/default/pods
	equal one raw "$pods/web/proxy/"
	equal one raw "$pods/http:web:80/proxy/index.html"
	equal one raw "$api/namespaces/default/services/web/proxy/"
	equal one raw "$api/namespaces/default/services/web:80/proxy/index.html"
	equal "301 $pods/web/proxy/?a=b" raw -o /dev/null -w '%{http_code} %{redirect_url}' "$pods/web/proxy?a=b"
	equal "$(head -c 30000000 /dev/zero | md5sum)" shell_with "$(declare -f raw); raw $pods/web/proxy/large | md5sum"
	equal 404 raw -o /dev/null -w '%{http_code}' "$pods/web/proxy/none"
	expect 'invalid pod request' raw "$pods/ftp:web:80/proxy/"
	expect 'no service port 81 found for service \"web\"' raw "$api/namespaces/default/services/web:81/proxy/"
	expect 'pods \"none\" not found' raw "$pods/none/proxy/"
	expect 'error trying to reach service' raw "$pods/web:81/proxy/"
	equal 503 raw -o /dev/null -w '%{http_code}' "$pods/web:81/proxy/"
	k create service clusterip empty --tcp=80
	expect 'no endpoints available for service \"empty\"' raw "$api/namespaces/default/services/empty/proxy/"
	k delete service empty
	equal ok k get --raw /api/v1/nodes/n1/proxy/healthz
	expect '"name":"web"' k get --raw /api/v1/nodes/n2:10250/proxy/pods
	expect 'nodes \"none\" not found' raw "$api/nodes/none/proxy/healthz"
	# What arrives: the method, the path and query as they were sent, the body; nothing about who sent it.
	k exec web -- sh -c 'printf "HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\ndone" > /tmp/answer; (nc -l -p 91 < /tmp/answer > /tmp/asked) > /dev/null 2>&1 &'
	equal "done" raw -X PATCH -H 'Authorization: Bearer x' -H 'X-Own: y' -H 'Keep-Alive: z' -d body "$pods/web:91/proxy/a%2Fb//c?d=e%20f"
	await 5 k exec web -- grep -q body /tmp/asked
	asked=$(k exec web -- cat /tmp/asked)
	for word in 'PATCH /a%2Fb//c?d=e%20f HTTP/1.1' 'X-Own: y' 'X-Forwarded-For: 172.30.0.1' 'body'; do
		case $asked in *"$word"*) ;; *) echo "no $word in $asked"; false ;; esac
	done
	case $asked in *Bearer*|*Keep-Alive*) echo "too much: $asked"; false ;; esac
}

test_debug() {
	pod patient n1
	terminal new debug -it patient --image=web:2 --image-pull-policy=IfNotPresent -- sh
	await 15 seen '/ # ' || { cat "$scratch/seen"; k get pod patient -o yaml; false; }
	echo 'cat /www/index.html; echo $((40+2))' >&9
	await 10 seen '^42'
	seen '^two'
	echo 'exit' >&9
	terminal_status 0
	name=$(of pod/patient '{.spec.ephemeralContainers[0].name}')
	await 10 is Completed pod/patient '{.status.ephemeralContainerStatuses[0].state.terminated.reason}'
	equal "Running true" k get pod patient -o 'jsonpath={.status.phase} {.status.containerStatuses[0].ready}'
	expect "42" k logs patient -c "$name"
	gone pod/patient
}

test_kubectl_proxy() {
	# shellcheck disable=SC2046
	nsenter --target "$(cat "$lab/host-s.pid")" --net -- "$kubectl" proxy --port=8002 > "$scratch/proxy" 2>&1 &
	pids="$pids $!"
	await 10 grep -q 'Starting to serve' "$scratch/proxy"
	equal ok fetch http://127.0.0.1:8002/readyz
	equal one fetch http://127.0.0.1:8002/api/v1/namespaces/default/services/web/proxy/
}

# sleeps NAME: is a command running in the pod that sleeps so long?
sleeps() {
	pgrep -f "^sleep $1\$" > /dev/null
}

sleeps_no_more() {
	! sleeps "$1"
}

test_who_leaves_leaves_nothing() {
	number=70
	for way in $ways; do
		number=$((number + 1))
		# shellcheck disable=SC2046
		nsenter --target "$(cat "$lab/host-s.pid")" --net -- $(words_of "$way") exec box -- sleep "77$number" &
		client=$!
		await 10 sleeps "77$number"
		kill -9 "$client"
		await 10 sleeps_no_more "77$number"
		forward "$way" pod/web 8000:80
		fetch --limit-rate 1M http://127.0.0.1:8000/large > /dev/null 2>&1 &
		client=$!
		await 5 shell_with "on s ss -Hnt state established dst 127.0.0.1:8000 | grep -q ."
		kill -9 "$forward_pid"
		wait "$client" || true
	done
	no_descriptors_left server agent-n1 agent-n2
}

# most_memory PART: what it has had at most, in MiB.
most_memory() {
	echo $(($(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(cat "$lab/$1.pid")/status") / 1024))
}

test_hostile_pods_and_clients() {
	take_credentials
	in_pod web sh -c 'echo $$ > "$0"; exec /usr/bin/python3 "$1"' "$scratch/hostile.pid" "$PWD/tests/clients/hostile/hostile_pod.py" \
		> "$scratch/hostile" 2>&1 &
	await 10 grep -q ready "$scratch/hostile"
	pids="$pids $(cat "$scratch/hostile.pid")"
	before=$(most_memory server)
	on s timeout 120 /usr/bin/python3 "$PWD/tests/clients/hostile/hostile_streams.py" 172.30.0.1 "$lab/admin.pem" web box
	kill "$(cat "$scratch/hostile.pid")"
	grew=$(($(most_memory server) - before))
	[ "$grew" -lt 64 ] || { echo "the server grew by $grew MiB" >&2; false; }
	await 20 sh -c '! pgrep -f "^sh -c head -c 3000000 /dev/zero"'
	no_descriptors_left server agent-n1 agent-n2
}

test_pod_deleted_in_the_middle() {
	pod victim n2
	k exec victim -- sleep 7790 &
	client=$!
	await 10 sleeps 7790
	forward new pod/victim 8000:80
	k delete pod victim --grace-period=0 --force
	status=0
	wait "$client" || status=$?
	[ "$status" != 0 ]
	await 10 sleeps_no_more 7790
	unforward
	no_descriptors_left server agent-n1 agent-n2
}

test_server_killed_in_the_middle() {
	k exec box -- sleep 7791 &
	client=$!
	await 10 sleeps 7791
	forward new pod/web 8000:80
	equal one fetch http://127.0.0.1:8000/
	stop server -KILL
	status=0
	wait "$client" || status=$?
	[ "$status" != 0 ]
	await 20 sleeps_no_more 7791
	server_start
	await 20 k exec box -- true
	unforward
	no_descriptors_left agent-n1 agent-n2
}

# A pod that serves pages, one of them large.
web_pod() {
	k run web --image=web:1 --port=80 --labels=app=web --overrides='{"spec":{"nodeName":"n2","terminationGracePeriodSeconds":1}}' \
		--command -- sh -c 'head -c 30000000 /dev/zero > /www/large; exec httpd -f -p 80 -h /www'
	k expose pod web --port=80
	k wait --for=condition=Ready pod/web --timeout=20s
}

open_two_nodes
( set -e; pod box n1; web_pod ) > "$scratch/begin" 2>&1 || { cat "$scratch/begin"; exit 1; }
remember_descriptors
run_tests streams
status=$?
[ ! -e "$scratch/speeds" ] || sed 's/^/streams: copy, /' "$scratch/speeds"
exit $status
