/*
 * autoscale_figures.c - one GET a metric, by the road of every other client.
 */
#include "server/control/autoscale_figures.h"

#include <assert.h>

#include "api/status.h"
#include "base/limits.h"

#define TIMEOUT_MS 30000

static void finish_one(struct autoscale_figures *figures)
{
	assert(figures->running > 0);
	if (--figures->running == 0)
		figures->on_done(figures->of);
}

static void on_reply(void *of, const struct http_head *head, struct str body,
		     const struct error *err)
{
	struct autoscale_figure *figure = of;
	struct error unused;

	if (err)
		figure->why = *err;
	else if (!json_parse(body, &figure->answer, NULL, &unused))
		error_set(&figure->why, ERROR_UNAVAILABLE, "the server answered %d", head->status);
	else if (head->status != 200) {
		status_to_error(json_root(figure->answer), head->status, &figure->why);
		json_doc_free(take_ptr(&figure->answer));
	}
	finish_one(figure->all);
}

void autoscale_figures_ask(struct autoscale_figures *figures, struct client *client,
			   const struct json *metrics, const struct autoscale_target *target)
{
	figures->count = json_count(metrics);
	figures->list = memory_zero((figures->count + 1) * sizeof(*figures->list));
	figures->running = 1; /* no end before all have begun */
	for (struct json_iter it = json_iter(metrics); json_next(&it);) {
		struct autoscale_figure *figure = &figures->list[it.index];
		auto_buf path = BUF_INIT;
		struct http_ask ask = { .method = "GET",
					.timeout_ms = TIMEOUT_MS,
					.body_max = LIMIT_BODY,
					.on_reply = on_reply,
					.of = figure };

		figure->all = figures;
		if (!autoscale_metric_path(it.value, target, &path, &figure->why))
			continue;
		figures->running++;
		ask.target = buf_text(&path);
		http_call(client_http(client), &ask);
	}
	finish_one(figures);
}

void autoscale_figures_clear(struct autoscale_figures *figures)
{
	assert(figures->running == 0);
	for (size_t i = 0; i < figures->count; i++)
		json_doc_free(figures->list[i].answer);
	free(take_ptr(&figures->list));
	figures->count = 0;
}
