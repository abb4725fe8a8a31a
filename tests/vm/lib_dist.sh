# shellcheck shell=bash
# shellcheck disable=SC2154
# lib_dist.sh - a release for the emulated machine: its folder, a web server of it, and the service that comes of it.
#
# Read lib_guest.sh first.

dist=$scratch/dist
dist_url=http://$here:8000
service=mote

# As "make dist" makes it, signed with a key of its own.
dist_make() {
	"$mote" ota keygen --out "$scratch/key"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s --no-print-directory dist DIST="$dist" DIST_ARCHS="$vm_arch" \
		DIST_KEY="$scratch/key.key" DIST_URL="$dist_url"
}

# On this side of the cable, until the test ends.
dist_serve() {
	python3 -m http.server --bind $here --directory "$dist" 8000 > "$scratch/web.log" 2>&1 7>&- 8>&- &
	await 10 curl -sf -o "$scratch/channel" "$dist_url/stable"
}

# install_in [VARIABLE=VALUE...] [-- ARGUMENT...]: as its operator would, in the machine.
install_in() {
	local variables=
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		variables="$variables $1"
		shift
	done
	vm "curl -sfL $dist_url/install.sh | $variables sh -s $*"
}

# The process that systemd watches.
service_pid() {
	vm "systemctl show -p MainPID --value $service"
}

service_is_active() {
	[ "$(vm "systemctl is-active $service")" = active ]
}

# Another process than that is the service's, and it has said that it is ready.
service_is_another() {
	[ "$(service_pid)" != "$1" ] && service_is_active
}

# What a restart would change: when each container began, how often, under which name.
lives() {
	k get pod -o 'jsonpath={range .items[*]}{.metadata.name} {.status.podIP} {range .status.containerStatuses[*]}'\
'{.restartCount} {.state.running.startedAt} {.containerID} {end}{"\n"}{end}' | sort
}

# The images are a file of the machine's own disk; the node watches the folder.
images_give() {
	vm 'mkdir -p /var/lib/mote/agent/images; cp /payload/box.tar /var/lib/mote/agent/images/'
}

# A server on this side of the cable, for nodes of it.
here_start() {
	"$mote" server --disable-agent --data-dir "$scratch/server" --write-kubeconfig "$scratch/kubeconfig" \
		--advertise-address $here >> "$scratch/server.log" 2>&1 7>&- 8>&- &
	echo $! > "$scratch/server.pid"
	await 20 k get --raw /readyz
	await 20 k get service kubernetes
}

here_stop() {
	kill -9 "$(cat "$scratch/server.pid")"
	await 10 vm_is_off "$(cat "$scratch/server.pid")"
}
