#!/bin/sh
# clients.sh - where a program or its library is that tests call the API with: the distribution's package, unpacked into
# the cache and never installed.
#
# usage: clients.sh NAME      Prints the path.  Names are the first words of the table below.
set -eu
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/apt.sh"

# name, suite, packages alone or with all they need or a source, which, and what of it is kept and printed (. is all).
table() {
	cat <<- END
	kubectl      trixie    packages  kubernetes-client                             usr/bin/kubectl
	kubectl-old  bookworm  packages  kubernetes-client                             usr/bin/kubectl
	kustomize    trixie    packages  kustomize                                     usr/bin/kustomize
	golden       trixie    packages  golang-k8s-api-dev                            usr/share/gocode/src/k8s.io/api/testdata/HEAD
	client-go    trixie    closure   golang-1.24-go,golang-k8s-client-go-dev       .
	python       bookworm  closure   python3-kubernetes                            usr/lib/python3/dist-packages
	node         trixie    closure   nodejs                                        .
	registry     bookworm  packages  docker-registry                               usr/bin/docker-registry
	podman       trixie    closure   podman,conmon,golang-github-containers-common,netavark,aardvark-dns,nftables,catatonit .
	crun         trixie    closure   crun                                          .
	runc         trixie    closure   runc                                          .
	runc-source  trixie    source    runc                                          .
	runtime-tools trixie   source    golang-github-opencontainers-runtime-tools    .
	oci-libraries trixie   closure   golang-github-opencontainers-runtime-tools-dev,golang-github-google-uuid-dev,golang-github-mrunalp-fileutils-dev,golang-github-urfave-cli-dev,golang-github-containerd-console-dev,golang-github-cyphar-filepath-securejoin-dev .
	bats         trixie    closure   bats,gawk                                     .
	seccomp      bookworm  packages  libseccomp-dev,golang-github-seccomp-libseccomp-golang-dev .
	END
}

unpack_client() {
	target=$cache/toolchain/$name-$(echo "$suite $how $packages $kept" | hash_short)
	if [ ! -e "$target/.complete" ]; then
		say "preparing $name"
		case $how in
		source) apt_open "$cache/apt/sources-$suite" deb-src "$suite" ;;
		*) apt_open "$cache/apt/clients-$suite" deb "$suite" ;;
		esac
		work=$cache/tmp/$name
		rm -rf "$work" "$target"
		mkdir -p "$work/all" "$cache/toolchain"
		# shellcheck disable=SC2046
		apt_unpack "$work/all" "$how" $(echo "$packages" | tr , ' ')
		[ -e "$work/all/$kept" ] || fail "$packages of $suite holds no $kept"
		if [ "$kept" != . ]; then
			mv "$work/all/$kept" "$work/"
			rm -rf "$work/all"
		fi
		: > "$work/.complete"
		mv "$work" "$target"
	fi
	[ "$kept" != . ] || kept=all
	echo "$target/${kept##*/}"
}

# The machine's own kubectl does if it is the right one.
if [ "${1:-}" = kubectl ] && kubectl version --client 2>/dev/null | grep -q 'v1\.32\.'; then
	command -v kubectl
	exit
fi
row=$(table | awk -v name="${1:-}" '$1 == name')
[ -n "$row" ] || fail "usage: clients.sh $(table | awk '{ printf "%s%s", sep, $1; sep = "|" }')"
# shellcheck disable=SC2086
set -- $row
name=$1 suite=$2 how=$3 packages=$4 kept=$5
cache_find
with_lock toolchain unpack_client
