# shellcheck shell=sh
# musl: the C library of the static binaries, with the kernel's headers beside its own.
# $out becomes the sysroot; build.sh writes the compiler wrapper that uses it.
recipe() {
	mkdir tree
	(
		cd tree
		quietly env "CC=$CC" "AR=$AR" "RANLIB=$RANLIB" 'CFLAGS=-Os -fno-stack-protector' \
			"LIBCC=$($CC -print-libgcc-file-name)" "$source/configure" \
			--target="$flavour_musl" --prefix=/ --disable-shared --enable-wrapper=no
		quietly make "-j$jobs"
		quietly make install "DESTDIR=$out"
	)
	for part in linux asm asm-generic mtd; do
		cp -R "$toolchain/kernel/$part" "$out/include/"
	done
}
