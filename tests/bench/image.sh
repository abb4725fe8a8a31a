#!/bin/sh
# image.sh - the image whose pods are measured: this machine's static busybox, as an archive to put
# into a node's folder of images.
#
# usage: image.sh FILE      Writes FILE; its one tag is $(image.sh), "localhost/bench:1".
set -eu
tag=localhost/bench:1
[ $# = 1 ] || { echo "$tag"; exit 0; }
target=$1
busybox=/bin/busybox
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

hash_of() { sha256sum "$1" | cut -d ' ' -f 1; }

mkdir -p "$work/root/bin" "$work/root/tmp" "$work/image"
cp "$busybox" "$work/root/bin/busybox"
for name in sh sleep; do ln -s busybox "$work/root/bin/$name"; done
( cd "$work/root" && tar --owner=0 --group=0 --sort=name -cf "$work/layer.tar" . )
layer=$(hash_of "$work/layer.tar")
case $(uname -m) in
x86_64) processor=amd64 ;;
aarch64) processor=arm64 ;;
armv*) processor=arm ;;
*) processor=$(uname -m) ;;
esac
printf '{"architecture":"%s","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
	"$processor" "$layer" > "$work/config"
config=$(hash_of "$work/config")
mkdir "$work/image/$layer"
mv "$work/layer.tar" "$work/image/$layer/layer.tar"
mv "$work/config" "$work/image/$config.json"
printf '[{"Config":"%s.json","RepoTags":["%s"],"Layers":["%s/layer.tar"]}]' "$config" "$tag" "$layer" \
	> "$work/image/manifest.json"
( cd "$work/image" && tar --owner=0 --group=0 --sort=name -cf "$target" -- * )
