# shellcheck shell=sh
# mbedTLS: TLS, X.509, digests.  -O2: half again as many handshakes for 70 KB.
# X25519 of the Everest project comes with it, for processors with 128-bit products.
# Our configuration is appended to the copy of mbedTLS's own, so that every user of the headers sees it.
recipe() {
	everest=$source/3rdparty/everest
	cp -R "$source/include/mbedtls" "$source/include/psa" "$everest/include/everest" "$out/include/"
	cat "$deps_dir/mbedtls_config.h" >> "$out/include/mbedtls/mbedtls_config.h"
	compile -O2 "-I$out/include" "-I$out/include/everest" "-I$out/include/everest/kremlib" "-I$source/library" -- \
		"$source"/library/*.c "$everest/library/everest.c" "$everest/library/x25519.c" \
		"$everest/library/Hacl_Curve25519_joined.c"
	# Where the processor has instructions for it, AES-GCM is half again as fast through the compiler's words for them;
	# the rest of the program does without, and which code runs is found out at run time.
	case $($CC -dumpmachine) in
	x86_64*) compile -O2 -maes -mpclmul -mssse3 "-I$out/include" "-I$source/library" -- "$source/library/aesni.c" ;;
	esac
	archive libmbedtls.a
}
