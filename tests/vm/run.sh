#!/bin/bash
# run.sh - all tests in emulated machines, or a short selection; the last line is "NAME: N passed, N failed".
#
# usage: run.sh vm [PROGRAM...]      All; the unit test programs (as runtime/test_cgroup) are to pass there too.
#        run.sh vm-short             What fits into a minute or two.
cd "$(dirname "$0")/../.." || exit 1
name=${1:?usage: run.sh vm|vm-short [PROGRAM...]}
shift
programs=("$@")
passed=0
failed=0
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# part FILE ARCH [ARGUMENT...]: its last line but figures is "...: N passed, N failed".
part() {
	local file=$1 arch=$2 status counts started=$SECONDS
	vm_arch=$arch bash "tests/vm/$file" "${@:3}" > "$out" 2>&1
	status=$?
	cat "$out"
	read -ra counts <<< "$(sed -n 's/^[^ ]*: \([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$out" | tail -n 1)"
	echo "$file ($arch) took $((SECONDS - started)) s"
	passed=$((passed + ${counts[0]:-0}))
	failed=$((failed + ${counts[1]:-1}))
	# One that says it is fine and ends otherwise has tested nothing.
	[ "$status" = 0 ] || [ "${counts[1]:-1}" != 0 ] || failed=$((failed + 1))
}

# The programs of a processor.
of() {
	[ "${#programs[@]}" = 0 ] || printf "build/$1/tests/unit/%s\n" "${programs[@]}"
}

case $name in
vm-short)
	TEST=node part install.sh x86_64
	;;
vm)
	readarray -t files < <(of x86_64)
	part kernel.sh x86_64 "${files[@]}"
	readarray -t files < <(of aarch64)
	part kernel.sh aarch64 "${files[@]}"
	part workloads.sh x86_64
	part workloads.sh aarch64
	part nfs.sh x86_64
	part join.sh x86_64
	part join.sh aarch64
	part cuts.sh x86_64
	part clock.sh x86_64
	part one_file.sh x86_64
	part install.sh x86_64
	TEST=node part install.sh aarch64
	part updates.sh x86_64
	TEST=a_good part updates.sh aarch64
	TEST=it_exits part updates.sh aarch64
	;;
*) echo "usage: run.sh vm|vm-short [PROGRAM...]" >&2; exit 2 ;;
esac
echo "$name: $passed passed, $failed failed"
[ "$failed" = 0 ]
