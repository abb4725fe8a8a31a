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

# What stays is said, and nothing is removed: no program to end pods with; something mounted in the data folder.
case_uninstall_refused() {
	fresh
	installs
	mkdir -p "$r/var/lib/mote/disk"
	mount -t tmpfs tmpfs "$r/var/lib/mote/disk"
	: > "$r/var/lib/mote/disk/precious"
	! inside /usr/local/bin/mote-uninstall.sh > "$work/output" 2>&1
	says 'something is mounted below /var/lib/mote'
	[ -e "$r/var/lib/mote/disk/precious" ]
	umount "$r/var/lib/mote/disk"
	fresh
	installs
	rm -rf "$r/var/lib/mote/ota/current" "$r/var/lib/mote/ota/slots" "$r/usr/local/bin/mote"
	! inside /usr/local/bin/mote-uninstall.sh > "$work/output" 2>&1
	says 'there is no mote any more'
	[ -e "$r$(unit_of mote)" ]
}
