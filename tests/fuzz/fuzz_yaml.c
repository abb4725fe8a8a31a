/*
 * fuzz_yaml.c - YAML texts are read without harm; what is read is printed and read as the same.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	auto_json_doc doc = NULL;
	auto_json_doc all = NULL;
	auto_json_doc again = NULL;
	auto_buf text = BUF_INIT;
	auto_buf told = BUF_INIT;
	const char *duplicate;
	struct error err;

	yaml_print_duplicates(str_from(at, len), &told);
	if (yaml_parse(str_from(at, len), &doc, &duplicate, &err))
		yaml_print(json_root(doc), &text);
	if (doc && (!yaml_parse(buf_str(&text), &again, NULL, &err) ||
		    !json_equal(json_root(doc), json_root(again))))
		abort();
	if (!yaml_parse_all(str_from(at, len), &all, &err))
		return 0;
	return 0;
}
