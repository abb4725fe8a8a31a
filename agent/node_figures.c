/*
 * node_figures.c - a table of paths; a summary waits until files have been counted, cAdvisor's
 * metrics until processes have.
 */
#include "agent/node_figures.h"

#include "agent/node_limits.h"
#include "agent/pod_inside.h"
#include "agent/stats_summary.h"
#include "base/exposition.h"
#include "base/json.h"

#define FILES_MAX_AGE_MS     60000
#define PROCESSES_MAX_AGE_MS 10000 /* as cAdvisor itself */

struct node_figures {
	struct metrics_plan plan;
	struct list waiting;
};

/* Somebody who waits for a servant: for files or for processes. */
struct waiter {
	struct list link;
	struct node_figures *figures;
	struct http_request *req;
	struct disk_use_wait files;
	struct process_counts_wait processes;
};

/* --- waiting --- */

static void waiter_free(struct waiter *waiter)
{
	disk_use_cancel(&waiter->files);
	process_counts_cancel(&waiter->processes);
	list_remove(&waiter->link);
	free(waiter);
}

static void on_gone(struct http_request *req)
{
	waiter_free(req->user);
	http_request_free(req);
}

static struct waiter *waiter_new(struct node_figures *figures, struct http_request *req)
{
	struct waiter *waiter = memory_new(struct waiter);

	waiter->figures = figures;
	waiter->req = req;
	list_init(&waiter->link);
	return waiter;
}

static void waiter_wait(struct waiter *waiter)
{
	waiter->req->user = waiter;
	waiter->req->on_gone = on_gone;
	list_add(&waiter->figures->waiting, &waiter->link);
}

/* The waiter is gone then; the request is to be answered. */
static struct http_request *waiter_end(struct waiter *waiter)
{
	struct http_request *req = waiter->req;

	req->on_gone = NULL;
	waiter_free(waiter);
	return req;
}

/* --- summaries --- */

static void reply_summary(struct node_figures *figures, struct http_request *req, bool short_form)
{
	auto_buf text = BUF_INIT;

	stats_summary_print(&figures->plan, short_form, &text);
	http_reply(req, 200, "application/json", buf_str(&text));
}

static void on_counted(struct disk_use_wait *wait)
{
	struct waiter *waiter = CONTAINER_OF(wait, struct waiter, files);
	struct node_figures *figures = waiter->figures;

	reply_summary(figures, waiter_end(waiter), false);
}

static bool wants_short(struct http_request *req)
{
	struct http_param *params;
	struct error ignored;
	size_t count;

	if (!http_parse_query(req->query, req->arena, &params, &count, &ignored))
		return false;
	for (size_t i = 0; i < count; i++)
		if (str_is(params[i].name, "only_cpu_and_memory"))
			return str_is(params[i].value, "true") || str_is(params[i].value, "1");
	return false;
}

static void serve_summary(struct node_figures *figures, struct http_request *req)
{
	struct waiter *waiter;

	if (wants_short(req)) {
		reply_summary(figures, req, true);
		return;
	}
	waiter = waiter_new(figures, req);
	waiter->files.on_ready = on_counted;
	if (disk_use_want(stats_disk(figures->plan.stats), FILES_MAX_AGE_MS, &waiter->files))
		reply_summary(figures, waiter_end(waiter), false);
	else
		waiter_wait(waiter);
}

/* --- metrics --- */

static void reply_text(struct http_request *req, const struct buf *text)
{
	http_reply(req, 200, EXPOSITION_TYPE, buf_str(text));
}

static void serve_kubelet(struct node_figures *figures, struct http_request *req)
{
	auto_buf text = BUF_INIT;

	metrics_kubelet(&figures->plan, &text);
	reply_text(req, &text);
}

static void serve_resource(struct node_figures *figures, struct http_request *req)
{
	auto_buf text = BUF_INIT;

	metrics_resource(&figures->plan, &text);
	reply_text(req, &text);
}

static void reply_cadvisor(struct node_figures *figures, struct http_request *req)
{
	auto_buf text = BUF_INIT;

	metrics_cadvisor(&figures->plan, &text);
	reply_text(req, &text);
}

static void on_processes(struct process_counts_wait *wait)
{
	struct waiter *waiter = CONTAINER_OF(wait, struct waiter, processes);
	struct node_figures *figures = waiter->figures;

	reply_cadvisor(figures, waiter_end(waiter));
}

static void serve_cadvisor(struct node_figures *figures, struct http_request *req)
{
	struct waiter *waiter = waiter_new(figures, req);

	waiter->processes.on_ready = on_processes;
	if (process_counts_want(stats_processes(figures->plan.stats), PROCESSES_MAX_AGE_MS,
				&waiter->processes))
		reply_cadvisor(figures, waiter_end(waiter));
	else
		waiter_wait(waiter);
}

static void serve_probes(struct node_figures *figures, struct http_request *req)
{
	auto_buf text = BUF_INIT;

	metrics_probes(&figures->plan, &text);
	reply_text(req, &text);
}

/* --- configuration --- */

static void put_amounts(struct json_doc *doc, struct json *to, const char *key,
			const struct node_limits *limits, bool soft)
{
	struct json *map = json_sub_object(doc, to, key);

	for (size_t i = 0; i < limits->threshold_count; i++)
		if (limits->thresholds[i].is_soft == soft &&
		    limits->thresholds[i].signal != SIGNAL_ALLOCATABLE_MEMORY)
			json_put(doc, map, eviction_signal_name(limits->thresholds[i].signal),
				 json_new_text(doc, limits->thresholds[i].below.text));
}

static void put_reserved(struct json_doc *doc, struct json *to, const char *key,
			 const struct reservation *reserved)
{
	struct json *map = json_sub_object(doc, to, key);

	json_put(doc, map, "cpu", json_new_print(doc, "%lldm", (long long)reserved->cpu_milli));
	json_put(doc, map, "memory", json_new_print(doc, "%lld", (long long)reserved->memory));
	json_put(doc, map, "ephemeral-storage",
		 json_new_print(doc, "%lld", (long long)reserved->ephemeral));
}

static struct json *print_duration(struct json_doc *doc, int64_t ms)
{
	return json_new_print(doc, "%lldms", (long long)ms);
}

/* What is said elsewhere in a kubelet's configuration file. */
static void serve_configz(struct node_figures *figures, struct http_request *req)
{
	const struct node *node = figures->plan.node;
	const struct node_limits *limits = node->limits;
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc),
		    *config = json_sub_object(doc, root, "kubeletconfig");
	auto_buf text = BUF_INIT;

	json_put(doc, config, "clusterDomain", json_new_text(doc, node->cluster_domain));
	json_put(doc, config, "maxPods", json_new_int(doc, node->max_pods));
	json_put(doc, config, "readOnlyPort", json_new_int(doc, 0));
	json_put(doc, config, "podLogsDir", json_new_text(doc, node->logs_folder));
	json_put(doc, config, "resolvConf", json_new_text(doc, node->resolv_conf));
	json_put(doc, config, "imageMinimumGCAge", print_duration(doc, limits->image_age_min_ms));
	json_put(doc, config, "imageMaximumGCAge", print_duration(doc, limits->image_age_max_ms));
	json_put(doc, config, "imageGCHighThresholdPercent", json_new_int(doc, limits->image_high));
	json_put(doc, config, "imageGCLowThresholdPercent", json_new_int(doc, limits->image_low));
	put_amounts(doc, config, "evictionHard", limits, false);
	put_amounts(doc, config, "evictionSoft", limits, true);
	json_put(doc, config, "evictionPressureTransitionPeriod",
		 print_duration(doc, limits->transition_ms));
	json_put(doc, config, "evictionMaxPodGracePeriod",
		 json_new_int(doc, limits->pod_grace_max_s));
	json_put(doc, config, "containerLogMaxSize",
		 json_new_print(doc, "%lld", (long long)limits->log_size_max));
	json_put(doc, config, "containerLogMaxFiles", json_new_int(doc, limits->log_files_max));
	json_put(doc, config, "podPidsLimit",
		 json_new_int(doc, limits->pids_max > 0 ? limits->pids_max : -1));
	put_reserved(doc, config, "systemReserved", &limits->system);
	put_reserved(doc, config, "kubeReserved", &limits->kube);
	json_print(root, &text);
	http_reply(req, 200, "application/json", buf_str(&text));
}

/* --- requests --- */

bool node_figures_request(struct node_figures *figures, struct http_request *req)
{
	static const struct {
		const char *path;
		void (*serve)(struct node_figures *figures, struct http_request *req);
	} rows[] = {
		{ "/stats/summary", serve_summary },     { "/metrics", serve_kubelet },
		{ "/metrics/resource", serve_resource }, { "/metrics/cadvisor", serve_cadvisor },
		{ "/metrics/probes", serve_probes },     { "/configz", serve_configz },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		if (!str_is(req->path, rows[i].path))
			continue;
		rows[i].serve(figures, req);
		return true;
	}
	return false;
}

struct node_figures *node_figures_new(const struct metrics_plan *plan)
{
	struct node_figures *figures = memory_new(struct node_figures);

	figures->plan = *plan;
	list_init(&figures->waiting);
	return figures;
}

void node_figures_free(struct node_figures *figures)
{
	if (!figures)
		return;
	LIST_EACH_SAFE(&figures->waiting, link)
	{
		struct waiter *waiter = LIST_OWNER(link, struct waiter, link);

		http_request_free(waiter->req);
		waiter_free(waiter);
	}
	free(figures);
}
