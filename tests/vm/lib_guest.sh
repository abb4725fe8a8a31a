# shellcheck shell=bash
# shellcheck disable=SC2154
# lib_guest.sh - a node in the emulated machine: its image, its services, its pods, what outlived what.
#
# Read lib_vm.sh first.

export KUBECONFIG=$scratch/kubeconfig

# image_make FILE: an archive as docker save writes it, busybox under all its names; its name is box:1.
image_make() {
	local work=$scratch/image layer
	mkdir -p "$work/root"/{bin,tmp,www,etc} "$work/out/base"
	chmod 1777 "$work/root/tmp"
	install -m 755 "$machine/busybox" "$work/root/bin/busybox"
	for name in $(/bin/busybox --list); do
		[ "$name" = busybox ] || ln -sf busybox "$work/root/bin/$name"
	done
	echo 'from the pod' > "$work/root/www/index.html"
	tar -C "$work/root" --owner=0 --group=0 --numeric-owner -cf "$work/out/base/layer.tar" .
	layer=$(sha256sum < "$work/out/base/layer.tar" | cut -d ' ' -f 1)
	cat > "$work/out/config.json" <<- END
	{"architecture":"$vm_image_arch","os":"linux","config":{"Cmd":["sh"],"Env":["PATH=/bin"],"WorkingDir":"/"},
	"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]}}
	END
	echo '[{"Config":"config.json","RepoTags":["box:1"],"Layers":["base/layer.tar"]}]' > "$work/out/manifest.json"
	tar -C "$work/out" -cf "$1" manifest.json config.json base
}

# unit_install COMMAND [OPTION...]: "mote COMMAND OPTION..." is a service of the distribution from now on.
unit_install() {
	vm "mkdir -p /usr/local/bin /etc/mote /var/lib/mote/agent/images;
		install -m 755 /payload/mote /usr/local/bin/mote; cp /payload/box.tar /var/lib/mote/agent/images/;
		printf '[Unit]\\nDescription=mote\\n[Service]\\nExecStart=/usr/local/bin/mote $*\\nRestart=always\\n' \
			> /etc/systemd/system/mote.service;
		printf 'KillMode=process\\nDelegate=yes\\nTasksMax=infinity\\n[Install]\\nWantedBy=multi-user.target\\n' \
			>> /etc/systemd/system/mote.service;
		sync; systemctl daemon-reload && systemctl enable --quiet --now mote.service"
}

# The machine's server answers us, with the access it wrote.
readable() {
	vm 'cat /etc/mote/mote.yaml' | sed "s,server: .*,server: https://$guest:6443," > "$KUBECONFIG.new" || return
	[ ! -s "$KUBECONFIG.new" ] || mv "$KUBECONFIG.new" "$KUBECONFIG"
	timeout 9 "$kubectl" get --raw /readyz
}

# Waits until the node is ready since the machine is on; what was said of it before does not count.
node_ready() {
	await "${vm_patience:-90}" heartbeat_is_new
}

# The status was written in this life of the machine.
heartbeat_is_new() {
	local state
	state=$(timeout 9 "$kubectl" get node vm \
		-o 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.nodeInfo.bootID}') || return
	[ "$state" = "True $(vm 'cat /proc/sys/kernel/random/boot_id')" ]
}

# pod NAME [SPEC [RESOURCES [COMMAND]]]: JSON of a pod; the command is a shell's and waits when none is given.
pod() {
	local command=${4:-trap exit TERM; while :; do sleep 1; done}
	k create -f - <<- END
	{"apiVersion":"v1","kind":"Pod","metadata":{"name":"$1","labels":{"app":"$1"}},"spec":{${2:+$2,}
	"terminationGracePeriodSeconds":1,"containers":[{"name":"c","image":"box:1","resources":{${3:-}},
	"command":["sh","-c","$command"]}]}}
	END
}

pod_ready() {
	pod "$@"
	k wait --for=condition=Ready "pod/$1" --timeout=60s
}

pod_gone() {
	k delete pod "$1" --timeout=60s
}

# field POD JSONPATH
field() {
	k get pod "$1" -o "jsonpath={$2}"
}

field_is() {
	[ "$(field "$1" "$2")" = "$3" ]
}

# in_pod POD COMMAND...: there, with our input.  kubectl may see the server's greeting before it is ready for it, and says
# so; nothing is lost.
in_pod() {
	k exec -i "$1" -- "${@:2}" 2> >(grep -v 'Unknown stream id' >&2)
}

# The group that has a pod's processes, as a folder of the machine.
group_of() {
	vm "for g in \$(find /sys/fs/cgroup -depth -type d -path '*$(field "$1" .metadata.uid)*'); do
		grep -q . \$g/cgroup.procs && echo \$g && break; done"
}

# The oldest process of a pod's container, as the machine numbers it.
process_of() {
	vm "head -n 1 $(group_of "$1")/cgroup.procs"
}

# Shell in the machine: the first process of every container, one a line.
first_processes="for f in \$(find /sys/fs/cgroup -path '*/mote/pods/*' -name cgroup.procs); do
	for p in \$(cat \$f); do ! grep -q '^NSpid:.*[^0-9]1\$' /proc/\$p/status || echo \$p; done; done 2> /dev/null"

# They, as "PID TICK", where TICK is when it began after the machine did: the same list later means that nothing was
# started again.
processes_of_pods() {
	vm "for p in \$($first_processes); do echo \$p \$(cut -d ' ' -f 22 /proc/\$p/stat); done | sort -n"
}

# pods_run N: as many pods have a process at least, and N of nothing is one.
pods_run() {
	[ "$(processes_of_pods | wc -l)" -ge "$1" ]
}

# Creates config maps until told to stop; the names of those that the server has acknowledged go into a file.
keep_creating() {
	local count=0
	while [ ! -e "$scratch/stop" ]; do
		count=$((count + 1))
		timeout 10 "$kubectl" create configmap "write-$count" --from-literal=n="$count" > /dev/null 2>&1 &&
			echo "write-$count" >> "$scratch/acknowledged"
	done
}

# all_there KIND: every name in $scratch/acknowledged is an object of the server.
all_there() {
	k get "$1" -o name | sed 's,.*/,,' | sort > "$scratch/found"
	sort "$scratch/acknowledged" | comm -23 - "$scratch/found" > "$scratch/lost"
	[ ! -s "$scratch/lost" ] || { echo "acknowledged and lost: $(cat "$scratch/lost")"; false; }
}
