# shellcheck shell=sh
# libwebsockets: carries the tunnel, both ends, on our own event loop.
#
# The two LWS_HAVE_... that are forced off make client certificates optional on every connection; with
# them lws asks for one depending on whether the client sent a server name.
needs=mbedtls

recipe() {
	command -v cmake > /dev/null || fail "cmake is missing; run packaging/deps/setup.sh"
	on='WITH_MBEDTLS WITH_STATIC STATIC_PIC WITHOUT_TESTAPPS WITHOUT_EXTENSIONS IPV6 WITH_CUSTOM_HEADERS'
	off='WITH_HTTP2 WITH_SHARED WITH_PLUGINS WITH_EVLIB_PLUGINS WITH_SYS_SMD WITH_SYS_STATE
		WITH_CONMON WITH_LEJP WITH_DIR WITH_UDP WITH_FILE_OPS WITH_HTTP_UNCOMMON_HEADERS
		CLIENT_HTTP_PROXYING WITH_TLS_SESSIONS SSL_CLIENT_USE_OS_CA_CERTS WITH_HTTP_BASIC_AUTH
		HAVE_mbedtls_ssl_conf_sni HAVE_mbedtls_ssl_set_hs_authmode'
	# A context that is destroyed forgets its wake-up descriptor before it is closed: it stays open for ever.
	cp -R "$source" source
	sed -i '/if (pt->dummy_pipe_fds\[0\] == wsi->desc.sockfd)/,+1d' source/lib/core-net/close.c
	! grep -q 'dummy_pipe_fds' source/lib/core-net/close.c || fail "the source is not what it was: close.c"
	for option in $on; do set -- "$@" "-DLWS_$option=ON"; done
	for option in $off; do set -- "$@" "-DLWS_$option=OFF"; done
	quietly cmake -S source -B tree "$@" -DLWS_MAX_SMP=1 -DDISABLE_WERROR=ON \
		-DCMAKE_SYSTEM_NAME=Linux "-DCMAKE_SYSTEM_PROCESSOR=$flavour" \
		"-DCMAKE_C_COMPILER=$CC" "-DCMAKE_AR=$AR" "-DCMAKE_RANLIB=$RANLIB" \
		-DCMAKE_TRY_COMPILE_TARGET_TYPE=EXECUTABLE -DCMAKE_BUILD_TYPE=NONE \
		"-DCMAKE_C_FLAGS=$optimise $CFLAGS -DMBEDTLS_ALLOW_PRIVATE_ACCESS" \
		"-DCMAKE_EXE_LINKER_FLAGS=$LDFLAGS" \
		"-DLWS_MBEDTLS_LIBRARIES=$prefix/lib/libmbedtls.a" \
		"-DLWS_MBEDTLS_INCLUDE_DIRS=$prefix/include" \
		"-DMBEDTLS_LIBRARY=$prefix/lib/libmbedtls.a" \
		"-DMBEDX509_LIBRARY=$prefix/lib/libmbedtls.a" \
		"-DMBEDCRYPTO_LIBRARY=$prefix/lib/libmbedtls.a" \
		"-DCMAKE_INSTALL_PREFIX=/usr"
	quietly make -C tree "-j$jobs"
	cp tree/lib/libwebsockets.a "$out/lib/"
	cp -R source/include/libwebsockets.h source/include/libwebsockets "$out/include/"
	cp tree/lws_config.h "$out/include/"
}
