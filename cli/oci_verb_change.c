/*
 * oci_verb_change.c - mote oci pause, resume, update.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/oci_verb.h"
#include "runtime/cgroup_spec.h"

static bool open_with_cgroup(const struct oci *oci, struct oci_state **out, struct error *err)
{
	auto_oci_state state = NULL;

	if (!oci_state_open(oci->root, oci->args[0], true, &state, err))
		return false;
	if (!state->cgroup)
		return error_set(err, ERROR_UNAVAILABLE, "container %s has no cgroup", state->id);
	*out = take_ptr(&state);
	return true;
}

static bool run_pause(struct oci *oci, struct error *err)
{
	auto_oci_state state = NULL;
	enum oci_phase phase;

	if (!open_with_cgroup(oci, &state, err))
		return false;
	phase = oci_state_phase(state);
	if (phase != OCI_RUNNING && phase != OCI_CREATED)
		return error_set(err, ERROR_CONFLICT, "container not running or created: %s",
				 oci_phase_name(phase));
	return cgroup_spec_freeze(state->cgroup, true, err);
}

const struct oci_verb oci_verb_pause = { .name = "pause",
					 .arguments = "ID",
					 .help = "stop all processes of a container for a while",
					 .args_min = 1,
					 .args_max = 1,
					 .run = run_pause };

static bool run_resume(struct oci *oci, struct error *err)
{
	auto_oci_state state = NULL;

	if (!open_with_cgroup(oci, &state, err))
		return false;
	if (oci_state_phase(state) != OCI_PAUSED)
		return error_set(err, ERROR_CONFLICT, "container not paused");
	return cgroup_spec_freeze(state->cgroup, false, err);
}

const struct oci_verb oci_verb_resume = { .name = "resume",
					  .arguments = "ID",
					  .help = "let a paused container go on",
					  .args_min = 1,
					  .args_max = 1,
					  .run = run_resume };

/* --- update --- */

/* "64m" and "64M" are mebibytes, as with containers everywhere; -1 is no limit. */
static bool parse_bytes(const char *text, int64_t *out)
{
	static const char units[] = "kmgt";
	struct str digits = str_of(text);
	int shift = 0;

	if (digits.len > 0 && (digits.at[digits.len - 1] | 32) == 'b')
		digits.len--;
	if (digits.len > 0 && strchr(units, digits.at[digits.len - 1] | 32)) {
		const char *unit = strchr(units, digits.at[digits.len - 1] | 32);

		shift = 10 * (int)(unit - units + 1);
		digits.len--;
	}
	if (!str_to_i64(digits, -1, INT64_MAX >> shift, out))
		return false;
	*out = *out < 0 ? -1 : (int64_t)((uint64_t)*out << shift);
	return true;
}

static bool put_number(const char *said, bool bytes, struct json_doc *doc, struct json *into,
		       const char *key, struct error *err)
{
	int64_t value;

	if (!said || !*said)
		return true;
	if (bytes ? !parse_bytes(said, &value)
		  : !str_to_i64(str_of(said), INT64_MIN, INT64_MAX, &value))
		return error_set(err, ERROR_INVALID, "invalid value \"%s\" for %s", said, key);
	json_put(doc, into, key, json_new_int(doc, value));
	return true;
}

static void put_text(const char *said, struct json_doc *doc, struct json *into, const char *key)
{
	if (said && *said)
		json_put(doc, into, key, json_new_text(doc, said));
}

static bool gather(const struct oci *oci, struct json_doc *doc, struct json *root,
		   struct error *err)
{
	const struct oci_options *said = &oci->options;
	struct json *memory = json_sub_object(doc, root, "memory");
	struct json *cpu = json_sub_object(doc, root, "cpu");
	struct json *pids = json_sub_object(doc, root, "pids");
	struct json *io = json_sub_object(doc, root, "blockIO");

	put_text(said->cpus, doc, cpu, "cpus");
	put_text(said->mems, doc, cpu, "mems");
	return put_number(said->memory, true, doc, memory, "limit", err) &&
	       put_number(said->memory_swap, true, doc, memory, "swap", err) &&
	       put_number(said->memory_reservation, true, doc, memory, "reservation", err) &&
	       put_number(said->cpu_period, false, doc, cpu, "period", err) &&
	       put_number(said->cpu_quota, false, doc, cpu, "quota", err) &&
	       put_number(said->cpu_burst, false, doc, cpu, "burst", err) &&
	       put_number(said->cpu_share, false, doc, cpu, "shares", err) &&
	       put_number(said->cpu_rt_period, false, doc, cpu, "realtimePeriod", err) &&
	       put_number(said->cpu_rt_runtime, false, doc, cpu, "realtimeRuntime", err) &&
	       put_number(said->cpu_idle, false, doc, cpu, "idle", err) &&
	       put_number(said->pids_limit, false, doc, pids, "limit", err) &&
	       put_number(said->blkio_weight, false, doc, io, "weight", err);
}

static bool read_resources(const struct oci *oci, struct json_doc **out, struct error *err)
{
	const char *path = oci->options.resources;
	auto_json_doc doc = NULL;
	auto_buf text = BUF_INIT;

	if (oci->options.schema && *oci->options.schema)
		return error_set(err, ERROR_INVALID, "intelRdt is not supported by this runtime");
	if (!path || !*path) {
		doc = json_doc_new();
		json_set_root(doc, json_new_object(doc));
		if (!gather(oci, doc, json_root(doc), err))
			return false;
	} else {
		if (!file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, OCI_CONFIG_BYTES_MAX,
			       &text, err) ||
		    !json_parse(buf_str(&text), &doc, NULL, err))
			return error_context(err, "resources %s", path);
		if (json_type(json_root(doc)) != JSON_OBJECT)
			return error_set(err, ERROR_INVALID, "resources %s: no object", path);
	}
	*out = take_ptr(&doc);
	return true;
}

/* What is used already must fit when asked: else the kernel kills. */
static bool check_memory(const struct oci_state *state, const struct json *memory,
			 struct error *err)
{
	struct usage usage;
	int64_t limit = json_int(json_get(memory, "limit"));

	if (!json_bool(json_get(memory, "checkBeforeUpdate")) || limit <= 0 ||
	    !cgroup_usage(state->cgroup, &usage, err))
		return true;
	return usage.memory_bytes <= (uint64_t)limit ||
	       error_set(err, ERROR_CONFLICT,
			 "refusing to set the memory limit below what is used: %" PRIu64,
			 usage.memory_bytes);
}

static bool run_update(struct oci *oci, struct error *err)
{
	auto_oci_state state = NULL;
	auto_json_doc doc = NULL;
	const struct json *resources;

	if (!open_with_cgroup(oci, &state, err))
		return false;
	if (oci_state_phase(state) == OCI_STOPPED)
		return error_set(err, ERROR_CONFLICT, "container not running");
	if (!read_resources(oci, &doc, err))
		return false;
	resources = json_root(doc);
	if (!check_memory(state, json_get(resources, "memory"), err) ||
	    !cgroup_spec_limit(state->cgroup, resources, err))
		return false;
	return !json_get(resources, "devices") ||
	       cgroup_spec_devices(state->cgroup, json_get(resources, "devices"), err);
}

static const struct option_row update_rows[] = {
	{ .flag = "resources",
	  .letter = 'r',
	  .type = OPTION_TEXT,
	  .at = OCI_AT(resources),
	  .value_name = "FILE",
	  .group = "Options",
	  .help = "limits as in config.json's linux.resources; - is standard input" },
	OCI_ROW_TEXT("memory", memory, "BYTES", "memory"),
	OCI_ROW_TEXT("memory-reservation", memory_reservation, "BYTES", "memory that is kept"),
	OCI_ROW_TEXT("memory-swap", memory_swap, "BYTES", "memory and swap together"),
	OCI_ROW_TEXT("kernel-memory", kernel_memory, "BYTES", "taken; kernels have none now"),
	OCI_ROW_TEXT("kernel-memory-tcp", kernel_memory_tcp, "BYTES",
		     "taken; kernels have none now"),
	OCI_ROW_TEXT("cpu-period", cpu_period, "US", "length of a period"),
	OCI_ROW_TEXT("cpu-quota", cpu_quota, "US", "time in a period"),
	OCI_ROW_TEXT("cpu-burst", cpu_burst, "US", "time that may be saved up"),
	OCI_ROW_TEXT("cpu-share", cpu_share, "N", "weight among others"),
	OCI_ROW_TEXT("cpu-rt-period", cpu_rt_period, "US", "period of real-time processes"),
	OCI_ROW_TEXT("cpu-rt-runtime", cpu_rt_runtime, "US", "their time in a period"),
	OCI_ROW_TEXT("cpu-idle", cpu_idle, "N", "1: only when nobody else wants to run"),
	OCI_ROW_TEXT("cpuset-cpus", cpus, "LIST", "processors"),
	OCI_ROW_TEXT("cpuset-mems", mems, "LIST", "memory nodes"),
	OCI_ROW_TEXT("pids-limit", pids_limit, "N", "processes"),
	OCI_ROW_TEXT("blkio-weight", blkio_weight, "N", "weight for block devices"),
	OCI_ROW_TEXT("l3-cache-schema", schema, "TEXT", "refused: there is no intelRdt"),
	OCI_ROW_TEXT("mem-bw-schema", schema, "TEXT", "refused: there is no intelRdt"),
	{ 0 },
};

const struct oci_verb oci_verb_update = { .name = "update",
					  .arguments = "ID",
					  .help = "change the limits of a container",
					  .rows = update_rows,
					  .args_min = 1,
					  .args_max = 1,
					  .run = run_update };
