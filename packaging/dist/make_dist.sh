#!/bin/sh
# make_dist.sh - makes the folder that a web server or a memory stick serves, from what is built.
#
# usage: make_dist.sh OUT VERSION ARCH...
#
#   OUT/install.sh               with the root of trust in it
#   OUT/root                     the root of trust
#   OUT/CHANNEL                  names a version: v0.1.0
#   OUT/vVERSION/mote-ARCH       the program
#   OUT/vVERSION/mote-ARCH.bundle          for updates: packed, with deltas
#   OUT/vVERSION/mote-ARCH-airgap.bundle   for an installation from one file: images, manifests, configuration, too
#   OUT/vVERSION/sha256sums.txt, .sig      the list of hashes and who signed it
#
# From the environment:
#   DIST_KEY      keys to sign with, with commas between; none: a key is made and kept in build/dist-key
#   DIST_ROOT     the root of trust; none: one of the .pub files beside the keys, which all must sign
#   DIST_URL      where install.sh fetches from by itself
#   DIST_FROM     older folders made by this, with commas between: updates from those versions get deltas
#   DIST_CHANNEL  the channel that names this version (stable)
#   SOURCE_DATE_EPOCH  when this was made; else the time of the commit, else of the file VERSION
#
# The same tree, keys and values give the same bytes.
set -eu
cd "$(dirname "$0")/../.."
[ $# -ge 3 ] || { echo "usage: make_dist.sh OUT VERSION ARCH..." >&2; exit 2; }
out=$1 version=$2
shift 2
release=packaging/dist/release
tool=build/mote
valid_days=365
umask 022
LC_ALL=C
export LC_ALL

say() { echo "dist: $*"; }
fail() { echo "dist: error: $*" >&2; exit 1; }

# keys and root: files of paths, one a line.
choose_keys() {
	if [ -z "${DIST_KEY:-}" ]; then
		[ -z "${DIST_ROOT:-}" ] || fail "DIST_ROOT is given, but no DIST_KEY to sign with"
		mkdir -p build/dist-key
		[ -e build/dist-key/throwaway.key ] || "$tool" ota keygen --out build/dist-key/throwaway > /dev/null
		DIST_KEY=build/dist-key/throwaway.key
		say "signed with a key of its own (build/dist-key): good for trying out; releases need DIST_KEY and DIST_ROOT"
	fi
	echo "$DIST_KEY" | tr ',' '\n' > "$work/keys"
	while read -r key; do
		[ -r "$key" ] || fail "there is no key $key"
	done < "$work/keys"
	if [ -n "${DIST_ROOT:-}" ]; then
		cp "$DIST_ROOT" "$work/out/root"
	else
		make_root
	fi
}

make_root() {
	set -- --version 1 --threshold "$(grep -c '' "$work/keys")"
	while read -r key; do
		set -- "$@" --key "${key%.key}.pub" --sign "$key"
	done < "$work/keys"
	"$tool" ota root "$@" --out "$work/out/root" > /dev/null
}

# sign FILE [WORD]: with all keys.
sign() {
	file=$1
	shift
	while read -r key; do
		set -- "$@" --key "$key"
	done < "$work/keys"
	"$tool" ota sign "$@" "$file" > /dev/null
}

choose_times() {
	made=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y VERSION)}
	created=$(date -u -d "@$made" +%Y-%m-%dT%H:%M:%SZ)
	expires=$(date -u -d "@$((made + valid_days * 86400))" +%Y-%m-%dT%H:%M:%SZ)
}

release_value() { sed -n "s/^$1 //p" "$release"; }

# old_programs ARCH: those of older folders.
old_programs() {
	echo "${DIST_FROM:-}" | tr ',' '\n' | while read -r folder; do
		[ -n "$folder" ] || continue
		found=no
		for file in "$folder/mote-$1" "$folder"/v*/mote-"$1"; do
			[ -f "$file" ] || continue
			echo "$file"
			found=yes
		done
		[ "$found" = yes ] || fail "DIST_FROM: there is no mote-$1 in $folder"
	done
}

# bundle ARCH FILE OPTION...: makes and signs one.
bundle() {
	arch=$1 file=$2
	shift 2
	"$tool" ota build --arch "$arch" --version "$version" --epoch "$(release_value epoch)" \
		--floor "$(release_value floor)" --min-from "$(release_value min-from)" \
		--created "$created" --expires "$expires" --binary "$files/mote-$arch" "$@" --out "$file" > /dev/null
	sign "$file"
	chmod 644 "$file"
	say "$(wc -c < "$file") bytes: ${file##*/}"
}

make_arch() {
	install -m 755 "build/$1/mote" "$files/mote-$1"
	say "$(wc -c < "$files/mote-$1") bytes: mote-$1"
	old_programs "$1" > "$work/old"
	set -- "$1"
	while read -r old; do
		set -- "$@" --from "$old"
	done < "$work/old"
	arch=$1
	shift
	bundle "$arch" "$files/mote-$arch.bundle" "$@"
	cp "build/$arch/hello.tar" "$work/hello.tar"
	bundle "$arch" "$files/mote-$arch-airgap.bundle" --raw --image "$work/hello.tar" \
		--manifest packaging/sample/hello.yaml --config packaging/dist/config.yaml
}

make_list() {
	{
		echo '# mote-list 1'
		echo "# version $version"
		echo "# epoch $(release_value epoch)"
		echo "# floor $(release_value floor)"
		echo "# created $created"
		echo "# expires $expires"
		( cd "$files" && sha256sum mote-* )
	} > "$files/sha256sums.txt"
	sign "$files/sha256sums.txt" --detached
}

case $version in
*[!0-9A-Za-z.+-]*) fail "the version $version has characters in it that a version may not have" ;;
esac
work=build/dist-work.$$
trap 'rm -rf "$work"' EXIT
files=$work/out/v$version
mkdir -p "$files"
choose_times
choose_keys
for arch in "$@"; do
	make_arch "$arch"
done
make_list
packaging/dist/make_install.sh "$work/out/root" "${DIST_URL:-}" > "$work/out/install.sh"
echo "v$version" > "$work/out/${DIST_CHANNEL:-stable}"
chmod 755 "$work/out/install.sh"
chmod 644 "$work/out/root" "$files"/sha256sums.txt*
find "$work/out" -exec touch -h -d "@$made" {} +
rm -rf "$out"
mkdir -p "$(dirname "$out")"
mv "$work/out" "$out"
say "$out: serve it, or copy it to a memory stick"
