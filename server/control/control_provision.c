/*
 * control_provision.c - the provisioner rancher.io/local-path, built in: folders of a node as
 * persistent volumes.
 *
 * A claim whose class names it gets a volume on the node that the scheduler has selected; the
 * node's agent makes the folder when the first pod needs it (agent/volume_claim.c).  When such a
 * volume is released and its policy is Delete, the agent of its node removes the folder, and only
 * then the volume goes.  The class local-path is made at the start, unless --disable local-storage.
 */
#include "api/validate_claim.h"
#include "base/list.h"
#include "base/map.h"
#include "server/control/claim_words.h"
#include "server/control/controller.h"
#include "server/control/local_volume.h"
#include "server/control/storage_folder.h"
#include "server/registry/registry.h"

#define COMPONENT "rancher.io/local-path"
#define PACKAGED  "mote.dev/packaged"
#define PACKAGE   "local-storage"

static const char class_text[] =
	"{\"metadata\":{\"name\":\"local-path\",\"labels\":{\"" PACKAGED "\":\"" PACKAGE "\"},"
	"\"annotations\":{\"defaultVolumeType\":\"local\",\"" CLAIM_DEFAULT_CLASS "\":\"true\"}},"
	"\"provisioner\":\"" LOCAL_PATH "\",\"reclaimPolicy\":\"Delete\","
	"\"volumeBindingMode\":\"WaitForFirstConsumer\"}";

struct self {
	struct control *control;
	struct queue *queue; /* "c/namespace/name", "v/name", "s" (the class) */
	struct map *told;    /* key -> the last event */
	struct list removals;
	char *root; /* where folders are made */
};

/* One volume on its way: made, or its folder removed. */
struct chore {
	struct self *self;
	struct list link;
	char *key;
	const struct object *about;
	struct node_ask *removal; /* NULL: it is being made */
};

static void on_end(struct batch *batch)
{
	struct self *self = batch->owner;

	batch_end_pass(batch, self->queue, NULL);
}

static void tell(struct self *self, struct str key, const struct object *about, const char *type,
		 const char *reason, const char *text)
{
	if (control_is_news(self->told, key, reason, text))
		control_event(self->control, about, COMPONENT, type, reason, text);
}

static struct chore *chore_new(struct self *self, struct str key, const struct object *about)
{
	struct chore *chore = memory_new(struct chore);

	chore->self = self;
	chore->key = str_copy(key);
	chore->about = object_ref(about);
	list_init(&chore->link);
	return chore;
}

static void chore_free(struct chore *chore)
{
	list_remove(&chore->link);
	object_unref(chore->about);
	free(chore->key);
	free(chore);
}

/* --- the class --- */

static bool is_disabled(const struct self *self)
{
	const struct option_list *names = &server_plan_of(self->control->server)->disable;

	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i], PACKAGE) == 0)
			return true;
	return false;
}

static void pass_class(struct self *self, struct batch *batch)
{
	const struct object *class = cache_find(self->control->caches[CONTROL_STORAGECLASSES],
						STR_NONE, STR("local-path"));
	struct client_ask ask = { .kind = self->control->kinds[CONTROL_STORAGECLASSES] };

	if (class && is_disabled(self) && str_is(object_label(class, STR(PACKAGED)), PACKAGE)) {
		ask.verb = CLIENT_DELETE;
		ask.name = STR("local-path");
		batch_call(batch, &ask);
	} else if (!class && !is_disabled(self)) {
		ask.verb = CLIENT_CREATE;
		ask.body = str_of(class_text);
		batch_call(batch, &ask);
	}
}

/* --- making --- */

/* The selected node is no more: the scheduler is to choose again. */
static void ask_again(struct self *self, struct str key, const struct object *claim)
{
	struct batch *batch = batch_new(self->control, key, self, on_end);
	auto_json_doc doc = object_thaw(claim);
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_UPDATE,
				  .kind = self->control->kinds[CONTROL_CLAIMS],
				  .namespace = object_namespace(claim),
				  .name = object_name(claim) };

	json_remove(json_path(json_root(doc), "metadata", "annotations", NULL),
		    STR(CLAIM_SELECTED_NODE));
	json_print(json_root(doc), &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
	batch_seal(batch);
}

static void on_made(void *of, const struct json *result, const struct error *err)
{
	struct chore *chore = of;
	struct self *self = chore->self;
	auto_buf text = BUF_INIT;

	(void)result;
	buf_add_print(&text, "Successfully provisioned volume pvc-" STR_FMT,
		      STR_ARG(object_uid(chore->about)));
	if (!err)
		tell(self, str_of(chore->key), chore->about, "Normal", "ProvisioningSucceeded",
		     buf_text(&text));
	queue_done(self->queue, str_of(chore->key), !err || err->kind == ERROR_EXISTS);
	chore_free(chore);
}

static void tell_refused(struct self *self, struct str key, const struct local_volume *volume,
			 const char *why)
{
	auto_free char *text =
		memory_print("failed to provision volume with StorageClass \"" STR_FMT "\": %s",
			     STR_ARG(object_name(volume->class)), why);

	tell(self, key, volume->claim, "Warning", "ProvisioningFailed", text);
}

/* False: nothing was begun. */
static bool provision(struct self *self, struct str key, struct local_volume *volume)
{
	auto_buf body = BUF_INIT, text = BUF_INIT;
	struct error err;
	struct client_ask ask = { .verb = CLIENT_CREATE,
				  .kind = self->control->kinds[CONTROL_VOLUMES],
				  .on_done = on_made };

	if (!local_volume_plan(volume, self->control, &err)) {
		tell_refused(self, key, volume, err.text);
		if (err.kind != ERROR_NOT_FOUND)
			return false;
		ask_again(self, key, volume->claim);
		return true;
	}
	buf_add_text(&text, "External provisioner is provisioning volume for claim \"");
	object_key(volume->claim, &text);
	buf_add_byte(&text, '"');
	tell(self, key, volume->claim, "Normal", "Provisioning", buf_text(&text));
	local_volume_print(volume, self->root, &body);
	ask.body = buf_str(&body);
	ask.of = chore_new(self, key, volume->claim);
	client_call(self->control->client, &ask);
	return true;
}

/* Is it our turn?  The binder has said so, and there is no volume yet. */
static bool is_ours(struct self *self, const struct object *claim, struct local_volume *out)
{
	const struct json *root = object_json(claim);

	if (!str_is(meta_annotation(root, CLAIM_PROVISIONER), LOCAL_PATH) ||
	    json_str(json_path(root, "spec", "volumeName", NULL)).len > 0 ||
	    object_is_deleting(claim))
		return false;
	out->claim = claim;
	out->class = cache_find(self->control->caches[CONTROL_STORAGECLASSES], STR_NONE,
				claim_class(root));
	if (!out->class ||
	    !str_is(json_str(json_get(object_json(out->class), "provisioner")), LOCAL_PATH))
		return false;
	return meta_annotation(root, CLAIM_SELECTED_NODE).len > 0 ||
	       !str_is(json_str(json_get(object_json(out->class), "volumeBindingMode")),
		       "WaitForFirstConsumer");
}

static bool has_volume(struct self *self, const struct object *claim)
{
	auto_buf name = BUF_INIT;

	buf_add_print(&name, "pvc-" STR_FMT, STR_ARG(object_uid(claim)));
	return cache_find(self->control->caches[CONTROL_VOLUMES], STR_NONE, buf_str(&name)) != NULL;
}

static void pass_claim(struct self *self, struct str key, const struct object *claim)
{
	struct local_volume volume = { 0 };

	if (!is_ours(self, claim, &volume) || has_volume(self, claim) ||
	    !provision(self, key, &volume))
		queue_done(self->queue, key, true);
}

/* --- removing --- */

static bool is_word(const struct object *volume, const char *field, const char *word)
{
	return str_is(json_str(json_path(object_json(volume), "spec", field, NULL)), word);
}

static bool is_guarded(const struct object *volume)
{
	for (struct json_iter it = json_iter(json_get(meta_of(object_json(volume)), "finalizers"));
	     json_next(&it);)
		if (str_is(json_str(it.value), VOLUME_PROVISIONED))
			return true;
	return false;
}

/* Our finalizer is on what we have to see to, and only there. */
static void guard(struct batch *batch, const struct object *volume, bool with)
{
	auto_json_doc doc = json_doc_new();
	struct json *patch = json_new_object(doc),
		    *metadata = json_sub_object(doc, patch, "metadata"), *list;
	auto_buf body = BUF_INIT;
	struct client_ask ask = { .verb = CLIENT_PATCH_MERGE,
				  .kind = batch->control->kinds[CONTROL_VOLUMES],
				  .name = object_name(volume) };

	json_put(doc, metadata, "uid", json_new_str(doc, object_uid(volume)));
	json_put(doc, metadata, "resourceVersion",
		 json_new_str(doc, meta_str(object_json(volume), "resourceVersion")));
	list = json_sub_array(doc, metadata, "finalizers");
	for (struct json_iter it = json_iter(json_get(meta_of(object_json(volume)), "finalizers"));
	     json_next(&it);)
		if (!str_is(json_str(it.value), VOLUME_PROVISIONED))
			json_append(list, json_clone(doc, it.value));
	if (with)
		json_append(list, json_new_text(doc, VOLUME_PROVISIONED));
	json_print(patch, &body);
	ask.body = buf_str(&body);
	batch_call(batch, &ask);
}

/* Released, and the store knows of no claim that has it: data depends on it. */
static bool is_to_go(struct self *self, const struct object *volume)
{
	const struct json *root = object_json(volume);
	const struct json *reference = json_path(root, "spec", "claimRef", NULL);
	struct str phase = json_str(json_path(root, "status", "phase", NULL));
	const struct object *claim = registry_find(
		server_registry(self->control->server), self->control->kinds[CONTROL_CLAIMS],
		json_str(json_get(reference, "namespace")), json_str(json_get(reference, "name")));

	if (!is_word(volume, "persistentVolumeReclaimPolicy", "Delete") ||
	    (!str_is(phase, "Released") && !str_is(phase, "Failed")))
		return false;
	return !claim || !str_equal(object_uid(claim), json_str(json_get(reference, "uid"))) ||
	       !str_equal(json_str(json_path(object_json(claim), "spec", "volumeName", NULL)),
			  object_name(volume));
}

/* Its folder is nobody else's: the claim's uid is in the volume's name, which is there once. */
static bool check_place(const struct object *volume, struct str *out_path, struct error *err)
{
	const struct json *spec = json_get(object_json(volume), "spec");
	const struct json *reference = json_get(spec, "claimRef");
	struct str local = json_str(json_path(spec, "local", "path", NULL));
	struct str path =
		local.len > 0 ? local : json_str(json_path(spec, "hostPath", "path", NULL));
	auto_buf name = BUF_INIT;

	buf_add_print(&name, "pvc-" STR_FMT, STR_ARG(json_str(json_get(reference, "uid"))));
	if (!str_equal(buf_str(&name), object_name(volume)) ||
	    !storage_folder_is_of(path, reference))
		return error_set(err, ERROR_INVALID,
				 "\"" STR_FMT "\" is not the folder of this volume", STR_ARG(path));
	*out_path = path;
	return true;
}

static void drop(struct self *self, struct str key, const struct object *volume)
{
	struct batch *batch = batch_new(self->control, key, self, on_end);
	struct client_ask ask = { .verb = CLIENT_DELETE,
				  .kind = self->control->kinds[CONTROL_VOLUMES],
				  .name = object_name(volume) };
	auto_buf body = BUF_INIT;

	buf_add_print(&body, "{\"preconditions\":{\"uid\":\"" STR_FMT "\"}}",
		      STR_ARG(object_uid(volume)));
	ask.body = buf_str(&body);
	if (is_guarded(volume))
		guard(batch, volume, false);
	if (!object_is_deleting(volume))
		batch_call(batch, &ask);
	batch_seal(batch);
}

static void tell_failure(struct self *self, struct str key, const struct object *volume,
			 const struct error *why)
{
	bool waits = why->kind == ERROR_UNAVAILABLE;

	tell(self, key, volume, waits ? "Normal" : "Warning",
	     waits ? "VolumeDelete" : "VolumeFailedDelete", why->text);
	queue_done(self->queue, key, false);
}

static void on_removed(void *of, struct str body, const struct error *err)
{
	struct chore *chore = of;

	(void)body;
	if (err)
		tell_failure(chore->self, str_of(chore->key), chore->about, err);
	else
		drop(chore->self, str_of(chore->key), chore->about);
	chore_free(chore);
}

static void remove_folder(struct self *self, struct str key, const struct object *volume)
{
	struct str node = meta_annotation(object_json(volume), LOCAL_VOLUME_NODE), path;
	struct chore *chore;
	struct error err;

	if (!check_place(volume, &path, &err)) {
		tell_failure(self, key, volume, &err);
		return;
	}
	/* With its node the folder has gone, too. */
	if (!cache_find(self->control->caches[CONTROL_NODES], STR_NONE, node)) {
		drop(self, key, volume);
		return;
	}
	chore = chore_new(self, key, volume);
	list_add(&self->removals, &chore->link);
	chore->removal = storage_folder_remove(self->control, node, path, on_removed, chore);
}

static void pass_volume(struct self *self, struct str key, const struct object *volume)
{
	bool deletes = is_word(volume, "persistentVolumeReclaimPolicy", "Delete");
	struct batch *batch;

	if (!str_is(meta_annotation(object_json(volume), CLAIM_PROVISIONED_BY), LOCAL_PATH)) {
		queue_done(self->queue, key, true);
		return;
	}
	if (is_to_go(self, volume)) {
		remove_folder(self, key, volume);
		return;
	}
	batch = batch_new(self->control, key, self, on_end);
	if (is_guarded(volume) != deletes && (!deletes || !object_is_deleting(volume)))
		guard(batch, volume, deletes);
	batch_seal(batch);
}

/* --- passes --- */

static void on_pass(void *owner, struct str key)
{
	struct self *self = owner;
	struct str rest = key, what = str_cut(&rest, '/');
	struct str namespace = str_is(what, "c") ? str_cut(&rest, '/') : STR_NONE;
	const struct object *object = cache_find(
		self->control->caches[str_is(what, "c") ? CONTROL_CLAIMS : CONTROL_VOLUMES],
		namespace, rest);
	struct batch *batch;

	if (str_is(what, "s")) {
		batch = batch_new(self->control, key, self, on_end);
		pass_class(self, batch);
		batch_seal(batch);
	} else if (!object) {
		free(map_remove(self->told, key));
		queue_done(self->queue, key, true);
	} else if (str_is(what, "c")) {
		pass_claim(self, key, object);
	} else {
		pass_volume(self, key, object);
	}
}

/* --- the row --- */

/* The agent has another working folder than we have. */
static char *root_of(const struct server_plan *plan)
{
	auto_free char *here = plan->default_local_storage_path
				       ? memory_string(plan->default_local_storage_path)
				       : memory_print("%s/storage", plan->data_dir);
	auto_free char *cwd = here[0] == '/' ? NULL : getcwd(NULL, 0);
	struct str root;
	auto_free char *whole = cwd ? memory_print("%s/%s", cwd, here) : take_ptr(&here);

	root = str_of(whole);
	while (root.len > 1 && root.at[root.len - 1] == '/')
		root.len--;
	return str_copy(root);
}

static void *start(struct control *control)
{
	struct self *self = memory_new(struct self);

	self->control = control;
	self->queue = queue_new(control->loop, on_pass, self);
	self->told = map_new();
	self->root = root_of(server_plan_of(control->server));
	list_init(&self->removals);
	queue_add(self->queue, STR("s"));
	return self;
}

static void stop(void *own)
{
	struct self *self = own;

	LIST_EACH_SAFE(&self->removals, link)
	{
		struct chore *chore = LIST_OWNER(link, struct chore, link);

		node_ask_cancel(chore->removal);
		chore_free(chore);
	}
	queue_free(self->queue);
	map_free_all(self->told);
	free(self->root);
	free(self);
}

static void on_change(void *own, enum control_kind kind, const struct object *before,
		      const struct object *after)
{
	struct self *self = own;
	auto_buf key = BUF_INIT;

	if (kind != CONTROL_CLAIMS && kind != CONTROL_VOLUMES)
		return;
	buf_add_text(&key, kind == CONTROL_CLAIMS ? "c/" : "v/");
	object_key(after ? after : before, &key);
	queue_add(self->queue, buf_str(&key));
}

const struct control_row control_provision = { "provision", start, stop, on_change };
