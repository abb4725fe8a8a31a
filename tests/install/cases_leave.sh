# shellcheck shell=sh
# shellcheck disable=SC2154,SC2016
# cases_leave.sh - mote-killall.sh and mote-uninstall.sh: nothing of ours is left, everything of others is.

names() { ( cd "$r" && find . -xdev \( -path ./proc -o -path ./log \) -prune -o -printf '%p %y %m %l\n' | sort ); }

case_uninstall() {
	fresh
	mkdir -p "$r/etc/logrotate.d" "$r/etc/systemd/system" "$r/etc/init.d"
	# Others have names like ours.
	echo '[Unit]' > "$r/etc/systemd/system/mote-of-others.service"
	echo 'echo hello' > "$r/etc/init.d/moterboat"
	mkdir -p "$r/var/log/pods/of-others" "$r/var/lib/motel"
	names > "$work/before"
	installs MOTE_DEBUG=x
	installs INSTALL_MOTE_NAME=two -- server --data-dir /srv/two
	mkdir -p "$r/etc/mote/config.yaml.d" "$r/run/mote" "$r/var/lib/mote/agent/pods" "$r$(unit_of mote).d"
	[ "$flavour" = debian ] || rmdir "$r$(unit_of mote).d"
	: > "$r/var/log/mote.log"
	[ "$flavour" = alpine ] || rm "$r/var/log/mote.log"
	: > "$r/log/mote"
	: > "$r/log/service"
	inside /usr/local/bin/mote-uninstall.sh
	ran 'cleanup --data-dir /var/lib/mote$'
	ran 'cleanup --data-dir /srv/two$'
	if [ "$flavour" = debian ]; then
		served 'systemctl --quiet stop mote.service'
		served 'systemctl --quiet stop mote-two.service'
		served 'systemctl --quiet disable mote-two.service'
		served 'systemctl --quiet daemon-reload'
	else
		served 'rc-service -q mote stop'
		served 'rc-update -q delete mote-two'
	fi
	rmdir "$r/srv" "$r/opt" 2>/dev/null || :
	names > "$work/after"
	diff "$work/before" "$work/after"
}

# A daemon that does not hear is killed; one that is called alike, but is of others, is not.
case_killall_processes() {
	fresh
	installs
	# A shell that is called as a daemon: its script is the file "server".
	printf 'trap "" TERM\n: > /log/up$1\nwhile :; do sleep 0.1; done\n' > "$r/server"
	mkdir -p "$r/var/lib/motel/ota"
	for folder in mote motel; do
		cp -L "$(inside readlink -f /bin/sh | sed "s,^,$r,")" "$r/var/lib/$folder/ota/sh"
	done
	inside /var/lib/mote/ota/sh server 1 &
	ours=$!
	inside /var/lib/motel/ota/sh server 2 &
	other=$!
	await test -e "$r/log/up1"
	await test -e "$r/log/up2"
	inside /usr/local/bin/mote-killall.sh
	! wait "$ours"
	kill -0 "$other"
	kill -9 "$other"
	[ -e "$r/var/lib/mote/ota" ] && [ -e "$r$(unit_of mote)" ]
}

# What is not ours in a data folder stays, and links and file systems of others are not gone through.
case_uninstall_leaves_others() {
	fresh
	installs -- server --data-dir /srv
	mkdir -p "$r/srv/www" "$r/srv/agent" "$r/srv/disk" "$r/mnt/ssd"
	: > "$r/srv/www/precious"
	: > "$r/mnt/ssd/precious"
	ln -s /mnt/ssd "$r/srv/server"
	mount -t tmpfs tmpfs "$r/srv/disk"
	: > "$r/srv/disk/precious"
	inside /usr/local/bin/mote-uninstall.sh > "$work/output" 2>&1
	says '/srv stays'
	says '/srv/server was a link to /mnt/ssd'
	[ -e "$r/srv/www/precious" ] && [ -e "$r/srv/disk/precious" ] && [ -e "$r/mnt/ssd/precious" ]
	[ "$(find "$r/srv" -mindepth 1 -maxdepth 1 -printf "%f\n" | sort | tr "\n" " ")" = "disk www " ]
	umount "$r/srv/disk"
}

# refused_below FOLDER: something of others is mounted there; nothing at all is removed, so that the next run knows all.
refused_below() {
	mkdir -p "$r$1"
	mount -t tmpfs tmpfs "$r$1"
	: > "$r$1/precious"
	! inside /usr/local/bin/mote-uninstall.sh > "$work/output" 2>&1
	says 'is mounted below'
	[ -e "$r$1/precious" ] && [ -e "$r$(unit_of mote)" ] && [ -e "$r$(unit_of mote-two)" ] && [ -d "$r/srv/two/ota" ]
	umount "$r$1"
}

# What stays is said, and nothing is removed: something mounted in a folder of ours; no program to end pods with.
case_uninstall_refused() {
	fresh
	mkdir -p "$r/mnt/my disk" "$r/srv"
	ln -s '/mnt/my disk' "$r/srv/linked"
	installs -- server --data-dir /srv/linked
	installs INSTALL_MOTE_NAME=two -- server --data-dir /srv/two
	refused_below /srv/two/agent/disk
	refused_below '/mnt/my disk/server/manifests/more'
	refused_below /etc/mote/keys
	inside /usr/local/bin/mote-uninstall.sh
	[ ! -e "$r/srv/two" ] && [ ! -L "$r/srv/linked" ] && [ ! -e "$r/etc/mote" ]
	fresh
	installs
	rm -rf "$r/var/lib/mote/ota/current" "$r/var/lib/mote/ota/slots" "$r/usr/local/bin/mote"
	! inside /usr/local/bin/mote-uninstall.sh > "$work/output" 2>&1
	says 'there is no mote any more'
	[ -e "$r$(unit_of mote)" ]
}
