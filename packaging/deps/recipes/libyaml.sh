# shellcheck shell=sh
# libyaml: the YAML reader and writer.
recipe() {
	compile "$optimise" "-I$source/include" -DYAML_VERSION_MAJOR=0 -DYAML_VERSION_MINOR=2 \
		-DYAML_VERSION_PATCH=5 "-DYAML_VERSION_STRING=\"0.2.5\"" -DYAML_DECLARE_STATIC -- \
		"$source"/src/*.c
	archive libyaml.a
	cp "$source/include/yaml.h" "$out/include/"
}
