#!/bin/sh
# vm_nfs.sh - what makes an emulated machine without a distribution a server of NFS shares, and a client of them.
#
# usage: vm_nfs.sh       Prints the name of a tar archive for the root of tests/vm/init; x86_64 only.
#
# These are the distribution's own programs with the libraries and files that they read: mount(8) with its helper, as
# nodes have it, and what drives the kernel's nfsd.  The kernel's modules are in vm.sh's folder.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"

suite=bookworm
programs="bin/mount bin/umount sbin/mount.nfs sbin/exportfs sbin/rpc.nfsd sbin/rpc.mountd"
files="etc/netconfig etc/services etc/protocols etc/rpc"

# Programs of one folder, whatever the machine's busybox has put there.
fill_nfs() {
	packages=$work/packages root=$work/root
	libraries=$packages/usr/lib/x86_64-linux-gnu
	mkdir -p "$root/lib64" "$root/lib/x86_64-linux-gnu" "$root/bin" "$root/sbin" "$root/etc" "$root/var/lib/nfs"
	for name in bin sbin lib lib64; do mkdir -p "$packages/usr/$name"; ln -s "usr/$name" "$packages/$name"; done
	apt_unpack "$packages" closure mount nfs-common nfs-kernel-server netbase
	cp "$packages/usr/lib64/ld-linux-x86-64.so.2" "$root/lib64/"
	for name in $programs; do
		cp "$packages/usr/$name" "$root/$name"
		"$packages/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" --list "$packages/usr/$name" |
			sed -n "s,.* => \($libraries/[^ ]*\).*,\1,p" | xargs cp -Lt "$root/lib/x86_64-linux-gnu"
	done
	for name in mount.nfs4 umount.nfs umount.nfs4; do ln -s mount.nfs "$root/sbin/$name"; done
	for name in $files; do cp "$packages/$name" "$root/$name"; done
	tar -C "$root" --owner=0 --group=0 --numeric-owner -cf "$work/nfs.tar" .
	rm -rf "$packages" "$root"
}

unpack_nfs() {
	target=$cache/toolchain/vm-nfs-$(hash_short < "$0")
	if [ ! -e "$target/.complete" ]; then
		say "preparing the NFS programs of the emulated machine"
		work=$cache/tmp/vm-nfs
		rm -rf "$work" "$target"
		mkdir -p "$work"
		apt_arch=amd64
		apt_open "$cache/apt/tools-$apt_arch" deb "$suite"
		fill_nfs
		: > "$work/.complete"
		mv "$work" "$target"
	fi
	echo "$target/nfs.tar"
}

[ "$(uname -m)" = x86_64 ] || fail "the NFS programs are packaged for x86_64 only"
cache_find
with_lock toolchain unpack_nfs
