#!/bin/sh
# make_image.sh - makes the sample app's images as an archive of `docker save`, without docker and without a registry.
#
# usage: make_image.sh PROGRAM ARCH ARCHIVE
#
# Two images with one layer: mote.local/hello:1 says "hello from ...", mote.local/hello:2 "hello 2 from ...".  The same
# program gives the same archive, byte for byte.
set -eu
[ $# = 3 ] || { echo "usage: make_image.sh PROGRAM ARCH ARCHIVE" >&2; exit 2; }
program=$1 archive=$3

case $2 in
x86_64) platform='"architecture":"amd64"' ;;
aarch64) platform='"architecture":"arm64","variant":"v8"' ;;
armv7) platform='"architecture":"arm","variant":"v7"' ;;
armv6) platform='"architecture":"arm","variant":"v6"' ;;
riscv64) platform='"architecture":"riscv64"' ;;
*) echo "make_image.sh: no image architecture is known for $2" >&2; exit 2 ;;
esac

umask 022
work=$archive.parts
rm -rf "$work"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root" "$work/image"

# pack FOLDER ARCHIVE: with nothing of this machine in it: no times, no owners, no order of the disk.
pack() {
	( cd "$1" && find . -mindepth 1 | LC_ALL=C sort | sed 's,^\./,,' ) > "$work/list"
	tar -C "$1" --format=ustar --no-recursion --mtime=@0 --owner=0 --group=0 --numeric-owner \
		-cf "$2" -T "$work/list"
}

hash_of() {
	sha256sum "$1" | cut -d ' ' -f 1
}

# add_config GREETING: prints the name of the image's configuration in the archive.
add_config() {
	cat > "$work/config" <<JSON
{"created":"1970-01-01T00:00:00Z",$platform,"os":"linux","config":{"User":"65534","ExposedPorts":{"8080/tcp":{}},"Env":["PATH=/","GREETING=$1"],"Entrypoint":["/hello"],"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"make sample"}]}
JSON
	config=$(hash_of "$work/config").json
	mv "$work/config" "$work/image/$config"
	echo "$config"
}

cp "$program" "$work/root/hello"
chmod 755 "$work/root/hello"
pack "$work/root" "$work/layer.tar"
layer=$(hash_of "$work/layer.tar")
mkdir "$work/image/$layer"
mv "$work/layer.tar" "$work/image/$layer/layer.tar"
cat > "$work/image/manifest.json" <<JSON
[{"Config":"$(add_config hello)","RepoTags":["mote.local/hello:1"],"Layers":["$layer/layer.tar"]},{"Config":"$(add_config "hello 2")","RepoTags":["mote.local/hello:2"],"Layers":["$layer/layer.tar"]}]
JSON
find "$work/image" -type d -exec chmod 755 {} +
find "$work/image" -type f -exec chmod 644 {} +
pack "$work/image" "$work/whole.tar"
mv "$work/whole.tar" "$archive"
