/*
 * fuzz_yaml_print.c - any JSON value is printed as YAML that is read as the same value.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
	auto_json_doc doc = NULL;
	auto_json_doc again = NULL;
	auto_buf text = BUF_INIT;
	struct error err;

	if (!json_parse(str_from(at, len), &doc, NULL, &err))
		return 0;
	yaml_print(json_root(doc), &text);
	if (!yaml_parse(buf_str(&text), &again, NULL, &err) ||
	    !json_equal(json_root(doc), json_root(again)))
		abort();
	return 0;
}
