# shellcheck shell=sh
# part_choices.sh - what is to be done, from the variables and the arguments.

# Words of a text, for eval: quotes and backslashes group as in a shell, nothing else has a meaning.
split_words() {
	printf '%s\n' "$1" | awk '
	function add(c) { word = word (c == q ? q "\\" q q : c); open = 1 }
	function finish() { if (open) printf " %s%s%s", q, word, q; word = ""; open = 0 }
	BEGIN { q = sprintf("%c", 39) }
	{
		for (i = 1; i <= length($0); i++) {
			c = substr($0, i, 1)
			if (c == "\\" && state != q && i < length($0)) add(substr($0, ++i, 1))
			else if (state != "") { if (c == state) state = ""; else add(c) }
			else if (c == q || c == "\"") { state = c; open = 1 }
			else if (c == " " || c == "\t") finish()
			else add(c)
		}
		finish()
	}
	END { exit state != "" }'
}

# The command line of the service: $mode and $arguments (words for eval).
choose_command() {
	refuse_control INSTALL_MOTE_EXEC "${INSTALL_MOTE_EXEC:-}"
	words=$(split_words "${INSTALL_MOTE_EXEC:-}") || fail "INSTALL_MOTE_EXEC has a quote that is not closed"
	eval "set -- $words$(quote_shell "$@")"
	explicit=no
	case ${1:-} in
	server | agent)
		mode=$1
		explicit=yes
		shift
		;;
	-* | '') if [ -n "${MOTE_URL:-}" ]; then mode=agent; else mode=server; fi ;;
	*) fail "\"$1\" is nothing that a service of mote does; say server or agent, then its options" ;;
	esac
	for word; do
		refuse_control "the option $word" "$word"
	done
	arguments=$(quote_shell "$@")
	unit_arguments=$(quote_unit "$@")
	choose_data_dir "$@"
	[ "$mode" = server ] || check_agent "$@"
}

has_option() {
	wanted=$1
	shift
	for word; do
		case $word in "--$wanted" | "--$wanted="* | "-${wanted%"${wanted#?}"}") return 0 ;; esac
	done
	return 1
}

check_agent() {
	case ${MOTE_URL:-} in
	https://?*) ;;
	'') [ "$explicit" = yes ] && return ;;
	*) fail "MOTE_URL must begin with https://, as in https://SERVER:6443; it is \"$MOTE_URL\"" ;;
	esac
	[ -n "${MOTE_TOKEN:-}${MOTE_TOKEN_FILE:-}" ] || has_option token "$@" || has_option token-file "$@" ||
		fail "an agent needs MOTE_TOKEN or MOTE_TOKEN_FILE; \"mote token print\" on the server prints it"
}

# Where the service will have its state: as its own rules are, options first, then variables, then the file.
choose_data_dir() {
	data_dir=
	next=no
	for word; do
		if [ "$next" = yes ]; then data_dir=$word; fi
		case $next$word in no--data-dir=*) data_dir=${word#--data-dir=} next=yes ;; esac
		# Empty is not the same as left out.
		[ "$next" = no ] || check_folder "the data folder" "$data_dir"
		next=no
		case $word in --data-dir | -d) next=yes ;; esac
	done
	config=$root${MOTE_CONFIG_FILE:-/etc/mote/config.yaml}
	[ -n "$data_dir" ] || data_dir=${MOTE_DATA_DIR:-}
	[ -n "$data_dir" ] || for file in "$config" "$config.d"/*.yaml; do
		! as_root test -f "$file" || found=$(as_root sed -n \
			"s/^data-dir:[[:space:]]*[\"']\\{0,1\\}\\(\\/[^\"'#]*[^\"'#[:space:]]\\)[\"']\\{0,1\\}[[:space:]]*\\(#.*\\)\\{0,1\\}\$/\\1/p" "$file")
		data_dir=${found:-$data_dir}
	done
	data_dir=${data_dir:-/var/lib/mote}
	check_folder "the data folder" "$data_dir"
}

# Paths go into scripts and are removed some day: only such that mean one thing.
check_folder() {
	matches "$2" '(/[A-Za-z0-9._+@-]+)+' || fail "$1 is \"$2\"; it must be an absolute path of plain characters"
	case $2/ in */./* | */../*) fail "$1 is \"$2\"; it must not have . or .. in it" ;; esac
}

choose_places() {
	bin_dir=${INSTALL_MOTE_BIN_DIR:-/usr/local/bin}
	systemd_dir=${INSTALL_MOTE_SYSTEMD_DIR:-/etc/systemd/system}
	check_folder INSTALL_MOTE_BIN_DIR "$bin_dir"
	check_folder INSTALL_MOTE_SYSTEMD_DIR "$systemd_dir"
	service=mote
	[ "$mode" = server ] || service=mote-agent
	if [ -n "${INSTALL_MOTE_NAME:-}" ]; then
		matches "$INSTALL_MOTE_NAME" '[A-Za-z0-9][A-Za-z0-9_-]{0,62}' ||
			fail "INSTALL_MOTE_NAME is \"$INSTALL_MOTE_NAME\"; it may have letters, digits, - and _"
		service=mote-$INSTALL_MOTE_NAME
	fi
	unit_file=$root$systemd_dir/$service.service
	script_file=$root/etc/init.d/$service
	case $init in
	systemd) env_file=$systemd_dir/$service.service.env ;;
	*) env_file=/etc/mote/$service.env ;;
	esac
}

# A node that is installed again without its variables must not become a cluster of its own by that.
check_mode_kept() {
	[ "$mode$explicit" = serverno ] && [ "$service" = mote ] || return 0
	for file in "$root$systemd_dir/mote-agent.service" "$root/etc/init.d/mote-agent"; do
		! as_root test -e "$file" || as_root test -e "${file%-agent*}${file##*-agent}" ||
			fail "this machine is an agent: give MOTE_URL and MOTE_TOKEN again, or say server to make it a server"
	done
}

# Yes and no, all read before anything is done.
check_switches() {
	is_true "${INSTALL_MOTE_SKIP_DOWNLOAD:-}" SKIP_DOWNLOAD || :
	is_true "${INSTALL_MOTE_SKIP_START:-}" SKIP_START || :
	is_true "${INSTALL_MOTE_SKIP_ENABLE:-}" SKIP_ENABLE || :
	is_true "${INSTALL_MOTE_FORCE_RESTART:-}" FORCE_RESTART || :
	is_true "${INSTALL_MOTE_ENABLE_CGROUPS:-}" ENABLE_CGROUPS || :
	is_true "${INSTALL_MOTE_ALLOW_EXPIRED:-}" ALLOW_EXPIRED || :
}
