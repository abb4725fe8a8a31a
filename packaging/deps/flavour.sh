# shellcheck shell=sh
# flavour.sh - what a flavour of the build is; sourced by toolchain.sh and build.sh.
#
# A flavour is `host` (this machine's compiler and C library: unit tests, fuzzers, host tools) or the
# name of a processor, which means static binaries with musl.

flavour_all='x86_64 aarch64 armv7 armv6 riscv64'

# Sets flavour_triple (the compiler's name), flavour_debian (name in packages), flavour_musl (target),
# flavour_flags and flavour_kernel (folder of the kernel headers in their package).
flavour_read() {
	case $1 in
	x86_64)
		flavour_triple=x86_64-linux-gnu flavour_debian=amd64
		flavour_musl=x86_64-linux-musl flavour_flags='-march=x86-64' ;;
	aarch64)
		flavour_triple=aarch64-linux-gnu flavour_debian=arm64
		flavour_musl=aarch64-linux-musl flavour_flags='-march=armv8-a -moutline-atomics' ;;
	armv7)
		flavour_triple=arm-linux-gnueabihf flavour_debian=armhf
		flavour_musl=arm-linux-musleabihf flavour_flags='-march=armv7-a+fp -mthumb' ;;
	armv6)
		# The hard-float compiler's own library is ARMv7 code; the soft-float one's runs on v6,
		# and softfp still uses the floating point unit.
		flavour_triple=arm-linux-gnueabi flavour_debian=armel
		flavour_musl=arm-linux-musleabi
		flavour_flags='-march=armv6k+fp -mfloat-abi=softfp -marm' ;;
	riscv64)
		flavour_triple=riscv64-linux-gnu flavour_debian=riscv64
		flavour_musl=riscv64-linux-musl flavour_flags='' ;;
	*)
		fail "unknown processor $1 (there is: host $flavour_all)" ;;
	esac
	flavour_kernel=$flavour_triple
}
