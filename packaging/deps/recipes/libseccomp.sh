# shellcheck shell=sh
# libseccomp: writes the system call filters of containers.  Its configure insists on gperf although
# the file that gperf makes is shipped.
recipe() {
	cp -a "$source" tree
	(
		cd tree
		quietly env "CFLAGS=$optimise $CFLAGS" ./configure --host="$triple" --prefix=/usr \
			--disable-shared --enable-static --disable-python \
			GPERF=true ac_cv_prog_GPERF=true ac_cv_prog_ac_ct_GPERF=true
		quietly make -C include
		quietly make -C src "-j$jobs" libseccomp.la
	)
	cp tree/src/.libs/libseccomp.a "$out/lib/"
	cp tree/include/seccomp.h tree/include/seccomp-syscalls.h "$out/include/"
}
