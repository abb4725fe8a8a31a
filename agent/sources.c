/*
 * sources.c - one entry a named thing; a fetch is one call an entry, answered in any order.
 */
#include "agent/sources.h"

#include <assert.h>
#include <inttypes.h>
#include <unistd.h>

#include "agent/volume_claim.h"
#include "api/names.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "net/hash.h"
#include "net/seal_file.h"

#define AGAIN_MS    60000
#define SOURCES_MAX 256

enum source_type {
	SOURCE_CONFIG_MAP,
	SOURCE_SECRET,
	SOURCE_TOKEN,
	SOURCE_CLAIM,
	SOURCE_VOLUME, /* named by a claim */
};

struct source {
	struct sources *sources;
	enum source_type type;
	char *name; /* of a token: its audience, "" = the server's own */
	int64_t seconds;
	bool optional, absent;
	char *volume; /* that it is mounted by: without it the pod cannot begin; NULL */
	struct json_doc *doc;
	int64_t renew_ms; /* tokens: monotonic clock of the next one */
	struct client_call *call;
};

struct sources {
	struct client *client;
	char *folder;
	struct seal_keys *keys;
	const struct json *pod;
	struct map *map; /* "type/name/seconds" -> struct source */
	size_t running;
	bool failed;
	struct error why;
	struct loop_task told;
	void (*on_done)(void *of, const struct error *err);
	void *of;
};

/* --- which --- */

static char *key_of(enum source_type type, struct str name, int64_t seconds)
{
	return memory_print("%d/%" PRId64 "/" STR_FMT, (int)type, seconds, STR_ARG(name));
}

static struct source *need(struct sources *it, enum source_type type, struct str name,
			   int64_t seconds, bool optional)
{
	auto_free char *key = key_of(type, name, seconds);
	struct source *source = map_find(it->map, str_of(key));

	if (source) {
		source->optional = source->optional && optional;
		return source;
	}
	/* It becomes a part of a path that we ask for under the node's name. */
	if (name_check(NAME_SUBDOMAIN,
		       type == SOURCE_TOKEN
			       ? json_str(json_path(it->pod, "spec", "serviceAccountName", NULL))
			       : name) ||
	    map_count(it->map) >= SOURCES_MAX)
		return NULL;
	source = memory_new(struct source);
	source->sources = it;
	source->type = type;
	source->name = str_copy(name);
	source->seconds = seconds;
	source->optional = optional;
	map_put(it->map, str_of(key), source);
	return source;
}

static struct source *need_if(struct sources *it, enum source_type type, const struct json *part,
			      const char *field)
{
	int64_t seconds = type == SOURCE_TOKEN ? json_int(json_get(part, "expirationSeconds")) : 0;

	return json_type(part) != JSON_OBJECT
		       ? NULL
		       : need(it, type, json_str(json_get(part, field)), seconds,
			      json_bool(json_get(part, "optional")));
}

/* The first volume that needs it is the one that is told of. */
static void note_volume(struct source *source, struct str volume)
{
	if (source && !source->volume)
		source->volume = str_copy(volume);
}

static void need_mounted(struct sources *it, enum source_type type, const struct json *part,
			 const char *field, struct str volume)
{
	note_volume(need_if(it, type, part, field), volume);
}

static void need_claim(struct sources *it, const struct json *volume)
{
	auto_buf name = BUF_INIT;

	volume_claim_name(it->pod, volume, &name);
	if (name.len > 0)
		note_volume(need(it, SOURCE_CLAIM, buf_str(&name), 0, false),
			    json_str(json_get(volume, "name")));
}

static void need_for_volumes(struct sources *it)
{
	for (struct json_iter v = json_iter(json_path(it->pod, "spec", "volumes", NULL));
	     json_next(&v);) {
		const struct json *list = json_path(v.value, "projected", "sources", NULL);
		struct str volume = json_str(json_get(v.value, "name"));

		need_claim(it, v.value);
		need_mounted(it, SOURCE_CONFIG_MAP, json_get(v.value, "configMap"), "name", volume);
		need_mounted(it, SOURCE_SECRET, json_get(v.value, "secret"), "secretName", volume);
		for (struct json_iter s = json_iter(list); json_next(&s);) {
			need_mounted(it, SOURCE_CONFIG_MAP, json_get(s.value, "configMap"), "name",
				     volume);
			need_mounted(it, SOURCE_SECRET, json_get(s.value, "secret"), "name",
				     volume);
			need_mounted(it, SOURCE_TOKEN, json_get(s.value, "serviceAccountToken"),
				     "audience", volume);
		}
	}
}

static void need_for_containers(struct sources *it, const char *list)
{
	for (struct json_iter c = json_iter(json_path(it->pod, "spec", list, NULL));
	     json_next(&c);) {
		for (struct json_iter e = json_iter(json_get(c.value, "envFrom")); json_next(&e);) {
			need_if(it, SOURCE_CONFIG_MAP, json_get(e.value, "configMapRef"), "name");
			need_if(it, SOURCE_SECRET, json_get(e.value, "secretRef"), "name");
		}
		for (struct json_iter e = json_iter(json_get(c.value, "env")); json_next(&e);) {
			const struct json *from = json_get(e.value, "valueFrom");

			need_if(it, SOURCE_CONFIG_MAP, json_get(from, "configMapKeyRef"), "name");
			need_if(it, SOURCE_SECRET, json_get(from, "secretKeyRef"), "name");
		}
	}
}

/* --- the kept copies --- */

/* Names may hold what file names may not, and audiences are any text: the hash is the name. */
static char *kept_path(const struct source *source)
{
	auto_free char *key = key_of(source->type, str_of(source->name), source->seconds);
	char hex[HASH_SHA256_HEX];

	hash_sha256_hex(str_of(key), hex);
	return memory_print("%s/%.32s.json", source->sources->folder, hex);
}

/* What a copy is sealed under: it is this pod's, and of this name. */
static void print_sealed_name(const struct source *source, struct buf *out)
{
	auto_free char *key = key_of(source->type, str_of(source->name), source->seconds);

	buf_add_print(out, STR_FMT "/%s", STR_ARG(meta_str(source->sources->pod, "uid")), key);
}

static void write_sealed(const struct source *source, const struct json *value)
{
	auto_free char *path = kept_path(source);
	auto_wiped text = BUF_INIT;
	auto_buf name = BUF_INIT, sealed = BUF_INIT;
	struct error ignored;

	json_print(value, &text);
	print_sealed_name(source, &name);
	seal_close(source->sources->keys, buf_str(&name), buf_str(&text), &sealed);
	if (file_make_dirs(source->sources->folder, 0700, &ignored))
		(void)!file_put(path, buf_str(&sealed), 0600, &ignored);
}

static void load(struct source *source)
{
	auto_free char *path = kept_path(source);
	auto_buf sealed = BUF_INIT, name = BUF_INIT;
	auto_wiped text = BUF_INIT;
	struct error ignored;
	bool newest = false;

	if (!file_read(path, LIMIT_BODY * 2, &sealed, &ignored))
		return;
	print_sealed_name(source, &name);
	if (!seal_is_sealed(buf_str(&sealed)))
		buf_add_str(&text, buf_str(&sealed)); /* of a version that did not seal */
	else if (!seal_open(source->sources->keys, buf_str(&name), buf_str(&sealed), &text, &newest,
			    &ignored))
		return;
	if (json_parse(buf_str(&text), &source->doc, NULL, &ignored) && !newest)
		write_sealed(source, json_root(source->doc));
}

/* Kept only where it changed: flash wears out.  A full disk costs the copy, not the pod. */
static void keep(struct source *source, const struct json *value)
{
	if (source->doc && json_equal(json_root(source->doc), value))
		return;
	json_doc_free(source->doc);
	source->doc = json_doc_new();
	json_set_root(source->doc, json_clone(source->doc, value));
	write_sealed(source, value);
}

/* What may be absent is gone: so is its copy. */
static void forget(struct source *source)
{
	auto_free char *path = kept_path(source);

	json_doc_free(source->doc);
	source->doc = NULL;
	unlink(path);
}

/* --- fetching --- */

static void finish_one(struct source *source, const struct error *err)
{
	struct sources *it = source->sources;

	source->call = NULL;
	if (err && !it->failed) {
		it->failed = true;
		it->why = *err;
	}
	if (--it->running == 0)
		loop_defer(client_loop(it->client), &it->told);
}

static void on_told(struct loop_task *task)
{
	struct sources *it = CONTAINER_OF(task, struct sources, told);
	void (*on_done)(void *of, const struct error *err) = it->on_done;

	it->on_done = NULL;
	if (on_done)
		on_done(it->of, it->failed ? &it->why : NULL);
}

static void set_renewal(struct source *source)
{
	int64_t now = clock_now_ms();
	int64_t life = source->seconds > 0 ? source->seconds : 3600;

	source->renew_ms = now + life * 800; /* at 80 % of its life, as kubelets do */
}

static void fetch_one(struct source *source);

/* As kubelets say which volume waits for what. */
static void fail_one(struct source *source, const struct error *why)
{
	struct str namespace = meta_str(source->sources->pod, "namespace");
	const char *volume = source->volume;
	bool absent = why->kind == ERROR_NOT_FOUND;
	struct error err = { .kind = why->kind };

	if (!volume)
		err = *why;
	else if (source->type == SOURCE_CLAIM || source->type == SOURCE_VOLUME)
		error_set(
			&err, why->kind,
			"Unable to attach or mount volumes: unmounted volumes=[%s], unattached "
			"volumes=[], failed to process volumes=[%s]: error processing PVC " STR_FMT
			"/%s: %s%s",
			volume, volume, STR_ARG(namespace), source->name,
			absent ? "failed to fetch PVC from API server: " : "", why->text);
	else if (absent && source->type != SOURCE_TOKEN)
		error_set(&err, why->kind,
			  "MountVolume.SetUp failed for volume \"%s\" : %s \"%s\" not found",
			  volume, source->type == SOURCE_SECRET ? "secret" : "configmap",
			  source->name);
	else
		error_set(&err, why->kind, "MountVolume.SetUp failed for volume \"%s\" : %s%s",
			  volume, source->type == SOURCE_TOKEN ? "failed to fetch token: " : "",
			  why->text);
	finish_one(source, &err);
}

/* What a bound claim names is needed, too; NULL: it is known. */
static struct source *need_volume(struct sources *it, const struct json *claim, struct str volume)
{
	struct source *source =
		need(it, SOURCE_VOLUME, json_str(json_path(claim, "spec", "volumeName", NULL)), 0,
		     false);

	if (!source || source->doc)
		return NULL;
	note_volume(source, volume);
	return source;
}

/* A claim is of use once it is bound, and stays as it is then. */
static void take_claim(struct source *source, const struct json *claim)
{
	struct source *volume;
	struct error why;

	if (!str_is(json_str(json_path(claim, "status", "phase", NULL)), "Bound")) {
		error_set(&why, ERROR_UNAVAILABLE, "PVC is not bound");
		fail_one(source, &why);
		return;
	}
	keep(source, claim);
	volume = need_volume(source->sources, claim, str_of(source->volume));
	if (volume && !volume->call) {
		source->sources->running++;
		fetch_one(volume);
	}
	finish_one(source, NULL);
}

static void on_answer(void *of, const struct json *result, const struct error *err)
{
	struct source *source = of;

	source->call = NULL;
	if (!err && source->type == SOURCE_CLAIM) {
		take_claim(source, result);
		return;
	}

	if (err && err->kind == ERROR_NOT_FOUND && (source->optional || source->doc)) {
		if (source->optional && source->doc)
			forget(source);
		source->absent = !source->doc;
		finish_one(source, NULL);
		return;
	}
	/* Its container says so (CreateContainerConfigError); the others may run. */
	if (err && err->kind == ERROR_NOT_FOUND && !source->volume)
		source->absent = true;
	if (!err) {
		source->absent = false;
		keep(source, result);
		if (source->type == SOURCE_TOKEN)
			set_renewal(source);
	}
	if (err)
		fail_one(source, err);
	else
		finish_one(source, NULL);
}

static void print_token_request(const struct source *source, struct buf *out)
{
	const struct json *pod = source->sources->pod;
	auto_json_doc doc = json_doc_new();
	struct json *root = json_new_object(doc);
	struct json *spec = json_sub_object(doc, root, "spec");
	struct json *bound = json_sub_object(doc, spec, "boundObjectRef");

	json_put(doc, root, "apiVersion", json_new_text(doc, "authentication.k8s.io/v1"));
	json_put(doc, root, "kind", json_new_text(doc, "TokenRequest"));
	if (*source->name)
		json_append(json_sub_array(doc, spec, "audiences"),
			    json_new_text(doc, source->name));
	if (source->seconds > 0)
		json_put(doc, spec, "expirationSeconds", json_new_int(doc, source->seconds));
	json_put(doc, bound, "kind", json_new_text(doc, "Pod"));
	json_put(doc, bound, "apiVersion", json_new_text(doc, "v1"));
	json_put(doc, bound, "name", json_new_str(doc, meta_str(pod, "name")));
	json_put(doc, bound, "uid", json_new_str(doc, meta_str(pod, "uid")));
	json_print(root, out);
}

static void fetch_one(struct source *source)
{
	static const char *const kinds[] = { "ConfigMap", "Secret", "ServiceAccount",
					     "PersistentVolumeClaim", "PersistentVolume" };
	struct sources *it = source->sources;
	auto_buf body = BUF_INIT;
	struct client_ask ask = {
		.verb = CLIENT_GET,
		.kind = kind_find_name(STR("v1"), str_of(kinds[source->type])),
		.namespace =
			source->type == SOURCE_VOLUME ? STR_NONE : meta_str(it->pod, "namespace"),
		.name = str_of(source->name),
		.on_done = on_answer,
		.of = source,
	};

	if (source->type == SOURCE_TOKEN) {
		print_token_request(source, &body);
		ask.verb = CLIENT_CREATE;
		ask.subresource = "token";
		ask.name = json_str(json_path(it->pod, "spec", "serviceAccountName", NULL));
		ask.body = buf_str(&body);
	}
	source->call = client_call(it->client, &ask);
}

/* By the clock on the wall, which may have been set since: over, nearly over, or of a time to come.
 */
static bool is_out_of_time(const struct source *source)
{
	struct str text =
		json_str(json_path(json_root(source->doc), "status", "expirationTimestamp", NULL));
	int64_t life =
		json_int(json_path(json_root(source->doc), "spec", "expirationSeconds", NULL));
	int64_t end, left;

	if (life <= 0 || !clock_parse(text, &end, NULL))
		return false;
	left = end - clock_wall_s();
	return left < life / 10 || left > life + life / 10;
}

static bool is_due(const struct source *source)
{
	if (source->type == SOURCE_CLAIM || source->type == SOURCE_VOLUME)
		return !source->doc;
	/* Who says that it never changes is not asked again. */
	if (source->doc && json_bool(json_get(json_root(source->doc), "immutable")))
		return false;
	return source->type != SOURCE_TOKEN || !source->doc || source->renew_ms == 0 ||
	       clock_now_ms() >= source->renew_ms || is_out_of_time(source);
}

void sources_fetch(struct sources *it, void (*on_done)(void *of, const struct error *err), void *of)
{
	struct str key;
	void *value;

	assert(!sources_running(it));
	it->on_done = on_done;
	it->of = of;
	it->failed = false;
	it->running = 1; /* no end before all have begun */
	for (size_t i = 0; map_next(it->map, &i, &key, &value);) {
		if (!is_due(value))
			continue;
		it->running++;
		fetch_one(value);
	}
	if (--it->running == 0)
		loop_defer(client_loop(it->client), &it->told);
}

bool sources_running(const struct sources *it)
{
	return it->on_done != NULL;
}

bool sources_complete(const struct sources *it)
{
	struct str key;
	void *value;

	for (size_t i = 0; map_next(it->map, &i, &key, &value);) {
		const struct source *source = value;

		if (!source->doc && !source->absent && !source->optional)
			return false;
	}
	return true;
}

int64_t sources_again_ms(const struct sources *it)
{
	/* Spread, so that a fleet's pods do not ask in the same second. */
	return map_count(it->map) == 0 ? 0 : AGAIN_MS * 3 / 4 + (int64_t)random_below(AGAIN_MS / 2);
}

void sources_pod(struct sources *it, const struct json *pod)
{
	it->pod = pod;
}

/* --- looking --- */

static const struct json *find(const struct sources *it, enum source_type type, struct str name,
			       int64_t seconds)
{
	auto_free char *key = key_of(type, name, seconds);
	const struct source *source = map_find(it->map, str_of(key));

	return source && source->doc ? json_root(source->doc) : NULL;
}

const struct json *sources_config_map(const struct sources *it, struct str name)
{
	return find(it, SOURCE_CONFIG_MAP, name, 0);
}

const struct json *sources_secret(const struct sources *it, struct str name)
{
	return find(it, SOURCE_SECRET, name, 0);
}

const struct json *sources_claim(const struct sources *it, struct str name)
{
	return find(it, SOURCE_CLAIM, name, 0);
}

const struct json *sources_volume(const struct sources *it, struct str name)
{
	return find(it, SOURCE_VOLUME, name, 0);
}

struct str sources_token(const struct sources *it, struct str audience, int64_t seconds)
{
	struct str token = json_str(
		json_path(find(it, SOURCE_TOKEN, audience, seconds), "status", "token", NULL));

	return token.at ? token : STR("");
}

/* --- life --- */

bool sources_keys_open(const char *folder, struct seal_keys **out, struct error *err)
{
	auto_free char *path = memory_print("%s/seal-key", folder);

	if (seal_file_read(path, out, err))
		return true;
	if (err->kind != ERROR_NOT_FOUND && err->kind != ERROR_INVALID)
		return false;
	if (err->kind == ERROR_INVALID)
		log_error("agent.sources",
			  "the key of kept secrets cannot be used; a new one is made, and what was "
			  "kept is fetched again",
			  "why=\"%s\"", err->text);
	return seal_file_make(path, out, err);
}

/* Their names are in the claims, which have been loaded. */
static void load_volumes(struct sources *it)
{
	for (struct json_iter v = json_iter(json_path(it->pod, "spec", "volumes", NULL));
	     json_next(&v);) {
		auto_buf name = BUF_INIT;
		const struct json *claim;
		struct source *source;

		volume_claim_name(it->pod, v.value, &name);
		claim = sources_claim(it, buf_str(&name));
		source = claim ? need_volume(it, claim, json_str(json_get(v.value, "name"))) : NULL;
		if (source)
			load(source);
	}
}

struct sources *sources_new(const struct sources_plan *plan, const struct json *pod)
{
	struct sources *it = memory_new(struct sources);
	struct str key;
	void *value;

	it->client = plan->client;
	it->folder = memory_print("%s/sources", plan->folder);
	it->keys = plan->keys;
	it->pod = pod;
	it->map = map_new();
	it->told.on_task = on_told;
	need_for_volumes(it);
	need_for_containers(it, "initContainers");
	need_for_containers(it, "containers");
	need_for_containers(it, "ephemeralContainers");
	for (struct json_iter s = json_iter(json_path(pod, "spec", "imagePullSecrets", NULL));
	     json_next(&s);)
		need(it, SOURCE_SECRET, json_str(json_get(s.value, "name")), 0, true);
	for (size_t i = 0; map_next(it->map, &i, &key, &value);)
		load(value);
	load_volumes(it);
	return it;
}

void sources_free(struct sources *it)
{
	struct str key;
	void *value;

	if (!it)
		return;
	loop_task_cancel(&it->told);
	for (size_t i = 0; map_next(it->map, &i, &key, &value);) {
		struct source *source = value;

		if (source->call)
			client_cancel(source->call);
		json_doc_free(source->doc);
		free(source->name);
		free(source->volume);
		free(source);
	}
	map_free(it->map);
	free(it->folder);
	free(it);
}
