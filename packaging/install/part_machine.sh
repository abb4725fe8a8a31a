# shellcheck shell=sh
# part_machine.sh - what machine this is: processor, init system, memory cgroup.

# The word size of a program in bits, by its ELF header; nothing if it is no such file.
elf_bits() {
	# shellcheck disable=SC2046
	set -- $(dd if="$1" bs=1 count=5 2>/dev/null | od -An -tu1)
	case "$*" in
	'127 69 76 70 1') echo 32 ;;
	'127 69 76 70 2') echo 64 ;;
	esac
}

# A 64-bit kernel may carry a 32-bit system (Raspberry Pi OS): the system's word counts, as its pods' images are
# chosen by it, too.
userland_bits() {
	if [ -z "$root" ] && has dpkg; then
		case $(dpkg --print-architecture 2>/dev/null) in
		arm64 | amd64) echo 64; return ;;
		armhf | armel | i386) echo 32; return ;;
		esac
	fi
	if [ -z "$root" ] && has apk; then
		case $(apk --print-arch 2>/dev/null) in
		aarch64 | x86_64) echo 64; return ;;
		armhf | armv7 | x86) echo 32; return ;;
		esac
	fi
	elf_bits "$root/bin/sh"
}

# armv6 and armv7 are told apart by the processor, not by the system's word for itself: a system for armv6 runs on
# every later one.  Who runs a kernel of 64 bits has at least armv8.
find_arch() {
	machine=$(uname -m)
	case $machine in
	x86_64 | amd64) arch=x86_64 ;;
	aarch64 | arm64)
		arch=aarch64
		[ "$(userland_bits)" != 32 ] || arch=armv7
		;;
	armv8*) arch=armv7 ;;
	armv7*) arch=armv7 ;;
	armv6*) arch=armv6 ;;
	*) fail "there is no mote for this processor ($machine); there is one for x86_64, aarch64, armv7 and armv6" ;;
	esac
}

find_rights() {
	is_root=yes
	[ "$(id -u)" = 0 ] && return
	is_root=no
	has sudo || fail "this needs to be root, and there is no sudo: run it as root"
	sudo -- true || fail "this needs to be root, and sudo says no"
}

# systemd, openrc or none.
find_init() {
	init=none
	if [ -n "$root" ]; then
		if [ -e "$root/usr/lib/systemd/systemd" ] || [ -e "$root/lib/systemd/systemd" ]; then
			init=systemd
		elif [ -e "$root/sbin/openrc-run" ] || [ -e "$root/usr/sbin/openrc-run" ]; then
			init=openrc
		fi
	elif [ -d /run/systemd/system ] && has systemctl; then
		init=systemd
	elif has openrc-run && has rc-service; then
		init=openrc
	fi
}

memory_cgroup_is_on() {
	if [ -e "$root/sys/fs/cgroup/cgroup.controllers" ]; then
		grep -qw memory "$root/sys/fs/cgroup/cgroup.controllers"
	elif [ -e "$root/proc/cgroups" ]; then
		awk '$1 == "memory" && $4 == 1 { on = 1 } END { exit !on }' "$root/proc/cgroups"
	fi
}

# A Raspberry Pi has the kernel's memory cgroup off until its command line says otherwise.
check_memory_cgroup() {
	if memory_cgroup_is_on; then return; fi
	options='cgroup_memory=1 cgroup_enable=memory'
	file=
	for try in "$root/boot/firmware/cmdline.txt" "$root/boot/cmdline.txt"; do
		[ -z "$file" ] && [ -f "$try" ] && ! grep -q 'DO NOT EDIT' "$try" && file=$try
	done
	if [ -z "$file" ]; then
		warn "the kernel's memory cgroup is off: limits of memory cannot be kept; boot with $options"
	elif tr ' ' '\n' < "$file" | grep -qx cgroup_enable=memory; then
		warn "the kernel's memory cgroup is off, and $file asks for it: reboot this machine"
	elif is_true "${INSTALL_MOTE_ENABLE_CGROUPS:-}" ENABLE_CGROUPS; then
		enable_memory_cgroup "$file"
	else
		warn "the kernel's memory cgroup is off: limits of memory cannot be kept."
		warn "Run this again with INSTALL_MOTE_ENABLE_CGROUPS=true, or add to the line in $file: $options"
	fi
}

enable_memory_cgroup() {
	awk -v more="$options" 'NF && !done { sub(/[ \r]*$/, ""); print $0 " " more; done = 1; next } { print }
		END { if (!done) exit 1 }' "$1" > "$tmp/cmdline" || fail "$1 is empty; it is left as it is"
	[ -e "$1.before-mote" ] || as_root cp -p "$1" "$1.before-mote"
	put_file "$tmp/cmdline" "$1" 644
	sync
	say "the memory cgroup is on after a reboot; the former $1 is kept as $1.before-mote"
	wants_reboot=yes
}
