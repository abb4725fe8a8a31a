# shellcheck shell=bash
# lib.sh - what the cluster tests share beside tests/lib_checks.sh: servers that are ended with the test, kubectl.
#
# Each file has processes and mounts of its own: they end with it, however it ends, and a pid that a test remembers is
# never another file's process meanwhile (there are 32768, and the files beside it use them up within minutes).
if [ $$ != 1 ] && [ "$(id -u)" = 0 ]; then
	exec unshare --pid --fork --kill-child --mount --propagation private --mount-proc bash "$0" "$@"
fi
# shellcheck source=tests/lib_checks.sh
. tests/lib_checks.sh

pids=
one_line=yes
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

# A test ends what it started, and nothing else.
begin_test() { pids=; }
end_test() { end_processes; }

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

# in_time SECONDS COMMAND...: one that takes longer is ended, and that is said.
in_time() {
	local status=0
	timeout "$@" || status=$?
	[ "$status" != 124 ] || echo "took longer than $1 s: ${*:2}" >&2
	return "$status"
}

k() {
	in_time 60 "$kubectl" "$@"
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
