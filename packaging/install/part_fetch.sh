# shellcheck shell=sh
# part_fetch.sh - getting files from a web server or a folder.  What comes is believed in part_trust.sh only.

list_max=65536
binary_max=16777216

# fetch NAME FILE BYTES_MAX: the file NAME below $url.
fetch() {
	case $url in
	/* | file:///*) fetch_copy "${url#file://}/$1" "$2" "$3" ;;
	https://?* | http://?*) fetch_web "$url/$(printf '%s\n' "$1" | sed 's/+/%2B/g')" "$2" "$3" ;;
	*) fail "INSTALL_MOTE_URL is \"$url\"; it must be https://..., http://... or the absolute path of a folder" ;;
	esac
}

fetch_copy() {
	[ -f "$1" ] || fail "there is no $1"
	head -c "$(($3 + 1))" "$1" > "$2" || fail "cannot read $1"
	[ "$(wc -c < "$2")" -le "$3" ] || fail "$1 is too large to be what it should be"
}

# Three tries.  The limit of a file's size stops a server that never ends.
fetch_web() {
	try=1
	until ( ulimit -f "$((($3 + 511) / 512))" && "fetch_by_$downloader" "$1" "$2" ) 2> "$tmp/fetch.log"; do
		if is_downgrade "$1"; then break; fi
		[ "$try" -lt 3 ] || fail "cannot download $1: $(tail -n 1 "$tmp/fetch.log")"
		try=$((try + 1))
		sleep 1
	done
	! is_downgrade "$1" || fail "$1 leads away from https to http: refused"
	[ -f "$2" ] || fail "cannot download $1: $(tail -n 1 "$tmp/fetch.log")"
	[ "$(wc -c < "$2")" -le "$3" ] || fail "$1 is too large to be what it should be"
}

find_downloader() {
	case $url in http://* | https://*) ;; *) return ;; esac
	if has curl; then
		downloader=curl
	elif has wget && wget --version 2>/dev/null | grep -q GNU; then
		downloader=gnu_wget
	elif has wget; then
		downloader=wget
	else
		fail "neither curl nor wget is here to download with; install one, or use INSTALL_MOTE_BUNDLE"
	fi
}

fetch_by_curl() {
	protocols='=https'
	case $1 in http:*) protocols='=http,https' ;; esac
	curl -fsSL --proto "$protocols" --proto-redir "$protocols" --tlsv1.2 --max-redirs 5 \
		--connect-timeout 30 --speed-limit 50 --speed-time 60 -o "$2" -- "$1"
}
fetch_by_gnu_wget() { wget -S --secure-protocol=TLSv1_2 --max-redirect=5 -t 1 -T 60 -O "$2" -- "$1"; }
# busybox: it has its own time limit, and its -T crashes in some releases.
fetch_by_wget() { wget -S -O "$2" -- "$1"; }

# curl does not go there; of wget, the headers of the answers tell.
is_downgrade() {
	case $1 in http:*) return 1 ;; esac
	grep -Eiq '^[[:space:]]*location:[[:space:]]*http:|protocol "?http"? .*(disabled|not supported)' "$tmp/fetch.log"
}

# The version that is wanted, from INSTALL_MOTE_VERSION or the channel's file.
choose_version() {
	version=${INSTALL_MOTE_VERSION:-}
	channel=${INSTALL_MOTE_CHANNEL:-stable}
	if [ -z "$version" ]; then
		matches "$channel" '[A-Za-z0-9][A-Za-z0-9._-]{0,62}' ||
			fail "INSTALL_MOTE_CHANNEL is \"$channel\"; it is a word such as stable"
		fetch "$channel" "$tmp/channel" 4096
		version=$(head -n 1 "$tmp/channel")
	fi
	version=${version#v}
	matches "$version" '[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]{0,58}' ||
		fail "\"$version\" is no version; one is written as 0.1.0"
}
