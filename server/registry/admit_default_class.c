/*
 * admit_default_class.c - claims and ingresses that name no class get the one that is marked as
 * the default; of several the newest.
 */
#include "server/registry/admit.h"

static const struct {
	const char *kind;            /* that gets a class */
	const char *field;           /* of its spec */
	const char *legacy;          /* an annotation that names the class, too; or NULL */
	const char *version, *class; /* the classes */
	const char *mark;            /* their annotation */
} rows[] = {
	{ "PersistentVolumeClaim", "storageClassName", "volume.beta.kubernetes.io/storage-class",
	  "storage.k8s.io/v1", "StorageClass", "storageclass.kubernetes.io/is-default-class" },
	{ "Ingress", "ingressClassName", "kubernetes.io/ingress.class", "networking.k8s.io/v1",
	  "IngressClass", "ingressclass.kubernetes.io/is-default-class" },
};

struct search {
	const char *mark;
	const struct object *found;
};

/* Times of the same form compare as texts; of the same age the first name wins. */
static bool try_class(void *of, const struct object *class)
{
	struct search *search = of;
	const struct json *root = object_json(class);

	if (str_is(meta_annotation(root, search->mark), "true") &&
	    (!search->found ||
	     str_compare(meta_str(root, "creationTimestamp"),
			 meta_str(object_json(search->found), "creationTimestamp")) > 0))
		search->found = class;
	return true;
}

static void give_class(const struct admit_work *work, size_t row)
{
	struct json *spec = json_sub_object(work->doc, work->object, "spec");
	const struct kind *classes =
		kind_find_name(str_of(rows[row].version), str_of(rows[row].class));
	struct search search = { .mark = rows[row].mark };

	/* An empty name is a choice, too: none. */
	if (json_type(json_get(spec, rows[row].field)) == JSON_STRING ||
	    meta_annotation(work->object, rows[row].legacy).at)
		return;
	registry_each(work->registry, classes, STR_NONE, try_class, &search);
	if (search.found)
		json_put(work->doc, spec, rows[row].field,
			 json_new_str(work->doc, object_name(search.found)));
}

static bool admit(const struct admit_work *work, struct error *err)
{
	(void)err;
	if (work->old || work->subresource[0])
		return true;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		if (strcmp(work->kind->name, rows[i].kind) == 0)
			give_class(work, i);
	return true;
}

const struct admit_row admit_default_class = { .name = "DefaultClass", .admit = admit };
