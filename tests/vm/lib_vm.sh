# shellcheck shell=bash
# shellcheck disable=SC2154
# lib_vm.sh - an emulated machine for tests: build it, boot it, run commands in it, cut its power.
#
#   kubectl and the tests are on the host; the machine's API is at 127.0.0.1:$port.
#   The machine has a stock kernel, cgroup version 2 and a disk with /var/lib/mote and /var/log that outlives
#   the power cut; everything else in it is in memory.
#
# Read tests/cluster/lib.sh first; it gives scratch, await, expect, equal and run_tests.

machine=$(packaging/deps/vm.sh) || exit 1
vm_log=$scratch/console
disk=$scratch/disk.img
line=$scratch/line
mkfifo "$line.in" "$line.out"
exec 7<> "$line.in" 8<> "$line.out" # held open here, so that the line outlives machines and subshells
modules_wanted="virtio_pci virtio_net virtio_blk ext4 overlay veth bridge br_netfilter vxlan nf_tables nft_chain_nat
nft_numgen nft_hash nft_masq nft_nat nft_redir nft_ct nft_fib nft_fib_ipv4 nft_fib_ipv6 nft_fib_inet nft_reject
nft_reject_ipv4 nft_reject_ipv6 nft_reject_inet nft_limit nft_log nf_conntrack nf_conntrack_netlink"

# As in lib.sh, but by the clock: what is tried here may itself take seconds.
await() {
	local until=$((SECONDS + $1))
	shift
	while ! "$@" > /dev/null 2>&1; do
		[ "$SECONDS" -lt "$until" ] || { echo "never came true: $*" >&2; return 1; }
		sleep 0.05
	done
}

# The modules with all they need, and the tables modprobe and the kernel find them by.
vm_modules() {
	local root=$1 version file
	version=$(ls "$machine/modules/lib/modules")
	for name in $modules_wanted; do
		modprobe -d "$machine/modules" -S "$version" --show-depends "$name" 2>/dev/null || echo "no module $name" >&2
	done | sed -n 's,^insmod \([^ ]*\).*,\1,p' | sort -u | while read -r file; do
		install -D -m 644 "$file" "$root${file#"$machine/modules"}"
	done
	cp "$machine/modules/lib/modules/$version"/modules.builtin* "$root/lib/modules/$version/"
	cp "$machine/modules/lib/modules/$version/modules.order" "$root/lib/modules/$version/"
	depmod -b "$root" "$version"
}

# vm_build FOLDER: the files of the first root and of the data disk; FOLDER's content is put on the disk.
vm_build() {
	local root=$scratch/root
	mkdir -p "$root"/{bin,sbin,dev,proc,sys,tmp,run,etc,root,newroot,var}
	install -m 755 "$machine/busybox" "$root/bin/busybox"
	install -m 755 "$mote" "$root/bin/mote"
	install -m 755 tests/vm/init "$root/init"
	ln -s /bin/busybox "$root/sbin/modprobe"
	echo 'nameserver 10.0.2.3' > "$root/etc/resolv.conf"
	echo 'root:x:0:0:root:/root:/bin/sh' > "$root/etc/passwd"
	vm_modules "$root"
	( cd "$root" && find . | LC_ALL=C sort | /bin/busybox cpio -o -H newc 2>/dev/null | gzip -1 ) > "$scratch/initrd"
	truncate -s 512M "$disk"
	PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -d "$1" "$disk"
}

# What the line still holds of a machine that is no more.
line_drain() {
	while read -r -t 0.2 _ <&8; do :; done
}

# Switches the power on and waits for the shell.  It stays on when a test's subshell ends.
vm_boot() {
	vm_cut # never two at once
	line_drain
	"$machine/bin/qemu" -nodefaults -no-reboot -display none -M q35 -m 1024 -smp 2 -cpu max \
		-accel tcg,thread=multi,tb-size=512 -serial "file:$vm_log" \
		-chardev "pipe,id=line,path=$line" -device isa-serial,chardev=line,index=1 \
		-drive "file=$disk,format=raw,if=none,id=disk" -device virtio-blk-pci,drive=disk \
		-netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$port-:6443" \
		-device virtio-net-pci,netdev=net,romfile= \
		-kernel "$machine/vmlinuz" -initrd "$scratch/initrd" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off" \
		< /dev/null > "$scratch/qemu.log" 2>&1 7>&- 8>&- &
	echo $! > "$scratch/vm.pid"
	local text
	while read -r -t 90 text <&8; do
		[ "${text%$'\r'}" != READY ] || return 0
	done
	echo "the machine did not come up:" >&2
	tail -n 20 "$vm_log" "$scratch/qemu.log" >&2
	return 1
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
	while IFS= read -r -t 120 text <&8; do
		text=${text%$'\r'}
		case $text in
		"END "[0-9]*)
			# The line break before END is init's.
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

trap 'vm_cut; finish' EXIT
