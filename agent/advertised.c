/*
 * advertised.c - see advertised.h.
 */
#include "agent/advertised.h"

#include "agent/devices.h"
#include "api/validate_amounts.h"

struct found {
	struct json_doc *doc, *own;
	const struct json *allocatable;
	bool news;
};

static void add_own(void *to, const char *name, int64_t capacity, int64_t allocatable)
{
	struct json_doc *doc = to;

	(void)capacity;
	(void)allocatable;
	json_put(doc, json_root(doc), name, json_new_bool(doc, true));
}

static struct json_doc *own_names(const struct node_resources *own)
{
	struct json_doc *doc = json_doc_new();

	json_set_root(doc, json_new_object(doc));
	for (; own; own = own->next)
		own->list(own->of, add_own, doc);
	return doc;
}

bool advertised_is_gone(struct str name)
{
	return str_starts(name, STR(DEVICES_PREFIX));
}

static bool is_others(const struct found *found, struct str name)
{
	return amounts_is_extended(name) && !json_get_str(json_root(found->own), name);
}

static void say(struct found *found, struct str name, const struct json *amount)
{
	const struct json *told = json_get_str(found->allocatable, name);
	struct json *value = amount ? json_clone(found->doc, amount) : json_new_null(found->doc);

	json_put_str(found->doc, json_root(found->doc), name, value);
	if (!told || !amount || !json_equal(told, amount))
		found->news = true;
}

struct json_doc *advertised_find(const struct json *node, const struct node_resources *own,
				 bool *out_news)
{
	auto_json_doc names = own_names(own);
	const struct json *capacity = json_path(node, "status", "capacity", NULL);
	struct found found = { .doc = json_doc_new(), .own = names };

	json_set_root(found.doc, json_new_object(found.doc));
	found.allocatable = json_path(node, "status", "allocatable", NULL);
	for (struct json_iter it = json_iter(capacity); json_next(&it);)
		if (is_others(&found, it.key))
			say(&found, it.key, advertised_is_gone(it.key) ? NULL : it.value);
	for (struct json_iter it = json_iter(found.allocatable); json_next(&it);)
		if (is_others(&found, it.key) && !json_get_str(capacity, it.key))
			say(&found, it.key, NULL);
	*out_news = found.news;
	return found.doc;
}
