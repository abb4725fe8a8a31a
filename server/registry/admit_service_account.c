/*
 * admit_service_account.c - gives each pod its service account and the projected volume with its
 * token.
 *
 * The volume kube-api-access-xxxxx holds a bound token, the cluster's CA and the namespace, mounted
 * where every client library looks.  (Kubernetes, "Configure Service Accounts for Pods".)
 *
 * Every namespace has the account "default", but a controller makes it, a moment after the
 * namespace.  A pod that comes in that moment is not refused: until the account is there it counts
 * as what it will be, one without settings.
 */
#include "base/random.h"
#include "server/registry/admit.h"

#define DEFAULT_NAME  "default"
#define MOUNT_PATH    "/var/run/secrets/kubernetes.io/serviceaccount"
#define TOKEN_SECONDS 3607 /* what the real server asks for: one hour and a mark of its own */

/* account NULL: the default one, which is about to be made. */
static bool wants_token(const struct json *spec, const struct object *account)
{
	const struct json *own = json_get(spec, "automountServiceAccountToken");
	const struct json *theirs =
		account ? json_get(object_json(account), "automountServiceAccountToken") : NULL;

	if (own)
		return json_bool(own);
	return !theirs || json_bool(theirs);
}

static bool is_mounted(const struct json *container)
{
	for (struct json_iter it = json_iter(json_get(container, "volumeMounts")); json_next(&it);)
		if (str_is(json_str(json_get(it.value, "mountPath")), MOUNT_PATH))
			return true;
	return false;
}

static void mount_in(const struct admit_work *work, struct json *containers, const char *volume)
{
	struct json_doc *doc = work->doc;

	for (struct json_iter it = json_iter(containers); json_next(&it);) {
		struct json *mount;

		if (is_mounted(it.value))
			continue;
		mount = json_new_object(doc);
		json_put(doc, mount, "name", json_new_text(doc, volume));
		json_put(doc, mount, "readOnly", json_new_bool(doc, true));
		json_put(doc, mount, "mountPath", json_new_text(doc, MOUNT_PATH));
		json_append(json_sub_array(doc, it.value, "volumeMounts"), mount);
	}
}

static struct json *new_source(struct json_doc *doc, struct json *sources, const char *name)
{
	struct json *source = json_new_object(doc);

	json_append(sources, source);
	return json_sub_object(doc, source, name);
}

static struct json *new_item(struct json_doc *doc, struct json *items)
{
	struct json *item = json_new_object(doc);

	json_append(items, item);
	return item;
}

static void add_volume(const struct admit_work *work, struct json *spec, const char *name)
{
	struct json_doc *doc = work->doc;
	struct json *volume = json_new_object(doc), *projected, *sources, *part, *item;

	json_append(json_sub_array(doc, spec, "volumes"), volume);
	json_put(doc, volume, "name", json_new_text(doc, name));
	projected = json_sub_object(doc, volume, "projected");
	sources = json_sub_array(doc, projected, "sources");
	json_put(doc, projected, "defaultMode", json_new_int(doc, 420));
	part = new_source(doc, sources, "serviceAccountToken");
	json_put(doc, part, "expirationSeconds", json_new_int(doc, TOKEN_SECONDS));
	json_put(doc, part, "path", json_new_text(doc, "token"));
	part = new_source(doc, sources, "configMap");
	json_put(doc, part, "name", json_new_text(doc, "kube-root-ca.crt"));
	item = new_item(doc, json_sub_array(doc, part, "items"));
	json_put(doc, item, "key", json_new_text(doc, "ca.crt"));
	json_put(doc, item, "path", json_new_text(doc, "ca.crt"));
	part = new_source(doc, sources, "downwardAPI");
	item = new_item(doc, json_sub_array(doc, part, "items"));
	json_put(doc, item, "path", json_new_text(doc, "namespace"));
	part = json_sub_object(doc, item, "fieldRef");
	json_put(doc, part, "apiVersion", json_new_text(doc, "v1"));
	json_put(doc, part, "fieldPath", json_new_text(doc, "metadata.namespace"));
}

static bool is_mirror(const struct json *pod)
{
	return meta_annotation(pod, "kubernetes.io/config.mirror").at != NULL;
}

/* A pod that names none logs in with its account's. */
static void give_pull_secrets(const struct admit_work *work, struct json *spec,
			      const struct object *account)
{
	const struct json *theirs =
		account ? json_get(object_json(account), "imagePullSecrets") : NULL;

	if (json_count(theirs) > 0 && json_count(json_get(spec, "imagePullSecrets")) == 0)
		json_put(work->doc, spec, "imagePullSecrets", json_clone(work->doc, theirs));
}

static bool admit(const struct admit_work *work, struct error *err)
{
	const struct kind *kind = kind_find_name(STR("v1"), STR("ServiceAccount"));
	struct json *spec = json_get(work->object, "spec");
	const struct object *account;
	struct str name;
	char volume[32] = "kube-api-access-";

	if (work->old || strcmp(work->kind->name, "Pod") != 0 || work->subresource[0] ||
	    is_mirror(work->object))
		return true;
	name = json_str(json_get(spec, "serviceAccountName"));
	if (name.len == 0)
		name = STR(DEFAULT_NAME);
	account = registry_find(work->registry, kind, work->namespace, name);
	if (!account && !str_is(name, DEFAULT_NAME))
		return error_set(err, ERROR_FORBIDDEN,
				 "pods \"" STR_FMT
				 "\" is forbidden: error looking up service account " STR_FMT
				 "/" STR_FMT ": serviceaccount \"" STR_FMT "\" not found",
				 STR_ARG(meta_str(work->object, "name")), STR_ARG(work->namespace),
				 STR_ARG(name), STR_ARG(name));
	json_put(work->doc, spec, "serviceAccountName", json_new_str(work->doc, name));
	json_put(work->doc, spec, "serviceAccount", json_new_str(work->doc, name));
	give_pull_secrets(work, spec, account);
	if (!wants_token(spec, account))
		return true;
	random_suffix(volume + strlen(volume), 5);
	add_volume(work, spec, volume);
	mount_in(work, json_get(spec, "containers"), volume);
	mount_in(work, json_get(spec, "initContainers"), volume);
	return true;
}

const struct admit_row admit_service_account = { .name = "ServiceAccount", .admit = admit };
