# shellcheck shell=sh
# shellcheck disable=SC2154,SC2016
# cases_choices.sh - machine, mode, variables: what is installed where.

# fake_uname TEXT
fake_uname() {
	rm -f "$r/bin/uname" "$r/usr/bin/uname"
	script "$r/bin/uname" <<TEXT
echo $1
TEXT
}

# arch_is UNAME ARCH
arch_is() {
	fresh
	fake_uname "$1"
	installs
	ran "^$2 1.0.0: ota install"
}

case_arch() {
	arch_is x86_64 x86_64
	arch_is armv6l armv6
	arch_is armv7l armv7
	arch_is armv8l armv7
}

# A kernel of 64 bits below a system of 32, told by the package manager or by /bin/sh.
case_arch_of_userland() {
	fresh
	fake_uname aarch64
	mkdir -p "$r/there/bin"
	printf '\177ELF\001' > "$r/there/bin/sh"
	installs INSTALL_MOTE_ROOT=/there
	ran '^armv7 1.0.0: ota install'
	printf '\177ELF\002' > "$r/there/bin/sh"
	installs INSTALL_MOTE_ROOT=/there
	ran '^aarch64 1.0.0: ota install'
	fresh
	fake_uname aarch64
	manager=dpkg
	[ "$flavour" = debian ] || manager=apk
	script "$r/usr/bin/$manager" <<'TEXT'
echo armhf
TEXT
	installs
	ran '^armv7 1.0.0: ota install'
}

case_arch_refused() {
	for machine in i686 riscv64 mips armv5tel ppc64le; do
		fresh
		fake_uname "$machine"
		refuses "no mote for this processor ($machine)"
	done
	fresh
	fake_uname armv7l
	sed -i '/mote-armv7$/d' "$r/dist/v1.0.0/sha256sums.txt"
	sign "$r/dist/v1.0.0/sha256sums.txt" a b
	refuses 'there is no mote 1.0.0 for armv7'
}

case_server() {
	fresh
	installs
	ran 'ota install --data-dir /var/lib/mote --bin-dir /usr/local/bin --config-dir /etc/mote --root /tmp/'
	# What the signed list says of the version: without it there is no way back to it later.
	ran 'ota install .* --epoch 7 --floor 2$'
	[ "$(readlink "$r/usr/local/bin/mote")" = /var/lib/mote/ota/launcher ]
	mode_is "$(env_of mote)" 600
	if [ "$flavour" = debian ]; then
		has_line "$(unit_of mote)" 'ExecStart=/usr/local/bin/mote server'
		has_line "$(unit_of mote)" 'Type=notify'
		has_line "$(unit_of mote)" 'WatchdogSec=60'
		has_line "$(unit_of mote)" 'KillMode=process'
		served 'systemctl --quiet daemon-reload'
		served 'systemctl --quiet enable mote.service'
		served 'systemctl --quiet restart mote.service'
	else
		has_line "$(unit_of mote)" "command_args=\"server\""
		mode_is "$(unit_of mote)" 755
		served 'rc-update -q add mote default'
		served 'rc-service mote restart'
	fi
	mode_is /usr/local/bin/mote-killall.sh 755
	mode_is /usr/local/bin/mote-uninstall.sh 755
}

case_agent() {
	fresh
	installs MOTE_URL=https://10.0.0.1:6443 MOTE_TOKEN=secret
	has_line "$(env_of mote-agent)" 'MOTE_TOKEN="secret"'
	has_line "$(env_of mote-agent)" 'MOTE_URL="https://10.0.0.1:6443"'
	mode_is "$(env_of mote-agent)" 600
	grep -q 'mote agent\|"agent"' "$r$(unit_of mote-agent)"
	! grep -rq secret "$r/usr/local/bin" "$r$(unit_of mote-agent)"
	# Again, but without its variables: it must not become a server.
	: > "$r/log/mote"
	refuses 'this machine is an agent'
	installs -- server
	fresh
	installs MOTE_URL=https://10.0.0.1:6443 MOTE_TOKEN_FILE=/etc/token
	fresh
	installs MOTE_URL=https://10.0.0.1:6443 INSTALL_MOTE_EXEC='agent --token x'
}

case_agent_refused() {
	fresh
	refuses 'MOTE_URL must begin with https://' MOTE_URL=http://10.0.0.1:6443 MOTE_TOKEN=x
	refuses 'an agent needs MOTE_TOKEN' MOTE_URL=https://10.0.0.1:6443
	refuses 'nothing that a service of mote does' -- cleanup
}

case_exec_and_arguments() {
	fresh
	installs INSTALL_MOTE_EXEC="server --node-name 'a b' --debug" -- --node-label "k=\$x\"%\`'\\" --data-dir=/srv/mote
	ran 'ota install --data-dir /srv/mote '
	if [ "$flavour" = debian ]; then
		has_line "$(unit_of mote)" 'ExecStart=/usr/local/bin/mote server "--node-name" "a b" "--debug" "--node-label" "k=$$x\"%%`'"'"'\\" "--data-dir=/srv/mote"'
	else
		sed -n '/^command_args=/p' "$r$(unit_of mote)" > "$work/words"
		# As supervise-daemon's script does it.
		# shellcheck disable=SC2016
		{ cat "$work/words"; echo 'eval "set -- $command_args"; for w; do printf "<%s>" "$w"; done'; } > "$work/words.sh"
		[ "$(sh "$work/words.sh")" = '<server><--node-name><a b><--debug><--node-label><k=$x"%`'"'"'\><--data-dir=/srv/mote>' ]
	fi
	refuses_quietly INSTALL_MOTE_EXEC="server 'open"
}

refuses_quietly() {
	: > "$r/log/mote"
	refuses 'a quote that is not closed' "$@"
}

case_exec_runs_nothing() {
	fresh
	installs INSTALL_MOTE_EXEC='server --x $(touch /run/a) `touch /run/b` ; touch /run/c'
	[ -z "$(ls "$r"/run/? 2>/dev/null)" ]
}

case_environment_values() {
	fresh
	value="a\"b'c\$HOME\`id\`\\ d %n #e"
	installs MOTE_NODE_NAME="$value" HTTPS_PROXY=http://proxy:1 no_proxy='10.0.0.0/8,*.x' UNRELATED=1 \
		UNRELATED_TOO="x
MOTE_INJECTED=1"
	file=$r$(env_of mote)
	# shellcheck disable=SC1090,SC2154
	[ "$(. "$file"; printf '%s' "$MOTE_NODE_NAME")" = "$value" ]
	has_line "$(env_of mote)" 'HTTPS_PROXY="http://proxy:1"'
	has_line "$(env_of mote)" 'no_proxy="10.0.0.0/8,*.x"'
	[ "$(grep -c '' "$file")" = 3 ]
	: > "$r/log/mote"
	fresh
	refuses_break
}

refuses_break() {
	! run_install MOTE_NODE_NAME='a
b'
	says 'has a line break'
	[ ! -s "$r/log/service" ]
}

case_name() {
	fresh
	installs INSTALL_MOTE_NAME=two
	[ -f "$r$(unit_of mote-two)" ]
	grep -q 'mote-two' "$r/log/service"
	: > "$r/log/mote"
	refuses 'INSTALL_MOTE_NAME is' INSTALL_MOTE_NAME=../two
}

case_places() {
	fresh
	installs INSTALL_MOTE_BIN_DIR=/opt/bin INSTALL_MOTE_SYSTEMD_DIR=/run/units
	[ -L "$r/opt/bin/mote" ] && [ -x "$r/opt/bin/mote-uninstall.sh" ] && [ ! -e "$r/usr/local/bin/mote" ]
	[ "$flavour" != debian ] || has_line /run/units/mote.service 'ExecStart=/opt/bin/mote server'
	: > "$r/log/mote"
	for folder in bin /a/../b '/a b' "/a'b" /; do
		refuses 'INSTALL_MOTE_BIN_DIR is' INSTALL_MOTE_BIN_DIR="$folder"
		refuses 'INSTALL_MOTE_SYSTEMD_DIR is' INSTALL_MOTE_SYSTEMD_DIR="$folder"
		refuses 'the data folder is' -- server --data-dir="$folder"
	done
	refuses 'the data folder is' -- server --data-dir ''
	refuses 'the data folder is' -- server --data-dir=
}

case_data_dir_of_configuration() {
	fresh
	mkdir -p "$r/etc/mote"
	printf 'debug: true\ndata-dir: "/srv/from-file" # here\n' > "$r/etc/mote/config.yaml"
	installs
	ran 'ota install --data-dir /srv/from-file '
	installs MOTE_DATA_DIR=/srv/from-env
	ran 'ota install --data-dir /srv/from-env '
}

case_skip_start() {
	fresh
	installs INSTALL_MOTE_SKIP_START=true
	not_served 'restart\|start'
	grep -q 'enable\|add' "$r/log/service"
}

case_skip_enable() {
	fresh
	installs INSTALL_MOTE_SKIP_ENABLE=true
	not_served 'enable\|rc-update'
	grep -q restart "$r/log/service"
	: > "$r/log/mote"
	refuses 'INSTALL_MOTE_SKIP_ENABLE is "yes"' INSTALL_MOTE_SKIP_ENABLE=yes
}

case_skip_download() {
	fresh
	refuses 'there is no /usr/local/bin/mote' INSTALL_MOTE_SKIP_DOWNLOAD=true
	script "$r/usr/local/bin/mote" < /dev/null
	installs INSTALL_MOTE_SKIP_DOWNLOAD=true INSTALL_MOTE_URL=/nowhere
	[ ! -s "$r/log/mote" ]
	[ -f "$r$(unit_of mote)" ]
}

case_version_and_channel() {
	fresh
	dist "$r/dist" 2.0.0+abc 8
	echo v1.0.0 > "$r/dist/stable"
	echo 2.0.0+abc > "$r/dist/testing"
	installs
	ran '^[a-z0-9_]* 1.0.0: ota'
	installs INSTALL_MOTE_CHANNEL=testing
	ran '^[a-z0-9_]* 2.0.0+abc: ota'
	: > "$r/log/mote"
	installs INSTALL_MOTE_VERSION=v1.0.0
	ran '^[a-z0-9_]* 1.0.0: ota'
	: > "$r/log/mote"
	refuses 'there is no /dist/v3.0.0' INSTALL_MOTE_VERSION=3.0.0
	refuses 'is no version' INSTALL_MOTE_VERSION=../../x
	refuses 'INSTALL_MOTE_CHANNEL is' INSTALL_MOTE_CHANNEL=../x
	refuses 'INSTALL_MOTE_URL is' INSTALL_MOTE_URL=ftp://x
	refuses 'say where mote is' INSTALL_MOTE_URL=
}

case_second_run() {
	fresh
	installs MOTE_DEBUG=x
	snapshot > "$work/before"
	: > "$r/log/service"
	installs MOTE_DEBUG=x
	unchanged
	says 'nothing has changed'
	says 'is here already'
	not_served restart
	installs MOTE_DEBUG=x INSTALL_MOTE_FORCE_RESTART=true
	grep -q 'restart' "$r/log/service"
	: > "$r/log/service"
	installs MOTE_DEBUG=y
	grep -q 'restart' "$r/log/service"
	: > "$r/log/service"
	installs MOTE_DEBUG=y -- --debug
	grep -q 'restart' "$r/log/service"
	: > "$r/log/service"
	dist "$r/dist" 1.0.1 7
	installs MOTE_DEBUG=y -- --debug
	grep -q 'restart' "$r/log/service"
}

case_no_init() {
	fresh
	rm -rf "$r/run/systemd" "$r/sbin/openrc-run"
	installs MOTE_DEBUG=x -- server --node-name 'a b'
	says "set -a; . /etc/mote/mote.env; exec /usr/local/bin/mote server '--node-name' 'a b'"
	[ ! -s "$r/log/service" ]
	[ ! -e "$r$(unit_of mote)" ]
}

case_root_folder() {
	fresh
	mkdir -p "$r/image/sbin" "$r/image/usr/lib/systemd"
	if [ "$flavour" = debian ]; then : > "$r/image/usr/lib/systemd/systemd"; else : > "$r/image/sbin/openrc-run"; fi
	snapshot | grep -v '\./image' > "$work/before"
	installs INSTALL_MOTE_ROOT=/image
	snapshot | grep -v '\./image' > "$work/after"
	diff "$work/before" "$work/after"
	[ ! -s "$r/log/service" ]
	[ "$(readlink "$r/image/usr/local/bin/mote")" = /var/lib/mote/ota/launcher ]
	[ -f "$r/image$(unit_of mote)" ]
	! grep -q /image "$r/image$(unit_of mote)" "$r/image/usr/local/bin/mote-uninstall.sh"
}

# Not root: with sudo, and without.
case_sudo() {
	fresh
	rm -f "$r/bin/id" "$r/usr/bin/id"
	script "$r/bin/id" <<'TEXT'
echo 1000
TEXT
	refuses 'there is no sudo'
	script "$r/bin/sudo" <<'TEXT'
[ "$1" != -- ] || shift
echo "sudo $*" >> /log/service
exec "$@"
TEXT
	installs
	served 'sudo mkdir -p /usr/local/bin'
	grep -q '^sudo .*mote ota install' "$r/log/service"
}

case_memory_cgroup() {
	fresh
	mkdir -p "$r/boot/firmware"
	echo 'cpu pids' > "$r/sys/fs/cgroup/cgroup.controllers"
	printf 'console=tty1 root=/dev/mmcblk0p2 rootwait\n' > "$r/boot/firmware/cmdline.txt"
	installs
	says 'INSTALL_MOTE_ENABLE_CGROUPS=true'
	has_line /boot/firmware/cmdline.txt 'console=tty1 root=/dev/mmcblk0p2 rootwait'
	installs INSTALL_MOTE_ENABLE_CGROUPS=true
	has_line /boot/firmware/cmdline.txt 'console=tty1 root=/dev/mmcblk0p2 rootwait cgroup_memory=1 cgroup_enable=memory'
	has_line /boot/firmware/cmdline.txt.before-mote 'console=tty1 root=/dev/mmcblk0p2 rootwait'
	[ "$(grep -c '' "$r/boot/firmware/cmdline.txt")" = 1 ]
	says 'reboot this machine'
	installs INSTALL_MOTE_ENABLE_CGROUPS=true
	says 'reboot this machine'
	[ "$(grep -o cgroup_enable=memory "$r/boot/firmware/cmdline.txt" | grep -c '')" = 1 ]
	# An older kernel, the older place.
	fresh
	rm "$r/sys/fs/cgroup/cgroup.controllers"
	umount "$r/proc"
	mkdir -p "$r/boot"
	printf '#subsys_name hierarchy num_cgroups enabled\nmemory 0 1 0\n' > "$r/proc/cgroups"
	printf 'rootwait' > "$r/boot/cmdline.txt"
	installs INSTALL_MOTE_ENABLE_CGROUPS=true
	has_line /boot/cmdline.txt 'rootwait cgroup_memory=1 cgroup_enable=memory'
}
