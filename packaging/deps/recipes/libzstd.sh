# shellcheck shell=sh
# zstd: image layers.  The compressor is there for tests; what is not called is not linked.
recipe() {
	compile -O2 "-I$source/lib" "-I$source/lib/common" -DZSTD_DISABLE_ASM -DZSTD_LEGACY_SUPPORT=0 \
		-DXXH_NAMESPACE=ZSTD_ -- "$source"/lib/common/*.c "$source"/lib/compress/*.c \
		"$source"/lib/decompress/*.c
	archive libzstd.a
	cp "$source/lib/zstd.h" "$source/lib/zstd_errors.h" "$out/include/"
}
