# shellcheck shell=bash
# shellcheck disable=SC2154
# lib_vm.sh - an emulated machine for tests: build it, boot it, run commands in it, cut its power.
#
#   The test runs in a network namespace of its own, where 172.30.0.1 is this side of the machine's cable and
#   172.30.0.2 the machine: nothing that it says can leave.  Processes of the test end with it, however it ends.
#
# Set before the file is read:
#   vm_arch   x86_64 or aarch64
#   vm_guest  memory: busybox alone; only /var/lib/mote and /var/log are on the disk and outlive a power cut
#             disk: a distribution with systemd, all of it on the disk
# This file reads tests/cluster/lib.sh, which gives expect and equal, and with it tests/lib_checks.sh.

vm_arch=${vm_arch:-x86_64}
vm_guest=${vm_guest:-memory}
[ "$(uname -m)" = x86_64 ] || { echo "emulated machines need an x86_64 host" >&2; exit 1; }
machine=$(packaging/deps/vm.sh "$vm_arch") || exit 1
[ "$vm_guest" = memory ] || vm_image=$(packaging/deps/vm_root.sh "$vm_arch") || exit 1
if [ -z "${vm_inside:-}" ]; then
	packaging/deps/clients.sh kubectl > /dev/null || exit 1
	[ "$(id -u)" = 0 ] || as_root=--map-root-user
	# shellcheck disable=SC2086
	vm_inside=1 exec unshare ${as_root:-} --net --pid --fork --kill-child --mount-proc bash "$0" "$@"
fi
unset vm_inside
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=tests/cluster/lib.sh
. tests/cluster/lib.sh

here=172.30.0.1
guest=172.30.0.2
vm_log=$scratch/console
vm_disk=$scratch/disk.img
vm_payload=$scratch/payload.img
line=$scratch/line
mkfifo "$line.in" "$line.out"
exec 7<> "$line.in" 8<> "$line.out" # held open here, so that the line outlives machines and subshells
ip link set lo up
ip tuntap add tap0 mode tap
ip address add $here/24 dev tap0
ip link set tap0 up

case $vm_arch in
x86_64) vm_kind="-M q35 -cpu max" vm_console=ttyS0 vm_binary=build/x86_64 vm_image_arch=amd64 ;;
aarch64) vm_kind="-M virt -cpu cortex-a72" vm_console=ttyAMA0 vm_binary=build/aarch64 vm_image_arch=arm64 ;;
esac

vm_modules="virtio_pci virtio_net virtio_blk virtio_console ext4"
[ "$vm_guest" = disk ] || vm_modules="$vm_modules overlay veth bridge br_netfilter vxlan nf_tables nft_chain_nat
nft_numgen nft_hash nft_masq nft_nat nft_redir nft_ct nft_fib nft_fib_ipv4 nft_fib_ipv6 nft_fib_inet nft_reject
nft_reject_ipv4 nft_reject_ipv6 nft_reject_inet nft_limit nft_log nf_conntrack nf_conntrack_netlink"

# The modules with all they need, and the tables modprobe and the kernel find them by.
vm_modules_copy() {
	local root=$1 version file
	version=$(ls "$machine/modules/lib/modules")
	for name in $vm_modules; do
		modprobe -d "$machine/modules" -S "$version" --show-depends "$name" 2>/dev/null || echo "no module $name" >&2
	done | sed -n 's,^insmod \([^ ]*\).*,\1,p' | sort -u | while read -r file; do
		install -D -m 644 "$file" "$root${file#"$machine/modules"}"
	done
	cp "$machine/modules/lib/modules/$version"/modules.builtin* "$root/lib/modules/$version/"
	cp "$machine/modules/lib/modules/$version/modules.order" "$root/lib/modules/$version/"
	depmod -b "$root" "$version"
}

# vm_build FOLDER: a machine that was never on, with the folder as its /payload; the product's binary is added.
vm_build() {
	local root=$scratch/root
	mkdir -p "$root"/{bin,sbin,dev,proc,sys,tmp,run,etc,root,newroot,var}
	install -m 755 "$machine/busybox" "$root/bin/busybox"
	install -m 755 tests/vm/init "$root/init"
	install -m 644 tests/vm/line "$root/line"
	ln -s /bin/busybox "$root/sbin/modprobe"
	: > "$root/etc/resolv.conf"
	echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
	vm_modules_copy "$root"
	( cd "$root" && find . | LC_ALL=C sort | /bin/busybox cpio -o -H newc 2>/dev/null | gzip -1 ) > "$scratch/initrd"
	[ -e "$1/mote" ] || install -m 755 "$vm_binary/mote" "$1/mote"
	truncate -s $(($(du -sm "$1" | cut -f 1) * 5 / 4 + 16))M "$vm_payload"
	mkfs.ext4 -q -O ^has_journal -d "$1" "$vm_payload"
	vm_wipe
}

# The disk is as on the first day.
vm_wipe() {
	rm -f "$vm_disk"
	if [ "$vm_guest" = disk ]; then
		cp --sparse=always "$vm_image" "$vm_disk"
	else
		truncate -s 512M "$vm_disk"
		mkfs.ext4 -q "$vm_disk"
	fi
}

# Switches the power on.  It stays on when a test's subshell ends.  no_timer_check: on a busy machine the emulated timer
# may be late when an x86 kernel tries it, which then panics.
#   vm_cable  none: the machine has no network device
#   vm_clock  what its clock says at the start, as 1970-01-02T00:00:00; it is this machine's when empty
vm_on() {
	local net="-netdev tap,id=net,ifname=tap0,script=no,downscript=no -device virtio-net-pci,netdev=net,romfile="
	[ "${vm_cable:-}" != none ] || net=
	vm_cut # never two at once
	line_drain
	# shellcheck disable=SC2086
	"$machine/bin/qemu" -nodefaults -no-reboot -display none $vm_kind -m "${vm_memory:-1024}" -smp 2 \
		-accel tcg,thread=multi,tb-size=512 -serial "file:$vm_log" ${vm_clock:+-rtc base=$vm_clock} \
		-device virtio-serial-pci -chardev "pipe,id=line,path=$line" -device virtserialport,chardev=line \
		-drive "file=$vm_disk,format=raw,if=none,id=disk" -device virtio-blk-pci,drive=disk \
		-drive "file=$vm_payload,format=raw,if=none,id=payload,readonly=on" -device virtio-blk-pci,drive=payload \
		$net -device virtio-rng-pci -kernel "$machine/vmlinuz" -initrd "$scratch/initrd" \
		-append "console=$vm_console quiet panic=-1 mitigations=off no_timer_check $(vm_words)" \
		< /dev/null > "$scratch/qemu.log" 2>&1 7>&- 8>&- &
	echo $! > "$scratch/vm.pid"
}

# What the machine's own programs read from the kernel's line.
vm_words() {
	echo "guest=$vm_guest name=${vm_name:-vm} ipaddr=$guest gateway=$here net.ifnames=0 systemd.show_status=false"
}

# Waits until the machine listens.
vm_wait() {
	local text until=$((SECONDS + 120))
	while [ "$SECONDS" -lt "$until" ] && ! vm_is_off "$(cat "$scratch/vm.pid")"; do
		IFS= read -r -t 1 text <&8 || continue
		[ "${text%$'\r'}" != READY ] || return 0
	done
	echo "the machine did not come up:" >&2
	head -n 40 "$vm_log" "$scratch/qemu.log" >&2
	return 1
}

vm_boot() {
	vm_on && vm_wait
}

# What the line still holds of a machine that is no more.
line_drain() {
	while read -r -t 0.2 _ <&8; do :; done
}

# Pulls the plug: what the machine had not given to its disk is lost.
vm_cut() {
	local pid
	pid=$(cat "$scratch/vm.pid" 2>/dev/null) || return 0
	rm "$scratch/vm.pid"
	kill -9 "$pid" 2>/dev/null || return 0
	await 10 vm_is_off "$pid"
}

vm_is_off() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"
}

# vm COMMANDS: in the machine, as root; prints what they print, ends as they end.  A line break is a space.
vm() {
	local text last='' count=0
	printf '%s\n' "${*//$'\n'/ }" >&7
	while IFS= read -r -t "${vm_seconds:-120}" text <&8; do
		text=${text%$'\r'}
		case $text in
		"END "[0-9]*)
			# The line break before END is the line's own.
			[ -z "$last" ] || printf '%s\n' "$last"
			return "${text#END }"
			;;
		esac
		[ "$count" = 0 ] || printf '%s\n' "$last"
		last=$text
		count=$((count + 1))
	done
	echo "no answer from the machine to: $*" >&2
	return 125
}

# vm_is TEXT COMMAND-LINE: the command's output in the machine is exactly that.
vm_is() {
	equal "$1" vm "$2"
}

# In a subshell, as it must stop at the first failure, and not in a condition: bash would go on there.
# open_or_end NAME FUNCTION: what all tests of the file need, or the file has failed.
open_or_end() {
	( set -e; "$2" ) > "$scratch/open" 2>&1
	[ $? = 0 ] && return
	sed 's/^/    /' "$scratch/open"
	tail -n 20 "$vm_log"
	[ "$vm_guest" = memory ] || vm_seconds=10 vm 'journalctl --no-pager -n 40 -u mote -o cat'
	echo "$1: 0 passed, 1 failed"
	exit 1
}

trap 'vm_cut; finish' EXIT
