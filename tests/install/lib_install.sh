# shellcheck shell=sh
# shellcheck disable=SC2154,SC2016
# lib_install.sh - small machines in folders to install into, and a web server's folder of programs that only take notes.
#
# A machine is a folder that is entered by chroot: "debian" has dash, coreutils, curl and wget and pretends to run systemd;
# "alpine" has busybox alone (and openssl) and pretends to run OpenRC.  Everything runs in namespaces of its own.

tools_of_debian='env id uname mktemp rm mkdir cat cmp chmod chown mv cp sed grep awk od dd sha256sum cut head tail wc tr sort
	fold date ln readlink test touch find rmdir ls sleep sync umount stat openssl curl wget true'

# add_program ROOT PATH: with what it is linked with.
add_program() {
	mkdir -p "$1/usr/bin"
	cp -L "$2" "$1/usr/bin/${2##*/}"
	ldd "$2" 2>/dev/null | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' | while read -r library; do
		[ -e "$1$library" ] && continue
		mkdir -p "$1${library%/*}"
		cp -L "$library" "$1$library"
	done
}

# Not command -v: it may name a builtin.
program_path() {
	for folder in /usr/bin /bin /usr/sbin /sbin; do
		[ ! -x "$folder/$1" ] || { echo "$folder/$1"; return; }
	done
	echo "install: there is no $1" >&2
	return 1
}

# script FILE: an executable from standard input.
script() {
	rm -f "$1"
	mkdir -p "${1%/*}"
	{ echo '#!/bin/sh'; cat; } > "$1"
	chmod 755 "$1"
}

recorder() { script "$1" <<'TEXT'
echo "${0##*/} $*" >> /log/service
TEXT
}

make_bones() {
	mkdir -p "$1/bin" "$1/sbin" "$1/usr/bin" "$1/usr/sbin" "$1/usr/local/bin" "$1/etc/ssl/certs" "$1/tmp" "$1/run" "$1/var/lib" \
		"$1/var/log" "$1/dev" "$1/proc" "$1/root" "$1/log" "$1/home"
	chmod 1777 "$1/tmp"
	: > "$1/log/service"
	: > "$1/log/mote"
	mknod -m 666 "$1/dev/null" c 1 3
	mknod -m 666 "$1/dev/random" c 1 8
	mknod -m 666 "$1/dev/urandom" c 1 9
	mkdir -p "$1/sys/fs/cgroup"
	echo 'cpu memory pids' > "$1/sys/fs/cgroup/cgroup.controllers"
	: > "$1/etc/ssl/openssl.cnf"
	cp "$work/tls/ca.pem" "$1/etc/ssl/certs/ca-certificates.crt"
	mkdir -p "$1/usr/lib/ssl"
	ln -sf /etc/ssl/certs "$1/usr/lib/ssl/certs"
	cp "$work/tls/ca.pem" "$1/usr/lib/ssl/cert.pem"
	echo 'hosts: files' > "$1/etc/nsswitch.conf"
	echo '127.0.0.1 localhost' > "$1/etc/hosts"
	echo stranger > "$1/etc/stranger"
}

make_debian() {
	make_bones "$1"
	for tool in $tools_of_debian; do
		add_program "$1" "$(program_path "$tool")"
	done
	add_program "$1" /bin/dash
	ln -s ../usr/bin/dash "$1/bin/sh"
	mkdir -p "$1/run/systemd/system" "$1/etc/systemd/system"
	recorder "$1/usr/bin/systemctl"
}

make_alpine() {
	make_bones "$1"
	cp /bin/busybox "$1/bin/busybox"
	for applet in $(/bin/busybox --list); do
		[ "$applet" = busybox ] || ln -sf busybox "$1/bin/$applet"
	done
	ln -sf busybox "$1/bin/sh"
	add_program "$1" "$(program_path openssl)"
	mkdir -p "$1/etc/init.d"
	recorder "$1/sbin/openrc-run"
	recorder "$1/sbin/rc-update"
	# status says that nothing runs; start is noted.
	script "$1/sbin/rc-service" <<'TEXT'
echo "${0##*/} $*" >> /log/service
case " $* " in *" status "*) exit 3 ;; esac
TEXT
}

# program FILE ARCH WORD: a "mote" that takes notes and installs itself as the real one does.
program() {
	script "$1" <<TEXT
# $2 $3
umask 022
echo "$2 $3: \$*" >> /log/mote
ls -ld "\${0%/*}" >> /log/folders
[ "\$1" = cleanup ] && { echo "0 pods ended"; exit 0; }
[ "\$1 \$2" = "ota install" ] || exit 2
shift 2
while [ \$# -gt 0 ]; do
	case \$1 in
	--data-dir) data=\$2 ;;
	--bin-dir) bin=\$2 ;;
	--config-dir) [ "\$2" = "\${data%/var/*}/etc/mote" ] || [ "\$2" = /etc/mote ] || exit 6 ;;
	--root) [ "\$(head -n 1 "\$2")" = "mote-root 1" ] || exit 3 ;;
	--epoch | --floor) [ "\$2" -ge 0 ] || exit 7 ;;
	--bundle) [ -f "\$2" ] || exit 4 ;;
	*) exit 5 ;;
	esac
	shift 2
done
slot=\$data/ota/slots/$3-$2
if [ ! -e "\$slot/OK" ]; then
	mkdir -p "\$slot"
	cp "\$0" "\$slot/bin"
	echo "$3" > "\$data/ota/state.a"
	: > "\$slot/OK"
fi
[ "\$(readlink "\$data/ota/current")" = "slots/$3-$2" ] || { rm -f "\$data/ota/current"; ln -s "slots/$3-$2" "\$data/ota/current"; }
[ -e "\$data/ota/launcher" ] || cp "\$0" "\$data/ota/launcher"
[ "\$(readlink "\$bin/mote")" = "\$data/ota/launcher" ] || { rm -f "\$bin/mote"; ln -s "\$data/ota/launcher" "\$bin/mote"; }
TEXT
}

make_tls() {
	mkdir -p "$work/tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$work/tls/key.pem" -out "$work/tls/ca.pem" 2>/dev/null
}

# Three keys of which two must sign, and a stranger's.
make_keys() {
	mkdir -p "$work/keys"
	for key in a b c stranger; do
		"$mote" ota keygen --out "$work/keys/$key" > /dev/null
	done
	"$mote" ota root --threshold 2 --key "$work/keys/a.pub" --key "$work/keys/b.pub" --key "$work/keys/c.pub" \
		--sign "$work/keys/a.key" --sign "$work/keys/b.key" --out "$work/root" > /dev/null
}

# sign FILE KEY...: FILE.sig
sign() {
	file=$1
	shift
	rm -f "$file.sig"
	for key; do
		set -- "$@" --key "$work/keys/$key.key"
		shift
	done
	"$mote" ota sign --detached "$@" "$file" > /dev/null
}

# list FOLDER VERSION EPOCH CREATED EXPIRES: sha256sums.txt of the programs there
list() {
	{
		printf '# mote-list 1\n# version %s\n# epoch %s\n# floor 2\n# created %s\n# expires %s\n' "$2" "$3" "$4" "$5"
		( cd "$1" && sha256sum mote-* )
	} > "$1/sha256sums.txt"
}

# dist FOLDER VERSION EPOCH: as make_dist.sh lays it out, with programs that take notes.
dist() {
	mkdir -p "$1/v$2"
	for arch in x86_64 aarch64 armv7 armv6; do
		program "$1/v$2/mote-$arch" "$arch" "$2"
	done
	list "$1/v$2" "$2" "$3" 2020-01-01T00:00:00Z 2100-01-01T00:00:00Z
	sign "$1/v$2/sha256sums.txt" a b
	echo "v$2" > "$1/stable"
}

# bundle FILE ARCH VERSION RAW KEY...: of the dist's program
bundle() {
	file=$1 arch=$2 version=$3 raw=$4
	shift 4
	"$mote" ota build --arch "$arch" --version "$version" --epoch 7 --floor 1 --min-from 0.1.0 --created 2020-01-01T00:00:00Z \
		--expires 2100-01-01T00:00:00Z --binary "$work/dist/v1.0.0/mote-$arch" ${raw:+"$raw"} --out "$file" > /dev/null
	for key; do
		set -- "$@" --key "$work/keys/$key.key"
		shift
	done
	"$mote" ota sign "$@" "$file" > /dev/null
}

# --- one machine and what is done on it ---------------------------------------------------------------

# fresh: $r is a new machine of this flavour.
fresh() {
	r=$work/machine
	leave
	rm -rf "$r"
	cp -a "$work/$flavour" "$r"
	cp -a "$work/dist" "$r/dist"
	mount -t proc proc "$r/proc"
}

leave() { ! mountpoint -q "$work/machine/proc" || umount "$work/machine/proc"; }

# inside COMMAND...: on the machine, with a small environment.
inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$r" env -i PATH=/usr/bin:/bin:/sbin HOME=/root "$@"; }

# run_install [NAME=VALUE...] [-- ARGUMENT...]: from a pipe, as people do; output to $work/output.
run_install() {
	left=$# seen=no
	while [ "$left" -gt 0 ]; do
		word=$1
		shift
		if [ "$word$seen" = --no ]; then
			set -- "$@" sh -s -
			seen=yes
		else
			set -- "$@" "$word"
		fi
		left=$((left - 1))
	done
	[ "$seen" = yes ] || set -- "$@" sh -s -
	# busybox asks itself before it looks for a program of a test.
	if [ "$flavour" = debian ]; then cat "$installer"; else sed 's,\$(uname,$(/bin/uname,; s,\$(id,$(/bin/id,' "$installer"; fi |
		inside INSTALL_MOTE_URL=/dist "$@" > "$work/output" 2>&1
}

# installs ...: must succeed
installs() {
	run_install "$@" || { cat "$work/output"; echo "it failed"; return 1; }
}

# refuses TEXT ...: must fail with a sentence that has TEXT, run nothing and change nothing
refuses() {
	text=$1
	shift
	snapshot > "$work/before"
	! run_install "$@" || { cat "$work/output"; echo "it was not refused"; return 1; }
	grep -q -- "$text" "$work/output" || { cat "$work/output"; echo "it does not say: $text"; return 1; }
	[ ! -s "$r/log/mote" ] || { cat "$r/log/mote"; echo "something ran"; return 1; }
	unchanged
}

# await COMMAND...: until it succeeds, for ten seconds at most.
await() {
	tries=500
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { echo "waited in vain: $*"; return 1; }
		sleep 0.02
	done
}

# Every file of the machine that is not a note or of the kernel, with its inode and time.
snapshot() {
	( cd "$r" && find . -xdev \( -path ./proc -o -path ./log -o -path ./tmp \) -prune -o ! -type d -printf '%p %y %m %U %s %T@ %i %l\n' \
		-o -printf '%p %y %m\n' | sort; find tmp -mindepth 1 )
}

unchanged() {
	snapshot > "$work/after"
	diff "$work/before" "$work/after" || { echo "something was changed"; return 1; }
}

says() { grep -q -- "$1" "$work/output" || { cat "$work/output"; echo "it does not say: $1"; return 1; }; }
has_line() { grep -qxF -- "$2" "$r$1" || { cat "$r$1"; echo "$1 has no line: $2"; return 1; }; }
mode_is() { [ "$(stat -c %a "$r$1")" = "$2" ] || { stat "$r$1"; return 1; }; }
ran() { grep -q -- "$1" "$r/log/mote" || { cat "$r/log/mote"; echo "did not run: $1"; return 1; }; }
served() { grep -qx -- "$1" "$r/log/service" || { cat "$r/log/service"; echo "no such call: $1"; return 1; }; }
not_served() { ! grep -q -- "$1" "$r/log/service" || { cat "$r/log/service"; echo "called: $1"; return 1; }; }

# Where this flavour has the unit and the environment of the service $1.
unit_of() { if [ "$flavour" = debian ]; then echo "/etc/systemd/system/$1.service"; else echo "/etc/init.d/$1"; fi; }
env_of() { if [ "$flavour" = debian ]; then echo "/etc/systemd/system/$1.service.env"; else echo "/etc/mote/$1.env"; fi; }
