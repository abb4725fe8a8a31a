/*
 * fuzz_oci_config.c - config.json as anybody may write it: what is accepted can be read in every
 * way in which a container's maker reads it, and is accepted again when it was kept and read back.
 */
#include <assert.h>
#include <stdint.h>

#include "runtime/oci_config.h"
#include "runtime/oci_mount_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_lists(const struct oci_config *config)
{
	static const char *const names[] = { "maskedPaths", "readonlyPaths" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char **list = oci_config_list(config, json_get(config->system, names[i]));

		while (*list)
			list++;
	}
	for (unsigned i = 0; i < OCI_NAMESPACES; i++)
		(void)oci_config_has(config, i);
}

static void read_mounts(const struct oci_config *config)
{
	for (struct json_iter it = json_iter(json_get(config->root, "mounts")); json_next(&it);) {
		struct oci_mount_words words;

		oci_mount_words_read(json_get(it.value, "options"), config->arena, &words);
		(void)oci_config_text(config, json_get(it.value, "destination"));
		assert(!words.rest || !words.rest[words.rest_count].key);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	auto_oci_config config = NULL;
	auto_oci_config again = NULL;
	auto_buf kept = BUF_INIT;
	struct error err;

	if (!oci_config_parse(str_from(bytes, size), "/bundle", &config, &err)) {
		assert(err.text[0]);
		return 0;
	}
	read_lists(config);
	read_mounts(config);
	json_print(config->root, &kept);
	assert(oci_config_parse(buf_str(&kept), "/bundle", &again, &err));
	assert(config->made == again->made && config->terminal == again->terminal);
	return 0;
}
