# shellcheck shell=sh
# zlib: gzip layers and responses.  The gz* file layer is left out.
recipe() {
	for name in adler32 compress crc32 deflate infback inffast inflate inftrees trees uncompr zutil; do
		set -- "$@" "$source/$name.c"
	done
	compile -O2 "-I$source" -DHAVE_UNISTD_H -- "$@"
	archive libz.a
	cp "$source/zlib.h" "$source/zconf.h" "$out/include/"
}
