/*
 * fuzz_yaml.c - YAML texts are read, and what is read is printed, without harm.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	auto_json_doc doc = NULL;
	auto_json_doc all = NULL;
	auto_buf text = BUF_INIT;
	const char *duplicate;
	struct error err;

	if (yaml_parse(str_from(at, len), &doc, &duplicate, &err))
		yaml_print(json_root(doc), &text);
	if (!yaml_parse_all(str_from(at, len), &all, &err))
		return 0;
	return 0;
}
