#!/bin/sh
# vm.sh - an emulated machine: qemu, a stock kernel with its modules, and a static busybox, unpacked into the cache.
#
# usage: vm.sh      Prints a folder with bin/qemu (x86_64), vmlinuz, modules/ and busybox.
#
# Nothing is installed: qemu comes with all its libraries and its own loader.  The kernel is the distribution's cloud
# kernel of the same suite as qemu: this pair is known to boot without KVM every time, newer kernels are not.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"

suite=bookworm

# unpack_into FOLDER COMMAND...: what the command downloads to $work/debs is unpacked into the folder.
unpack_into() {
	folder=$1
	shift
	mkdir -p "$folder" "$work/debs/partial"
	"$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "cannot download: $*"; }
	for deb in "$work"/debs/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$folder" --keep-directory-symlink
	done
	rm -rf "$work/debs"
}

closure_get() {
	apt_run apt-get -y install --download-only --no-install-recommends -o Dir::Cache::archives="$work/debs" "$@"
}

packages_get() {
	( cd "$work/debs" && apt_run apt-get download "$@" )
}

fill_qemu() {
	mkdir -p "$work/qemu/usr/bin" "$work/qemu/usr/sbin" "$work/qemu/usr/lib" "$work/qemu/usr/lib64"
	for name in bin sbin lib lib64; do ln -s "usr/$name" "$work/qemu/$name"; done
	unpack_into "$work/qemu" closure_get qemu-system-x86
	libraries=$target/qemu/usr/lib/x86_64-linux-gnu
	cat > "$work/bin/qemu" <<WRAPPER
#!/bin/sh
QEMU_MODULE_DIR=$libraries/qemu export QEMU_MODULE_DIR
exec $target/qemu/usr/lib64/ld-linux-x86-64.so.2 --library-path $libraries:$libraries/pulseaudio:$libraries/ceph \\
	$target/qemu/usr/bin/qemu-system-x86_64 -L $target/qemu/usr/share/qemu -L $target/qemu/usr/share/seabios "\$@"
WRAPPER
	chmod +x "$work/bin/qemu"
	rm -rf "$work/qemu/usr/share/doc" "$work/qemu/usr/share/man" "$work/qemu/usr/share/locale"
}

fill_kernel() {
	kernel=$(apt_run apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-.*\)$/\1/p')
	[ -n "$kernel" ] || fail "no cloud kernel is offered in $suite"
	unpack_into "$work/kernel" packages_get "$kernel" busybox-static
	mv "$work"/kernel/boot/vmlinuz-* "$work/vmlinuz"
	find "$work/kernel" -name busybox -type f -exec mv {} "$work/busybox" \;
	# modprobe and depmod read modules/lib/modules/VERSION.
	mkdir -p "$work/modules/lib"
	find "$work/kernel" -type d -path '*lib/modules' -exec mv {} "$work/modules/lib/modules" \; -prune
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$work/modules" "$(ls "$work/modules/lib/modules")"
	rm -rf "$work/kernel"
}

unpack_machine() {
	target=$cache/toolchain/vm-$(hash_short < "$0")
	if [ ! -e "$target/.complete" ]; then
		say "preparing the emulated machine"
		apt_open "$cache/apt/tools" deb "$suite"
		work=$cache/tmp/vm
		rm -rf "$work" "$target"
		mkdir -p "$work/bin" "$cache/toolchain"
		fill_qemu
		fill_kernel
		rm "$work/log"
		: > "$work/.complete"
		mv "$work" "$target"
	fi
	echo "$target"
}

[ $# = 0 ] || fail "usage: vm.sh"
[ "$(uname -m)" = x86_64 ] || fail "the emulated machine is packaged for x86_64 hosts only"
cache_find
with_lock toolchain unpack_machine
