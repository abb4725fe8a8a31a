#!/bin/bash
# run.sh - `mote oci` by itself: a container's life, what its config asks for, and what a hostile root cannot do.
# shellcheck disable=SC2016 # what stands in single quotes is for the container's shell, or for jq
set -u
cd "$(dirname "$0")/../.." || exit 1
[ "$(id -u)" = 0 ] || { echo "oci: 1 passed, 0 failed (skipped: needs root)"; exit 0; }
# What tests mount goes with them.
[ "${MOTE_OCI_TEST:-}" = 1 ] || MOTE_OCI_TEST=1 exec unshare --mount --propagation private "$0" "$@"
. tests/oci/lib.sh
make_rootfs "$scratch/rootfs"

# --- life ---

test_a_life_step_by_step() {
	folder=$(bundle life . sleep 100)
	oci create --bundle "$folder" --pid-file "$scratch/pid" life
	status_is created life
	[ "$(cat "$scratch/pid")" = "$(oci state life | jq .pid)" ]
	fails 1 "already exists" oci create --bundle "$folder" life
	oci start life
	status_is running life
	fails 1 "already running" oci start life
	fails 1 "not stopped" oci delete life
	says "uid=0(root) gid=0" oci exec life id
	[ "$(oci ps --format json life | jq length)" = 1 ]
	oci list -q | grep -qx life
	oci pause life
	status_is paused life
	fails 255 "paused" oci exec life id
	oci resume life
	oci kill life KILL
	await 5 status_is stopped life
	fails 1 "not running" oci kill life KILL
	oci delete life
	fails 1 "does not exist" oci state life
	oci delete --force life
}

test_status_of_the_program_is_ours() {
	fails 7 "" in_container . sh -c 'exit 7'
	fails 1 "executable file not found in \$PATH" in_container . nosuch
	fails 1 "no such file or directory" in_container . /bin/nosuch
	fails 1 "permission denied" in_container . /etc/passwd
	fails 1 "is a directory" in_container . /etc
}

test_signals_reach_the_program() {
	folder=$(bundle signals . sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done')
	mkfifo "$scratch/said"
	"$mote" oci --root "$scratch/states" run --bundle "$folder" signals > "$scratch/said" &
	pid=$!
	read -r word < "$scratch/said"
	[ "$word" = ready ]
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" = 9 ]
	fails 1 "does not exist" oci state signals
}

test_called_by_a_link() {
	ln -s "$mote" "$scratch/mote-oci"
	says "1.2.0" sh -c "'$scratch/mote-oci' features | jq -r .ociVersionMax"
	fails 1 "does not exist" "$scratch/mote-oci" --root "$scratch/states" --log "$scratch/log" --log-format=json state nosuch
	[ "$(jq -r .level "$scratch/log")" = error ]
}

# Sealed before the C library began, it is still called as we called it; its file is on a mount that nobody else has.
test_the_seal_comes_first() {
	ln -s "$mote" "$scratch/first-oci"
	cat > "$scratch/look" <<-END
		#!/bin/sh
		exec 3< /proc/\$PPID/exe 4< $mote
		tr '\0' '\n' < /proc/\$PPID/cmdline | head -n 1
		cat /proc/\$\$/fdinfo/3 /proc/\$\$/fdinfo/4 | grep mnt_id | sort -u | wc -l
	END
	chmod 755 "$scratch/look"
	folder=$(bundle first ".hooks.createRuntime = [{ path: \"/bin/sh\", args: [\"sh\", \"-c\", \"exec $scratch/look > $scratch/seen\"] }]" true)
	"$scratch/first-oci" --root "$scratch/states" run --bundle "$folder" first
	[ "$(tr '\n' ' ' < "$scratch/seen")" = "$scratch/first-oci 2 " ]
	# With more variables than it has room for, the usual way is gone, which calls itself mote.
	# shellcheck disable=SC2046 # one word a variable
	env $(seq -f 'MANY_%g=x' 600) "$scratch/first-oci" --root "$scratch/states" run --bundle "$folder" first
	[ "$(tr '\n' ' ' < "$scratch/seen")" = "mote 2 " ]
}

test_further_processes() {
	folder=$(bundle more . sleep 100)
	oci run -d --bundle "$folder" more
	says "anna /tmp b" oci exec --user 1000:1000 --cwd /tmp --env A=b more sh -c 'echo $(id -un) $PWD $A'
	says "/dev/pts/0" sh -c "'$mote' oci --root '$scratch/states' exec -t more tty < /dev/null"
	says "CapEff:	0000000020001420" oci exec --cap CAP_NET_ADMIN more grep CapEff /proc/self/status
	jq -n '{args: ["sh", "-c", "echo $X; umask"], cwd: "/", env: ["PATH=/bin", "X=y"], user: {uid: 0, gid: 0, umask: 63}}' > "$scratch/process"
	[ "$(oci exec --process "$scratch/process" more | tr '\n' ' ')" = "y 0077 " ]
	fails 3 "" oci exec more sh -c 'exit 3'
	fails 255 "executable file not found" oci exec more nosuch
	for path in .. a/../..; do fails 255 "sub cgroup" oci exec --cgroup "$path" more true; done
	oci exec --detach --pid-file "$scratch/pid2" more sleep 100
	oci ps --format json more | jq -e "index($(cat "$scratch/pid2"))"
	oci delete --force more
	[ ! -e "/proc/$(cat "$scratch/pid2")" ]
}

test_terminal() {
	says "/dev/console 20 40" sh -c "'$mote' oci --root '$scratch/states' run --bundle '$(bundle tty '.process.terminal = true |
		.process.consoleSize = { height: 20, width: 40 }' sh -c 'echo /dev/console $(stty size) > /dev/console')' tty < /dev/null"
	fails 1 "without setting console socket" oci create --bundle "$scratch/bundles/tty" tty2
}

test_limits() {
	folder=$(bundle limits '.linux.resources.memory.limit = 67108864 | .linux.resources.pids.limit = 20 |
		.linux.resources.cpu = { shares: 512, quota: 50000, period: 100000 }' sleep 100)
	oci run -d --bundle "$folder" limits
	[ "$(oci events --stats limits | jq .data.memory.usage.limit)" = 67108864 ]
	[ "$(oci events --stats limits | jq .data.pids.limit)" = 20 ]
	oci update --memory 128m --pids-limit 30 limits
	echo '{"cpu": {"shares": 1024}}' | oci update -r - limits
	[ "$(oci events --stats limits | jq .data.memory.usage.limit)" = 134217728 ]
	[ "$(oci events --stats limits | jq .data.pids.limit)" = 30 ]
	fails 1 "intelRdt" oci update --l3-cache-schema x limits
	oci update --memory 150m --memory-swap 200m limits
	oci update --memory -1 limits
	[ "$(oci events --stats limits | jq '.data.memory.usage.limit > 1e15 or . == null')" = true ]
	cgroup=$(jq -r '.cgroup.memory // .cgroup.unified' "$scratch/states/limits/state.json")
	oci delete --force limits
	[ ! -e "$cgroup" ]
}

test_groups_below_the_containers() {
	folder=$(bundle below . sleep 100)
	oci run -d --bundle "$folder" below
	part=$(jq -r 'if .cgroup.memory then "memory:" else "" end' "$scratch/states/below/state.json")
	cgroup=$(jq -r '.cgroup.memory // .cgroup.unified' "$scratch/states/below/state.json")
	mkdir "$cgroup/sub"
	for path in .. a/../.. "${part}../x"; do fails 255 "is not a sub cgroup path" oci exec --cgroup "$path" below true; done
	fails 255 "unknown controller none" oci exec --cgroup none:sub below true
	fails 255 "adding pid to $cgroup/nosuch/cgroup.procs: no such file" oci exec --cgroup "${part}nosuch" below true
	oci exec --detach --pid-file "$scratch/pid3" --cgroup "${part}sub" below sleep 100
	says "$(cat "$scratch/pid3")" cat "$cgroup/sub/cgroup.procs"
	oci delete --force below
	[ ! -e "$cgroup" ]
}

# Who goes in would stop before it is a container.
test_a_frozen_group_is_refused() {
	name=mote-oci-frozen-$$ group=/sys/fs/cgroup/freezer/mote-oci-frozen-$$ file=freezer.state words="FROZEN THAWED"
	[ -d /sys/fs/cgroup/freezer ] || group=/sys/fs/cgroup/$name file=cgroup.freeze words="1 0"
	mkdir "$group"
	trap 'echo "${words#* }" 2> /dev/null > "$group/$file" || true; rmdir "$group" 2> /dev/null || true' EXIT
	echo "${words% *}" > "$group/$file"
	folder=$(bundle frozen ".linux.cgroupsPath = \"/$name\"" true)
	# Into a file: one that stops there would keep a pipe open for ever.
	timeout -s KILL 20 "$mote" oci --root "$scratch/states" run --bundle "$folder" frozen > "$scratch/frozen" 2>&1 || true
	grep -q "unexpectedly frozen" "$scratch/frozen"
	says "$group" find /sys/fs/cgroup -maxdepth 2 -name "$name"
	echo "${words#* }" > "$group/$file"
	in_container ".linux.cgroupsPath = \"/$name\"" true
}

test_each_step_is_told() {
	folder=$(bundle told . sleep 100)
	"$mote" oci --root "$scratch/states" --debug run -d --bundle "$folder" told 2> "$scratch/steps"
	[ "$(grep -c '^time=".*" level=debug msg="' "$scratch/steps")" = "$(wc -l < "$scratch/steps")" ]
	grep -q "process $(oci state told | jq .pid) is ready" "$scratch/steps"
	says "out" "$mote" oci --root "$scratch/states" --log "$scratch/told" --log-format json --debug exec told echo out
	says "true" sh -c "jq -rs 'length > 3 and all(.level == \"debug\")' '$scratch/told'"
	says "" oci exec told true
	oci delete --force told
}

# receive FILE COMMAND...: runs it while a socket waits; what comes there is a process, and it is ended.
receive() {
	python3 -c 'import os, signal, socket, subprocess, sys
place = socket.socket(socket.AF_UNIX)
place.bind(sys.argv[1])
place.listen()
subprocess.check_call(sys.argv[2:])
word, fds = socket.recv_fds(place.accept()[0], 64, 1)[:2]
signal.pidfd_send_signal(fds[0], signal.SIGKILL)
print(word.decode())' "$@"
}

test_processes_by_descriptor() {
	folder=$(bundle held . sleep 100)
	says "standard" receive "$scratch/s1" "$mote" oci --root "$scratch/states" create --pidfd-socket "$scratch/s1" --bundle "$folder" held
	await 5 status_is stopped held
	oci delete held
	oci run -d --bundle "$folder" held
	says "setns" receive "$scratch/s2" "$mote" oci --root "$scratch/states" exec --detach --pid-file "$scratch/pid4" \
		--pidfd-socket "$scratch/s2" held sleep 100
	gone() { [ ! -e "/proc/$(cat "$scratch/pid4")" ] || grep -q '^State:.*Z' "/proc/$(cat "$scratch/pid4")/status"; }
	await 5 gone
	status_is running held
	oci delete --force held
}

# --- what a config asks for ---

test_identity() {
	says "1000 1000 1000 7 8" in_container '.process.user = { uid: 1000, gid: 1000, additionalGids: [7, 8] }' \
		sh -c 'echo $(id -u) $(id -g) $(id -G)'
	says "HOME=/home/anna" in_container '.process.user = { uid: 1000, gid: 1000 }' sh -c 'env | grep HOME'
	says "1" in_container . sh -c 'grep NoNewPrivs /proc/self/status | cut -f 2'
	says "77 88" in_container '.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 77, hard: 88 }]' \
		sh -c 'echo $(ulimit -Sn) $(ulimit -Hn)'
	says "321" in_container '.process.oomScoreAdj = 321' cat /proc/self/oom_score_adj
	says "mote-test" in_container '.hostname = "mote-test"' hostname
	says "4096" in_container '.linux.sysctl = { "net.core.somaxconn": "4096" }' cat /proc/sys/net/core/somaxconn
	fails 1 "host network namespace" in_container '.linux.sysctl = { "net.core.somaxconn": "4096" } |
		del(.linux.namespaces[] | select(.type == "network"))' true
}

test_capabilities() {
	says "CapInh 0000000000000400 CapPrm 0000000000000401 CapEff 0000000000000400 CapBnd 0000000000000403 CapAmb 0000000000000400" \
		in_container '.process.user.uid = 1000 | .process.capabilities = { bounding: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_NET_BIND_SERVICE"],
			permitted: ["CAP_CHOWN", "CAP_NET_BIND_SERVICE"], inheritable: ["CAP_NET_BIND_SERVICE"], effective: ["CAP_NET_BIND_SERVICE"],
			ambient: ["CAP_NET_BIND_SERVICE"] } | .process.noNewPrivileges = false' \
		sh -c 'echo $(grep "Cap[^A]" /proc/self/status | sed "s/CapPrm:.*/CapPrm 0000000000000401/; s/://") $(grep CapAmb /proc/self/status | tr -d :)'
	says "CapInh 0000000000000000 CapAmb 0000000000000000" in_container . \
		sh -c 'echo $(grep -E "Cap(Inh|Amb)" /proc/self/status | tr -d :)'
}

test_mounts() {
	mkdir -p "$scratch/volume/sub"
	echo x > "$scratch/volume/file"
	mount -t tmpfs tmpfs "$scratch/volume/sub"
	trap 'umount "$scratch/volume/sub"' EXIT
	filter=".mounts += [{ destination: \"/v\", type: \"bind\", source: \"$scratch/volume\", options: [\"rbind\""
	says "no no" in_container "$filter, \"rro\"] }]" sh -c 'echo $(touch /v/a 2>/dev/null || echo no) $(touch /v/sub/a 2>/dev/null || echo no)'
	says "no yes" in_container "$filter, \"ro\"] }]" sh -c 'echo $(touch /v/a 2>/dev/null || echo no) $(touch /v/sub/a && echo yes)'
	umount "$scratch/volume/sub"
	trap - EXIT
	mkdir -p "$scratch/rootfs/seed"
	echo grain > "$scratch/rootfs/seed/file"
	chmod 1750 "$scratch/rootfs/seed"
	says "1750" in_container '.mounts += [{ destination: "/seed", type: "tmpfs", source: "tmpfs" }]' stat -c %a /seed
	says "701" in_container '.mounts += [{ destination: "/seed", type: "tmpfs", source: "tmpfs", options: ["mode=701"] }]' stat -c %a /seed
	says "1777" in_container '.mounts += [{ destination: "/new", type: "tmpfs", source: "tmpfs" }]' stat -c %a /new
	says "grain" in_container '.mounts += [{ destination: "/seed", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "ro"] }]' cat /seed/file
	fails 1 "inside /proc" in_container ".mounts += [{ destination: \"/proc/self\", type: \"bind\", source: \"$scratch/volume\", options: [\"bind\"] }]" true
	ln -s seed "$scratch/rootfs/linked"
	fails 1 "must be mounted on ordinary directory" in_container '.mounts += [{ destination: "/linked", type: "proc", source: "proc" }]' true
	fails 1 "No such device" in_container '.mounts += [{ destination: "/v", type: "nosuchfs", source: "x" }]' true
}

test_users_of_its_own() {
	map='[{ containerID: 0, hostID: 100000, size: 65536 }]'
	says "0 100000" in_container ".linux.namespaces += [{ type: \"user\" }] | .linux.uidMappings = $map | .linux.gidMappings = $map" \
		sh -c 'echo $(id -u) $(awk "{ print \$2 }" /proc/self/uid_map)'
	fails 1 "needs uidMappings" in_container '.linux.namespaces += [{ type: "user" }]' true
	folder=$(bundle users ".linux.namespaces += [{ type: \"user\" }] | .linux.uidMappings = $map | .linux.gidMappings = $map" sleep 100)
	oci run -d --bundle "$folder" users
	pid=$(oci state users | jq .pid)
	says "/dev/pts/0 100000" sh -c "'$mote' oci --root '$scratch/states' run --bundle '$(bundle joins ".process.terminal = true |
		.linux.namespaces += [{ type: \"user\", path: \"/proc/$pid/ns/user\" }]" \
		sh -c 'echo $(tty) $(awk "{ print \$2 }" /proc/self/uid_map)')' joins < /dev/null"
	oci delete --force users
}

# Below a root that is only covered lie the host's files; a whole /proc among them would let users of their own have one.
test_a_covered_root_hides_proc() {
	folder=$(bundle covered '(.process.capabilities | .bounding, .permitted) += ["CAP_SETFCAP"]' unshare -mrpf mount -t proc none /proc)
	fails 1 "ermission denied" oci run --no-pivot --bundle "$folder" covered
	says "rootfs" sh -c "'$mote' oci --root '$scratch/states' run --no-pivot --bundle '$(bundle covers . sh -c 'echo rootfs')' covers"
}

test_clocks_of_its_own() {
	[ -e /proc/self/ns/time ] || return 0
	says "later" in_container '.linux.namespaces += [{ type: "time" }] | .linux.timeOffsets = { boottime: { secs: 1000000 } }' \
		sh -c 'read up rest < /proc/uptime; [ ${up%.*} -gt 1000000 ] && echo later'
}

test_namespaces_of_others() {
	folder=$(bundle first '.hostname = "shared"' sleep 100)
	oci run -d --bundle "$folder" first
	pid=$(oci state first | jq .pid)
	says "shared" in_container "del(.hostname) | (.linux.namespaces[] | select(.type == \"uts\")).path = \"/proc/$pid/ns/uts\" |
		(.linux.namespaces[] | select(.type == \"pid\")).path = \"/proc/$pid/ns/pid\"" hostname
	fails 1 "is no uts namespace" in_container "(.linux.namespaces[] | select(.type == \"uts\")).path = \"/proc/$pid/ns/net\"" true
	oci delete --force first
}

test_hooks_see_the_state() {
	cat > "$scratch/hook" << END
#!/bin/sh
echo "\$1 \$(jq -r '.id + " " + .status')" >> $scratch/hooks
END
	chmod +x "$scratch/hook"
	folder=$(bundle hooked "reduce (\"prestart\", \"createRuntime\", \"createContainer\", \"poststart\", \"poststop\") as \$kind (.;
		.hooks[\$kind] = [{ path: \"$scratch/hook\", args: [\"hook\", \$kind], env: [\"PATH=$PATH\"] }])" true)
	oci create --bundle "$folder" hooked
	oci start hooked
	await 5 status_is stopped hooked
	oci delete hooked
	says "prestart hooked creating
createRuntime hooked creating
createContainer hooked creating
poststart hooked running
poststop hooked stopped" cat "$scratch/hooks"
	folder=$(bundle asked ".hooks.createRuntime = [{ path: \"/bin/sh\",
		args: [\"sh\", \"-c\", \"$mote oci --root $scratch/states state asked > $scratch/asked\"] }]" true)
	oci run --bundle "$folder" asked
	says "creating $folder" jq -r '.status + " " + .bundle' "$scratch/asked"
	in_container '.hooks.createContainer = [{ path: "/bin/sh", args: ["sh", "-c", "[ -x bin/busybox ] && [ ! -e bin/bash ]"] }]' true
	fails 1 "signal: killed" in_container '.hooks.createRuntime = [{ path: "/bin/sh", args: ["sh", "-c", "kill -9 $$"] }]' true
	fails 1 "exit status 1" in_container '.hooks.createRuntime = [{ path: "/bin/false" }]' true
	fails 1 "more than 1 seconds" in_container '.hooks.createRuntime = [{ path: "/bin/sleep", args: ["sleep", "20"], timeout: 1 }]' true
}

test_filters() {
	says "no" in_container '.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }] }' \
		sh -c 'mkdir /tmp/x 2>/dev/null || echo no'
	fails 1 "no action" in_container '.linux.seccomp = { defaultAction: "SCMP_ACT_NOSUCH" }' true
}

test_wrong_configs() {
	fails 1 "noNewPrivileges must be true or false" in_container '.process.noNewPrivileges = "true"' true
	fails 1 "ociVersion" in_container '.ociVersion = "2.0.0"' true
	fails 1 "no namespace" in_container '.linux.namespaces += [{ type: "x" }]' true
	fails 1 "duplicated" in_container '.linux.namespaces += [{ type: "pid" }]' true
	fails 1 "intelRdt" in_container '.linux.intelRdt = { closID: "x" }' true
	fails 1 "cwd" in_container '.process.cwd = "x"' true
	fails 1 "invalid container ID" oci state ../x
	fails 1 "no verb" oci nosuch
	[ -z "$(oci list -q)" ]
}

# --- a hostile root ---

test_the_program_cannot_be_changed() {
	# What was the runtime for a moment is held on to, and written to when nobody runs it any more.
	cp "$mote" "$scratch/program"
	folder=$(bundle exe . sleep 100)
	"$scratch/program" oci --root "$scratch/states" create --bundle "$folder" exe
	exec 9< "/proc/$(oci state exe | jq .pid)/exe"
	oci delete --force exe
	if cp /dev/null /proc/self/fd/9 2> /dev/null; then return 1; fi
	exec 9<&-
	cmp "$mote" "$scratch/program"
}

test_no_descriptor_is_inherited() {
	exec 7< /etc/passwd 8< /
	# The last is the folder that ls reads.
	says $'0\n1\n2\n3' in_container . ls /proc/self/fd
	for number in 6 7 8; do
		fails 1 "cwd" in_container ".process.cwd = \"/proc/self/fd/$number/../..\"" true
	done
}

test_descriptors_that_are_wanted() {
	folder=$(bundle fds . sh -c 'cat <&3')
	echo given > "$scratch/given"
	says "given" oci run --preserve-fds 1 --bundle "$folder" fds 3< "$scratch/given"
}

test_links_in_the_root() {
	mkdir -p "$scratch/evil" "$scratch/outside"
	cp -a "$scratch/rootfs" "$scratch/evil/rootfs"
	for name in proc sys; do
		rm -rf "$scratch/evil/rootfs/$name"
		ln -s "$scratch/outside" "$scratch/evil/rootfs/$name"
		jq '.process.terminal = false | .process.args = ["true"]' "$scratch/config.json" > "$scratch/evil/config.json"
		fails 1 "link" oci run --bundle "$scratch/evil" evil
		rm "$scratch/evil/rootfs/$name"
		mkdir "$scratch/evil/rootfs/$name"
	done
	# /dev and a volume's place may be links: they are followed inside, and nothing appears outside.
	rm -rf "$scratch/evil/rootfs/dev"
	ln -s "$scratch/outside" "$scratch/evil/rootfs/dev"
	oci run --bundle "$scratch/evil" evil || true
	ln -sfn /../../../../../../../../"$scratch/outside" "$scratch/evil/rootfs/volume"
	jq ".mounts += [{ destination: \"/volume/below\", type: \"tmpfs\", source: \"tmpfs\" }]" "$scratch/evil/config.json" > "$scratch/c"
	cp "$scratch/c" "$scratch/evil/config.json"
	oci run --bundle "$scratch/evil" evil || true
	[ -z "$(ls -A "$scratch/outside")" ]
}

# The image's own /dev, with a link at the place of one of its files.
linked_dev() {
	rm -rf "$scratch/linked"
	mkdir -p "$scratch/linked" "$scratch/outside"
	cp -a "$scratch/rootfs" "$scratch/linked/rootfs"
	echo secret > "$scratch/outside/file"
	chmod 600 "$scratch/outside/file"
	mkdir -p "$scratch/linked/rootfs$scratch/outside"
	echo inside > "$scratch/linked/rootfs$scratch/outside/file"
	ln -s "$scratch/outside/file" "$scratch/linked/rootfs/dev/$1"
	jq "del(.mounts[] | select(.destination | startswith(\"/dev\"))) | .process.terminal = $2 | .process.args = [\"true\"]" \
		"$scratch/config.json" > "$scratch/linked/config.json"
}

test_null_of_the_image_hides_nothing() {
	bundle any . true
	linked_dev null false
	fails 1 "something else at its place" oci run --bundle "$scratch/linked" linked
	# A null that is a link when it comes with a mount of its own is not what paths are hidden with, either.
	mkdir -p "$scratch/devices"
	ln -sfn "$scratch/outside/file" "$scratch/devices/null"
	says "0 $scratch/outside/file" in_container ".mounts |= map(if .destination == \"/dev\" then
		{ destination: \"/dev\", type: \"bind\", source: \"$scratch/devices\", options: [\"rbind\"] }
		else select(.destination | startswith(\"/dev/\") | not) end)" \
		sh -c 'echo $(cat /proc/kcore /proc/keys /proc/timer_list | wc -c) $(readlink /dev/null)'
	[ "$(stat -c %a "$scratch/outside/file")" = 600 ]
	rm -r "$scratch/outside"
}

test_terminal_of_the_image_is_not_used() {
	bundle any . true
	linked_dev console true
	oci run --bundle "$scratch/linked" linked < /dev/null || true
	[ "$(cat "$scratch/outside/file")" = secret ]
	[ "$(stat -c '%a %U' "$scratch/outside/file")" = "600 root" ]
	[ "$(cat "$scratch/linked/rootfs$scratch/outside/file")" = inside ]
	rm -r "$scratch/outside"
}

test_a_false_proc_is_not_written_to() {
	mkdir -p "$scratch/false/sys/net/core" "$scratch/false/self/attr"
	echo 1 > "$scratch/false/sys/net/core/somaxconn"
	in_container ".linux.sysctl = { \"net.core.somaxconn\": \"4096\" } | .mounts |= map(if .destination == \"/proc\" then
		{ destination: \"/proc\", type: \"bind\", source: \"$scratch/false\", options: [\"rbind\"] } else . end)" true || true
	[ "$(cat "$scratch/false/sys/net/core/somaxconn")" = 1 ]
	# The host's /proc is covered: nothing is believed that is found there.
	folder=$(bundle covered '.linux.sysctl = { "net.core.somaxconn": "4096" }' true)
	fails 1 "" unshare --mount --propagation private sh -c 'mount --bind "$1" /proc && exec "$2" oci --root "$3" run --bundle "$4" covered' \
		sh "$scratch/false" "$mote" "$scratch/states" "$folder"
	[ "$(cat "$scratch/false/sys/net/core/somaxconn")" = 1 ]
}

test_swapped_targets_lead_nowhere() {
	mkdir -p "$scratch/race" "$scratch/away" "$scratch/volume"
	cp -a "$scratch/rootfs" "$scratch/race/rootfs"
	echo volume > "$scratch/volume/file"
	bundle any . true
	jq ".mounts += [{ destination: \"/place/in\", type: \"bind\", source: \"$scratch/volume\", options: [\"rbind\"] }] |
		.process.terminal = false | .process.args = [\"cat\", \"/place/in/file\", \"/other/in/file\"]" \
		"$scratch/config.json" > "$scratch/race/config.json"
	(
		cd "$scratch/race/rootfs" || exit 1
		mkdir other
		while [ -e "$scratch/race/config.json" ]; do
			rm -rf place && ln -sn "$scratch/away" place
			rm -f place && mkdir place
			rm -rf place && ln -sn ../../../../other place
			rm -f place
		done 2> /dev/null
	) &
	swapper=$!
	won=0
	for number in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		said=$(oci run --bundle "$scratch/race" "race$number" 2>&1) || true
		case $said in *volume*) won=$((won + 1)) ;; esac
		[ -z "$(ls -A "$scratch/away")" ]
	done
	rm "$scratch/race/config.json"
	wait "$swapper" || true
	echo "the mount was found $won times of 20"
	[ -z "$(ls -A "$scratch/away")" ]
	[ "$(cat "$scratch/volume/file")" = volume ]
}

test_paths_are_hidden() {
	says "0" in_container . sh -c 'cat /proc/kcore /proc/keys /proc/timer_list /proc/interrupts 2>/dev/null | wc -c'
	says "0" in_container . sh -c 'ls -A /sys/firmware | wc -l'
	says "ro" in_container . sh -c 'echo h > /proc/sysrq-trigger 2>/dev/null || echo ro'
	says "ro" in_container . sh -c 'echo 1 > /proc/sys/kernel/core_pattern 2>/dev/null || echo ro'
	says "ro" in_container . sh -c 'for f in /sys/fs/cgroup/*/release_agent /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs; do
		echo 0 2>/dev/null > $f && echo $f; done 2>/dev/null; echo ro'
}

test_devices_are_refused() {
	says "no" in_container '.process.capabilities.bounding += ["CAP_MKNOD"] | .process.capabilities.effective += ["CAP_MKNOD"] |
		.process.capabilities.permitted += ["CAP_MKNOD"]' \
		sh -c 'mknod /dev/disk b 254 0 && head -c 1 /dev/disk 2>/dev/null || echo no'
	fuse='.linux.devices = [{ path: "/dev/fuse2", type: "c", major: 10, minor: 229, fileMode: 384 }]'
	says "no" in_container "$fuse" sh -c '( : < /dev/fuse2 ) 2> /dev/null || echo no'
	says "yes" in_container "$fuse | .linux.resources.devices += [{ allow: true, type: \"c\", major: 10, minor: 229, access: \"rw\" }]" \
		sh -c ': < /dev/fuse2 && echo yes'
}

test_root_programs_of_others() {
	mkdir "$scratch/rootfs/suid"
	cp "$scratch/rootfs/bin/busybox" "$scratch/rootfs/suid/id"
	chmod 4755 "$scratch/rootfs/suid/id"
	says "1000" in_container '.process.user.uid = 1000' /suid/id -u
}

run_tests oci
