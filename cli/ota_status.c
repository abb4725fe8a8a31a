/*
 * ota_status.c - mote ota status and rollback: what runs, what was tried, and the way back.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "base/version.h"
#include "cli/command_line.h"
#include "cli/ctr_table.h"
#include "cli/ota_place.h"
#include "cli/ota_preflight.h"
#include "cli/ota_switch.h"
#include "ota/slot_maker.h"

struct options {
	const char *data_dir, *output;
	bool no_restart, no_check;
};

struct picture {
	const char *data_dir;
	struct slots slots;
	struct slot_state state;
	struct slots_entry entries[SLOTS_MAX];
	size_t count;
	uint32_t floor;
	char own[SLOT_NAME];
	char *log; /* or NULL */
};

static bool look(struct ota_call *call, struct picture *out, struct error *err)
{
	const struct options *options = call->options;

	if (!ota_place_open(call->arena, options->data_dir, false, &out->data_dir, &out->slots,
			    err))
		return false;
	slot_state_read(out->slots.folder, &out->state);
	out->count = slots_list(&out->slots, out->entries);
	ota_place_own_slot(&out->slots, out->own);
	out->log = memory_print("%s/log", out->slots.root);
	if (!file_exists(out->log)) {
		free(out->log);
		out->log = NULL;
	}
	return slots_floor(&out->slots, &out->floor, err);
}

static void forget(struct picture *picture)
{
	free(picture->log);
	slots_close(&picture->slots);
}

/* --- status --- */

static struct json *text_or_null(struct json_doc *doc, const char *text)
{
	return text && *text ? json_new_text(doc, text) : json_new_null(doc);
}

static struct json *slot_json(struct json_doc *doc, const struct picture *picture,
			      const struct slots_entry *entry)
{
	struct json *out = json_new_object(doc);
	struct slot_facts facts;
	struct error ignored;

	json_put(doc, out, "name", json_new_text(doc, entry->name));
	json_put(doc, out, "version",
		 slot_maker_facts(&picture->slots, entry->name, &facts, &ignored)
			 ? json_new_text(doc, facts.version)
			 : json_new_null(doc));
	json_put(doc, out, "epoch", json_new_uint(doc, entry->mark.epoch));
	json_put(doc, out, "complete", json_new_bool(doc, entry->complete));
	return out;
}

static void print_json(const struct picture *picture)
{
	const struct slot_state *state = &picture->state;
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	auto_buf text = BUF_INIT;

	json_put(doc, root, "version", json_new_text(doc, version_text()));
	json_put(doc, root, "phase", json_new_text(doc, slot_phase_names[state->phase]));
	json_put(doc, root, "slot", text_or_null(doc, state->slot));
	json_put(doc, root, "starts", text_or_null(doc, slot_state_wanted(state)));
	json_put(doc, root, "lastGood", text_or_null(doc, state->last_good));
	json_put(doc, root, "tries", json_new_uint(doc, state->tries));
	json_put(doc, root, "gateSeconds", json_new_uint(doc, state->gate_seconds));
	json_put(doc, root, "reason", text_or_null(doc, state->reason));
	json_put(doc, root, "detail", text_or_null(doc, state->detail));
	json_put(doc, root, "floor", json_new_uint(doc, picture->floor));
	json_put(doc, root, "log", text_or_null(doc, picture->log));
	for (size_t i = 0; i < picture->count; i++)
		json_append(json_sub_array(doc, root, "slots"),
			    slot_json(doc, picture, &picture->entries[i]));
	json_print_pretty(root, &text);
	printf("%s\n", buf_text(&text));
}

static const char *role_of(const struct picture *picture, const char *name)
{
	const struct slot_state *state = &picture->state;
	bool starts = strcmp(slot_state_wanted(state), name) == 0;

	if (starts)
		return state->phase == SLOT_PHASE_TRIAL ? "on trial" : "current";
	if (state->phase == SLOT_PHASE_REVERTED && strcmp(state->slot, name) == 0)
		return "taken back";
	return strcmp(state->last_good, name) == 0 ? "previous" : "";
}

static void print_table(const struct picture *picture)
{
	static const char *const heads[] = { "SLOT", "EPOCH", "COMPLETE", "ROLE" };
	struct ctr_table *table = ctr_table_new(heads, ARRAY_LENGTH(heads));

	for (size_t i = 0; i < picture->count; i++) {
		const struct slots_entry *entry = &picture->entries[i];
		auto_free char *epoch = memory_print("%" PRIu32, entry->mark.epoch);

		ctr_table_add(table, str_of(entry->name));
		ctr_table_add(table, str_of(epoch));
		ctr_table_add(table, entry->complete ? STR("yes") : STR("no"));
		ctr_table_add(table, str_of(role_of(picture, entry->name)));
	}
	ctr_table_show(table);
	ctr_table_free(table);
}

static void print_text(const struct picture *picture)
{
	const struct slot_state *state = &picture->state;

	printf("version    %s\nphase      %s\n", version_text(), slot_phase_names[state->phase]);
	if (state->phase == SLOT_PHASE_TRIAL)
		printf("tries      %" PRIu32 " of %d, %" PRIu32 " s each\n", state->tries,
		       SLOT_TRIES, state->gate_seconds);
	if (*state->reason)
		printf("reason     %s: %s\n", state->reason, state->detail);
	if (picture->log)
		printf("log        %s\n", picture->log);
	printf("floor      %" PRIu32 "\n\n", picture->floor);
	print_table(picture);
}

static bool status(struct ota_call *call, struct error *err)
{
	const struct options *options = call->options;
	struct picture picture = { .slots = { .folder = -1 } };
	bool json = strcmp(options->output, "json") == 0, done;

	if (!json && *options->output)
		return error_set(err, ERROR_INVALID, "--output is json or nothing, not \"%s\"",
				 options->output);
	done = look(call, &picture, err);
	if (done && json)
		print_json(&picture);
	else if (done)
		print_text(&picture);
	forget(&picture);
	return done;
}

/* --- rollback --- */

static bool is_complete(const struct picture *picture, const char *name, uint32_t *out_epoch)
{
	for (size_t i = 0; i < picture->count; i++)
		if (strcmp(picture->entries[i].name, name) == 0) {
			*out_epoch = picture->entries[i].mark.epoch;
			return picture->entries[i].complete;
		}
	return false;
}

static bool check_target(const struct picture *picture, const char *name, struct error *err)
{
	uint32_t epoch = 0;

	if (!*name)
		return error_set(err, ERROR_NOT_FOUND, "there is no earlier version to go back to");
	if (!is_complete(picture, name, &epoch) || !launch_slot_whole(picture->slots.folder, name))
		return error_set(err, ERROR_NOT_FOUND, "version %s is not here, or damaged", name);
	if (epoch < picture->floor)
		return error_set(err, ERROR_FORBIDDEN,
				 "version %s has epoch %" PRIu32 ", and nothing below %" PRIu32
				 " may run here any more",
				 name, epoch, picture->floor);
	return true;
}

static bool restart(const struct picture *picture, struct error *err)
{
	size_t count;

	if (!ota_switch_restart(&picture->slots, &count, err))
		return false;
	if (count == 0)
		printf("no daemon runs here; the next start takes it\n");
	return true;
}

static bool go_back(struct ota_call *call, struct picture *picture, struct error *err)
{
	const struct options *options = call->options;
	const char *target = picture->state.last_good;
	bool trial = picture->state.phase == SLOT_PHASE_TRIAL;

	if (picture->state.phase == SLOT_PHASE_REVERTED)
		return error_set(err, ERROR_CONFLICT, "%s was taken back already, %s runs",
				 picture->state.slot, target);
	if (!check_target(picture, target, err))
		return false;
	if (trial) {
		if (!launch_revert(picture->slots.folder, picture->state.slot, "operator",
				   "taken back by mote ota rollback"))
			return error_set(err, ERROR_CONFLICT, "its trial has just ended");
	} else if ((!options->no_check &&
		    !ota_preflight(&picture->slots, picture->data_dir, target, err)) ||
		   !ota_switch_settle(&picture->slots, target, err)) {
		/* It will not be on trial: nothing takes it back. */
		return false;
	}
	printf("%s starts now\n", target);
	return options->no_restart || restart(picture, err);
}

static bool rollback(struct ota_call *call, struct error *err)
{
	struct picture picture = { .slots = { .folder = -1 } };
	auto_fd claim = -1;
	/* A trial may go on while somebody waits for its end: that one holds the claim. */
	bool done = look(call, &picture, err) &&
		    (picture.state.phase == SLOT_PHASE_TRIAL ||
		     slots_claim(&picture.slots, &claim, err)) &&
		    go_back(call, &picture, err);

	forget(&picture);
	return done;
}

static const struct option_row status_rows[] = {
	OTA_ROW_DATA_DIR,
	{ .flag = "output",
	  .letter = 'o',
	  .type = OPTION_TEXT,
	  .at = offsetof(struct options, output),
	  .value_name = "json",
	  .fallback = "",
	  .group = "Output",
	  .help = "print JSON" },
	{ 0 },
};

static const struct option_row rollback_rows[] = {
	OTA_ROW_DATA_DIR,
	{ .flag = "no-restart",
	  .type = OPTION_BOOL,
	  .at = offsetof(struct options, no_restart),
	  .group = "Options",
	  .help = "leave the running daemon alone: its next start takes it" },
	{ .flag = "no-check",
	  .type = OPTION_BOOL,
	  .at = offsetof(struct options, no_check),
	  .group = "Options",
	  .help = "do not ask that version first whether it can read the data of this machine" },
	{ 0 },
};

const struct ota_verb ota_status = {
	.name = "status",
	.arguments = "",
	.help = "say which versions are here, which one runs, and why one was taken back",
	.rows = status_rows,
	.options_size = sizeof(struct options),
	.run = status,
};

const struct ota_verb ota_rollback = {
	.name = "rollback",
	.arguments = "",
	.help = "go back to the version before",
	.rows = rollback_rows,
	.options_size = sizeof(struct options),
	.run = rollback,
};
