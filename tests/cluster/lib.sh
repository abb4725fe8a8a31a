# lib.sh - what the cluster tests share: a scratch folder, servers that are ended with the test, checks.
#
# A test file defines functions named test_*; run_tests runs each and prints "NAME: N passed, N failed".

scratch=$(mktemp -d)
pids=
failures=0
kubectl=$(packaging/deps/clients.sh kubectl)
mote=$PWD/build/mote

end_processes() {
	for pid in $pids; do
		kill -9 "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	pids=
}

finish() {
	end_processes
	rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' INT TERM

# Wait until a command succeeds: tries every 50 ms for $1 seconds.
await() {
	local deadline=$((SECONDS + $1 + 1))
	shift
	while ! "$@" > /dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || { echo "never came true: $*" >&2; return 1; }
		sleep 0.05
	done
}

# fails STATUS TEXT COMMAND...: it ends with that status and says so in one line.
fails() {
	wanted=$1 text=$2 status=0
	shift 2
	output=$("$@" 2>&1) || status=$?
	[ "$status" = "$wanted" ] && [ "$(echo "$output" | wc -l)" = 1 ] && [[ $output == *"$text"* ]] && return 0
	echo "expected $wanted: $text" >&2
	echo "     got $status: $output" >&2
	return 1
}

# A free port of the loopback address; any of many, for others look for one at the same time.
free_port() {
	port=$(shuf -i 20000-31999 -n 1)
	while ss -Htan "sport = :$port" 2>/dev/null | grep -q .; do port=$(shuf -i 20000-31999 -n 1); done
	echo "$port"
}

# start_server FOLDER PORT [options]: sets server_pid; kubectl is pointed at it.
start_server() {
	folder=$1 port=$2
	shift 2
	"$mote" server --disable-agent --data-dir "$folder/data" --write-kubeconfig "$folder/kubeconfig" \
		--bind-address 127.0.0.1 --advertise-address 127.0.0.1 --https-listen-port "$port" "$@" \
		>> "$folder/log" 2>&1 &
	server_pid=$!
	pids="$pids $server_pid"
	export KUBECONFIG="$folder/kubeconfig"
	await 10 "$kubectl" get --raw /readyz
	await 10 "$kubectl" get service kubernetes
}

stop_server() {
	kill "$1" "$server_pid" 2>/dev/null || true
	wait "$server_pid" 2>/dev/null || true
}

k() {
	timeout 60 "$kubectl" "$@"
}

# expect TEXT COMMAND...: the command's output (both channels) contains the text.
expect() {
	text=$1
	shift
	output=$("$@" 2>&1) || true
	case $output in
	*"$text"*) return 0 ;;
	esac
	echo "expected: $text" >&2
	echo "     got: $output" >&2
	return 1
}

# equal WANTED COMMAND...: the command succeeds and prints exactly that; what it says aside does not count.
equal() {
	wanted=$1
	shift
	output=$("$@" 2> "$scratch/aside") || { echo "failed: $* : $output $(cat "$scratch/aside")" >&2; return 1; }
	[ "$output" = "$wanted" ] && return 0
	echo "expected: $wanted" >&2
	echo "     got: $output $(cat "$scratch/aside")" >&2
	return 1
}

# run_tests NAME: every test_* function, each in a subshell that stops at its first failure.  TEST=word: only those
# with the word in their names.
run_tests() {
	passed=0
	for name in $(sed -n 's/^\(test_[A-Za-z_0-9]*\)().*/\1/p' "$0"); do
		[[ $name == *"${TEST:-}"* ]] || continue
		( pids=; trap end_processes EXIT; set -e; "$name" ) > "$scratch/out" 2>&1
		if [ $? = 0 ]; then
			passed=$((passed + 1))
		else
			failures=$((failures + 1))
			echo "$1: $name failed"
			sed 's/^/    /' "$scratch/out"
		fi
	done
	echo "$1: $passed passed, $failures failed"
	[ "$failures" = 0 ]
}
