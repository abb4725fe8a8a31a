# shellcheck shell=sh
# part_trust.sh - what is signed: keys, signatures, the list of hashes.  Nothing that was downloaded is executed
# before this has said yes.

# openssl checks the signatures; a small system may lack it.
need_openssl() {
	if has openssl; then return; fi
	say "installing openssl, which checks the signatures"
	if has apk; then
		as_root apk add --quiet openssl > /dev/null || :
	elif has apt-get; then
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends openssl > /dev/null || :
	fi
	has openssl || fail "there is no openssl to check signatures with, and it cannot be installed: install it, then run this again"
}

# The root of trust came with this script: $tmp/root, a file per key in $tmp/keys, $threshold.
read_root() {
	root_of_trust > "$tmp/root"
	[ "$(sed -n 1p "$tmp/root")" = 'mote-root 1' ] ||
		fail "this script has no root of trust in it: it was not made by \"make dist\""
	threshold=$(sed -n 's/^threshold \([1-9][0-9]\{0,3\}\)$/\1/p' "$tmp/root")
	[ -n "$threshold" ] || fail "this script's root of trust is damaged"
	mkdir "$tmp/keys"
	sed -n 's/^key \([0-9a-f]\{64\}\) \([A-Za-z0-9+/=]*\)$/\1 \2/p' "$tmp/root" > "$tmp/key-lines"
	while read -r id base64; do
		{
			echo '-----BEGIN PUBLIC KEY-----'
			printf '%s\n' "$base64" | fold -w 64
			echo '-----END PUBLIC KEY-----'
		} > "$tmp/keys/$id"
	done < "$tmp/key-lines"
}

# check_signatures FILE LINES WHAT: enough different keys of the root have signed the bytes of FILE.
check_signatures() {
	good=0
	seen=
	sed -n 's/^signature \([0-9a-f]\{64\}\) \([A-Za-z0-9+/=]\{1,200\}\)$/\1 \2/p' "$2" | head -n 64 > "$tmp/signature-lines"
	while read -r id base64; do
		case " $seen " in *" $id "*) continue ;; esac
		[ -f "$tmp/keys/$id" ] || continue
		printf '%s\n' "$base64" | openssl base64 -d -A > "$tmp/signature" 2>/dev/null || continue
		openssl dgst -sha256 -verify "$tmp/keys/$id" -signature "$tmp/signature" "$1" > /dev/null 2>&1 || continue
		seen="$seen $id"
		good=$((good + 1))
	done < "$tmp/signature-lines"
	[ "$good" -ge "$threshold" ] ||
		fail "$3 is not signed as it must be: $good of the $threshold signatures that are needed; nothing was changed"
}

# The value of a line "# WORD VALUE" of the list.
list_value() { sed -n "s/^# $1 \\([0-9A-Za-z.:+-]*\\)\$/\\1/p" "$tmp/list" | head -n 1; }

is_before() { awk -v a="$1" -v b="$2" 'BEGIN { exit !((a "") < (b "")) }'; }

# The signed list of this version; a true list of another version, or an old one, is none.
check_list() {
	check_signatures "$tmp/list" "$tmp/list.sig" "the list of hashes"
	[ "$(sed -n 1p "$tmp/list")" = '# mote-list 1' ] || fail "what was downloaded is signed, but is no list of hashes"
	[ "$(list_value version)" = "$version" ] ||
		fail "the list of hashes is that of $(list_value version), not of $version"
	now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	created=$(list_value created)
	expires=$(list_value expires)
	if is_before "$now" "$created"; then
		warn "this machine's clock says $now, which is before $version was made: its age cannot be judged"
	elif is_before "$expires" "$now" && ! is_true "${INSTALL_MOTE_ALLOW_EXPIRED:-}" ALLOW_EXPIRED; then
		fail "the list of hashes of $version is good only until $expires; take a newer one (INSTALL_MOTE_ALLOW_EXPIRED=true takes it all the same)"
	fi
	check_floor "$(list_value epoch)"
	check_not_older "$(list_value epoch)"
}

# A channel that names an old version, signed once, may be an attack or a mistake; who names the version wants it.
check_not_older() {
	[ -z "${INSTALL_MOTE_VERSION:-}" ] || return 0
	runs=$(as_root cat "$root$data_dir/ota/current/OK" 2>/dev/null | sed -n 's/^epoch \([0-9]\{1,10\}\)$/\1/p' | head -n 1)
	[ "$1" -ge "${runs:-0}" ] ||
		fail "$channel is $version with the epoch $1, which is older than what is here ($runs); to go back, say INSTALL_MOTE_VERSION=$version"
}

# The lowest epoch that a version which was found good here allows.
check_floor() {
	floor=$(as_root cat "$root$data_dir/ota/floor" 2>/dev/null | sed -n 's/^[^0-9]*\([0-9]\{1,10\}\)[^0-9]*$/\1/p' | head -n 1)
	matches "$1" '[0-9]{1,10}' || fail "$version has no epoch"
	[ "$1" -ge "${floor:-0}" ] || fail "$version has the epoch $1; this machine takes none below ${floor:-0} any more"
}

# What the list says of a file.
listed_hash() {
	sed -n "s/^\\([0-9a-f]\\{64\\}\\)  $1\$/\\1/p" "$tmp/list" | head -n 1
}
