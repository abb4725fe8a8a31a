/*
 * test_resolver_file.c - what becomes of the machine's resolv.conf and a pod's dnsConfig.
 */
#include "agent/resolver_file.h"

#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

static void lists_are_merged(void)
{
	static const struct {
		const char *machine, *config, *want;
	} rows[] = {
		{ "", "{}", "" },
		{ "# c\nnameserver 1.1.1.1\n\nsearch a b\noptions ndots:1 edns0", "{}",
		  "nameserver 1.1.1.1\nsearch a b\noptions ndots:1 edns0\n" },
		{ "nameserver\t1.1.1.1\nnameserver 1.1.1.1\ndomain x\nsearch a\n",
		  "{'nameservers':['2.2.2.2','1.1.1.1'],'searches':['b','a']}",
		  "nameserver 1.1.1.1\nnameserver 2.2.2.2\nsearch a b\n" },
		{ "options ndots:1 rotate\n",
		  "{'options':[{'name':'ndots','value':'5'},{'name':'edns0'}]}",
		  "options ndots:5 rotate edns0\n" },
		{ "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver "
		  "4.4.4.4\n",
		  "{'nameservers':['5.5.5.5']}",
		  "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		auto_json_doc config = fixture_json(rows[i].config);
		auto_buf out = BUF_INIT;

		resolver_file_print(str_of(rows[i].machine), json_root(config), &out);
		CHECK_STR(buf_text(&out), rows[i].want);
	}
}

static const struct test tests[] = { { "lists are merged", lists_are_merged } };

TEST_MAIN(tests)
