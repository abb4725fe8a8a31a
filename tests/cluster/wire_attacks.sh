#!/bin/bash
# wire_attacks.sh - hostile clients: smuggled requests, bodies, patches and selectors that blow up, slow and silent ones.
#
# Goal: each is refused with a clear answer, costs little, and nobody else feels it.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

mkdir "$scratch/a"
start_server "$scratch/a" "$(free_port)" || { cat "$scratch/a/log"; exit 1; }

test_hostile_clients() {
	/usr/bin/python3 tests/clients/hostile/attacks.py "$KUBECONFIG" "$server_pid"
	k get --raw /readyz
}

run_tests wire_attacks
