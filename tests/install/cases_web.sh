# shellcheck shell=sh
# shellcheck disable=SC2154,SC2016
# cases_web.sh - from web servers on loopback: plain, with TLS, and such that lead away.

# serve_files FOLDER: $http is the URL of a plain server, until the case's shell ends.
serve_files() {
	busybox httpd -f -p 127.0.0.1:8080 -h "$1" &
	servers="${servers:-} $!"
	http=http://127.0.0.1:8080
	await listens 8080
}

# serve_tls FOLDER WWW|HTTP: $https is the URL.  HTTP: each file is a whole answer with its headers.
serve_tls() {
	( cd "$1" && exec openssl s_server -quiet "-$2" -accept 127.0.0.1:8443 -cert "$work/tls/ca.pem" -key "$work/tls/key.pem" ) > /dev/null 2>&1 &
	servers="${servers:-} $!"
	https=https://localhost:8443
	await listens 8443
}

listens() { grep -q "$(printf ':%04X 00000000:0000 0A' "$1")" /proc/net/tcp; }

# shellcheck disable=SC2086
stop_servers() { [ -z "${servers:-}" ] || kill $servers 2>/dev/null || :; }

# with_each_downloader FUNCTION: what this flavour can download with.
with_each_downloader() {
	trap stop_servers EXIT
	"$@"
	[ "$flavour" = debian ] || return 0
	without_curl=yes
	"$@"
}

start_fresh() {
	fresh
	[ "${without_curl:-no}" = no ] || rm "$r/usr/bin/curl"
}

case_http() {
	serve_files "$work/dist"
	with_each_downloader install_from_web "$http"
}

case_https() {
	serve_tls "$work/dist" WWW
	with_each_downloader install_from_web "$https"
}

install_from_web() {
	start_fresh
	installs INSTALL_MOTE_URL="$1/"
	ran 'ota install'
	refused_missing "$1"
}

refused_missing() {
	: > "$r/log/mote"
	refuses 'cannot download\|is not signed\|is no version' INSTALL_MOTE_URL="$1" INSTALL_MOTE_VERSION=7.7.7
}

# https that leads to http: everything there is true and signed, and is refused all the same.
case_downgrade() {
	serve_files "$work/dist"
	rm -rf "$work/away"
	mkdir -p "$work/away/v1.0.0"
	for file in stable v1.0.0/sha256sums.txt v1.0.0/sha256sums.txt.sig v1.0.0/mote-x86_64; do
		printf 'HTTP/1.0 302 Found\r\nLocation: %s/%s\r\nContent-Length: 0\r\n\r\n' "$http" "$file" > "$work/away/$file"
	done
	serve_tls "$work/away" HTTP
	with_each_downloader downgrade_is_refused
}

downgrade_is_refused() {
	start_fresh
	refuses 'leads away from https to http: refused' INSTALL_MOTE_URL="$https"
}

# A server with a certificate of nobody.
case_unknown_certificate() {
	[ "$flavour" = debian ] || return 0
	serve_tls "$work/dist" WWW
	with_each_downloader stranger_is_refused
}

stranger_is_refused() {
	start_fresh
	: > "$r/etc/ssl/certs/ca-certificates.crt"
	: > "$r/usr/lib/ssl/cert.pem"
	refuses 'cannot download' INSTALL_MOTE_URL="$https"
}

# An older protocol than TLS 1.2.
case_old_tls() {
	[ "$flavour" = debian ] || return 0
	( cd "$work/dist" && exec openssl s_server -quiet -WWW -tls1_1 -cipher 'ALL:@SECLEVEL=0' -accept 127.0.0.1:8443 \
		-cert "$work/tls/ca.pem" -key "$work/tls/key.pem" ) > /dev/null 2>&1 &
	servers=$!
	https=https://localhost:8443
	await listens 8443
	with_each_downloader old_tls_is_refused
}

old_tls_is_refused() {
	start_fresh
	refuses 'cannot download' INSTALL_MOTE_URL="$https"
}

# A server that never ends.
case_endless() {
	trap stop_servers EXIT
	mkdir -p "$work/endless"
	head -c 70000 /dev/zero > "$work/endless/stable"
	serve_files "$work/endless"
	start_fresh
	refuses 'cannot download\|too large' INSTALL_MOTE_URL="$http"
}
