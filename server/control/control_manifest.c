/*
 * control_manifest.c - deploys the manifests that lie in <data>/server/manifests.
 *
 *	look (a change of the folder, each 15 s, a try again that is due)
 *	  -> the files that are not as they were are read by a thread     manifest_reader.h
 *	  -> a round applies them and deletes what is in no file any more manifest_round.h
 *	  -> look again when something came meanwhile
 *
 * A file whose bytes are those that its record names is left alone, so a restart writes nothing and
 * what people changed by hand stays until the file changes.
 *
 * Nothing is deleted because of a file that cannot be seen: not while any part of the folder is
 * unreadable; not when the folder has lost its mark, as an empty mount point has; not for a file
 * without a single object, as a power cut leaves; and not before a file was missing in two looks.
 */
#include <assert.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "server/control/controller.h"
#include "server/control/manifest_disable.h"
#include "server/control/manifest_file.h"
#include "server/control/manifest_folder.h"
#include "server/control/manifest_reader.h"
#include "server/control/manifest_round.h"

#define LOOK_MS 15000
#define GONE_MS                                                                                    \
	2000 /* a file must be missing for so long: editors take it away and bring it back */
#define LOAD_MS     1000
#define FOLDER_MARK ".mote-manifests"
#define FOLDER_TEXT                                                                                \
	"The objects of files that leave this folder are deleted, as long as this one is here.\n"

struct self {
	struct control *control;
	char *folder;
	struct manifest_watch *watch;
	struct loop_timer timer;
	struct map *files; /* name -> struct manifest_file * */
	bool loaded, again, named;
	struct manifest_reader *reader;
	struct manifest_round *round;
	struct manifest_listing listing;
	char *complaint; /* why the folder is not looked at, or does not count; NULL = fine */
};

static void look(struct self *self);

static const struct option_list *disabled(const struct self *self)
{
	return &server_plan_of(self->control->server)->disable;
}

/* --- files --- */

static struct manifest_file *file_find(struct self *self, const char *name)
{
	return map_find(self->files, str_of(name));
}

static struct manifest_file *file_add(struct self *self, struct manifest_record *record)
{
	struct manifest_file *file = manifest_file_new(record);

	map_put(self->files, str_of(record->file), file);
	return file;
}

static void put_text(char **slot, const char *text)
{
	free(*slot);
	*slot = memory_string(text);
}

/* --- what is told --- */

static void complain(struct self *self, const char *why)
{
	if (self->complaint && strcmp(self->complaint, why) == 0)
		return;
	put_text(&self->complaint, why);
	log_error("server.manifests", "manifests are not deployed or not deleted",
		  "folder=%s why=\"%s\"", self->folder, why);
}

/* --- when to look --- */

static void schedule(struct self *self)
{
	int64_t now = clock_now_ms(), due = now + LOOK_MS;
	struct str name;
	void *at;

	for (size_t i = 0; map_next(self->files, &i, &name, &at);) {
		const struct manifest_file *file = at;

		if (file->try_ms != 0 && file->try_ms < due)
			due = file->try_ms;
		if (file->gone_ms != 0 && file->gone_ms + GONE_MS < due &&
		    file->gone_ms + GONE_MS > now)
			due = file->gone_ms + GONE_MS;
	}
	if (self->again)
		due = now;
	self->again = false;
	loop_timer_set(self->control->loop, &self->timer, due > now ? due - now : 0);
}

static void on_timer(struct loop_timer *timer)
{
	look(CONTAINER_OF(timer, struct self, timer));
}

static void on_folder(void *of)
{
	look(of);
}

/* --- what is there --- */

static void see_entry(struct self *self, const struct manifest_entry *entry)
{
	struct manifest_file *file = file_find(self, entry->name);

	if (!file && entry->mark)
		file = file_add(self, manifest_record_new(entry->name));
	if (!file)
		return; /* only a .skip, of nothing */
	file->is_listed = true;
	file->gone_ms = 0;
}

/* Which of the files that we know are there; new ones become known. */
static void see_files(struct self *self)
{
	struct str name;
	void *at;

	for (size_t i = 0; map_next(self->files, &i, &name, &at);)
		((struct manifest_file *)at)->is_listed = false;
	for (size_t i = 0; i < self->listing.count; i++)
		see_entry(self, &self->listing.entries[i]);
	for (size_t i = 0; map_next(self->files, &i, &name, &at);) {
		struct manifest_file *file = at;

		if (file->is_listed)
			continue;
		if (file->gone_ms == 0)
			file->gone_ms = clock_now_ms();
		if (file->record->uid[0] == '\0') {
			map_remove(self->files, name);
			manifest_file_free(file);
		}
	}
}

static bool misses_files(struct self *self)
{
	struct str name;
	void *file;

	for (size_t i = 0; map_next(self->files, &i, &name, &file);)
		if (!((struct manifest_file *)file)->is_listed)
			return true;
	return false;
}

/* Is this folder the one that we deployed from, so that a missing file means what it seems? */
static bool folder_counts(struct self *self)
{
	auto_free char *mark = memory_print("%s/" FOLDER_MARK, self->folder);
	struct error err;

	if (file_exists(mark)) {
		free(take_ptr(&self->complaint));
		return true;
	}
	if (misses_files(self)) {
		complain(self, "files are missing, and so is the folder's " FOLDER_MARK
			       ": is it mounted?  If it shall be so, make that file again");
		return false;
	}
	free(take_ptr(&self->complaint));
	if (self->listing.count > 0 && !file_put(mark, STR(FOLDER_TEXT), 0600, &err))
		complain(self, err.text);
	return true;
}

static bool shall_go(struct self *self, const struct manifest_file *file, bool counts)
{
	const char *name = file->record->file;
	const struct manifest_entry *entry = manifest_folder_find(&self->listing, name);

	if (file->record->uid[0] == '\0' || !manifest_file_is_due(file) || (entry && entry->skip))
		return false;
	if (manifest_disable_has(disabled(self), name))
		return true;
	return counts && file->gone_ms != 0 && clock_now_ms() - file->gone_ms >= GONE_MS;
}

/* --- the round --- */

#define UNREADABLE "unreadable" /* in place of a hash */

static bool has_object(void *of, struct str name, struct str key)
{
	struct self *self = of;
	const struct manifest_file *file = map_find(self->files, name);

	return file && file->is_listed && map_find(file->record->items, key);
}

static void on_round(void *of, struct manifest_change *changes, size_t count)
{
	struct self *self = of;

	self->round = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct manifest_change *change = &changes[i];
		struct manifest_file *file = file_find(self, change->record->file);

		assert(file);
		if (change->failed > 0 || strcmp(change->hash, UNREADABLE) == 0)
			manifest_file_try_later(file);
		else
			manifest_file_try_no_more(file);
		manifest_file_tell_end(file, self->control, change);
		if (change->is_over) {
			map_remove(self->files, str_of(file->record->file));
			manifest_file_free(file);
		} else {
			manifest_file_tell_problems(file, self->control);
		}
	}
	schedule(self);
}

static void add_change(struct manifest_change *changes, size_t *count, struct manifest_file *file,
		       const char *hash, struct manifest_text *text)
{
	struct manifest_change *change = &changes[(*count)++];

	*change = (struct manifest_change){ .record = file->record,
					    .hash = memory_string(hash),
					    .done = file->done };
	if (text) {
		change->text = *text;
		*text = (struct manifest_text){ 0 };
	} else {
		change->removes = true;
	}
}

/* What was read of one file: true when there is something to do about it. */
static bool weigh(struct self *self, struct manifest_file *file, struct manifest_reading *reading)
{
	const char *hash = reading->err.kind == ERROR_NONE ? reading->hash : UNREADABLE;
	struct manifest_text *text = &reading->text;

	if (reading->left || reading->err.kind == ERROR_UNAVAILABLE ||
	    reading->err.kind == ERROR_NOT_FOUND) {
		self->again = self->again || reading->left;
		manifest_file_try_soon(file);
		return false;
	}
	free(file->mark);
	file->mark = take_ptr(&reading->mark);
	file->try_ms = 0;
	if (reading->is_known) {
		manifest_file_try_no_more(file);
		manifest_file_tell_problems(file, self->control);
		return false;
	}
	if (strcmp(file->done_hash, hash) != 0) {
		put_text(&file->done_hash, hash);
		map_free(file->done);
		file->done = map_new();
	}
	if (reading->err.kind != ERROR_NONE)
		manifest_text_problem(text, 0, "cannot be read: %s", reading->err.text);
	else if (text->count == 0 && text->problem_count == 0 && map_count(file->record->items) > 0)
		manifest_text_problem(text, 0,
				      "has no objects: what it deployed stays until the "
				      "file is removed");
	return text->count > 0 || text->problem_count > 0;
}

static void start_round(struct self *self, struct manifest_change *changes, size_t count)
{
	struct manifest_round_plan plan = { .client = self->control->client,
					    .changes = changes,
					    .count = count,
					    .has_object = has_object,
					    .on_end = on_round,
					    .of = self };

	self->round = manifest_round_start(&plan);
}

static void on_read(void *of, struct manifest_reading *readings, size_t count)
{
	struct self *self = of;
	struct manifest_change *changes =
		memory_get((count + map_count(self->files) + 1) * sizeof(*changes));
	bool counts = folder_counts(self);
	size_t used = 0;
	struct str name;
	void *file;

	self->reader = NULL;
	for (size_t i = 0; i < count; i++) {
		file = file_find(self, readings[i].name);
		if (weigh(self, file, &readings[i]))
			add_change(changes, &used, file, ((struct manifest_file *)file)->done_hash,
				   &readings[i].text);
	}
	for (size_t i = 0; map_next(self->files, &i, &name, &file);)
		if (shall_go(self, file, counts))
			add_change(changes, &used, file, "", NULL);
	if (used > 0) {
		start_round(self, changes, used);
		return;
	}
	free(changes);
	schedule(self);
}

/* --- reading --- */

static bool wants_reading(struct self *self, const struct manifest_entry *entry)
{
	const struct manifest_file *file = file_find(self, entry->name);

	if (!entry->mark || entry->skip || manifest_disable_has(disabled(self), entry->name))
		return false;
	return !file->mark || strcmp(file->mark, entry->mark) != 0 ||
	       (file->try_ms != 0 && manifest_file_is_due(file));
}

static size_t list_readings(struct self *self, struct manifest_reading *out)
{
	size_t count = 0;

	for (size_t i = 0; i < self->listing.count; i++) {
		const struct manifest_entry *entry = &self->listing.entries[i];

		if (!wants_reading(self, entry))
			continue;
		out[count].name = memory_string(entry->name);
		out[count].mark = memory_string(entry->mark);
		out[count++].known = memory_string(file_find(self, entry->name)->record->hash);
	}
	return count;
}

static void start_reading(struct self *self)
{
	struct manifest_reader_plan plan = {
		.loop = self->control->loop,
		.folder = self->folder,
		.readings =
			memory_zero((self->listing.count + 1) * sizeof(struct manifest_reading)),
		.on_done = on_read,
		.of = self,
	};
	struct error err;

	plan.count = list_readings(self, plan.readings);
	if (plan.count == 0) {
		free(plan.readings);
		on_read(self, NULL, 0);
	} else if (!manifest_reader_start(&plan, &self->reader, &err)) {
		complain(self, err.text);
		schedule(self);
	}
}

static void look(struct self *self)
{
	struct manifest_listing listing = { 0 };
	struct error err;

	if (!self->loaded || self->reader || self->round) {
		self->again = self->loaded;
		return;
	}
	manifest_watch_renew(self->watch);
	if (!manifest_folder_list(self->folder, &listing, &err)) {
		complain(self, err.text);
		schedule(self);
		return;
	}
	manifest_folder_list_clear(&self->listing);
	self->listing = listing;
	see_files(self);
	if (!self->named)
		manifest_disable_tell(disabled(self), self->files);
	self->named = true;
	start_reading(self);
}

/* --- begin and end --- */

static void load(struct self *self);

static void on_load_timer(struct loop_timer *timer)
{
	load(CONTAINER_OF(timer, struct self, timer));
}

static void on_records(void *of, const struct json *list, const struct error *err)
{
	struct self *self = of;

	if (err) {
		log_warn("server.manifests", "records cannot be read, trying again", "why=\"%s\"",
			 err->text);
		loop_timer_set(self->control->loop, &self->timer, LOAD_MS);
		return;
	}
	for (struct json_iter it = json_iter(json_get(list, "items")); json_next(&it);) {
		struct manifest_record *record = manifest_record_read(it.value);

		if (record && !file_find(self, record->file))
			file_add(self, record);
		else
			manifest_record_free(record);
	}
	self->loaded = true;
	self->timer.on_timer = on_timer;
	loop_timer_set(self->control->loop, &self->timer, 0);
}

static void load(struct self *self)
{
	struct client_ask ask = { .verb = CLIENT_LIST,
				  .kind = kind_find_name(STR("v1"), STR("ConfigMap")),
				  .namespace = STR(MANIFEST_RECORD_NAMESPACE),
				  .query = "labelSelector=mote.dev%2Fmanifest-record",
				  .on_done = on_records,
				  .of = self };

	client_call(self->control->client, &ask);
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);
	struct error err;

	self->control = control;
	self->folder =
		memory_print("%s/server/manifests", server_plan_of(control->server)->data_dir);
	self->files = map_new();
	if (!file_make_dirs(self->folder, 0700, &err))
		complain(self, err.text);
	self->watch = manifest_watch_open(control->loop, self->folder, on_folder, self);
	self->timer.on_timer = on_load_timer;
	load(self);
	return self;
}

static void stop(void *own)
{
	struct self *self = own;
	struct str name;
	void *file;

	loop_timer_stop(&self->timer);
	manifest_watch_close(self->watch);
	manifest_round_stop(self->round);
	manifest_reader_stop(self->reader);
	loop_timer_stop(&self->timer);
	for (size_t i = 0; map_next(self->files, &i, &name, &file);)
		manifest_file_free(file);
	map_free(self->files);
	manifest_folder_list_clear(&self->listing);
	free(self->complaint);
	free(self->folder);
	free(self);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	(void)own;
	(void)kind;
	(void)before;
	(void)after;
}

const struct control_row control_manifest = { "manifest", start, stop, on_change };
