#!/bin/sh
# up.sh - a cluster of this machine alone, in the background, with the sample app running in it.
#
# Each step says what it does, or that it was done before.  Data, logs and kubeconfig are under build/run.
set -eu
cd "$(dirname "$0")/../.."
# shellcheck source=packaging/up/common.sh
. packaging/up/common.sh
need_root
arch=$(uname -m | sed 's/^\(armv[67]\)l$/\1/')
kubectl=$(command -v kubectl || packaging/deps/clients.sh kubectl)
KUBECONFIG=$kubeconfig
export KUBECONFIG

# Hundredths of a second since the machine's start, without a process.
now() {
	read -r time _ < /proc/uptime
	now=${time%.*}${time#*.}
}

# await WHAT SECONDS COMMAND...: tries the command until it succeeds, a dot for each try; fails with the log's end.
await() {
	what=$1
	now
	begun=$now until=$((now + $2 * 100))
	shift 2
	printf '%s ' "$what"
	until "$@" > /dev/null 2>&1; do
		now
		is_up || { echo; tail -n 5 "$run/log" >&2; fail "the server has ended; its log is $run/log"; }
		[ "$now" -lt "$until" ] || { echo; tail -n 5 "$run/log" >&2; fail "it takes too long; the server's log is $run/log"; }
		printf .
		sleep 0.1
	done
	now
	printf ' %d.%02d s\n' $(((now - begun) / 100)) $(((now - begun) % 100))
}

start_server() {
	mkdir -p "$data/agent/images"
	cp "build/$arch/hello.tar" "$data/agent/images/"
	(
		group_enter
		exec setsid build/mote server --data-dir "$data" --write-kubeconfig "$kubeconfig" --pod-logs-dir "$logs" \
			>> "$run/log" 2>&1 < /dev/null
	) &
	echo $! > "$run/pid"
	until is_up; do
		kill -0 $! 2> /dev/null || { tail -n 5 "$run/log" >&2; fail "the server does not start; its log is $run/log"; }
		sleep 0.01
	done
}

# The node's own address: services are not served on 127.0.0.1.
app_url() {
	address=$("$kubectl" get nodes -o 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')
	url=http://$address:$("$kubectl" get service hello -o 'jsonpath={.spec.ports[0].nodePort}')/
}

if is_up; then
	echo "the server is up already (process $(cat "$run/pid"))"
else
	start_server
	await 'starting the server ' 20 "$kubectl" get --raw /readyz
fi
[ -z "${SUDO_UID:-}" ] || chown "$SUDO_UID" "$kubeconfig"
await 'waiting for the node' 30 "$kubectl" wait --for=condition=Ready node --all --timeout=1s
if "$kubectl" get deployment/hello service/hello > /dev/null 2>&1; then
	echo 'the sample app is there already'
else
	await 'applying the sample  ' 10 "$kubectl" apply -f packaging/sample/hello.yaml
fi
app_url
await 'waiting for its reply' 60 curl -sf --noproxy '*' --max-time 1 "$url"
curl -s --noproxy '*' --max-time 1 "$url"
cat <<TEXT

kubeconfig: $kubeconfig

next:
  export KUBECONFIG=$kubeconfig
TEXT
command -v kubectl > /dev/null || echo "  export PATH=\$PATH:${kubectl%/*}"
cat <<TEXT
  kubectl get pods -o wide
  curl $url
  kubectl set image deployment/hello hello=mote.local/hello:2

sudo make down ends it and leaves nothing behind.
TEXT
