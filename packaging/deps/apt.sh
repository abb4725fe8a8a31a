# shellcheck shell=sh
# apt.sh - the machine's package manager with a configuration of our own; sourced, POSIX sh.
#
# Nothing under /etc, /var/lib/apt or /var/lib/dpkg is touched and no rights are needed.  The mirror is
# the one the machine already uses; what comes from it is verified against the distribution's keys.

# apt_open FOLDER KIND SUITE: prepares FOLDER so that `apt_run` there sees KIND (deb or deb-src) of SUITE
# and its security suite.  The index is fetched once and kept for a day.  With a processor in $apt_arch, as the
# distribution names it, that one's packages are seen and not the machine's own.
apt_open() {
	apt_root=$1
	mkdir -p "$apt_root/lists/partial" "$apt_root/archives/partial"
	: > "$apt_root/status"
	apt_config "$apt_root"
	apt_sources "$2" "$3" > "$apt_root/sources.list.new"
	if [ -e "$apt_root/updated" ] &&
		cmp -s "$apt_root/sources.list.new" "$apt_root/sources.list" &&
		[ -z "$(find "$apt_root/updated" -mmin +1440)" ]; then
		return
	fi
	mv "$apt_root/sources.list.new" "$apt_root/sources.list"
	say "reading the package index of $3"
	apt_run apt-get -qq update > "$apt_root/log" 2>&1 ||
		{ cat "$apt_root/log" >&2; fail "cannot read the package index of $3"; }
	: > "$apt_root/updated"
}

apt_run() {
	apt_tool=$1
	shift
	"$apt_tool" -c "$apt_root/apt.conf" "$@"
}

apt_config() {
	cat > "$1/apt.conf" <<CONF
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Dir::State "$1";
Dir::State::lists "$1/lists";
Dir::State::status "$1/status";
Dir::Cache "$1";
Dir::Cache::archives "$1/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::sourcelist "$1/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "";
APT::Install-Recommends "false";
Acquire::AllowInsecureRepositories "false";
APT::Get::AllowUnauthenticated "false";
Acquire::Retries "3";
Acquire::Languages "none";
Acquire::Check-Valid-Until "true";
Debug::NoLocking "true";
CONF
	[ -z "${apt_arch:-}" ] ||
		printf 'APT::Architecture "%s";\nAPT::Architectures { "%s"; };\n' "$apt_arch" "$apt_arch" >> "$1/apt.conf"
}

# apt_unpack FOLDER packages|closure|source NAME...: unpacks packages there, with all they need if it is the closure; of
# a source package what its makers wrote.  No script of a package runs.
apt_unpack() {
	apt_folder=$1
	apt_debs=$1.debs
	apt_how=$2
	shift 2
	mkdir -p "$apt_debs/partial"
	case $apt_how in
	packages) ( cd "$apt_debs" && apt_run apt-get download "$@" ) ;;
	closure) apt_run apt-get -y install --download-only -o Dir::Cache::archives="$apt_debs" "$@" ;;
	source) ( cd "$apt_debs" && apt_run apt-get source --download-only --tar-only "$@" ) ;;
	esac > "$apt_debs/log" 2>&1 || { cat "$apt_debs/log" >&2; fail "cannot download $*"; }
	for apt_deb in "$apt_debs"/*.orig.tar.*z; do
		[ ! -e "$apt_deb" ] || tar -x -C "$apt_folder" --strip-components=1 --no-same-owner -f "$apt_deb"
	done
	for apt_deb in "$apt_debs"/*.deb; do
		[ -e "$apt_deb" ] || continue
		dpkg-deb --fsys-tarfile "$apt_deb" | tar -x -C "$apt_folder" --keep-directory-symlink --no-same-owner
	done
	rm -rf "$apt_debs"
}

# The machine's mirrors, as apt knows them: the first plain suite with main, and its -security sister.
apt_sources() {
	# shellcheck disable=SC2016
	apt_targets=$(apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(CREATED_BY)' |
		awk -F '|' '$3 == "main" && $4 == "Packages"' | sort -u)
	apt_main=$(echo "$apt_targets" | awk -F '|' '$2 !~ /-/ { print $1; exit }')
	apt_security=$(echo "$apt_targets" | awk -F '|' '$2 ~ /-security$/ { print $1; exit }')
	[ -n "$apt_main" ] || fail "apt knows no distribution mirror (apt-get indextargets is empty)"
	apt_keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -r "$apt_keyring" ] || fail "$apt_keyring is missing (package debian-archive-keyring)"
	echo "$1 [signed-by=$apt_keyring] $apt_main $2 main"
	[ -z "$apt_security" ] || echo "$1 [signed-by=$apt_keyring] $apt_security $2-security main"
}
