#!/bin/bash
# secrets.sh - secrets at rest: a server, a node, the real kubectl, and a look at every byte on the disk.
#
# Goal: no file below the data folders of server and node, and no log, holds a secret that a key is needed for; with the
# key all of it is there again after a restart; a server without its key, or with a bad one, does not start and says why.
# Method: each secret has a text that is nowhere else; it is looked for as it is and in base64.  A config map's text, which
# has to be found, shows that looking works.
# shellcheck source=tests/cluster/lib.sh disable=SC2154
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

one=marker-one-$RANDOM-Zk3 two=marker-two-$RANDOM-Qp9 pull=marker-pull-$RANDOM-Wv5 open=marker-open-$RANDOM-Hd1 # open: in a config map

# found TEXT: the files of server and node that hold it.  The node's pods are on tmpfs inside its mounts; here is the disk.
found() {
	grep -rlaF -e "$1" -e "$(printf '%s' "$1" | base64 -w 0)" "$lab/s" "$lab/n1" 2> /dev/null
}

check_nowhere() {
	for text in "$one" "$two" "$pull" "$(printf 'someone:%s' "$pull" | base64 -w 0)"; do
		files=$(found "$text") && { echo "\"$text\" is in: $files" >&2; return 1; }
	done
	found "$open" > /dev/null || { echo "the look finds nothing at all" >&2; return 1; }
}

# What a token of a pod looks like is in no file of the node, but in the pod.
check_no_tokens() {
	files=$(grep -rlaE 'eyJ[A-Za-z0-9_-]{20,}\.eyJ' "$lab/n1" 2> /dev/null) && { echo "a token is in: $files" >&2; return 1; }
	return 0
}

# The last words of a server that has to be refused.
refused() {
	! timeout 20 nsenter --target "$(cat "$lab/host-s.pid")" --net --mount -- "$lab/mote" server --data-dir "$lab/s/data" \
		--write-kubeconfig "$lab/kubeconfig" --advertise-address 172.30.0.1 --disable-agent "$@" 2>&1 | tail -n 1
}

key=$lab/s/data/server/cred/encryption-key

user_pod() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec:
	  terminationGracePeriodSeconds: 1
	  imagePullSecrets: [{name: pull}]
	  containers:
	  - name: a
	    image: web:1
	    command: [sh, -c, "trap exit TERM; sleep 3600 & wait"]
	    env:
	    - {name: ONE, valueFrom: {secretKeyRef: {name: first, key: p}}}
	    - {name: OPEN, valueFrom: {configMapKeyRef: {name: open, key: p}}}
	    envFrom: [{secretRef: {name: second}}]
	    volumeMounts: [{name: v, mountPath: /v}, {name: all, mountPath: /all}]
	  volumes:
	  - {name: v, secret: {secretName: first}}
	  - {name: all, projected: {sources: [{secret: {name: second}}, {configMap: {name: open}}]}}
	END
	k wait --for=condition=Ready "pod/$1" --timeout=30s
}

# run_in POD TEXT: a shell in its container.
run_in() {
	k exec "$1" -- sh -c "$2"
}

# A shell in the container of the pod "kept", by the node's own way.
here() {
	on n1 "$lab/mote" ctr exec --data-dir "$lab/n1/data" kept -- sh -c "$1"
}

open_cluster() {
	lab_open
	host_add s 172.30.0.1
	host_add n1 172.30.0.11
	image_make web:1 one
	image_give n1 "$tar_image/web-1.tar"
	server_start --debug
	agent_start n1 --debug
	k create configmap open --from-literal="p=$open"
	k create secret generic first --from-literal="p=$one"
	k create secret generic second --from-literal="TWO=$two"
	k create secret docker-registry pull --docker-server=registry.invalid --docker-username=someone --docker-password="$pull"
	user_pod user
}

# Not in a condition: bash would go on after a failure in it.
( set -e; open_cluster ) > "$scratch/opened" 2>&1
# shellcheck disable=SC2181
[ $? = 0 ] || { cat "$scratch/opened" "$lab"/*/log; exit 1; }
export KUBECONFIG="$lab/kubeconfig"

test_pods_have_them_and_files_do_not() {
	# shellcheck disable=SC2016
	equal "$one $two $open $one $two" run_in user 'echo $ONE $TWO $OPEN $(cat /v/p) $(cat /all/TWO)'
	run_in user 'grep -q " /v tmpfs " /proc/mounts && grep -q " /all tmpfs " /proc/mounts'
	run_in user 'test -s /var/run/secrets/kubernetes.io/serviceaccount/token'
	check_nowhere
	check_no_tokens
	files=$(find "$lab/s/data/server/cred" "$lab/n1/data/agent/seal-key" -type f -perm /077) || true
	equal "" echo "$files"
}

test_updates_and_removals_leave_nothing() {
	k create secret generic third --from-literal="p=$one-before"
	k create secret generic third --from-literal="p=$two-after" --dry-run=client -o yaml | k replace -f -
	k label secret third a=b
	k annotate secret third "note=$one"
	check_nowhere
	k delete secret third
	check_nowhere
	output=$(k describe secret first; k get events -A -o yaml; k describe pod user)
	case $output in *"$one"*) echo "describe or an event tells it"; false ;; esac
}

test_all_is_there_after_kill() {
	stop server -KILL
	stop agent-n1 -KILL
	check_nowhere
	server_start --debug
	agent_start n1 --debug
	equal "$one" shell 'k get secret first -o "jsonpath={.data.p}" | base64 -d'
	user_pod later
	# shellcheck disable=SC2016
	equal "$one $two" run_in later 'echo $ONE $(cat /all/TWO)'
	gone pod/later
	check_nowhere
}

# Without its server a node begins a container again from what it has kept.
test_kept_copies_are_read_again() {
	user_pod kept
	stop server -KILL
	stop agent-n1 -KILL
	agent_run n1 --debug
	await 20 here "touch /tmp/old && kill -TERM 1"
	await 30 here "[ ! -e /tmp/old ] && [ \$ONE = $one ] && [ \$(cat /v/p) = $one ] && [ \$TWO = $two ]"
	check_nowhere
	check_no_tokens
	server_start --debug
	k wait --for=condition=Ready node/n1 --timeout=30s
	gone pod/kept
}

test_rotated_while_it_runs() {
	before=$(sha256sum "$key")
	on s "$lab/mote" secrets-encrypt status --data-dir "$lab/s/data" > "$scratch/status"
	grep -q "Encryption Status: Enabled" "$scratch/status"
	grep -q "^ \*      AES-GCM   " "$scratch/status"
	cp -r "$lab/s/data/server/db" "$scratch/backup"
	expect "keys rotated" on s "$lab/mote" secrets-encrypt rotate-keys --data-dir "$lab/s/data"
	expect "reencrypt_finished" on s "$lab/mote" secrets-encrypt status --data-dir "$lab/s/data"
	[ "$before" != "$(sha256sum "$key")" ]
	equal 1 grep -c ^aesgcm "$key"
	equal "" shell "grep -rlaF -e $one $scratch/backup || true"
	k create secret generic during --from-literal="p=$one"
	equal "$one" shell 'k get secret first -o "jsonpath={.data.p}" | base64 -d'
	stop server -KILL
	server_start --debug
	equal "$two" shell 'k get secret second -o "jsonpath={.data.TWO}" | base64 -d'
	k delete secret during
	check_nowhere
}

test_rotated_while_it_is_off() {
	stop server -TERM
	expect "when it is started" "$lab/mote" secrets-encrypt rotate-keys --data-dir "$lab/s/data"
	expect "a rotation is running" "$lab/mote" secrets-encrypt rotate-keys --data-dir "$lab/s/data"
	expect "reencrypt_active" "$lab/mote" secrets-encrypt status --data-dir "$lab/s/data"
	equal 2 grep -c ^aesgcm "$key"
	server_start --debug
	equal 1 grep -c ^aesgcm "$key"
	equal "$one" shell 'k get secret first -o "jsonpath={.data.p}" | base64 -d'
	expect "always sealed" "$lab/mote" secrets-encrypt disable --data-dir "$lab/s/data"
	expect "rotate-keys" "$lab/mote" secrets-encrypt reencrypt --data-dir "$lab/s/data"
}

test_bad_keys_are_refused() {
	stop server -TERM
	cp -p "$key" "$scratch/good"
	rm "$key"
	expect "is missing; put it back" refused
	[ ! -e "$key" ]
	install -m 0600 /dev/null "$key"
	expect "there is no key in it" refused
	printf 'aesgcm 00112233\n' > "$key"
	expect "has 8 hex digits, not 64" refused
	printf 'aesgcm %064d\n' 0 > "$key"
	expect "the same byte again and again" refused
	printf 'aesgcm %s\n' "$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')" > "$key"
	expect "it is sealed with the key" refused
	cp -p "$scratch/good" "$key"
	chmod 0640 "$key"
	expect "can be read or written by others" refused
	chmod 0600 "$key"
	cp -p "$lab/s/data/server/token" "$scratch/token"
	: > "$lab/s/data/server/token"
	expect "is empty" refused
	cp -p "$scratch/token" "$lab/s/data/server/token"
	echo > "$scratch/none"
	expect "must hold the token" refused --token-file "$scratch/none"
	server_start --debug
	equal "$one" shell 'k get secret first -o "jsonpath={.data.p}" | base64 -d'
}

# Who can write the database puts the value of one secret in another one's place: both keys have the same length.
test_moved_values_are_refused() {
	k create secret generic moved-a --from-literal="p=$one"
	k create secret generic moved-b --from-literal="p=$two"
	stop server -TERM
	cp -r "$lab/s/data/server/db" "$scratch/db"
	LC_ALL=C sed -i 's/default\/moved-a/default\/moved-_/g; s/default\/moved-b/default\/moved-a/g; s/default\/moved-_/default\/moved-b/g' \
		"$lab/s/data/server/db/state.db"
	expect "put here from another place" refused
	rm -r "$lab/s/data/server/db"
	cp -r "$scratch/db" "$lab/s/data/server/db"
	server_start --debug
	k delete secret moved-a moved-b
}

# dies COMMAND...: what the shell says of its end by SIGABRT, where cores are allowed.
dies() {
	( cd "$scratch/cores"
		ulimit -c unlimited
		"$@" > log 2>&1 &
		await 10 "${ready[@]}"
		kill -ABRT $!
		wait $! ) 2>&1 || true
}

# A server that dies writes its memory nowhere; what it would look like shows a program that does.
test_no_core_files() {
	mkdir "$scratch/cores"
	ready=(true)
	case $(dies sleep 60) in *"core dumped"*) ;; *) echo "this machine writes no cores"; return 0 ;; esac
	ready=(test -s kubeconfig)
	output=$(dies "$mote" server --disable-agent --data-dir data --write-kubeconfig kubeconfig \
		--bind-address 127.0.0.1 --advertise-address 127.0.0.1 --https-listen-port "$(free_port)")
	case $output in *"core dumped"*) echo "it is dumped: $output"; false ;; *Aborted*) ;; *) echo "no end: $output"; false ;; esac
}

run_tests secrets
