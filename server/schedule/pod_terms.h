/*
 * pod_terms.h - what a pod says of other pods: affinity and anti-affinity, required and preferred.
 *
 * Pods of one template share one struct pod_terms (scene.c keeps them by their text).  A term asks
 * of a class of pods: those of one namespace with the same labels.
 */
#ifndef SERVER_SCHEDULE_POD_TERMS_H
#define SERVER_SCHEDULE_POD_TERMS_H

#include "api/object.h"
#include "api/selector.h"

struct pod_term {
	char *topology_key;
	int64_t weight;              /* of preferred ones */
	struct selector *labels;     /* NULL: matches nothing */
	struct selector *namespaces; /* NULL: only those of the list */
	char **names;                /* namespaces by name */
	size_t name_count;
};

enum pod_term_kind { TERM_NEAR, TERM_APART, TERM_PREFER_NEAR, TERM_PREFER_APART, TERM_KINDS };

struct pod_term_list {
	struct pod_term *at;
	size_t count;
};
struct pod_terms {
	struct pod_term_list lists[TERM_KINDS];
};

/* NULL when the pod says nothing of the kind. */
struct pod_terms *pod_terms_of(const struct json *pod);
void pod_terms_free(struct pod_terms *terms); /* NULL is fine */
/* What makes two pods' terms the same: the text of them and all that they depend on. */
void pod_terms_key(const struct json *pod, struct buf *out);

/*
 * Does the term match a pod of this namespace and these labels?  namespace_object (may be NULL):
 * the Namespace, for its labels.
 */
bool pod_term_matches(const struct pod_term *term, const struct object *labels,
		      const struct object *namespace_object);
/* The selector of a LabelSelector with some of a pod's own labels demanded or excluded besides. */
struct selector *selector_with_keys(const struct json *label_selector, const struct json *labels,
				    const struct json *match_keys,
				    const struct json *mismatch_keys);

#endif
