/*
 * request_counts.c - two maps, by the labels as they are printed: answers with their code, and
 * durations.
 */
#include "server/metrics/request_counts.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/exposition.h"
#include "base/map.h"

#define LABELS_MAX 4000 /* sets of labels; what comes later is not told */
#define TOTAL      "apiserver_request_total"
#define DURATION   "apiserver_request_duration_seconds"

/* Upper bounds as the real server has them. */
static const struct {
	int64_t us;
	const char *label;
} bounds[] = {
	{ 5000, "0.005" },  { 25000, "0.025" },  { 50000, "0.05" },  { 100000, "0.1" },
	{ 200000, "0.2" },  { 400000, "0.4" },   { 600000, "0.6" },  { 800000, "0.8" },
	{ 1000000, "1" },   { 1250000, "1.25" }, { 1500000, "1.5" }, { 2000000, "2" },
	{ 3000000, "3" },   { 4000000, "4" },    { 5000000, "5" },   { 6000000, "6" },
	{ 8000000, "8" },   { 10000000, "10" },  { 15000000, "15" }, { 20000000, "20" },
	{ 30000000, "30" }, { 45000000, "45" },  { 60000000, "60" },
};

struct durations {
	uint64_t sum_us;
	uint32_t below[ARRAY_LENGTH(bounds)]; /* of this bound alone, not of those under it */
	uint32_t count;
};

struct request_counts {
	struct map *totals;    /* labels -> a count, as a pointer-sized number */
	struct map *durations; /* labels -> struct durations */
};

static const char *verb_of(const struct request *req)
{
	switch (req->verb) {
	case REQUEST_GET: return "GET";
	case REQUEST_LIST: return "LIST";
	case REQUEST_WATCH: return "WATCH";
	case REQUEST_CREATE: return "POST";
	case REQUEST_UPDATE: return "PUT";
	case REQUEST_PATCH: return req->body_form == BODY_PATCH_APPLY ? "APPLY" : "PATCH";
	case REQUEST_DELETE: return "DELETE";
	case REQUEST_DELETE_COLLECTION: return "DELETECOLLECTION";
	case REQUEST_CONNECT: return "CONNECT";
	case REQUEST_NONE: break;
	}
	return "";
}

static void add_labels(const struct request *req, struct buf *out)
{
	const struct kind *kind = req->kind;

	exposition_label(out, "component", STR("apiserver"));
	exposition_label(out, "dry_run", req->params.dry_run ? STR("All") : STR(""));
	exposition_label(out, "group", str_of(kind->group));
	exposition_label(out, "resource", str_of(kind->plural));
	exposition_label(out, "scope",
			 req->name.len > 0        ? STR("resource")
			 : req->namespace.len > 0 ? STR("namespace")
						  : STR("cluster"));
	exposition_label(out, "subresource", req->sub ? str_of(req->sub->name) : STR(""));
	exposition_label(out, "verb", str_of(verb_of(req)));
	exposition_label(out, "version", str_of(kind->version));
}

static void note_duration(struct request_counts *counts, struct str labels, int64_t us)
{
	struct durations *durations = map_find(counts->durations, labels);
	size_t i = 0;

	if (!durations) {
		if (map_count(counts->durations) >= LABELS_MAX)
			return;
		durations = memory_new(struct durations);
		map_put(counts->durations, labels, durations);
	}
	while (i < ARRAY_LENGTH(bounds) && us > bounds[i].us)
		i++;
	if (i < ARRAY_LENGTH(bounds))
		durations->below[i]++;
	durations->count++;
	durations->sum_us += (uint64_t)(us > 0 ? us : 0);
}

void request_counts_note(struct request_counts *counts, const struct request *req, int status)
{
	auto_buf labels = BUF_INIT;
	auto_buf code = BUF_INIT;
	uintptr_t count;

	if (!counts || !req->kind)
		return;
	add_labels(req, &labels);
	if (req->verb != REQUEST_WATCH && req->verb != REQUEST_CONNECT && req->started_us > 0)
		note_duration(counts, buf_str(&labels), clock_now_us() - req->started_us);
	buf_add_print(&code, "code=\"%d\"," STR_FMT, status, STR_ARG(buf_str(&labels)));
	count = (uintptr_t)map_find(counts->totals, buf_str(&code));
	if (count > 0 || map_count(counts->totals) < LABELS_MAX)
		map_put(counts->totals, buf_str(&code), (void *)(count + 1));
}

static void print_durations(struct str labels, const struct durations *durations, struct buf *out)
{
	uint64_t below = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(bounds); i++) {
		below += durations->below[i];
		buf_add_print(out, DURATION "_bucket{" STR_FMT ",le=\"%s\"} %" PRIu64 "\n",
			      STR_ARG(labels), bounds[i].label, below);
	}
	buf_add_print(out, DURATION "_bucket{" STR_FMT ",le=\"+Inf\"} %" PRIu32 "\n",
		      STR_ARG(labels), durations->count);
	exposition_ns(out, DURATION "_sum", labels, durations->sum_us * 1000, 0);
	exposition_int(out, DURATION "_count", labels, durations->count, 0);
}

void request_counts_print(const struct request_counts *counts, struct buf *out)
{
	struct str labels;
	void *value;

	exposition_head(
		out, TOTAL, "counter",
		"[STABLE] Counter of apiserver requests broken out for each verb, dry run "
		"value, group, version, resource, scope, component, and HTTP response code.");
	for (size_t i = 0; map_next(counts->totals, &i, &labels, &value);)
		exposition_int(out, TOTAL, labels, (int64_t)(uintptr_t)value, 0);
	exposition_head(out, DURATION, "histogram",
			"[STABLE] Response latency distribution in seconds for each verb, dry run "
			"value, group, version, resource, subresource, scope and component.");
	for (size_t i = 0; map_next(counts->durations, &i, &labels, &value);)
		print_durations(labels, value, out);
}

struct request_counts *request_counts_new(void)
{
	struct request_counts *counts = memory_new(struct request_counts);

	counts->totals = map_new();
	counts->durations = map_new();
	return counts;
}

void request_counts_free(struct request_counts *counts)
{
	if (!counts)
		return;
	map_free_all(counts->durations);
	map_free(counts->totals);
	free(counts);
}
