/*
 * amounts.h - what pods ask for and nodes offer: processor, memory, ephemeral storage, and any
 * number of further resources by name.
 *
 * Owner: the struct that embeds it; amounts_clear gives up what it holds.  Pure functions.
 */
#ifndef SERVER_SCHEDULE_AMOUNTS_H
#define SERVER_SCHEDULE_AMOUNTS_H

#include "base/json.h"

struct extra {
	char *name;
	int64_t value;
};

/* All zero is "nothing". */
struct amounts {
	int64_t cpu_milli, memory, ephemeral;
	struct extra *extras; /* hugepages-2Mi, example.com/thing ... */
	size_t extra_count;
};

void amounts_clear(struct amounts *amounts);
/* A list such as status.allocatable or resources.requests; "pods" is left out. */
void amounts_of(const struct json *list, struct amounts *out);
int64_t amounts_extra(const struct amounts *amounts, struct str name); /* 0 when absent */
/* The value of any resource; the kind is that of the name, found once. */
enum amount_kind { AMOUNT_CPU, AMOUNT_MEMORY, AMOUNT_EPHEMERAL, AMOUNT_EXTRA };
enum amount_kind amounts_kind(const char *name);
int64_t amounts_get(const struct amounts *amounts, enum amount_kind kind, const char *name);
/* sign 1 adds, -1 takes away; what comes to nothing is dropped. */
void amounts_add(struct amounts *to, const struct amounts *more, int sign);
void amounts_raise(struct amounts *to, const struct amounts *other); /* the larger of each */
bool amounts_equal(const struct amounts *a, const struct amounts *b);
/* Is there as much in `has` beside `used` as `asks` needs?  What is not asked for may be short. */
bool amounts_fit(const struct amounts *asks, const struct amounts *used, const struct amounts *has);

/* What a pod takes while it runs: containers, sidecars, the peak of its start, overhead; a resize
 * that is under way counts with the larger of both. */
void amounts_of_pod(const struct json *pod, struct amounts *out);
/* Of processor and memory only, where a container that asks for none counts as 100m and 200 MB:
 * for scores, so that such pods spread as well. */
void amounts_of_pod_at_least(const struct json *pod, int64_t *out_cpu_milli, int64_t *out_memory);

#endif
