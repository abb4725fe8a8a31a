/*
 * validate_webhook.c - webhooks and what they share with admission policies.
 */
#include "api/validate_webhook.h"

#include "api/kinds/cells.h"
#include "api/validate.h"
#include "api/validate_words.h"

const char *const webhook_categories[] = { "api-extensions", NULL };

void webhook_fill(const struct kind_work *work)
{
	static const char *const selectors[] = { "namespaceSelector", "objectSelector" };

	for (struct json_iter it = json_iter(json_get(work->object, "webhooks")); json_next(&it);)
		for (size_t i = 0; i < ARRAY_LENGTH(selectors); i++)
			if (!json_get(it.value, selectors[i]))
				json_put(work->doc, it.value, selectors[i],
					 json_new_object(work->doc));
}

void webhook_warn(const struct kind_work *work)
{
	if (json_count(json_get(work->object, "webhooks")) > 0)
		kind_warn(work, "admission webhooks are kept, but not called by this server yet");
}

void webhook_print_count(const struct json *object, struct buf *out)
{
	cells_count(json_count(json_get(object, "webhooks")), out);
}

void webhook_validate(const struct kind_work *work)
{
	(void)work;
}
