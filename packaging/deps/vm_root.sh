#!/bin/sh
# vm_root.sh - a distribution for an emulated machine: a disk image with systemd as its first process.
#
# usage: vm_root.sh ARCH      Prints the name of an ext4 image for x86_64 or aarch64; copy it before use.
#
# The packages are unpacked, and what their scripts would have made is made here.  What a board does not need to come up
# is masked, as each unit costs an emulated machine a part of a second.  The image has the kernel's modules of vm.sh, a
# unit line.service that runs /usr/local/sbin/line if it is there, and no address: see tests/vm/lib_vm.sh.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"

suite=bookworm
image_size=1500M
packages="systemd systemd-sysv udev kmod dash bash coreutils util-linux nftables mount grep sed gawk gzip tar findutils diffutils hostname
	procps iproute2 libc-bin base-files base-passwd debianutils curl openssl ca-certificates login passwd
	apparmor"

# Units that a distribution starts and that nothing here needs.
masked="systemd-udev-trigger.service systemd-udev-settle.service systemd-journal-flush.service systemd-random-seed.service
	systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-sysusers.service systemd-firstboot.service
	systemd-hwdb-update.service systemd-journal-catalog-update.service systemd-machine-id-commit.service ldconfig.service
	systemd-remount-fs.service systemd-fsck-root.service systemd-pstore.service systemd-boot-random-seed.service
	systemd-logind.service systemd-user-sessions.service systemd-networkd.service systemd-update-done.service
	systemd-modules-load.service systemd-binfmt.service kmod-static-nodes.service systemd-tmpfiles-setup-dev.service
	modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service
	modprobe@fuse.service modprobe@loop.service
	apparmor.service getty.target getty-static.service console-getty.service systemd-ask-password-wall.path
	systemd-ask-password-console.path proc-sys-fs-binfmt_misc.automount dev-hugepages.mount dev-mqueue.mount
	sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount sys-kernel-config.mount
	systemd-tmpfiles-clean.timer apt-daily.timer fstrim.timer e2scrub_all.timer remote-fs.target"

# What the packages' scripts leave behind on a fresh machine.
accounts_make() {
	cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
	cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
	for name in systemd-network:998 systemd-resolve:997 messagebus:996; do
		echo "${name%:*}:x:${name#*:}:${name#*:}::/:/usr/sbin/nologin" >> "$root/etc/passwd"
		echo "${name%:*}:x:${name#*:}:" >> "$root/etc/group"
	done
	printf '%s:x:%s:\n' systemd-journal 995 render 994 sgx 993 >> "$root/etc/group"
	sed -i 's,^root:[^:]*:,root::,' "$root/etc/passwd"
	for name in $(cut -d : -f 1 "$root/etc/passwd"); do echo "$name:*:19000::::::"; done > "$root/etc/shadow"
	chmod 600 "$root/etc/shadow"
}

settings_make() {
	echo guest > "$root/etc/hostname"
	printf '127.0.0.1\tlocalhost\n127.0.1.1\tguest\n' > "$root/etc/hosts"
	echo '/dev/vda / ext4 defaults 0 0' > "$root/etc/fstab"
	: > "$root/etc/resolv.conf"
	: > "$root/etc/ld.so.conf"
	ln -sf dash "$root/bin/sh"
	ln -sf gawk "$root/usr/bin/awk"
	find "$root/usr/share/ca-certificates" -name '*.crt' -exec cat {} + > "$root/etc/ssl/certs/ca-certificates.crt"
	# A journal in memory: what a test wants to know of the life before, it asks before.
	mkdir -p "$root/etc/systemd/journald.conf.d"
	printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\n' > "$root/etc/systemd/journald.conf.d/test.conf"
}

units_make() {
	for name in $masked; do ln -sf /dev/null "$root/etc/systemd/system/$name"; done
	cat > "$root/etc/systemd/system/line.service" <<-'END'
	[Unit]
	Description=The test's line into this machine
	ConditionPathExists=/usr/local/sbin/line
	[Service]
	ExecStart=/bin/sh /usr/local/sbin/line
	Restart=always
	KillMode=process
	Environment=HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
	[Install]
	WantedBy=multi-user.target
	END
	mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
	ln -s ../line.service "$root/etc/systemd/system/multi-user.target.wants/line.service"
	ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"
}

fill_root() {
	root=$work/root
	for name in etc tmp run var root proc sys dev home mnt opt srv usr/local/bin usr/local/sbin usr/local/lib usr/local/share; do
		mkdir -p "$root/$name"
	done
	for name in bin sbin lib lib64; do mkdir -p "$root/usr/$name"; ln -s "usr/$name" "$root/$name"; done
	chmod 1777 "$root/tmp"
	# shellcheck disable=SC2086
	apt_unpack "$root" closure $packages
	ln -sf /run "$root/var/run"
	rm -rf "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale" "$root/usr/share/info" \
		"$root/usr/lib/udev/hwdb.d" "$root/usr/share/zoneinfo" "$root/usr/share/perl" "$root/usr/lib/systemd/catalog"
	accounts_make
	settings_make
	units_make
	cp -a "$machine/modules/lib/modules" "$root/usr/lib/modules"
	rm -rf "$root"/usr/lib/modules/*/kernel/drivers/net/ethernet "$root"/usr/lib/modules/*/kernel/drivers/infiniband
	PATH=$PATH:/usr/sbin:/sbin depmod -b "$root/usr/.." "$(ls "$root/usr/lib/modules")"
}

unpack_root() {
	target=$cache/toolchain/vm-root-$arch-$(hash_short < "$0")-${machine##*-}
	if [ ! -e "$target/.complete" ]; then
		say "preparing the distribution of the emulated machine ($arch)"
		work=$cache/tmp/vm-root
		rm -rf "$work" "$target"
		mkdir -p "$work"
		apt_open "$cache/apt/tools-$apt_arch" deb "$suite"
		fill_root
		truncate -s "$image_size" "$work/root.img"
		PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q -E root_owner=0:0 -d "$root" "$work/root.img"
		rm -rf "$root"
		: > "$work/.complete"
		mv "$work" "$target"
	fi
	echo "$target/root.img"
}

arch=${1:-}
case $arch in
x86_64) apt_arch=amd64 ;;
aarch64) apt_arch=arm64 ;;
*) fail "usage: vm_root.sh x86_64|aarch64" ;;
esac
machine=$("$deps_dir/vm.sh" "$arch")
cache_find
with_lock toolchain unpack_root
