/*
 * fresh_set.c - the new replica set.
 */
#include "server/control/fresh_set.h"

#include <inttypes.h>
#include <stdio.h>

#include "server/control/content_hash.h"
#include "server/control/pod_maker.h"

#define COMPONENT   "deployment-controller"
#define HISTORY_MAX 2000

/* --- annotations --- */

/* Annotations of the deployment that are no business of its sets. */
static bool is_own(struct str key)
{
	static const char *const own[] = { "kubectl.kubernetes.io/last-applied-configuration",
					   DEPLOYMENT_REVISION,
					   DEPLOYMENT_HISTORY,
					   DEPLOYMENT_DESIRED,
					   DEPLOYMENT_MAX,
					   "deprecated.deployment.rollback.rollbackTo" };

	for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
		if (str_is(key, own[i]))
			return true;
	return false;
}

/* Those that the set (NULL: it has none yet) lacks or has otherwise. */
static void copy_annotations(struct json_doc *doc, struct json *to, const struct object *deployment,
			     const struct object *set)
{
	const struct json *has = set ? json_get(meta_of(object_json(set)), "annotations") : NULL;

	for (struct json_iter it =
		     json_iter(json_get(meta_of(object_json(deployment)), "annotations"));
	     json_next(&it);)
		if (!is_own(it.key) && !json_equal(json_get_str(has, it.key), it.value))
			json_put_str(doc, to, it.key, json_clone(doc, it.value));
}

void fresh_set_print_history(struct str history, struct str revision, size_t max, struct buf *out)
{
	while (history.len > 0 && history.len + 1 + revision.len > max)
		str_cut(&history, ',');
	if (history.len > 0)
		buf_add_print(out, STR_FMT ",", STR_ARG(history));
	buf_add_str(out, revision);
}

/* A set that is wished again gets the next revision, and remembers what it had. */
static void renew_revision(struct json_doc *doc, struct json *to,
			   const struct deployment_sets *sets)
{
	const struct json *set = object_json(sets->fresh->object);
	struct str old = meta_annotation(set, DEPLOYMENT_REVISION);
	int64_t revision = deployment_sets_old_revision(sets) + 1;
	auto_buf history = BUF_INIT;

	if (sets->fresh->revision >= revision || (old.len > 0 && sets->fresh->revision == 0))
		return;
	json_put(doc, to, DEPLOYMENT_REVISION, json_new_print(doc, "%" PRId64, revision));
	if (old.len == 0)
		return;
	fresh_set_print_history(meta_annotation(set, DEPLOYMENT_HISTORY), old, HISTORY_MAX,
				&history);
	json_put(doc, to, DEPLOYMENT_HISTORY, json_new_str(doc, buf_str(&history)));
}

bool fresh_set_renew(struct batch *batch, const struct deployment_sets *sets)
{
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc), *annotations = json_new_object(doc);
	int64_t wanted = json_int(json_get(sets->spec, "minReadySeconds"));
	const struct object *set = sets->fresh->object;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_REPLICASETS],
				  .namespace = object_namespace(set),
				  .name = object_name(set) };

	copy_annotations(doc, annotations, sets->deployment, set);
	renew_revision(doc, annotations, sets);
	if (json_count(annotations) > 0)
		json_put(doc, json_sub_object(doc, patch, "metadata"), "annotations", annotations);
	if (json_int(json_path(object_json(set), "spec", "minReadySeconds", NULL)) != wanted)
		json_put(doc, json_sub_object(doc, patch, "spec"), "minReadySeconds",
			 json_new_int(doc, wanted));
	if (json_count(patch) == 0)
		return false;
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
	return true;
}

/* --- the new object --- */

static void put_hash(struct json_doc *doc, struct json *object, const char *hash)
{
	json_put(doc, json_sub_object(doc, json_sub_object(doc, object, "metadata"), "labels"),
		 DEPLOYMENT_HASH, json_new_text(doc, hash));
}

static void put_metadata(struct json_doc *doc, struct json *set, const struct deployment_sets *sets,
			 const struct deployment_news *news)
{
	struct json *metadata = json_sub_object(doc, set, "metadata"), *annotations;

	json_put(doc, metadata, "name", json_new_text(doc, news->name));
	json_put(doc, metadata, "labels",
		 json_clone(doc, json_path(sets->spec, "template", "metadata", "labels", NULL)));
	annotations = json_sub_object(doc, metadata, "annotations");
	copy_annotations(doc, annotations, sets->deployment, NULL);
	json_put(doc, annotations, DEPLOYMENT_REVISION,
		 json_new_print(doc, "%" PRId64, news->revision));
	json_put(doc, annotations, DEPLOYMENT_DESIRED,
		 json_new_print(doc, "%" PRId64, sets->wanted));
	json_put(doc, annotations, DEPLOYMENT_MAX,
		 json_new_print(doc, "%" PRId64, sets->wanted + sets->surge));
	json_append(json_sub_array(doc, metadata, "ownerReferences"),
		    control_owner_reference(doc, sets->deployment));
}

static void print_set(const struct deployment_sets *sets, const struct deployment_news *news,
		      const char *hash, int64_t replicas, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *set = json_new_object(doc), *spec, *template;

	put_metadata(doc, set, sets, news);
	put_hash(doc, set, hash);
	spec = json_sub_object(doc, set, "spec");
	json_put(doc, spec, "replicas", json_new_int(doc, replicas));
	json_put(doc, spec, "minReadySeconds",
		 json_new_int(doc, json_int(json_get(sets->spec, "minReadySeconds"))));
	json_put(doc, spec, "selector", json_clone(doc, json_get(sets->spec, "selector")));
	json_put(doc, json_sub_object(doc, json_get(spec, "selector"), "matchLabels"),
		 DEPLOYMENT_HASH, json_new_text(doc, hash));
	template = json_clone(doc, json_get(sets->spec, "template"));
	json_put(doc, spec, "template", template);
	put_hash(doc, template, hash);
	json_print(set, out);
}

/* --- making it --- */

struct setting {
	struct batch *batch;
	const struct object *deployment;
	struct deployment_news *news;
	int64_t replicas;
};

/* The name is taken: by our own set that the cache has seen meanwhile, by another one, or by one
 * that is yet to be seen (NULL: then the pass comes again). */
static const struct object *find_namesake(const struct setting *setting)
{
	return cache_find(setting->batch->control->caches[CONTROL_REPLICASETS],
			  object_namespace(setting->deployment), str_of(setting->news->name));
}

static bool is_ours(const struct setting *setting, const struct object *set)
{
	return str_equal(control_owner_uid(set), object_uid(setting->deployment)) &&
	       deployment_sets_is_same_template(
		       object_json(set),
		       json_path(object_json(setting->deployment), "spec", "template", NULL));
}

static void tell_failure(struct setting *setting, const struct error *err)
{
	struct deployment_news *news = setting->news;

	snprintf(news->failure, sizeof(news->failure),
		 "Failed to create new replica set \"%s\": %s", news->name, err->text);
	control_event(setting->batch->control, setting->deployment, COMPONENT, "Warning",
		      "ReplicaSetCreateError", news->failure);
}

static void take_answer(struct setting *setting, const struct json *result, const struct error *err)
{
	struct deployment_news *news = setting->news;
	const struct object *namesake =
		err && err->kind == ERROR_EXISTS ? find_namesake(setting) : NULL;
	char text[512];

	if (!err) {
		uint64_t revision;

		news->created = true;
		if (str_to_u64(meta_str(result, "resourceVersion"), UINT64_MAX, &revision))
			setting->batch->revision = revision;
		snprintf(text, sizeof(text), "Scaled up replica set %s from 0 to %" PRId64,
			 news->name, setting->replicas);
		if (setting->replicas > 0)
			control_event(setting->batch->control, setting->deployment, COMPONENT,
				      "Normal", "ScalingReplicaSet", text);
	} else if (err->kind == ERROR_EXISTS) {
		news->collided = namesake && !is_ours(setting, namesake);
	} else if (!pod_maker_is_namespace_going(err)) {
		tell_failure(setting, err);
	}
}

static void on_set_made(void *of, const struct json *result, const struct error *err)
{
	struct setting *setting = of;
	struct batch *batch = setting->batch;

	take_answer(setting, result, err);
	if (setting->news->collided || (err && pod_maker_is_namespace_going(err)))
		err = NULL;
	object_unref(setting->deployment);
	free(setting);
	batch_drop(batch, err);
}

void fresh_set_create(struct batch *batch, const struct deployment_sets *sets, int64_t replicas,
		      struct deployment_news *news)
{
	const struct json *status = json_get(object_json(sets->deployment), "status");
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = batch->control->kinds[CONTROL_REPLICASETS],
				  .namespace = object_namespace(sets->deployment),
				  .on_done = on_set_made };
	struct setting *setting;
	char hash[16];

	if (batch->control->stopping)
		return;
	content_hash_print(json_get(sets->spec, "template"),
			   json_int(json_get(status, "collisionCount")), hash);
	snprintf(news->name, sizeof(news->name), STR_FMT "-%s",
		 STR_ARG(object_name(sets->deployment)), hash);
	news->revision = deployment_sets_old_revision(sets) + 1;
	print_set(sets, news, hash, replicas, &body);
	setting = memory_new(struct setting);
	*setting = (struct setting){ batch, object_ref(sets->deployment), news, replicas };
	ask.body = buf_str(&body);
	ask.of = setting;
	batch_hold(batch);
	client_call(batch->control->client, &ask);
}
