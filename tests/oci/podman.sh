#!/bin/bash
# podman.sh - the distribution's podman and conmon, unpacked and not installed, with this program as their runtime.
#
# shellcheck disable=SC2016 # what stands in single quotes is for the container's shell
#
# Its storage, its state and its network are the test's own.
set -u
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "podman: 1 passed, 0 failed (skipped: needs root)"; exit 0; }
[ "${MOTE_OCI_TEST:-}" = 1 ] ||
	MOTE_OCI_TEST=1 exec tests/oci/room.sh podman unshare --net "$PWD/tests/oci/podman.sh" "$@"
. tests/oci/lib.sh
export PODMAN_IGNORE_CGROUPSV1_WARNING=1
image=localhost/bb:1

podman() {
	command podman --root "$scratch/storage" --runroot "$scratch/run" --tmpdir "$scratch/tmp" --network-config-dir "$scratch/net" \
		--cgroup-manager cgroupfs --events-backend file --runtime "$scratch/mote-oci" "$@"
}

end_podman() {
	podman rm --all --force --time 0 > /dev/null 2>&1
	umount "$scratch/storage/overlay" 2> /dev/null
	find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} \; 2> /dev/null
	finish
}
trap end_podman EXIT

ip link set lo up
ln -s "$mote" "$scratch/mote-oci"
make_rootfs "$scratch/rootfs"
tar -C "$scratch/rootfs" -c . | podman import - "$image" > /dev/null 2>&1 || { echo "podman: 0 passed, 1 failed"; exit 1; }

run() { podman run --rm --network none "$@"; }

test_run() {
	says "hello" run "$image" echo hello
	says "1000 1000" run --user 1000:1000 "$image" sh -c 'echo $(id -u) $(id -g)'
	fails 7 "" run "$image" sh -c 'exit 7'
	fails 127 "not found" run "$image" nosuch
	says "read" run -i "$image" cat <<< read
}

test_terminal() {
	podman run -d -t --name tty --network none "$image" sh -c 'tty; sleep 100' > /dev/null
	printed_terminal() { podman logs tty | tr -d '\r' | grep -qx /dev/pts/0; }
	await 10 printed_terminal
	podman exec -t tty tty < /dev/null | tr -d '\r' | grep -qx '/dev/pts/1'
	podman rm -f -t 0 tty > /dev/null
}

test_life() {
	podman run -d --name life --network none "$image" sh -c 'echo begun; sleep 100' > /dev/null
	await 10 says "begun" podman logs life
	says "x y" podman exec -e A=y life sh -c 'echo x $A'
	fails 3 "" podman exec life sh -c 'exit 3'
	fails 127 "not found" podman exec life nosuch
	podman pause life > /dev/null
	says "paused" podman inspect --format '{{.State.Status}}' life
	podman unpause life > /dev/null
	says "running" podman inspect --format '{{.State.Status}}' life
	podman top life | grep -q sleep
	podman kill life > /dev/null
	says "137" podman wait life
	podman rm life > /dev/null
	says "" podman ps -aq
}

test_stop_and_start() {
	podman run -d --name again --network none "$image" sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done' > /dev/null
	podman stop --time 20 again > /dev/null
	says "5" podman inspect --format '{{.State.ExitCode}}' again
	podman start again > /dev/null
	podman rm -f -t 0 again > /dev/null
}

test_limits() {
	says "67108864" run --memory 64m "$image" sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max'
	says "30" run --pids-limit 30 "$image" sh -c 'cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max'
	podman run -d --name limits --network none --memory 64m "$image" sleep 100 > /dev/null
	podman update --memory 128m limits > /dev/null
	says "134217728" podman exec limits sh -c 'cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max'
	podman rm -f -t 0 limits > /dev/null
}

test_confinement() {
	says "ro" run --read-only "$image" sh -c 'touch /x 2>/dev/null || echo ro'
	says "0000000000000000" run --cap-drop all "$image" sh -c 'grep CapEff /proc/self/status | cut -f 2'
	says "2" run "$image" sh -c 'grep Seccomp: /proc/self/status | cut -f 2'
	says "1" run --security-opt no-new-privileges "$image" sh -c 'grep NoNewPrivs /proc/self/status | cut -f 2'
	says "host" run --pid=host "$image" sh -c '[ $$ != 1 ] && echo host'
	says "$(hostname)" run --uts=host "$image" hostname
	says "box" run --hostname box "$image" hostname
	says "77" run --ulimit nofile=77:77 "$image" sh -c 'ulimit -n'
	says "yes" run --privileged "$image" sh -c '[ -e /dev/kmsg ] && echo yes'
	says "9999" run --sysctl net.core.somaxconn=9999 "$image" cat /proc/sys/net/core/somaxconn
}

test_volumes() {
	mkdir -p "$scratch/volume"
	echo given > "$scratch/volume/file"
	says "given" run -v "$scratch/volume:/v" "$image" cat /v/file
	says "ro" run -v "$scratch/volume:/v:ro" "$image" sh -c 'touch /v/x 2>/dev/null || echo ro'
	says "tmpfs" run --tmpfs /t "$image" sh -c 'grep " /t " /proc/mounts | cut -d " " -f 3'
}

test_users_of_its_own() {
	says "0 200000" run --uidmap 0:200000:65536 --gidmap 0:200000:65536 "$image" \
		sh -c 'echo $(id -u) $(awk "{ print \$2 }" /proc/self/uid_map)'
}

test_pods() {
	podman pod create --name pod --network none --infra-image "$image" --infra-command 'sleep 100' > /dev/null 2>&1
	podman run -d --pod pod --name one "$image" sleep 100 > /dev/null
	says "same" sh -c "[ $(podman exec one readlink /proc/self/ns/uts) = $(podman run --rm --pod pod "$image" readlink /proc/self/ns/uts) ] && echo same"
	podman pod rm -f -t 0 pod > /dev/null
}

run_tests podman
