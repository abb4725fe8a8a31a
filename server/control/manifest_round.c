/*
 * manifest_round.c - a walk over changes and their objects, one call to the API at a time.
 *
 *	intent -> first -> rest -> prune rest -> prune first -> settle -> over
 *
 * advance() goes on from (phase, change, at) until a step has started a call; the answer of that
 * call defers to advance() again.
 */
#include "server/control/manifest_round.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"
#include "server/control/manifest_merge.h"

#define QUERY "fieldManager=manifests&fieldValidation=Strict"

enum phase { INTENT, FIRST, REST, PRUNE_REST, PRUNE_FIRST, SETTLE, PHASES };

struct manifest_round {
	struct manifest_round_plan plan;
	struct loop_task next;
	enum phase phase;
	size_t change, at; /* at: next object, or place in the map of the doomed */
	struct buf key;    /* of the object that a call is about */
	bool wrote_again;  /* the record, by the other verb */
};

static struct manifest_change *change_now(struct manifest_round *round)
{
	assert(round->change < round->plan.count);
	return &round->plan.changes[round->change];
}

static void go_on(struct manifest_round *round)
{
	loop_defer(client_loop(round->plan.client), &round->next);
}

/* Others depend on these: first to come, last to go. */
static bool comes_first(const char *kind)
{
	return strcmp(kind, "Namespace") == 0 || strcmp(kind, "CustomResourceDefinition") == 0;
}

/* --- problems --- */

static void note(struct manifest_change *change, unsigned document, const char *format, ...)
	PRINTF_LIKE(3, 4);
static void note(struct manifest_change *change, unsigned document, const char *format, ...)
{
	char line[640];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (char *at = line; *at; at++)
		if (*at == '\n')
			*at = ' ';
	change->failed++;
	if (change->failed > MANIFEST_PROBLEMS_MAX)
		return;
	if (document > 0)
		buf_add_print(&change->notes, "document %u: ", document);
	buf_add_print(&change->notes, "%s\n", line);
}

/* Trying these again does not help: the file must change. */
static void note_text(struct manifest_change *change)
{
	size_t failed = change->failed;

	for (size_t i = 0; i < change->text.problem_count; i++) {
		const struct manifest_problem *problem = &change->text.problems[i];

		note(change, problem->document, "%s", problem->text);
	}
	change->failed = failed;
}

/* --- intent --- */

/* What is wished, by key; of two alike the first counts. */
static void map_wishes(struct manifest_change *change)
{
	struct manifest_text *text = &change->text;
	auto_buf key = BUF_INIT;

	change->wished = map_new();
	for (size_t i = 0; i < text->count; i++) {
		struct manifest_object *object = &text->objects[i];
		const struct kind *kind = kind_find_name(object->api_version, object->kind);

		if (!kind)
			continue;
		if (!kind->namespaced)
			object->namespace = STR_NONE;
		else if (object->namespace.len == 0)
			object->namespace = STR("default");
		buf_reset(&key);
		manifest_key(kind, object->namespace, object->name, &key);
		if (map_find(change->wished, buf_str(&key)))
			manifest_text_problem(text, object->document,
					      "%s stands in this file twice", buf_text(&key));
		else
			map_put(change->wished, buf_str(&key), object);
	}
}

/* Only a file that was understood to its end tells what is not in it any more. */
static void map_doomed(struct manifest_change *change)
{
	struct map *items = change->record->items;
	struct str key;
	void *unused;

	change->doomed = map_new();
	if (!change->removes && change->text.problem_count > 0)
		return;
	for (size_t i = 0; map_next(items, &i, &key, &unused);)
		if (!map_find(change->wished, key))
			map_put(change->doomed, key, items);
}

static void set_hash(struct manifest_record *record, const char *hash)
{
	free(record->hash);
	record->hash = memory_string(hash);
}

static void prepare(struct manifest_change *change)
{
	struct str key;
	void *object;

	map_wishes(change);
	map_doomed(change);
	for (size_t i = 0; map_next(change->wished, &i, &key, &object);)
		if (!map_find(change->record->items, key))
			map_put(change->record->items, key, change);
	set_hash(change->record, "");
}

static void write_record(struct manifest_round *round);

static void on_written(void *of, const struct json *result, const struct error *err)
{
	struct manifest_round *round = of;
	struct manifest_change *change = change_now(round);
	struct manifest_record *record = change->record;
	bool wrong_verb = err && (err->kind == ERROR_NOT_FOUND || err->kind == ERROR_EXISTS);

	if (wrong_verb && !round->wrote_again) {
		/* Somebody has deleted or made it meanwhile. */
		free(record->uid);
		record->uid = memory_string(err->kind == ERROR_EXISTS ? "?" : "");
		round->wrote_again = true;
		write_record(round);
		return;
	}
	free(record->stored);
	record->stored = memory_string("");
	if (err) {
		change->blocked = round->phase == INTENT;
		note(change, 0, "the record of this file: %s", err->text);
	} else {
		auto_buf body = BUF_INIT;

		manifest_record_print(record, &body);
		free(record->stored);
		record->stored = buf_take(&body);
		free(record->uid);
		record->uid = str_copy(meta_str(result, "uid"));
	}
	go_on(round);
}

static void write_record(struct manifest_round *round)
{
	struct manifest_record *record = change_now(round)->record;
	bool is_there = record->uid[0] != '\0';
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = is_there ? CLIENT_UPDATE : CLIENT_CREATE,
				  .kind = kind_find_name(STR("v1"), STR("ConfigMap")),
				  .namespace = STR(MANIFEST_RECORD_NAMESPACE),
				  .name = is_there ? str_of(record->name) : STR_NONE,
				  .on_done = on_written,
				  .of = round };

	manifest_record_print(record, &body);
	ask.body = buf_str(&body);
	client_call(round->plan.client, &ask);
}

static bool write_if_other(struct manifest_round *round)
{
	struct manifest_record *record = change_now(round)->record;
	auto_buf body = BUF_INIT;

	manifest_record_print(record, &body);
	if (str_is(buf_str(&body), record->stored))
		return false;
	round->wrote_again = false;
	write_record(round);
	return true;
}

static bool intent_step(struct manifest_round *round)
{
	/* One call a change: `at` says that it was made. */
	return round->at++ == 0 && write_if_other(round);
}

/* --- apply --- */

static const struct manifest_object *object_now(struct manifest_round *round)
{
	return &change_now(round)->text.objects[round->at - 1];
}

static void on_applied(void *of, const struct json *result, const struct error *err)
{
	struct manifest_round *round = of;
	struct manifest_change *change = change_now(round);

	(void)result;
	if (err) {
		note(change, object_now(round)->document, "%s: %s", buf_text(&round->key),
		     err->text);
	} else {
		change->applied++;
		map_put(change->done, buf_str(&round->key), change);
	}
	go_on(round);
}

/* current NULL: it is not there. */
static void send_object(struct manifest_round *round, const struct json *current)
{
	const struct manifest_object *object = object_now(round);
	const struct kind *kind = kind_find_name(object->api_version, object->kind);
	auto_json_doc doc = json_doc_new();
	auto_buf body = BUF_INIT;
	struct json *made =
		manifest_merge_new(doc, kind, object->json, change_now(round)->record->file);
	struct client_ask ask = { .verb = current ? CLIENT_PATCH_STRATEGIC : CLIENT_CREATE,
				  .kind = kind,
				  .namespace = object->namespace,
				  .name = current ? object->name : STR_NONE,
				  .query = QUERY,
				  .on_done = on_applied,
				  .of = round };

	if (current)
		made = manifest_merge_patch(doc, kind, made, current);
	json_print(made, &body);
	ask.body = buf_str(&body);
	client_call(round->plan.client, &ask);
}

/* Has another file the better right to it?  Of two that name it the first that came keeps it. */
static bool is_of_other(struct manifest_round *round, struct str owner)
{
	struct manifest_change *change = change_now(round);

	if (owner.len == 0 || str_is(owner, change->record->file))
		return false;
	for (size_t i = 0; i < round->plan.count; i++) {
		const struct manifest_change *other = &round->plan.changes[i];

		if (!str_is(owner, other->record->file))
			continue;
		return !other->removes && (map_find(other->wished, buf_str(&round->key)) ||
					   (other->text.problem_count > 0 &&
					    map_find(other->record->items, buf_str(&round->key))));
	}
	return round->plan.has_object(round->plan.of, owner, buf_str(&round->key));
}

static void on_current(void *of, const struct json *current, const struct error *err)
{
	struct manifest_round *round = of;
	struct manifest_change *change = change_now(round);
	unsigned document = object_now(round)->document;
	struct str owner = meta_annotation(current, MANIFEST_OWNER);

	if (err && err->kind != ERROR_NOT_FOUND)
		note(change, document, "%s: %s", buf_text(&round->key), err->text);
	else if (is_of_other(round, owner))
		note(change, document, "%s: is of the manifest " STR_FMT " already",
		     buf_text(&round->key), STR_ARG(owner));
	else if (json_get(meta_of(current), "deletionTimestamp"))
		note(change, document, "%s: is being deleted", buf_text(&round->key));
	else {
		send_object(round, current);
		return;
	}
	go_on(round);
}

static void ask_object(struct manifest_round *round, const struct kind *kind, struct str namespace,
		       struct str name,
		       void (*on_done)(void *of, const struct json *result,
				       const struct error *err))
{
	struct client_ask ask = { .verb = CLIENT_GET,
				  .kind = kind,
				  .namespace = namespace,
				  .name = name,
				  .on_done = on_done,
				  .of = round };

	client_call(round->plan.client, &ask);
}

static bool apply_step(struct manifest_round *round)
{
	struct manifest_change *change = change_now(round);

	while (!change->blocked && round->at < change->text.count) {
		const struct manifest_object *object = &change->text.objects[round->at++];
		const struct kind *kind = kind_find_name(object->api_version, object->kind);

		if (!kind && round->phase == REST)
			note(change, object->document,
			     STR_FMT " " STR_FMT ": no kind " STR_FMT " is served in " STR_FMT,
			     STR_ARG(object->kind), STR_ARG(object->name), STR_ARG(object->kind),
			     STR_ARG(object->api_version));
		if (!kind || comes_first(kind->name) != (round->phase == FIRST))
			continue;
		buf_reset(&round->key);
		manifest_key(kind, object->namespace, object->name, &round->key);
		if (map_find(change->wished, buf_str(&round->key)) != object ||
		    map_find(change->done, buf_str(&round->key)))
			continue;
		ask_object(round, kind, object->namespace, object->name, on_current);
		return true;
	}
	return false;
}

/* --- prune --- */

static void forget(struct manifest_round *round)
{
	map_remove(change_now(round)->record->items, buf_str(&round->key));
	map_remove(change_now(round)->done, buf_str(&round->key));
}

static void on_deleted(void *of, const struct json *result, const struct error *err)
{
	struct manifest_round *round = of;
	struct manifest_change *change = change_now(round);

	(void)result;
	if (err && err->kind == ERROR_FORBIDDEN) {
		log_warn("server.manifests", "an object stays: it may not be deleted",
			 "file=%s object=\"%s\"", change->record->file, buf_text(&round->key));
		forget(round);
	} else if (err && err->kind != ERROR_NOT_FOUND) {
		note(change, 0, "%s: cannot be deleted: %s", buf_text(&round->key), err->text);
	} else {
		change->deleted++;
		forget(round);
	}
	go_on(round);
}

static void delete_object(struct manifest_round *round, const struct json *current)
{
	auto_json_doc doc = json_doc_new();
	struct json *options = json_new_object(doc);
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_DELETE, .on_done = on_deleted, .of = round };

	if (!manifest_key_parse(buf_str(&round->key), &ask.kind, &ask.namespace, &ask.name))
		return;
	json_put(doc, options, "apiVersion", json_new_text(doc, "v1"));
	json_put(doc, options, "kind", json_new_text(doc, "DeleteOptions"));
	json_put(doc, options, "propagationPolicy", json_new_text(doc, "Background"));
	json_put(doc, json_sub_object(doc, options, "preconditions"), "uid",
		 json_new_str(doc, meta_str(current, "uid")));
	json_print(options, &body);
	ask.body = buf_str(&body);
	client_call(round->plan.client, &ask);
}

static void on_doomed(void *of, const struct json *current, const struct error *err)
{
	struct manifest_round *round = of;
	struct manifest_change *change = change_now(round);
	struct str owner = meta_annotation(current, MANIFEST_OWNER);

	if (err && err->kind != ERROR_NOT_FOUND) {
		note(change, 0, "%s: %s", buf_text(&round->key), err->text);
	} else if (err || !str_is(owner, change->record->file)) {
		forget(round); /* gone already, or not of this file any more */
	} else {
		delete_object(round, current);
		return;
	}
	go_on(round);
}

static bool prune_step(struct manifest_round *round)
{
	struct manifest_change *change = change_now(round);
	struct str key;
	void *unused;

	while (!change->blocked && map_next(change->doomed, &round->at, &key, &unused)) {
		const struct kind *kind;
		struct str namespace, name;

		buf_reset(&round->key);
		buf_add_str(&round->key, key);
		if (!manifest_key_parse(buf_str(&round->key), &kind, &namespace, &name)) {
			forget(round); /* of a version with other kinds */
			continue;
		}
		if (comes_first(kind->name) != (round->phase == PRUNE_FIRST))
			continue;
		ask_object(round, kind, namespace, name, on_doomed);
		return true;
	}
	return false;
}

/* --- settle --- */

static void on_record_deleted(void *of, const struct json *result, const struct error *err)
{
	struct manifest_round *round = of;
	struct manifest_change *change = change_now(round);

	(void)result;
	if (err && err->kind != ERROR_NOT_FOUND)
		note(change, 0, "the record of this file: %s", err->text);
	else
		change->is_over = true;
	go_on(round);
}

static bool delete_record(struct manifest_round *round)
{
	struct manifest_change *change = change_now(round);
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = kind_find_name(STR("v1"), STR("ConfigMap")),
				  .namespace = STR(MANIFEST_RECORD_NAMESPACE),
				  .name = str_of(change->record->name),
				  .on_done = on_record_deleted,
				  .of = round };

	change->is_over = change->record->uid[0] == '\0';
	if (!change->is_over)
		client_call(round->plan.client, &ask);
	return !change->is_over;
}

static bool settle_step(struct manifest_round *round)
{
	struct manifest_change *change = change_now(round);
	bool whole = change->failed == 0;

	if (round->at++ > 0 || change->blocked)
		return false;
	if (change->removes && whole)
		return delete_record(round);
	note_text(change);
	buf_reset(&change->record->problems);
	buf_add_str(&change->record->problems, buf_str(&change->notes));
	set_hash(change->record, whole && !change->removes ? change->hash : "");
	return write_if_other(round);
}

/* --- the walk --- */

static bool (*const steps[PHASES])(struct manifest_round *round) = {
	[INTENT] = intent_step,    [FIRST] = apply_step,       [REST] = apply_step,
	[PRUNE_REST] = prune_step, [PRUNE_FIRST] = prune_step, [SETTLE] = settle_step,
};

static void round_free(struct manifest_round *round)
{
	for (size_t i = 0; i < round->plan.count; i++) {
		struct manifest_change *change = &round->plan.changes[i];

		manifest_text_clear(&change->text);
		map_free(change->wished);
		map_free(change->doomed);
		buf_clear(&change->notes);
		free(change->hash);
	}
	buf_clear(&round->key);
	free(round->plan.changes);
	free(round);
}

static void advance(struct loop_task *task)
{
	struct manifest_round *round = CONTAINER_OF(task, struct manifest_round, next);

	for (; round->phase < PHASES; round->phase++, round->change = 0)
		for (; round->change < round->plan.count; round->change++, round->at = 0)
			if (steps[round->phase](round))
				return;
	round->plan.on_end(round->plan.of, round->plan.changes, round->plan.count);
	round_free(round);
}

struct manifest_round *manifest_round_start(const struct manifest_round_plan *plan)
{
	struct manifest_round *round = memory_new(struct manifest_round);

	round->plan = *plan;
	round->next.on_task = advance;
	for (size_t i = 0; i < plan->count; i++)
		prepare(&round->plan.changes[i]);
	go_on(round);
	return round;
}

void manifest_round_stop(struct manifest_round *round)
{
	if (!round)
		return;
	loop_task_cancel(&round->next);
	round_free(round);
}
