# shellcheck shell=sh
# part_say.sh - words for people, rights, small files.

say() { printf 'mote: %s\n' "$*"; }
warn() { printf 'mote: warning: %s\n' "$*" >&2; }
fail() {
	printf 'mote: error: %s\n' "$*" >&2
	exit 1
}

has() { command -v "$1" > /dev/null 2>&1; }

as_root() {
	if [ "$is_root" = yes ]; then "$@"; else sudo -- "$@"; fi
}

# Is $1 true, false or empty?  Anything else is a mistake that shall be seen: INSTALL_MOTE_$2.
is_true() {
	case $1 in
	true) return 0 ;;
	false | '') return 1 ;;
	*) fail "INSTALL_MOTE_$2 is \"$1\"; it may be true or false" ;;
	esac
}

# matches TEXT PATTERN: a whole line of an extended regular expression, and only one line.
matches() {
	[ "$(printf '%s\n' "$1" | grep -c '')" = 1 ] && printf '%s\n' "$1" | LC_ALL=C grep -Eqx -- "$2"
}

hash_of() { sha256sum < "$1" | cut -d ' ' -f 1; }

# put_file SOURCE TARGET MODE: atomically; nothing happens when it is there already.
put_file() {
	if as_root test -f "$2" && as_root cmp -s "$1" "$2"; then
		as_root chown 0:0 "$2"
		as_root chmod "$3" "$2"
		return
	fi
	as_root mkdir -p "${2%/*}"
	as_root rm -f "$2.mote-new"
	# shellcheck disable=SC2016
	as_root sh -c 'umask 077; cat > "$1"' sh "$2.mote-new" < "$1"
	as_root chown 0:0 "$2.mote-new"
	as_root chmod "$3" "$2.mote-new"
	as_root mv -f "$2.mote-new" "$2"
	say "wrote $2"
}

# Words for `eval`: 'as they are'.
quote_shell() {
	for word; do
		printf " '%s'" "$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g")"
	done
}

# A word for a line of a unit file: % and $ mean something there, also in quotes.
quote_unit() {
	for word; do
		printf ' "%s"' "$(printf '%s\n' "$word" | sed 's/[\\"]/\\&/g; s/%/%%/g; s/\$/$$/g')"
	done
}

# What stands between double quotes for a shell, and for the service manager's environment files.
escape_double() { printf '%s\n' "$1" | sed 's/[\\"$`]/\\&/g'; }

# Text with a line break or another control character can stand in no unit and no environment file.
refuse_control() {
	clean=$(printf '%s' "$2" | LC_ALL=C tr -d '\000-\010\012-\037\177'; echo .)
	[ "$clean" = "$2." ] || fail "$1 has a line break or a control character in it"
}
