/*
 * autoscale_figures.h - asks for the figures of an autoscaler's metrics, all of them at once.
 *
 * Owner: one look, which embeds it and is told once.  Loop thread only.
 */
#ifndef SERVER_CONTROL_AUTOSCALE_FIGURES_H
#define SERVER_CONTROL_AUTOSCALE_FIGURES_H

#include "server/control/autoscale_metrics.h"

struct autoscale_figures;

struct autoscale_figure {
	struct autoscale_figures *all;
	struct json_doc *answer;
	struct error why; /* answer NULL */
};

struct autoscale_figures {
	struct autoscale_figure *list; /* one a metric, in their order */
	size_t count, running;
	void (*on_done)(void *of); /* set before autoscale_figures_ask() */
	void *of;
};

/* on_done comes once all have answered or failed, perhaps inside.  `target` (its pods are known)
 * and `metrics` (the spec's list) are needed during the call only. */
void autoscale_figures_ask(struct autoscale_figures *figures, struct client *client,
			   const struct json *metrics, const struct autoscale_target *target);
/* Only before the asking, or after on_done. */
void autoscale_figures_clear(struct autoscale_figures *figures);

#endif
