/*
 * ota_apply.c - mote ota apply: a bundle becomes the next version, on trial.
 *
 *   offered -> fetched -> read back, OK -> preflight -> facts -> trial -> restart -> (gates) ->
 * good
 *
 * Until the record says trial, nothing has changed for the version that runs; doing it again after
 * any failure goes on from what is there.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/version.h"
#include "cli/command_line.h"
#include "cli/ota_database.h"
#include "cli/ota_facts.h"
#include "cli/ota_place.h"
#include "cli/ota_preflight.h"
#include "cli/ota_switch.h"
#include "ota/offer.h"
#include "ota/slot_maker.h"

struct options {
	const char *data_dir;
	int64_t gate_timeout;
	bool no_restart, no_wait;
};

struct apply {
	const struct options *options;
	struct arena *arena;
	const char *data_dir, *source;
	struct slots slots;
	struct slot_state state; /* as it was found */
	struct intake *intake;
	char current[SLOT_NAME], next[SLOT_NAME];
};

/* --- offered --- */

static bool find_trust(struct apply *apply, struct root_of_trust **out, struct error *err)
{
	const char *folder = arena_print(apply->arena, "%s/trust", apply->slots.root);

	if (root_newest(folder, out, err))
		return true;
	return err->kind == ERROR_NOT_FOUND
		       ? error_set(err, ERROR_FORBIDDEN,
				   "%s holds no root of trust, so nothing is believed: give one "
				   "with mote ota install --root FILE",
				   folder)
		       : false;
}

/* Keys that took over stay in office, also when this bundle is not taken. */
static bool keep_roots(struct apply *apply, const struct root_of_trust *believed, struct error *err)
{
	const char *folder = arena_print(apply->arena, "%s/trust", apply->slots.root);
	const struct signature_list *list = bundle_signatures(intake_bundle(apply->intake));

	for (size_t i = 0; i < list->root_count; i++) {
		auto_root root = NULL;

		if (!root_parse(buf_str(&list->roots[i]), &root, err))
			return false;
		if (root_version(root) > root_version(believed) && !root_keep(root, folder, err))
			return false;
	}
	return true;
}

static bool check_offer(struct apply *apply, struct error *err)
{
	const struct bundle_header *header = bundle_header(intake_bundle(apply->intake));
	struct offer_device device = { .arch = offer_arch(),
				       .version = version_text(),
				       .now_s = clock_wall_s() };
	struct launch_mark mark;
	bool expired, remote;

	if (!slots_floor(&apply->slots, &device.floor, err) ||
	    !offer_check(header, &device, &expired, err))
		return false;
	remote = source_is_remote(intake_source(apply->intake));
	/* Whoever is on the line could give an old one that was good once. */
	if (remote && launch_mark_read(apply->slots.folder, apply->current, &mark) &&
	    header->epoch < mark.epoch)
		return error_set(err, ERROR_FORBIDDEN,
				 "version %s (epoch %u) is older than what runs (epoch %u); "
				 "bring it as a file to go back",
				 header->version, header->epoch, mark.epoch);
	if (expired && remote)
		return error_set(
			err, ERROR_FORBIDDEN,
			"this bundle has expired; bring it as a file if the clock is wrong");
	if (expired)
		fprintf(stderr, "mote: warning: this bundle has expired, as the clock says; it was "
				"brought by hand, so it is taken\n");
	return true;
}

/* Old + new, what is staged, and the copy of the database. */
static bool check_space(struct apply *apply, struct error *err)
{
	const struct bundle *bundle = intake_bundle(apply->intake);
	bool remote = source_is_remote(intake_source(apply->intake));
	uint64_t bytes = ota_database_size(apply->data_dir);

	for (size_t i = 0; i < bundle_entry_count(bundle); i++) {
		const struct bundle_piece *piece = &bundle_entry(bundle, i)->piece;

		bytes += bundle_entry(bundle, i)->size;
		bytes += remote ? intake_missing(apply->intake, &piece, 1) : 0;
	}
	return slots_need_space(&apply->slots, bytes, err);
}

static bool open_offer(struct apply *apply, struct error *err)
{
	auto_root root = NULL;

	if (!find_trust(apply, &root, err) ||
	    !intake_open(&apply->slots, apply->source, root, &apply->intake, err) ||
	    !keep_roots(apply, root, err) || !check_offer(apply, err))
		return false;
	return slot_maker_name(intake_bundle(apply->intake), apply->next, err);
}

/* --- fetched --- */

static void tell(void *of, uint64_t missing)
{
	(void)of;
	fprintf(stderr, "fetching: %" PRIu64 " KiB to go\n", missing / 1024);
}

/* Images at once, where the agent takes them up; manifests wait in the slot for its good end. */
static bool place_files(struct apply *apply, const struct slot_maker_plan *plan, struct error *err)
{
	const struct bundle *bundle = intake_bundle(apply->intake);

	for (size_t i = 0; i < bundle_entry_count(bundle); i++) {
		const struct bundle_entry *entry = bundle_entry(bundle, i);
		const char *path = NULL;
		bool put;

		if (entry->role == BUNDLE_IMAGE)
			path = arena_print(apply->arena, "%s/agent/images/%s", apply->data_dir,
					   entry->name);
		else if (entry->role == BUNDLE_MANIFEST)
			path = arena_print(apply->arena, "%s/slots/%s/manifests/%s",
					   apply->slots.root, apply->next, entry->name);
		if (path && !slot_maker_place(plan, entry, path, 0600, &put, err))
			return false;
		if (path && put)
			printf("%s %s\n", bundle_role_names[entry->role], path);
	}
	return true;
}

/* What neither runs nor is a way back nor comes: versions that were taken back, mostly.  And what
 * a cut, or a disk that forgets, left of the one that comes. */
static bool drop_others(struct apply *apply, struct error *err)
{
	const char *keep[] = { apply->current, apply->next,
			       apply->state.phase == SLOT_PHASE_GOOD ? apply->state.last_good
								     : NULL };

	return slots_prune(&apply->slots, keep, ARRAY_LENGTH(keep), err) &&
	       (launch_slot_whole(apply->slots.folder, apply->next) ||
		slots_drop(&apply->slots, apply->next, err));
}

static bool fill_slot(struct apply *apply, bool *out_made, struct error *err)
{
	struct slot_maker_plan plan = { .slots = &apply->slots,
					.intake = apply->intake,
					.base = apply->current,
					.tell = tell };

	return drop_others(apply, err) && intake_discard_others(apply->intake, err) &&
	       check_space(apply, err) && place_files(apply, &plan, err) &&
	       slot_maker_bundle(&plan, apply->next, out_made, err);
}

/* What was fetched stays for the next try, but not on a disk that others need. */
static void give_room_back(struct apply *apply, const struct error *why)
{
	struct error ignored;

	if (!launch_slot_whole(apply->slots.folder, apply->next))
		(void)!slots_drop(&apply->slots, apply->next, &ignored);
	if (why->kind == ERROR_FULL)
		(void)!intake_discard(&apply->slots, &ignored);
}

static bool make_slot(struct apply *apply, struct error *err)
{
	bool made;

	if (!fill_slot(apply, &made, err)) {
		give_room_back(apply, err);
		return false;
	}
	printf("%s %s\n", made ? "written and read back:" : "here already:", apply->next);
	if (source_is_remote(intake_source(apply->intake)))
		printf("fetched: %" PRIu64 " bytes\n",
		       source_received(intake_source(apply->intake)));
	return true;
}

/* --- switched --- */

static bool switch_over(struct apply *apply, struct error *err)
{
	const struct options *options = apply->options;
	struct error ignored;
	size_t count = 0;

	if (!ota_preflight(&apply->slots, apply->data_dir, apply->next, err) ||
	    !ota_facts_record(&apply->slots, apply->data_dir, err) ||
	    !ota_switch_try(&apply->slots, apply->next, (uint32_t)options->gate_timeout, err))
		return false;
	/* What was staged is in the slot now. */
	(void)!intake_discard(&apply->slots, &ignored);
	if (!options->no_restart && !ota_switch_restart(&apply->slots, &count, err))
		return false;
	if (count == 0) {
		printf("on trial from the next start: %s\n", apply->next);
		return true;
	}
	printf("on trial: %s\n", apply->next);
	fflush(stdout);
	if (options->no_wait)
		return true;
	if (!ota_switch_await(&apply->slots, apply->next, err))
		return false;
	printf("good: %s\n", apply->next);
	return true;
}

static bool apply_offer(struct apply *apply, struct error *err)
{
	if (!ota_switch_mend(&apply->slots, err))
		return false;
	slot_state_read(apply->slots.folder, &apply->state);
	ota_switch_current(&apply->slots, apply->current);
	if (apply->state.phase == SLOT_PHASE_TRIAL)
		return error_set(err, ERROR_CONFLICT,
				 "version %s is on trial; wait for its end, or take it back with "
				 "mote ota rollback",
				 apply->state.slot);
	if (!open_offer(apply, err))
		return false;
	if (strcmp(apply->current, apply->next) == 0 &&
	    launch_slot_whole(apply->slots.folder, apply->next)) {
		printf("nothing to do: %s is what runs\n", apply->next);
		/* A power cut right after the switch brings back what was staged for it. */
		return intake_discard(&apply->slots, err);
	}
	return make_slot(apply, err) && switch_over(apply, err);
}

static bool run(struct ota_call *call, struct error *err)
{
	struct apply apply = { .options = call->options,
			       .arena = call->arena,
			       .source = call->args[0] };
	auto_fd claim = -1;
	bool done;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!ota_place_open(call->arena, apply.options->data_dir, false, &apply.data_dir,
			    &apply.slots, err))
		return false;
	done = slots_claim(&apply.slots, &claim, err) && apply_offer(&apply, err);
	intake_close(apply.intake);
	if (claim >= 0)
		close(take_fd(&claim));
	/* The gates could not, while we had the claim. */
	done = done && ota_switch_tidy(&apply.slots, err);
	slots_close(&apply.slots);
	return done;
}

static const struct option_row rows[] = {
	OTA_ROW_DATA_DIR,
	OTA_ROW_GATE_TIMEOUT("seconds that the new version has to become good, after each start"),
	{ .flag = "no-restart",
	  .type = OPTION_BOOL,
	  .at = offsetof(struct options, no_restart),
	  .group = "Options",
	  .help = "leave the running daemon alone: its next start tries the version" },
	{ .flag = "no-wait",
	  .type = OPTION_BOOL,
	  .at = offsetof(struct options, no_wait),
	  .group = "Options",
	  .help = "do not wait for the end of the trial; see mote ota status" },
	{ 0 },
};

const struct ota_verb ota_apply = {
	.name = "apply",
	.arguments = "FILE|URL",
	.help = "take a bundle: fetch, check, try, and keep it if it is no worse than before",
	.rows = rows,
	.options_size = sizeof(struct options),
	.args_min = 1,
	.args_max = 1,
	.run = run,
};
