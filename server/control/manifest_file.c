/*
 * manifest_file.c - events and log lines about a file are of its record, which operators see.
 */
#include "server/control/manifest_file.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define TRY_MIN_MS     1000
#define TRY_MAX_MS     300000
#define COMPONENT      "manifests"
#define EVENT_TEXT_MAX 1000

struct manifest_file *manifest_file_new(struct manifest_record *record)
{
	struct manifest_file *file = memory_new(struct manifest_file);

	file->record = record;
	file->done_hash = memory_string("");
	file->done = map_new();
	return file;
}

void manifest_file_free(struct manifest_file *file)
{
	manifest_record_free(file->record);
	map_free(file->done);
	free(file->mark);
	free(file->done_hash);
	free(file->told);
	free(file);
}

static void event(struct control *control, const struct manifest_file *file, const char *type,
		  const char *reason, const char *message)
{
	struct json_doc *doc = json_doc_new();
	struct json *map = json_new_object(doc), *metadata;
	const struct object *about;

	json_put(doc, map, "apiVersion", json_new_text(doc, "v1"));
	json_put(doc, map, "kind", json_new_text(doc, "ConfigMap"));
	metadata = json_sub_object(doc, map, "metadata");
	json_put(doc, metadata, "name", json_new_text(doc, file->record->name));
	json_put(doc, metadata, "namespace", json_new_text(doc, MANIFEST_RECORD_NAMESPACE));
	json_put(doc, metadata, "uid", json_new_text(doc, file->record->uid));
	json_set_root(doc, map);
	about = object_new(doc);
	control_event(control, about, COMPONENT, type, reason, message);
	object_unref(about);
}

void manifest_file_tell_problems(struct manifest_file *file, struct control *control)
{
	struct str rest = buf_str(&file->record->problems);
	auto_free char *message = NULL;

	if (file->told && str_is(rest, file->told))
		return;
	free(file->told);
	file->told = str_copy(rest);
	if (rest.len == 0)
		return;
	message = memory_print("%s: %.*s", file->record->file, EVENT_TEXT_MAX, file->told);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');

		log_error("server.manifests", "a manifest is not applied as a whole",
			  "file=%s why=\"" STR_FMT "\"", file->record->file, STR_ARG(line));
	}
	event(control, file, "Warning", "ApplyManifestFailed", message);
}

void manifest_file_tell_end(const struct manifest_file *file, struct control *control,
			    const struct manifest_change *change)
{
	auto_free char *message = memory_print("%s: %zu applied, %zu deleted", file->record->file,
					       change->applied, change->deleted);

	if (change->applied + change->deleted == 0)
		return;
	log_info("server.manifests",
		 change->removes ? "a manifest is taken back" : "a manifest is applied",
		 "file=%s applied=%zu deleted=%zu", file->record->file, change->applied,
		 change->deleted);
	event(control, file, "Normal", change->removes ? "DeletedManifest" : "AppliedManifest",
	      message);
}

void manifest_file_try_later(struct manifest_file *file)
{
	file->wait_ms = file->wait_ms ? file->wait_ms * 2 : TRY_MIN_MS;
	if (file->wait_ms > TRY_MAX_MS)
		file->wait_ms = TRY_MAX_MS;
	file->try_ms = clock_now_ms() + file->wait_ms;
}

void manifest_file_try_soon(struct manifest_file *file)
{
	file->try_ms = clock_now_ms() + TRY_MIN_MS;
}

void manifest_file_try_no_more(struct manifest_file *file)
{
	file->try_ms = file->wait_ms = 0;
}

bool manifest_file_is_due(const struct manifest_file *file)
{
	return file->try_ms <= clock_now_ms(); /* also 0: never tried */
}
