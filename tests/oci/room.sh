#!/bin/bash
# room.sh - runs a command where the distribution's container programs seem to be installed: their unpacked packages lie
# over /usr and /etc in a mount namespace of the command's own, so that nothing is installed and nothing stays.
#
# usage: room.sh NAME[,NAME...] COMMAND...      NAME: as in packaging/deps/clients.sh
set -eu
cd "$(dirname "$0")/../.."
names=$1
shift
if [ -z "${MOTE_OCI_ROOM:-}" ]; then
	over=
	for name in ${names//,/ }; do
		over=$over:$(packaging/deps/clients.sh "$name")
	done
	MOTE_OCI_ROOM=${over#:} exec unshare --mount --propagation private "$0" "$names" "$@"
fi
# The newest C library has to be the one that all take: the packages' own, before the machine's.
usr='' etc=''
for folder in ${MOTE_OCI_ROOM//:/ }; do
	[ ! -d "$folder/usr" ] || usr=$usr:$folder/usr
	[ ! -d "$folder/etc" ] || etc=$etc:$folder/etc
done
[ -z "$etc" ] || mount -t overlay overlay -o "ro,lowerdir=${etc#:}:/etc" /etc
mount -t overlay overlay -o "ro,lowerdir=${usr#:}:/usr" /usr
# Version 1 of cgroups has its hierarchies in a folder in memory, and the programs make others beside them that are none
# and stay: here they get a folder of their own.  Where version 2 is mounted there as well, crun refuses to work.
if [ "$(stat -f -c %T /sys/fs/cgroup)" = tmpfs ]; then
	stage=$(mktemp -d)
	mount -t tmpfs -o mode=755 tmpfs "$stage"
	for folder in /sys/fs/cgroup/*; do
		name=${folder##*/}
		if [ -L "$folder" ]; then
			cp -P "$folder" "$stage/$name"
		elif [ "$name" != unified ] && mountpoint -q "$folder"; then
			mkdir "$stage/$name"
			mount --bind "$folder" "$stage/$name"
		fi
	done
	umount -R -l /sys/fs/cgroup
	mount --move "$stage" /sys/fs/cgroup
	rmdir "$stage"
fi
unset MOTE_OCI_ROOM
exec "$@"
