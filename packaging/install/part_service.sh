# shellcheck shell=sh
# part_service.sh - the service: its environment, its unit, whether it must be started again.

# The environment: MOTE_* and the proxies.  Values may have anything but line breaks.
write_environment() {
	: > "$tmp/environment"
	for name in $(env | sed -n 's/^\(MOTE_[A-Z0-9_]*\)=.*/\1/p; s/^\([A-Za-z0-9_]*_\(proxy\|PROXY\)\)=.*/\1/p' | LC_ALL=C sort -u); do
		matches "$name" '[A-Za-z_][A-Za-z0-9_]*' || continue
		eval "value=\${$name-}"
		# A line of another variable's value may look like a name.
		[ -n "$value" ] || continue
		refuse_control "$name" "$value"
		printf '%s="%s"\n' "$name" "$(escape_double "$value")" >> "$tmp/environment"
	done
	put_file "$tmp/environment" "$root$env_file" 600
}

write_systemd() {
	cat > "$tmp/unit" <<UNIT
# Written by the installer of mote; it writes it again.  Own settings: systemctl edit $service
# data-dir $data_dir
[Unit]
Description=mote: Kubernetes for small machines ($mode)
# Not network-online.target: a node starts its pods also where no network comes up.
After=network.target local-fs.target
# A board that nobody visits is tried again for ever.
StartLimitIntervalSec=0

[Install]
WantedBy=multi-user.target

[Service]
Type=notify
# The process that was started speaks; an update replaces the program in that same process.
NotifyAccess=main
# Longer than a new version has for its gates: who takes it back is the watcher, not systemd.
TimeoutStartSec=360
WatchdogSec=60
Restart=always
RestartSec=2
EnvironmentFile=-$env_file
ExecStart=$bin_dir/mote $mode$unit_arguments

# Pods live on while the service ends or starts: only its main process is ended, and the cgroups below it are its own.
KillMode=process
Delegate=yes
# All pods count as tasks of this service, and each has its own limit.
TasksMax=infinity
LimitNOFILE=1048576

# Hardening.  Everything here is inherited by the pods, also by privileged ones, so what may break a pod is left out:
# no private mounts (volumes must be seen by the host), no filter of system calls, no NoNewPrivileges (setuid programs in
# images).  The runtime gives each container its own smaller set.
# CAP_MAC_ADMIN is for the profile of AppArmor that containers get; pods are started without it.
CapabilityBoundingSet=~CAP_MAC_OVERRIDE
# No pod may wake the machine, or keep it from sleeping.
CapabilityBoundingSet=~CAP_WAKE_ALARM CAP_BLOCK_SUSPEND
# The program is static; its children shall load what they were linked with.
UnsetEnvironment=LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT
# Keys in the kernel's keyring are not those of other services.
KeyringMode=private
# Files it makes are for root, unless it says otherwise; containers start with 022.
UMask=0077
# When memory is short, pods go first; the runtime gives each container its own score.
OOMScoreAdjust=-900
UNIT
	put_file "$tmp/unit" "$unit_file" 644
}

write_openrc() {
	cat > "$tmp/unit" <<UNIT
#!/sbin/openrc-run
# Written by the installer of mote; it writes it again.
# data-dir $data_dir
name="$service"
description="mote: Kubernetes for small machines ($mode)"
supervisor=supervise-daemon
command="$bin_dir/mote"
command_args="$(escape_double "$mode$arguments")"
pidfile="/run/$service.pid"
output_log="/var/log/$service.log"
error_log="/var/log/$service.log"
respawn_delay=2
# A board that nobody visits is tried again for ever.
respawn_max=0
rc_ulimit="-n 1048576"
umask=0077

set -o allexport
[ ! -f "$env_file" ] || . "$env_file"
set +o allexport
unset LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT

# Not net: a node starts its pods also where no network comes up.
depend() {
	need localmount
	want cgroups
	after net firewall
}
UNIT
	put_file "$tmp/unit" "$script_file" 755
	cat > "$tmp/rotate" <<ROTATE
# Written by the installer of mote; it writes it again.
/var/log/$service.log {
	missingok
	notifempty
	size 1M
	rotate 3
	copytruncate
}
ROTATE
	put_file "$tmp/rotate" "$root/etc/logrotate.d/$service" 644
}

# What the service would run, in one hash.
fingerprint() {
	for file in "$unit_file" "$script_file" "$root$env_file" "$root$data_dir/ota/state.a" "$root$data_dir/ota/state.b"; do
		printf '%s ' "$file"
		if as_root test -f "$file"; then as_root cat "$file" | sha256sum; else echo none; fi
	done > "$tmp/fingerprint"
	for file in "$root$bin_dir/mote" "$root$data_dir/ota/current"; do
		as_root readlink "$file" || echo none
	done >> "$tmp/fingerprint"
	# A program that was put there by hand.
	if as_root test -f "$root$bin_dir/mote" && ! as_root test -L "$root$bin_dir/mote"; then
		as_root cat "$root$bin_dir/mote" | sha256sum >> "$tmp/fingerprint"
	fi
	hash_of "$tmp/fingerprint"
}

write_service() {
	write_environment
	case $init in
	systemd) write_systemd ;;
	openrc) write_openrc ;;
	esac
}

# enable_and_start HAS_CHANGED
enable_and_start() {
	if [ "$init" = none ]; then
		say "there is neither systemd nor OpenRC here.  Let what supervises this machine run:"
		say "  set -a; . $env_file; exec $bin_dir/mote $mode$arguments"
		return
	fi
	if [ -n "$root" ]; then
		say "installed below $root; nothing is enabled or started there"
		return
	fi
	[ "$init" != systemd ] || systemctl_or_fail daemon-reload
	is_true "${INSTALL_MOTE_SKIP_ENABLE:-}" SKIP_ENABLE || enable_service
	if is_true "${INSTALL_MOTE_SKIP_START:-}" SKIP_START; then
		say "$service is not started (INSTALL_MOTE_SKIP_START)"
	elif [ "$1" = no ] && ! is_true "${INSTALL_MOTE_FORCE_RESTART:-}" FORCE_RESTART; then
		say "nothing has changed; $service is not restarted"
		start_service start
	else
		say "starting $service"
		start_service restart
	fi
}

systemctl_or_fail() { as_root systemctl --quiet "$@" || fail "systemctl $* failed; journalctl -u $service tells more"; }

enable_service() {
	case $init in
	systemd) systemctl_or_fail enable "$service.service" ;;
	openrc) as_root rc-update -q add "$service" default || fail "rc-update add $service failed" ;;
	esac
}

# start does nothing to a service that runs.
start_service() {
	case $init in
	systemd) systemctl_or_fail "$1" "$service.service" ;;
	openrc) if [ "$1" = restart ] || ! as_root rc-service -q "$service" status > /dev/null 2>&1; then
		as_root rc-service "$service" "$1" || fail "rc-service $service $1 failed; /var/log/$service.log tells more"
	fi ;;
	esac
}
