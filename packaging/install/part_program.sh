# shellcheck shell=sh
# part_program.sh - the verified program as $tmp/mote: from a web server, a folder, or a bundle.

program_from_dist() {
	[ -n "$url" ] || fail "say where mote is: INSTALL_MOTE_URL=https://... or INSTALL_MOTE_BUNDLE=FILE"
	find_downloader
	need_openssl
	read_root
	choose_version
	fetch "v$version/sha256sums.txt" "$tmp/list" "$list_max"
	fetch "v$version/sha256sums.txt.sig" "$tmp/list.sig" "$list_max"
	check_list
	wanted=$(listed_hash "mote-$arch")
	[ -n "$wanted" ] || fail "there is no mote $version for $arch at $url"
	if program_is_here "$wanted"; then
		say "mote $version for $arch is here already"
		return
	fi
	say "fetching mote $version for $arch"
	fetch "v$version/mote-$arch" "$tmp/download" "$binary_max"
	[ "$(hash_of "$tmp/download")" = "$wanted" ] ||
		fail "mote-$arch is not what the signed list says; nothing was changed"
	chmod 700 "$tmp/download"
	mv "$tmp/download" "$tmp/mote"
}

# The version that runs has this hash: no need to fetch it.
program_is_here() {
	as_root test -f "$root$data_dir/ota/current/bin" || return 1
	as_root cat "$root$data_dir/ota/current/bin" > "$tmp/here" || return 1
	[ "$(hash_of "$tmp/here")" = "$1" ] || return 1
	chmod 700 "$tmp/here"
	mv "$tmp/here" "$tmp/mote"
}

# cut FILE OFFSET SIZE: these bytes of it.
cut_out() { tail -c "+$(($2 + 1))" "$1" | head -c "$3"; }

# The values after WORD in the header of the bundle; there is one line of it, in its one form.
header_values() {
	values=$(sed -n "s/^$1 //p" "$tmp/header-lines")
	matches "$values" "$2" || fail "$bundle has no good line \"$1\" in its header"
	printf '%s\n' "$values"
}

number='(0|[1-9][0-9]{0,15})'
sha256='[0-9a-f]{64}'

program_from_bundle() {
	bundle=$INSTALL_MOTE_BUNDLE
	[ -f "$bundle" ] || fail "there is no file $bundle"
	need_openssl
	read_root
	head -c 4096 "$bundle" > "$tmp/header"
	tr -d '\000' < "$tmp/header" > "$tmp/header-lines"
	[ "$(wc -c < "$tmp/header") $(sed -n 1p "$tmp/header-lines")" = '4096 mote-bundle 1' ] || fail "$bundle is no bundle of mote"
	range=$(header_values signatures "$number $number") || exit 1
	[ "${range#* }" -le 65536 ] || fail "$bundle: too many signatures"
	cut_out "$bundle" "${range% *}" "${range#* }" > "$tmp/bundle-signatures"
	check_signatures "$tmp/header" "$tmp/bundle-signatures" "$bundle"
	check_bundle_header
	check_bundle_manifest
	cut_program
}

# The header is signed from here on.
check_bundle_header() {
	found=$(header_values arch '[a-z0-9_]{1,15}') || exit 1
	[ "$found" = "$arch" ] || fail "$bundle is for $found; this machine is $arch"
	version=$(header_values version '[0-9A-Za-z.+-]{1,64}') || exit 1
	epoch=$(header_values epoch "$number") || exit 1
	check_floor "$epoch"
	expires=$(header_values expires '[0-9TZ:-]{20}') || exit 1
	! is_before "$expires" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" || warn "$bundle was meant to be used until $expires"
	length=$(header_values length "$number") || exit 1
	[ "$(wc -c < "$bundle")" -eq "$length" ] || fail "$bundle is not whole: it should have $length bytes"
}

check_bundle_manifest() {
	range=$(header_values manifest "$number $number $sha256") || exit 1
	# shellcheck disable=SC2086
	set -- $range
	[ "$2" -le 262144 ] || fail "$bundle: its manifest is too large"
	cut_out "$bundle" "$1" "$2" > "$tmp/manifest"
	[ "$(hash_of "$tmp/manifest")" = "$3" ] || fail "$bundle is damaged: its manifest is not what was signed"
}

cut_program() {
	entry=$(sed -n 's/^entry [A-Za-z0-9._-]* binary //p' "$tmp/manifest")
	matches "$entry" "(raw|zstd) $number $sha256 $number $number" || fail "$bundle has not just one program in it"
	# shellcheck disable=SC2086
	set -- $entry
	[ "$1" = raw ] || fail "$bundle is for updates; for an installation take mote-$arch-airgap.bundle"
	if [ "$2" -gt "$binary_max" ] || [ "$5" != "$2" ]; then
		fail "$bundle: its program has a wrong size"
	fi
	cut_out "$bundle" "$4" "$5" > "$tmp/cut"
	[ "$(hash_of "$tmp/cut")" = "$3" ] || fail "$bundle is damaged: its program is not what was signed"
	chmod 700 "$tmp/cut"
	mv "$tmp/cut" "$tmp/mote"
	say "installing mote $version for $arch from $bundle"
}

# Puts $tmp/mote into the folder of versions, and the command into the bin folder.
install_program() {
	set -- --data-dir "$root$data_dir" --bin-dir "$root$bin_dir" --config-dir "$root/etc/mote" --root "$tmp/root"
	if [ -n "${INSTALL_MOTE_BUNDLE:-}" ]; then
		set -- "$@" --bundle "$INSTALL_MOTE_BUNDLE"
	else
		set -- "$@" --epoch "$(list_value epoch)" --floor "$(list_value floor | grep . || echo 0)"
	fi
	as_root mkdir -p "$root$bin_dir"
	as_root "$tmp/mote" ota install "$@" || {
		[ $? != 126 ] || fail "nothing may be executed in $tmp: set TMPDIR to a folder where it may"
		fail "mote ota install: see above"
	}
	rm -f "$tmp/mote"
	[ -z "$root" ] || link_inside
}

# In a folder that becomes the root of a machine, the link must be right there.
link_inside() {
	target=$(as_root readlink "$root$bin_dir/mote") || return 0
	case $target in
	"$root"/*)
		as_root ln -sf "${target#"$root"}" "$root$bin_dir/mote.mote-new"
		as_root mv -f "$root$bin_dir/mote.mote-new" "$root$bin_dir/mote"
		;;
	esac
}

need_program() {
	as_root test -x "$root$bin_dir/mote" || as_root test -L "$root$bin_dir/mote" ||
		fail "INSTALL_MOTE_SKIP_DOWNLOAD=true, but there is no $bin_dir/mote"
}
