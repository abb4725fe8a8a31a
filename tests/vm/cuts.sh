#!/bin/bash
# cuts.sh - the power is cut at random moments while pods are created.
#
# Goal: what the server has acknowledged is there after each cut, its database is whole, and the node runs every pod.
# Method: server and node are a service of the machine.  A client here creates pods and config maps one after the other
# and notes each name when kubectl has succeeded.  The moments come from a seed, which is printed.
#
# usage: [CUTS=20] [SEED=n] cuts.sh
cd "$(dirname "$0")/../.." || exit 1
vm_arch=${vm_arch:-x86_64} vm_guest=disk
# shellcheck source=tests/vm/lib_vm.sh
. tests/vm/lib_vm.sh
# shellcheck source=tests/vm/lib_guest.sh
. tests/vm/lib_guest.sh

cuts=${CUTS:-20}
RANDOM=${SEED:=$((RANDOM % 10000))}

open_service() {
	mkdir -p "$scratch/payload"
	image_make "$scratch/payload/box.tar"
	vm_build "$scratch/payload"
	vm_boot
	unit_install server
	await 60 readable
	node_ready
	: > "$scratch/acknowledged"
}

# keep_making ROUND: until told to stop; pods of a round, so that there are never too many.
keep_making() {
	local count=0
	while [ ! -e "$scratch/stop" ]; do
		count=$((count + 1))
		pod "pod-$1-$count" > /dev/null 2>&1 && echo "pod-$1-$count" >> "$scratch/acknowledged"
		timeout 10 "$kubectl" create configmap "word-$1-$count" --from-literal=n="$count" > /dev/null 2>&1 &&
			echo "word-$1-$count" >> "$scratch/acknowledged"
	done
}

# Both kinds in one list.
all_there_again() {
	all_there configmap,pod
}

# one_cut ROUND: the power goes up to 4 s after the first object of the round.
one_cut() {
	local before delay
	before=$(wc -l < "$scratch/acknowledged")
	rm -f "$scratch/stop"
	keep_making "$1" &
	await 60 sh -c "[ \$(wc -l < $scratch/acknowledged) -gt $before ]"
	delay=$((RANDOM % 4000))
	sleep "$((delay / 1000)).$(printf '%03d' $((delay % 1000)))"
	vm_cut
	: > "$scratch/stop"
	wait $! || true
	echo "cut $1 after $delay ms: $(wc -l < "$scratch/acknowledged") acknowledged"
	vm_boot
	await 60 readable
	all_there_again
	node_ready
	# Every pod runs, in this life of the machine.
	k wait --for=condition=Ready pod --all --timeout=120s > "$scratch/waited"
	await 60 pods_run "$(k get pod -o name | wc -l)"
	k delete pod --all --timeout=120s > "$scratch/deleted"
	grep -v '^pod-' "$scratch/acknowledged" > "$scratch/rest" || true
	cp "$scratch/rest" "$scratch/acknowledged"
}

test_no_acknowledged_object_is_lost() {
	echo "SEED=$SEED"
	for round in $(seq "$cuts"); do one_cut "$round"; done
	tail -n 1 "$scratch/acknowledged"
	[ "$(wc -l < "$scratch/acknowledged")" -ge "$cuts" ]
}

open_or_end cuts open_service
run_tests cuts
