#!/bin/bash
# ota_bundle.sh - mote ota keygen, root, build, sign and verify, as somebody uses them who makes releases.
#
# Goal: what was made can be checked by others (openssl, a shell with dd), mistakes are named, and nothing is
# written that a device would refuse.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh

ota() { timeout 60 "$mote" ota "$@"; }

# Keys a, b, c and the root that takes two of them, in a folder of the test's own.
begin() {
	folder=$(mktemp -d -p "$scratch")
	cd "$folder" || return 1
	for name in a b c; do ota keygen --out "$name" > /dev/null; done
	ota root --threshold 2 --key a.pub --key b.pub --key c.pub --out 1.root > /dev/null
}

# build OUT [options]: of two programs that differ a little.
build() {
	out=$1
	shift
	[ -e old ] || { cp "$mote" old && { cat old; echo "one line more"; } > new; }
	echo "kind: Namespace" > app.yaml
	ota build --version 0.2.0 --epoch 2 --created 2026-11-21T00:00:00Z --expires 2036-11-21T00:00:00Z \
		--binary new --manifest app.yaml --out "$out" "$@"
}

test_keys() {
	begin
	[ "$(stat -c %a a.key)" = 600 ]
	openssl ec -in a.key -pubout 2> /dev/null | cmp - a.pub
	fails 1 "a.key is there already" ota keygen --out a
	fails 1 "--out PREFIX" ota keygen
	id=$(openssl ec -pubin -in a.pub -outform DER 2> /dev/null | sha256sum | cut -d' ' -f1)
	grep -q "^key $id " 1.root
}

test_root() {
	begin
	expect "signatures: 1, by its own keys: 1" ota root --threshold 2 --key a.pub --key b.pub --key c.pub \
		--sign a.key --out 1.root
	expect "signatures: 2" ota root --threshold 2 --key a.pub --key b.pub --key c.pub --sign b.key --out 1.root
	fails 1 "says something else" ota root --threshold 1 --key a.pub --out 1.root
	fails 1 "the key is there twice" ota root --threshold 2 --key a.pub --key a.pub --out 2.root
	fails 1 "it takes 2 keys, and there are 1" ota root --threshold 2 --key a.pub --out 2.root
	fails 1 "read the public key" ota root --key a.key --out 2.root
	[ ! -e 2.root ]
	sed '/^signature /,$d' 1.root > text
	sed -n 's/^signature [0-9a-f]* //p' 1.root | head -n 1 | base64 -d > der
	openssl dgst -sha256 -verify a.pub -signature der text
}

test_bundle() {
	begin
	build one --from old
	build two --from old
	cmp one two
	fails 1 "0 good signatures of the keys of root 1, and it takes 2" ota verify --root 1.root one
	ota sign --key a.key one
	fails 1 "1 good signatures" ota verify --root 1.root one
	ota sign --key c.key one
	expect "a key of the root" ota verify --root 1.root one
	expect "mote       binary     delta" ota verify --root 1.root one
	[ "$(stat -c %s one)" = "$(sed -n 's/^length //p' one | head -n 1)" ]
	fails 1 "there is no root of trust" ota verify --data-dir "$folder/data" one
	fails 1 "there is no root of trust" env MOTE_DATA_DIR="$folder/data" "$mote" ota verify one
	mkdir -p data/ota/trust
	cp 1.root data/ota/trust
	expect "a key of the root" ota verify --data-dir "$folder/data" one
	MOTE_DATA_DIR="$folder/data" expect "a key of the root" ota verify one
	expect "not checked" ota verify --unsigned one
	dd if=one of=damaged status=none
	printf x | dd of=damaged bs=1 seek=100000 conv=notrunc status=none
	fails 1 "damaged at byte" ota verify --root 1.root damaged
	fails 1 "damaged at byte" ota sign --key b.key damaged
	head -c 100000 one > short
	fails 1 "bytes and the bundle" ota verify --root 1.root short
	fails 1 "this is not a bundle" ota verify --root 1.root new
}

# A device with root 1 follows root 2, which the bundle brings.
test_rotation() {
	begin
	ota keygen --out d > /dev/null
	build one
	ota root --version 2 --key d.pub --sign a.key --sign d.key --out 2.root
	ota sign --key d.key --root 2.root one
	fails 1 "root 2: 1 good signatures of the keys of root 1" ota verify --root 1.root one
	build one
	ota root --version 2 --key d.pub --sign b.key --out 2.root
	ota sign --key d.key --root 2.root one
	expect "root       2" ota verify --root 1.root one
}

# What install.sh does: lines of the header and the manifest, and no program of ours.
test_shell_cuts_the_binary() {
	begin
	build one --raw
	number() { head -c 4096 one | tr -d '\0' | sed -n "s/^$1 //p"; }
	# shellcheck disable=SC2046
	set -- $(number manifest)
	tail -c "+$(($1 + 1))" one | head -c "$2" > manifest
	[ "$(sha256sum < manifest | cut -d' ' -f1)" = "$3" ]
	# shellcheck disable=SC2046
	set -- $(sed -n 's/^entry mote binary raw //p' manifest)
	tail -c "+$(($3 + 1))" one | head -c "$1" | cmp - new
}

test_detached() {
	begin
	echo "a list" > list
	ota sign --detached --key a.key list
	fails 1 "1 good signatures" ota verify --detached --root 1.root list
	ota sign --detached --key b.key list
	expect "a key of the root" ota verify --detached --root 1.root list
	[ "$(wc -l < list.sig)" = 2 ]
	sed -n '2s/.* //p' list.sig | base64 -d > der
	openssl dgst -sha256 -verify b.pub -signature der list
	openssl dgst -sha256 -sign c.key list | base64 -w 0 > c.line
	sed -i '2d' list.sig
	echo "signature $(sed -n 's/^key \([0-9a-f]*\) .*/\1/p' 1.root | sed -n 3p) $(cat c.line)" >> list.sig
	expect "a key of the root" ota verify --detached --root 1.root list
	echo "another list" > list
	fails 1 "0 good signatures" ota verify --detached --root 1.root list
}

test_mistakes() {
	begin
	build one
	fails 1 "say --epoch N" ota build --version 1.2.3 --binary new --out two
	fails 1 "versions such as 1.2.3" ota build --version 1.2 --epoch 1 --binary new --out two
	fails 1 "--created is a time" ota build --version 1.2.3 --epoch 1 --created today --binary new --out two
	fails 1 "expires before it was created" build two --created 2040-01-01T00:00:00Z
	echo x > .hidden
	fails 1 "cannot be a name" build two --config .hidden
	fails 1 "the name app.yaml is given twice" build two --config app.yaml
	fails 1 "No such file" build two --image nothing.tar
	fails 1 "say --key KEY" ota sign one
	fails 1 "private key" ota sign --key a.pub one
	fails 2 "something is missing" ota sign --key a.key
	fails 2 'no verb "sing"' ota sing
	fails 2 "--kye" ota sign --kye a.key one
	[ ! -e two ]
	[ -z "$(find . -name '*.tmp' -o -name 'two*')" ]
	expect "ota build" ota build --help
}

run_tests ota_bundle
