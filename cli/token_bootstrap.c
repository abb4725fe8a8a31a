/*
 * token_bootstrap.c - tokens for a time: made, listed and taken away through the API.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/random.h"
#include "cli/api_call.h"
#include "cli/ctr_table.h"
#include "cli/token_verb.h"
#include "server/bootstrap_token.h"

#define SECRETS "/api/v1/namespaces/kube-system/secrets"

static void put_text(struct json_doc *doc, struct json *to, const char *key, const char *text)
{
	json_put(doc, to, key, json_new_text(doc, text));
}

/* "abcdef.0123456789abcdef" */
static void make_token(char out[BOOTSTRAP_TOKEN_TEXT + 1])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

	for (size_t i = 0; i < BOOTSTRAP_TOKEN_TEXT; i++)
		out[i] = i == BOOTSTRAP_TOKEN_ID ? '.' : letters[random_below(sizeof(letters) - 1)];
	out[BOOTSTRAP_TOKEN_TEXT] = '\0';
}

bool token_generate(const struct token_options *options, struct error *err)
{
	char token[BOOTSTRAP_TOKEN_TEXT + 1];

	(void)options;
	(void)err;
	make_token(token);
	puts(token);
	return true;
}

/* --- create --- */

static bool put_usages(const struct token_options *options, struct json_doc *doc, struct json *data,
		       struct error *err)
{
	for (size_t i = 0; i < options->usages.count; i++) {
		struct str usage = str_of(options->usages.items[i]);

		if (str_is(usage, "authentication"))
			put_text(doc, data, "usage-bootstrap-authentication", "true");
		else if (str_is(usage, "signing"))
			put_text(doc, data, "usage-bootstrap-signing", "true");
		else
			return error_set(err, ERROR_INVALID,
					 "--usages must be authentication or signing, not "
					 "\"" STR_FMT "\"",
					 STR_ARG(usage));
	}
	return true;
}

static bool put_end(const struct token_options *options, struct json_doc *doc, struct json *data,
		    struct error *err)
{
	char until[CLOCK_TEXT];
	int64_t ttl_ms = 0;

	if (!clock_parse_duration(str_of(options->ttl), &ttl_ms) || ttl_ms < 0)
		return error_set(err, ERROR_INVALID,
				 "--ttl must be a time such as 24h or 30m, or 0 for no end, not "
				 "\"%s\"",
				 options->ttl);
	if (ttl_ms == 0)
		return true;
	clock_print(clock_wall_s() + ttl_ms / 1000, until);
	put_text(doc, data, "expiration", until);
	return true;
}

static bool put_groups(const struct token_options *options, struct json_doc *doc, struct json *data,
		       struct error *err)
{
	auto_buf all = BUF_INIT;

	for (size_t i = 0; i < options->groups.count; i++) {
		struct str group = str_of(options->groups.items[i]);

		if (!str_starts(group, STR("system:bootstrappers:")))
			return error_set(err, ERROR_INVALID,
					 "--groups must begin with system:bootstrappers:, not "
					 "\"" STR_FMT "\"",
					 STR_ARG(group));
		buf_add_print(&all, "%s" STR_FMT, i > 0 ? "," : "", STR_ARG(group));
	}
	put_text(doc, data, "auth-extra-groups", buf_text(&all));
	return true;
}

static bool print_secret(const struct token_options *options, const char *token, struct buf *out,
			 struct error *err)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc), *meta, *data;
	struct str id, secret;

	if (!bootstrap_token_parse(str_of(token), &id, &secret))
		return error_set(
			err, ERROR_INVALID,
			"a token is 6 and 16 letters a-z or digits with a dot between, not "
			"\"%s\"",
			token);
	put_text(doc, root, "apiVersion", "v1");
	put_text(doc, root, "kind", "Secret");
	put_text(doc, root, "type", BOOTSTRAP_TOKEN_TYPE);
	meta = json_sub_object(doc, root, "metadata");
	json_put(doc, meta, "name",
		 json_new_print(doc, BOOTSTRAP_TOKEN_PREFIX STR_FMT, STR_ARG(id)));
	data = json_sub_object(doc, root, "stringData");
	json_put(doc, data, "token-id", json_new_str(doc, id));
	json_put(doc, data, "token-secret", json_new_str(doc, secret));
	if (options->description && *options->description)
		put_text(doc, data, "description", options->description);
	if (!put_usages(options, doc, data, err) || !put_end(options, doc, data, err) ||
	    !put_groups(options, doc, data, err))
		return false;
	json_print(root, out);
	return true;
}

bool token_create(const struct token_options *options, struct error *err)
{
	auto_json_doc answer = NULL;
	auto_buf body = BUF_INIT;
	char made[BOOTSTRAP_TOKEN_TEXT + 1];
	const char *token = options->arg_count > 0 ? options->args[0] : made;
	struct api_call call = { .kubeconfig = options->kubeconfig,
				 .method = "POST",
				 .path = SECRETS };

	make_token(made);
	if (!print_secret(options, token, &body, err))
		return false;
	call.body = buf_str(&body);
	if (!api_call(&call, &answer, err))
		return false;
	printf("%s%s\n", options->prefix, token);
	return true;
}

/* --- list --- */

static void add_value(struct ctr_table *table, const struct json *secret, const char *key,
		      const char *if_none)
{
	auto_buf text = BUF_INIT;
	const struct json *value = json_path(secret, "data", key, NULL);

	if (!value || !buf_add_base64_decoded(&text, json_str(value)) || text.len == 0)
		buf_add_text(&text, if_none);
	ctr_table_add(table, buf_str(&text));
}

static void add_usages(struct ctr_table *table, const struct json *secret)
{
	static const char *const usages[] = { "authentication", "signing" };
	auto_buf all = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LENGTH(usages); i++) {
		auto_free char *key = memory_print("usage-bootstrap-%s", usages[i]);

		if (json_path(secret, "data", key, NULL))
			buf_add_print(&all, "%s%s", all.len > 0 ? "," : "", usages[i]);
	}
	ctr_table_add(table, all.len > 0 ? buf_str(&all) : STR("<none>"));
}

bool token_list(const struct token_options *options, struct error *err)
{
	static const char *const heads[] = { "TOKEN ID", "EXPIRES", "USAGES", "DESCRIPTION" };
	struct api_call call = { .kubeconfig = options->kubeconfig,
				 .method = "GET",
				 .path = SECRETS "?fieldSelector=type%3D" BOOTSTRAP_TOKEN_TYPE };
	auto_json_doc answer = NULL;
	struct ctr_table *table;

	if (!api_call(&call, &answer, err))
		return false;
	table = ctr_table_new(heads, ARRAY_LENGTH(heads));
	for (struct json_iter it = json_iter(json_get(json_root(answer), "items"));
	     json_next(&it);) {
		add_value(table, it.value, "token-id", "<none>");
		add_value(table, it.value, "expiration", "<never>");
		add_usages(table, it.value);
		add_value(table, it.value, "description", "<none>");
	}
	ctr_table_show(table);
	ctr_table_free(table);
	return true;
}

/* --- delete --- */

bool token_delete(const struct token_options *options, struct error *err)
{
	for (size_t i = 0; i < options->arg_count; i++) {
		struct str rest = str_of(options->args[i]), id = str_cut(&rest, '.');
		auto_free char *path = NULL;
		auto_buf name = BUF_INIT;
		auto_json_doc answer = NULL;
		struct api_call call = { .kubeconfig = options->kubeconfig, .method = "DELETE" };

		buf_add_percent_encoded(&name, id);
		path = memory_print(SECRETS "/" BOOTSTRAP_TOKEN_PREFIX "%s", buf_text(&name));
		call.path = path;
		if (!api_call(&call, &answer, err))
			return false;
		printf("token " STR_FMT " is deleted\n", STR_ARG(id));
	}
	return true;
}
