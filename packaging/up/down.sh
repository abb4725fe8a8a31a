#!/bin/sh
# down.sh - ends what up.sh has started and removes its data.
set -eu
cd "$(dirname "$0")/../.."
run=build/run
if [ -e "$run/pid" ]; then
	pid=$(cat "$run/pid")
	kill "$pid" 2> /dev/null || true
	tries=100
	while kill -0 "$pid" 2> /dev/null && [ "$tries" -gt 0 ]; do
		tries=$((tries - 1))
		sleep 0.05
	done
	rm -rf "$run"
	echo "stopped; nothing is left"
else
	echo "nothing is up"
fi
