/*
 * kind.h - one row a kind: names, verbs, shape, rules, columns.  Routes, discovery, OpenAPI, tables
 * and the registry's behaviour are printed from it.
 *
 * A kind is one file api/kinds/kind_<name>.c with one constant row, and one line in kinds.c.
 */
#ifndef API_KIND_H
#define API_KIND_H

#include "api/field.h"
#include "api/status.h"
#include "base/json.h"

enum {
	VERB_GET = 1,
	VERB_LIST = 2,
	VERB_WATCH = 4,
	VERB_CREATE = 8,
	VERB_UPDATE = 16,
	VERB_PATCH = 32,
	VERB_DELETE = 64,
	VERB_DELETE_COLLECTION = 128,
	VERB_ALL = 255,
};
enum name_rule { NAME_SUBDOMAIN, NAME_LABEL, NAME_LABEL_1035, NAME_PATH_SEGMENT };

struct kind_work { /* what the rule functions get */
	const struct kind *kind;
	struct json_doc *doc;        /* the new object's doc               */
	struct json *object;         /* the new object                     */
	const struct json *old;      /* NULL on create                     */
	struct field_errors *errors; /* validate only                    */
	const char *subresource;     /* "" or "status", "scale", ...       */
	struct buf *warnings;        /* lines of kind_warn; NULL = nobody listens */
};

struct column {
	const char *name;
	const char *type;   /* NULL = "string"; "integer", "boolean", "date" */
	const char *format; /* "name" for the first, else NULL   */
	int priority;       /* 1 = wide only                     */
	const char *help;
	const char *path; /* ".spec.holderIdentity"; or NULL and: */
	void (*print)(const struct json *object, struct buf *out);
};
struct field_label { /* field selectors beside metadata.name and metadata.namespace */
	const char *label;
	const char *path; /* dotted path in the object, or several: "a.b|c"; NULL = as label */
};
struct subresource {
	const char *name;            /* "status" */
	const char *kind;            /* response kind when it differs: "Scale" */
	const char *group, *version; /* of that kind, NULL = same */
	unsigned verbs;
};

struct kind {
	const char *group;              /* "" = core */
	const char *version;            /* "v1" */
	const char *name;               /* "Pod" */
	const char *plural;             /* "pods" */
	const char *singular;           /* NULL = lower-case name */
	const char *const *short_names; /* NULL-terminated or NULL */
	const char *const *categories;
	const char *const
		*pulse;        /* an update of these paths only is not written to disk; or NULL */
	const char *type_name; /* field table "io.k8s.api.core.v1.Pod" */
	bool namespaced;
	bool in_memory;      /* Event: not written to disk */
	bool sealed;         /* Secret: encrypted on the disk */
	bool has_generation; /* starts 1, +1 when anything but metadata and status changes */
	bool put_creates;    /* PUT of a missing object makes it */
	bool needs_revision; /* an update must name its resourceVersion */
	bool returns_object; /* DELETE answers the object, not a Status */
	bool own_enums;      /* wrong enums of its own group are told by validate */
	bool graceful;       /* DELETE has a grace period (pods) */
	enum name_rule name_rule;
	unsigned verbs;
	const struct subresource *subresources; /* ends with name == NULL, or NULL */
	const struct column *columns;           /* ends with name == NULL */
	const struct field_label *field_labels; /* ends with label == NULL, or NULL */
	int list_order;                         /* discovery: group priority is in discovery.c */

	/* Rules beyond the table; each may be NULL. */
	void (*fill)(const struct kind_work *work); /* defaults that depend on other fields */
	void (*on_create)(const struct kind_work
				  *work); /* server-set fields: status reset, phase, qosClass  */
	void (*on_update)(const struct kind_work *work); /* keep what the caller may not change */
	void (*validate)(
		const struct kind_work *work); /* adds to work->errors (create and update) */
	/* What the user should know beside the answer; each by kind_warn (create and update). */
	void (*warn)(const struct kind_work *work);
	/* Another face of what is kept as `stored_as` (events.k8s.io Event, autoscaling/v1): the
	 * functions turn the object, root of `doc`, into the other face in place. */
	const struct kind *stored_as;
	void (*to_stored)(struct json_doc *doc, struct json *object);
	void (*from_stored)(struct json_doc *doc, struct json *object);
	/* Table row conditions for finished pods and the like; adds to the rows' "conditions". */
	void (*row_conditions)(const struct json *object, struct json_doc *doc,
			       struct json *conditions);
};

/* The one list of kinds (api/kinds/kinds.c), NULL-terminated, in discovery order. */
extern const struct kind *const kind_list[];
const struct kind *kind_find(struct str group, struct str version, struct str plural);
const struct kind *kind_find_name(struct str api_version,
				  struct str name); /* "apps/v1", "Deployment" */
const struct type *kind_type(const struct kind *kind);
void kind_api_version(const struct kind *kind, struct buf *out); /* "apps/v1", "v1" */
void kind_resource(const struct kind *kind, struct buf *out);    /* "deployments.apps", "pods" */

/* The whole chain on a decoded object: table defaults and fill, which count as set by the caller;
 * on_create/on_update, which do not; metadata and table checks (enums, formats, required),
 * validate. ERROR_INVALID with causes in `errors`. */
void kind_default(const struct kind_work *work);
void kind_prepare(const struct kind_work *work);
MUST_CHECK bool kind_validate(const struct kind_work *work, struct error *err);
/* Tell the user `text` (no line ends) beside the answer: a Warning header. */
void kind_warn(const struct kind_work *work, const char *text);
/* spec and everything but metadata and status equal? (generation rule) */
bool kind_spec_equal(const struct json *a, const struct json *b);

#endif
