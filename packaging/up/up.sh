#!/bin/sh
# up.sh - starts a server in the background, data under build/run, and says how to go on.  Run again, it says what is there.
set -eu
cd "$(dirname "$0")/../.."
run=$PWD/build/run
kubeconfig=$run/mote.yaml

is_up() {
	[ -e "$run/pid" ] && kill -0 "$(cat "$run/pid")" 2> /dev/null
}

if is_up; then
	echo "the server is up already (process $(cat "$run/pid"))"
else
	mkdir -p "$run"
	setsid build/mote server --data-dir "$run/data" --write-kubeconfig "$kubeconfig" \
		>> "$run/log" 2>&1 < /dev/null &
	echo $! > "$run/pid"
	printf 'starting the server '
	tries=100
	until curl -sfk https://127.0.0.1:6443/readyz > /dev/null; do
		is_up || { echo; tail -n 3 "$run/log"; exit 1; }
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { echo " it does not answer; see $run/log"; exit 1; }
		printf .
		sleep 0.1
	done
	echo ' it answers'
fi
cat <<TEXT

kubeconfig: $kubeconfig

next:
  export KUBECONFIG=$kubeconfig
  kubectl get namespaces
  kubectl create deployment web --image=web    (its pods wait: there is no node yet, see README, Limits)
  sudo make down
TEXT
