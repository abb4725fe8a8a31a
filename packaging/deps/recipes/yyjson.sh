# shellcheck shell=sh
# yyjson: the JSON reader and writer; one file.  -O2: it is on every request's way.
recipe() {
	compile -O2 "-I$source/src" -- "$source/src/yyjson.c"
	archive libyyjson.a
	cp "$source/src/yyjson.h" "$out/include/"
}
