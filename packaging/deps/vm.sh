#!/bin/sh
# vm.sh - an emulated machine: qemu, a stock kernel with its modules, and a static busybox, unpacked into the cache.
#
# usage: vm.sh ARCH      Prints a folder with bin/qemu, vmlinuz, modules/ and busybox of x86_64 or aarch64.
#
# Nothing is installed: qemu comes with all its libraries and its own loader.  The kernel is the distribution's cloud
# kernel of the same suite as qemu: this pair is known to boot without KVM every time, newer kernels are not.
# vm_root.sh makes a whole distribution for it.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"

suite=bookworm

fill_qemu() {
	mkdir -p "$work/qemu/usr/bin" "$work/qemu/usr/sbin" "$work/qemu/usr/lib" "$work/qemu/usr/lib64"
	for name in bin sbin lib lib64; do ln -s "usr/$name" "$work/qemu/$name"; done
	apt_unpack "$work/qemu" closure "$qemu_package"
	libraries=$target/qemu/usr/lib/x86_64-linux-gnu
	cat > "$work/bin/qemu" <<WRAPPER
#!/bin/sh
QEMU_MODULE_DIR=$libraries/qemu export QEMU_MODULE_DIR
exec $target/qemu/usr/lib64/ld-linux-x86-64.so.2 --library-path $libraries:$libraries/pulseaudio:$libraries/ceph \\
	$target/qemu/usr/bin/qemu-system-$arch -L $target/qemu/usr/share/qemu -L $target/qemu/usr/share/seabios "\$@"
WRAPPER
	chmod +x "$work/bin/qemu"
	rm -rf "$work/qemu/usr/share/doc" "$work/qemu/usr/share/man" "$work/qemu/usr/share/locale"
}

fill_kernel() {
	kernel=$(apt_run apt-cache depends "linux-image-cloud-$apt_arch" | sed -n 's/^ *Depends: \(linux-image-.*\)$/\1/p')
	[ -n "$kernel" ] || fail "no cloud kernel is offered in $suite for $arch"
	mkdir -p "$work/kernel"
	apt_unpack "$work/kernel" packages "$kernel" busybox-static
	mv "$work"/kernel/boot/vmlinuz-* "$work/vmlinuz"
	find "$work/kernel" -name busybox -type f -exec mv {} "$work/busybox" \;
	# modprobe and depmod read modules/lib/modules/VERSION.
	mkdir -p "$work/modules/lib"
	find "$work/kernel" -type d -path '*lib/modules' -exec mv {} "$work/modules/lib/modules" \; -prune
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$work/modules" "$(ls "$work/modules/lib/modules")"
	rm -rf "$work/kernel"
}

unpack_machine() {
	target=$cache/toolchain/vm-$arch-$(hash_short < "$0")
	if [ ! -e "$target/.complete" ]; then
		say "preparing the emulated machine ($arch)"
		work=$cache/tmp/vm
		rm -rf "$work" "$target"
		mkdir -p "$work/bin" "$cache/toolchain"
		apt_arch=
		apt_open "$cache/apt/tools" deb "$suite"
		fill_qemu
		apt_arch=$kernel_arch
		apt_open "$cache/apt/tools-$apt_arch" deb "$suite"
		fill_kernel
		: > "$work/.complete"
		mv "$work" "$target"
	fi
	echo "$target"
}

arch=${1:-}
case $arch in
x86_64) kernel_arch=amd64 qemu_package=qemu-system-x86 ;;
aarch64) kernel_arch=arm64 qemu_package=qemu-system-arm ;;
*) fail "usage: vm.sh x86_64|aarch64" ;;
esac
[ "$(uname -m)" = x86_64 ] || fail "emulated machines are packaged for x86_64 hosts only"
cache_find
with_lock toolchain unpack_machine
