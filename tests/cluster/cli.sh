#!/bin/bash
# cli.sh - the command line as its users meet it: flags, files, variables, tokens, notices, check-config.
# shellcheck disable=SC2030,SC2031 # each test has a shell, and a list of processes, of its own
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
. tests/cluster/lib_nodes.sh

# refused TEXT COMMAND...: it fails, and says this.
refused() {
	if output=$("${@:2}" 2>&1); then
		echo "not refused: ${*:2}" >&2
		return 1
	fi
	case $output in
	*"$1"*) return 0 ;;
	esac
	echo "expected: $1" >&2
	echo "     got: $output" >&2
	return 1
}

open_server() {
	( set -e; lab_open; host_add s 172.30.0.1; host_add n1 172.30.0.11
	  server_start --agent-token for-agents --write-kubeconfig-mode 640 --write-kubeconfig-group daemon )
	# shellcheck disable=SC2181 # in a condition bash would go on after a failure in it
	[ $? = 0 ] || { cat "$lab"/*/log; exit 1; }
	export KUBECONFIG="$lab/kubeconfig"
}

token() {
	on s "$lab/mote" token "$@"
}

# Every way to name a file that is not there is told.
test_configuration_file_is_asked_for() {
	for way in "--config=$scratch/none" "-c=$scratch/none" "-c$scratch/none" "-c $scratch/none"; do
		# shellcheck disable=SC2086
		refused "there is no configuration file $scratch/none" "$mote" server $way
	done
	MOTE_CONFIG_FILE=$scratch/none refused "there is no configuration file" "$mote" agent
}

test_flags_that_are_not_offered() {
	refused "mote keeps its state in SQLite only" "$mote" server --datastore-endpoint mysql://x
	refused "a cluster of mote has one server" "$mote" server --server https://x
	refused "pods of different nodes reach each other over VXLAN" "$mote" server --flannel-backend=host-gw
	refused "is a flag of another command: mote server" "$mote" agent --tls-san x
	refused "did you mean --token?" "$mote" agent --tokne x
	refused 'is not SIGNAL<AMOUNT' "$mote" agent --kubelet-arg eviction-hard=memory.available
	refused "grace period must be specified" "$mote" agent --kubelet-arg 'eviction-soft=memory.available<1Mi'
	refused "cannot reserve" "$mote" server --kubelet-arg system-reserved=disk=1
	refused "those that have one are max-pods" "$mote" agent --kubelet-arg nonsense=1
	printf 'docker: true\n' > "$scratch/docker.yaml"
	refused "docker is not offered" "$mote" server --config "$scratch/docker.yaml"
}

# What does no harm is told and passed over; so are variables of k3s, with their name here.
test_notices() {
	printf 'pause-image: x\ntls-san: x\nwith-nod-id: true\nserver: nowhere\n' > "$scratch/notices.yaml"
	said=$(K3S_TOKEN=a K3S_DATASTORE_ENDPOINT=b "$mote" agent --config "$scratch/notices.yaml" 2>&1) && return 1
	for text in 'pause-image has no effect: pods have no pause container' 'did you mean with-node-id?' \
		'K3S_TOKEN is not read; its name here is MOTE_TOKEN' 'K3S_DATASTORE_ENDPOINT is not read' \
		'--server must be'; do
		case $said in
		*"$text"*) ;;
		*) echo "not said: $text: $said" >&2; return 1 ;;
		esac
	done
	case $said in *tls-san*) echo "a key of the server was complained about" >&2; return 1 ;; esac
}

test_kubeconfig_mode_and_group() {
	equal "640 daemon" stat -c '%a %G' "$lab/kubeconfig"
	refused "must be a file mode such as 0640" on s "$lab/mote" server --data-dir "$lab/s/other" \
		--https-listen-port 7443 --write-kubeconfig "$scratch/kc" --write-kubeconfig-mode 9
}

# A node with all that one can say of it; its name has a number that stays.
test_a_node_of_many_flags() {
	token print --data-dir "$lab/s/data" > "$lab/agent-token"
	grep -q '::server:for-agents$' "$lab/agent-token"
	printf 'node-label: [a=b]\nkubelet-arg: ["max-pods=7", "node-labels=c=d"]\n' > "$lab/agent.yaml"
	mkdir -p "$lab/agent.yaml.d"
	printf 'node-label+: [e=f]\n' > "$lab/agent.yaml.d/10.yaml"
	for round in 1 2; do
		launch agent-n1 n1 "$lab/mote" agent --config="$lab/agent.yaml" --server https://172.30.0.1:6443 \
			--token-file "$lab/agent-token" --data-dir "$lab/n1/data" --node-name board --with-node-id \
			--flannel-iface eth0 --node-external-ip 192.0.2.9 --pod-logs-dir "$lab/n1/logs" \
			--node-taint 'k=v:NoSchedule' -v 5 --log "$lab/n1/own-log"
		name=board-$(await 5 test -s "$lab/n1/data/agent/node-id" && cat "$lab/n1/data/agent/node-id")
		await 20 k wait --for=condition=Ready "node/$name" --timeout=15s
		[ "$round" = 2 ] || { stop agent-n1; first=$name; }
	done
	[ "$name" = "$first" ]
	node="node/$name"
	is "b f d" "$node" '{.metadata.labels.a} {.metadata.labels.e} {.metadata.labels.c}'
	is "7 v" "$node" '{.status.capacity.pods} {.spec.taints[0].value}'
	is "172.30.0.11 192.0.2.9" "$node" \
		'{.status.addresses[?(@.type=="InternalIP")].address} {.status.addresses[?(@.type=="ExternalIP")].address}'
	grep -q 'node registered' "$lab/n1/own-log"
	stop agent-n1
	refused "the interface lo has no address 172.30.0.11" on n1 "$lab/mote" agent --server https://172.30.0.1:6443 \
		--data-dir "$lab/n1/data" --flannel-iface lo --node-ip 172.30.0.11
}

# A token for a time lets a machine in, and no longer when it is deleted.
test_tokens_for_a_time() {
	made=$(token create --data-dir "$lab/s/data" --ttl 1h --description 'a board')
	case $made in M10*::*.*) ;; *) echo "$made" >&2; return 1 ;; esac
	id=${made##*::}
	expect 'a board' token list
	launch agent-n1 n1 "$lab/mote" agent --server https://172.30.0.1:6443 --token "$made" --data-dir "$lab/n1/timed" \
		--node-name timed --pod-logs-dir "$lab/n1/logs"
	await 20 k wait --for=condition=Ready node/timed --timeout=15s
	stop agent-n1
	expect 'is deleted' token delete "${id%%.*}"
	refused "the token is not valid" on n1 timeout 20 "$lab/mote" agent --server https://172.30.0.1:6443 \
		--token "$made" --data-dir "$lab/n1/late" --node-name late --pod-logs-dir "$lab/n1/logs"
	refused 'must be a time such as 24h' token create --ttl soon
	expect "::server:for-agents" token print --data-dir "$lab/s/data"
}

# hear HOST FILE: what a supervisor would hear there at the abstract socket @mote-cli goes to the file.
hear() {
	rm -f "$2"
	# shellcheck disable=SC2016 # the words are perl's
	nsenter --target "$(cat "$lab/host-$1.pid")" --net -- perl -MSocket -e '
		socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die;
		bind($s, pack("S", AF_UNIX) . "\0mote-cli") or die;
		open(my $to, ">", $ARGV[0]) or die;
		while (defined recv($s, my $text, 4096, 0)) { syswrite($to, $text); }' "$2" &
	pids="$pids $!"
	await 5 test -e "$2"
}

lines() {
	[ "$(grep -c "$1" "$2")" -ge "$3" ]
}

# The agent is ready while its server is away; its loop gives signs of life; one that hangs gives none.
test_supervisor_is_told() {
	hear n1 "$scratch/heard"
	launch agent-n1 n1 env NOTIFY_SOCKET=@mote-cli WATCHDOG_USEC=400000 "$lab/mote" agent --server https://172.30.0.99:1 \
		--token x --data-dir "$lab/n1/alone" --node-name alone --pod-logs-dir "$lab/n1/logs"
	agent=$(cat "$lab/agent-n1.pid")
	await 5 grep -qx READY=1 "$scratch/heard"
	await 5 lines WATCHDOG=1 "$scratch/heard" 4
	kill -STOP "$agent"
	before=$(grep -c WATCHDOG=1 "$scratch/heard")
	sleep 0.6 # longer than a supervisor would wait
	[ "$(grep -c WATCHDOG=1 "$scratch/heard")" -le $((before + 1)) ]
	kill -CONT "$agent"
	await 5 lines WATCHDOG=1 "$scratch/heard" $((before + 3))
	stop agent-n1
	await 5 grep -qx STOPPING=1 "$scratch/heard"
}

# Nobody below the server can speak for it: its agent is ready too, and silent.
test_children_cannot_speak() {
	hear n1 "$scratch/heard"
	launch server-n1 n1 env NOTIFY_SOCKET=@mote-cli "$lab/mote" server --data-dir "$lab/n1/both" \
		--write-kubeconfig "$lab/n1/both.yaml" --bind-address 127.0.0.1 --advertise-address 127.0.0.1 \
		--node-name both --pod-logs-dir "$lab/n1/logs"
	await 10 grep -qx READY=1 "$scratch/heard"
	await 20 on n1 "$kubectl" --kubeconfig "$lab/n1/both.yaml" wait --for=condition=Ready node/both --timeout=15s
	child=$(pgrep -P "$(cat "$lab/server-n1.pid")" -x mote)
	tr '\0' '\n' < "/proc/$child/environ" > "$scratch/environment"
	[ "$(grep -c NOTIFY_SOCKET "$scratch/environment")" = 0 ]
	[ "$(grep -cx READY=1 "$scratch/heard")" = 1 ]
	stop server-n1
	await 5 grep -qx STOPPING=1 "$scratch/heard"
}

test_check_config() {
	expect 'nftables' "$mote" check-config
	"$mote" check-config -o json | grep -q '"item":"overlay","state":"ok"'
	refused 'must be table or json' "$mote" check-config -o yaml
	expect 'overlay          unknown' setpriv --reuid 65534 --regid 65534 --clear-groups "$lab/mote" check-config
	# A data folder that cannot carry an overlay is missing something.
	"$mote" check-config --data-dir /proc > "$scratch/out" && return 1
	grep -q '^overlay *missing' "$scratch/out"
}

test_certificates_are_listed() {
	expect 'server/tls/serving.crt' on s "$lab/mote" certificate check --data-dir "$lab/s/data"
	on s "$lab/mote" certificate check --data-dir "$lab/s/data" -o json | grep -q '"daysLeft":36[45],"status":"ok"'
	refused 'there are no certificates' "$mote" certificate check --data-dir "$scratch/none"
}

# The options of a group stand together.
test_help_names_a_group_once() {
	for command in server agent cleanup check-config; do
		"$mote" "$command" --help | grep '^[A-Z][a-z]*:$' > "$scratch/groups"
		[ -s "$scratch/groups" ]
		[ -z "$(sort "$scratch/groups" | uniq -d)" ]
	done
}

complete() {
	bash -c 'PATH=$1:$PATH; shift; . <(mote completion bash)
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _mote; echo "${COMPREPLY[@]}"' complete "$PWD/build" "$@"
}

test_completion() {
	equal token complete mote tok
	equal secrets-encrypt complete mote secr
	equal create complete mote token cr
	equal "--ttl" complete mote token create --t
	equal "--write-kubeconfig --write-kubeconfig-mode --write-kubeconfig-group" complete mote server --write
	"$mote" completion zsh | grep -q '^#compdef mote$' || "$mote" completion zsh | grep -q 'compdef _mote mote'
	refused 'say for which shell' "$mote" completion fish
}

open_server
run_tests cli
