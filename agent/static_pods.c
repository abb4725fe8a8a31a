/*
 * static_pods.c - reads the folder, keeps the set of pods equal to it.
 */
#include "agent/static_pods.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/kind.h"
#include "api/object.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/yaml.h"
#include "net/hash.h"

#define SETTLE_MS 100   /* after a change: a file is often written in pieces */
#define FILES_MAX 256   /* of one node; each is a pod */
#define TELL_MS   60000 /* until a problem is told again that nobody heard */

struct static_pods {
	struct static_pods_plan plan;
	char *folder;
	struct loop_fd watch; /* fd < 0: no inotify, then the timer looks */
	struct loop_timer look;
	struct map *wished; /* uid -> struct json_doc */
	struct map *told;   /* "file\nwhy" that has been told -> itself */
};

/* --- one file --- */

bool static_pod_is(const struct json *pod)
{
	return str_is(meta_annotation(pod, STATIC_SOURCE), "file") && !static_pod_is_mirror(pod);
}

bool static_pod_is_mirror(const struct json *pod)
{
	return meta_annotation(pod, STATIC_MIRROR).at != NULL;
}

static bool refers(const char *what, struct error *err)
{
	return error_set(err, ERROR_INVALID, "static pods may not reference %s", what);
}

/* What a node without a server cannot have. */
static bool check_volumes(const struct json *spec, struct error *err)
{
	static const char *const fields[][2] = { { "secret", "secrets" },
						 { "configMap", "configmaps" },
						 { "persistentVolumeClaim",
						   "persistentvolumeclaims" },
						 { "ephemeral", "persistentvolumeclaims" },
						 { "csi", "csidrivers" } };

	for (struct json_iter v = json_iter(json_get(spec, "volumes")); json_next(&v);) {
		for (size_t i = 0; i < ARRAY_LENGTH(fields); i++)
			if (json_get(v.value, fields[i][0]))
				return refers(fields[i][1], err);
		for (struct json_iter s =
			     json_iter(json_path(v.value, "projected", "sources", NULL));
		     json_next(&s);) {
			if (json_get(s.value, "secret"))
				return refers("secrets", err);
			if (json_get(s.value, "configMap"))
				return refers("configmaps", err);
			if (json_get(s.value, "serviceAccountToken"))
				return refers("serviceaccounts", err);
		}
	}
	return true;
}

static bool check_environment(const struct json *container, struct error *err)
{
	for (struct json_iter it = json_iter(json_get(container, "envFrom")); json_next(&it);)
		if (json_get(it.value, "configMapRef") || json_get(it.value, "secretRef"))
			return refers(json_get(it.value, "secretRef") ? "secrets" : "configmaps",
				      err);
	for (struct json_iter it = json_iter(json_get(container, "env")); json_next(&it);) {
		const struct json *from = json_get(it.value, "valueFrom");

		if (json_get(from, "configMapKeyRef") || json_get(from, "secretKeyRef"))
			return refers(json_get(from, "secretKeyRef") ? "secrets" : "configmaps",
				      err);
	}
	return true;
}

static bool check_references(const struct json *spec, struct error *err)
{
	static const char *const lists[] = { "initContainers", "containers",
					     "ephemeralContainers" };

	if (json_str(json_get(spec, "serviceAccountName")).len > 0 ||
	    json_str(json_get(spec, "serviceAccount")).len > 0)
		return refers("serviceaccounts", err);
	if (json_count(json_get(spec, "imagePullSecrets")) > 0)
		return refers("secrets", err);
	if (json_count(json_get(spec, "resourceClaims")) > 0)
		return refers("resourceclaims", err);
	if (json_count(json_get(spec, "ephemeralContainers")) > 0)
		return refers("ephemeralcontainers", err);
	for (size_t i = 0; i < ARRAY_LENGTH(lists); i++)
		for (struct json_iter it = json_iter(json_get(spec, lists[i])); json_next(&it);)
			if (!check_environment(it.value, err))
				return false;
	return check_volumes(spec, err);
}

static void put(struct json_doc *doc, struct json *to, const char *key, const char *text)
{
	json_put(doc, to, key, json_new_text(doc, text));
}

/* The same text in the same file of the same node is the same pod, also after a restart. */
static void print_uid(const struct node *node, const char *path, struct str text, char out[33])
{
	char hex[HASH_SHA256_HEX];
	auto_buf whole = BUF_INIT;

	buf_add_print(&whole, "%s\n%s\n", node->name, path);
	buf_add_str(&whole, text);
	hash_sha256_hex(buf_str(&whole), hex);
	snprintf(out, 33, "%.32s", hex);
}

/* Whatever taints the node gets: its own pods stay. */
static void tolerate_all(struct json_doc *doc, struct json *spec)
{
	struct json *toleration = json_new_object(doc);

	put(doc, toleration, "effect", "NoExecute");
	put(doc, toleration, "operator", "Exists");
	json_append(json_sub_array(doc, spec, "tolerations"), toleration);
}

static void make_ours(const struct node *node, struct json_doc *doc, const char *uid)
{
	struct json *root = json_root(doc), *meta = json_sub_object(doc, root, "metadata");
	struct json *spec = json_sub_object(doc, root, "spec");
	struct json *annotations = json_sub_object(doc, meta, "annotations");
	auto_free char *name =
		memory_print(STR_FMT "-%s", STR_ARG(meta_str(root, "name")), node->name);
	char now[CLOCK_TEXT];

	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	put(doc, meta, "name", name);
	put(doc, meta, "uid", uid);
	if (meta_str(root, "namespace").len == 0)
		put(doc, meta, "namespace", "default");
	clock_print(clock_wall_s(), now);
	put(doc, annotations, STATIC_HASH, uid);
	put(doc, annotations, STATIC_SEEN, now);
	put(doc, annotations, STATIC_SOURCE, "file");
	put(doc, spec, "nodeName", node->name);
	json_remove(root, STR("status"));
	tolerate_all(doc, spec);
}

static bool check_kind(const struct json *root, struct error *err)
{
	if (json_type(root) != JSON_OBJECT || !str_is(json_str(json_get(root, "kind")), "Pod") ||
	    !str_is(json_str(json_get(root, "apiVersion")), "v1"))
		return error_set(err, ERROR_INVALID, "the file must hold one v1 Pod");
	if (meta_str(root, "name").len == 0)
		return error_set(err, ERROR_INVALID, "the pod has no name");
	return true;
}

/* Defaults and rules of the API, which this pod never passes. */
static bool shape(struct json_doc *doc, struct error *err)
{
	const struct kind *kind = kind_find_name(STR("v1"), STR("Pod"));
	auto_arena arena = arena_new();
	struct field_errors errors = { .arena = arena };
	struct kind_work work = { .kind = kind,
				  .doc = doc,
				  .object = json_root(doc),
				  .errors = &errors,
				  .subresource = "" };

	kind_default(&work);
	kind_prepare(&work);
	return kind_validate(&work, err);
}

bool static_pod_read(const struct node *node, const char *path, struct str text,
		     struct json_doc **out, struct error *err)
{
	auto_json_doc doc = NULL;
	char uid[33];

	if (!yaml_parse(text, &doc, NULL, err) || !check_kind(json_root(doc), err) ||
	    !check_references(json_get(json_root(doc), "spec"), err))
		return false;
	print_uid(node, path, text, uid);
	make_ours(node, doc, uid);
	if (!shape(doc, err))
		return false;
	*out = take_ptr(&doc);
	return true;
}

/* --- the folder --- */

static void look_later(struct static_pods *it, int64_t after_ms)
{
	if (it->look.heap_at == 0 || it->look.due_ms > clock_now_ms() + after_ms)
		loop_timer_set(it->plan.node->loop, &it->look, after_ms);
}

/* Once for each text; what could not be told is told at a later look. */
static void tell(struct static_pods *it, const char *file, const char *why)
{
	auto_free char *key = memory_print("%s\n%s", file, why);

	if (map_find(it->told, str_of(key)))
		return;
	log_error("agent.static_pods", "a file of pod-manifests is not run", "file=%s why=\"%s\"",
		  file, why);
	if (it->plan.on_problem(it->plan.of, file, why))
		map_put(it->told, str_of(key), it);
	else
		look_later(it, TELL_MS);
}

static void read_file(struct static_pods *it, const char *name, struct map *out)
{
	auto_free char *path = memory_print("%s/%s", it->folder, name);
	struct json_doc *doc;
	auto_buf text = BUF_INIT;
	struct stat st;
	struct error err;
	struct str uid;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (!file_read(path, LIMIT_CONFIG_FILE, &text, &err) ||
	    !static_pod_read(it->plan.node, path, buf_str(&text), &doc, &err)) {
		if (buf_str(&text).len > 0 || err.kind != ERROR_NOT_FOUND)
			tell(it, name, err.text);
		return;
	}
	uid = meta_str(json_root(doc), "uid");
	if (map_find(out, uid))
		json_doc_free(doc);
	else
		map_put(out, uid, doc);
}

static void free_docs(struct map *map)
{
	struct str uid;
	void *value;

	for (size_t i = 0; map_next(map, &i, &uid, &value);)
		json_doc_free(value);
	map_free(map);
}

static void read_folder(struct static_pods *it)
{
	DIR *open = opendir(it->folder);
	struct map *found = map_new();
	struct dirent *entry;

	if (!open) {
		map_free(found);
		tell(it, it->folder, strerror(errno));
		return; /* unreadable is not empty: what runs runs on */
	}
	while ((entry = readdir(open)) && map_count(found) < FILES_MAX)
		if (entry->d_name[0] != '.')
			read_file(it, entry->d_name, found);
	closedir(open);
	free_docs(it->wished);
	it->wished = found;
}

/* --- the set --- */

static void stop_others(struct static_pods *it)
{
	struct pod *pod;

	for (size_t i = 0; (pod = pods_next(it->plan.pods, &i));)
		if (static_pod_is(pod_object(pod)) && !map_find(it->wished, pod_uid(pod)))
			pod_remove(pod);
}

/* Two files of one name: the one that runs already, else the first. */
static bool is_taken(struct static_pods *it, const struct json *object)
{
	struct pod *pod;

	for (size_t i = 0; (pod = pods_next(it->plan.pods, &i));)
		if (str_equal(pod_name(pod), meta_str(object, "name")) &&
		    str_equal(pod_namespace(pod), meta_str(object, "namespace")))
			return true;
	return false;
}

static void begin(struct static_pods *it, const struct json *object)
{
	struct pod *pod = pods_find_uid(it->plan.pods, meta_str(object, "uid"));
	struct error err;

	if (pod) {
		if (!pod_is_leaving(pod))
			pod_update(pod, object);
		return;
	}
	if (is_taken(it, object))
		return; /* until that one has left: static_pods_again */
	if (!pods_add(it->plan.pods, object, &err)) {
		log_error("agent.static_pods", "a pod cannot be begun; trying again",
			  "pod=" STR_FMT " why=\"%s\"", STR_ARG(meta_str(object, "name")),
			  err.text);
		look_later(it, TELL_MS / 2);
	}
}

static void begin_wished(struct static_pods *it)
{
	struct str uid;
	void *doc;

	for (size_t i = 0; map_next(it->wished, &i, &uid, &doc);)
		begin(it, json_root(doc));
}

static void on_look(struct loop_timer *timer)
{
	struct static_pods *it = CONTAINER_OF(timer, struct static_pods, look);

	read_folder(it);
	stop_others(it);
	begin_wished(it);
	if (it->watch.fd < 0)
		look_later(it, 20000);
}

void static_pods_again(struct static_pods *it)
{
	if (it && map_count(it->wished) > 0)
		look_later(it, 0);
}

/* --- watching --- */

static void on_event(struct loop_fd *watch, unsigned events)
{
	struct static_pods *it = CONTAINER_OF(watch, struct static_pods, watch);
	char bytes[4096];

	(void)events;
	while (read(watch->fd, bytes, sizeof(bytes)) > 0)
		;
	loop_timer_set(it->plan.node->loop, &it->look, SETTLE_MS);
}

static void start_watching(struct static_pods *it)
{
	struct error err;

	it->watch = (struct loop_fd){ .on_event = on_event,
				      .fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC) };
	if (it->watch.fd >= 0 &&
	    inotify_add_watch(it->watch.fd, it->folder,
			      IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM |
				      IN_DELETE_SELF) >= 0 &&
	    loop_fd_start(it->plan.node->loop, &it->watch, LOOP_READ, &err))
		return;
	if (it->watch.fd >= 0)
		close(it->watch.fd);
	it->watch.fd = -1;
	log_warn("agent.static_pods", "the folder cannot be watched; looking at it now and then",
		 "folder=%s", it->folder);
}

bool static_pods_open(const struct static_pods_plan *plan, struct static_pods **out,
		      struct error *err)
{
	struct static_pods *it;

	if (!file_make_dirs(plan->folder, 0700, err))
		return false;
	it = memory_new(struct static_pods);
	it->plan = *plan;
	it->folder = memory_string(plan->folder);
	it->wished = map_new();
	it->told = map_new();
	it->look.on_timer = on_look;
	start_watching(it);
	look_later(it, 0);
	*out = it;
	return true;
}

void static_pods_close(struct static_pods *it)
{
	if (!it)
		return;
	loop_timer_stop(&it->look);
	loop_fd_stop(&it->watch);
	if (it->watch.fd >= 0)
		close(it->watch.fd);
	free_docs(it->wished);
	map_free(it->told);
	free(it->folder);
	free(it);
}
