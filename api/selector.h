/*
 * selector.h - label and field selectors: parsed once, matched often.
 */
#ifndef API_SELECTOR_H
#define API_SELECTOR_H

#include "api/object.h"

struct kind;
struct selector; /* both forms */

/* "app=web,tier in (a,b),!old".  Empty text gives a selector that matches everything.
 * ERROR_BAD_REQUEST. */
MUST_CHECK bool selector_parse_labels(struct str text, struct selector **out, struct error *err);
/* "spec.nodeName=a,metadata.name!=b" for a kind; unknown fields: ERROR_BAD_REQUEST with Kubernetes'
 * words. */
MUST_CHECK bool selector_parse_fields(struct str text, const struct kind *kind,
				      struct selector **out, struct error *err);
/* metav1.LabelSelector {matchLabels, matchExpressions}; NULL or {} matches everything. */
MUST_CHECK bool selector_from_json(const struct json *label_selector, struct selector **out,
				   struct error *err);
/* A plain map such as Service.spec.selector. */
struct selector *selector_from_map(const struct json *map);
void selector_free(struct selector *selector); /* NULL is fine */
DEFINE_AUTO(struct selector *, selector_free)
bool selector_is_empty(const struct selector *selector);
bool selector_match(const struct selector *selector, const struct object *object);
/* Labels only, on a bare labels map (pod templates). */
bool selector_match_labels(const struct selector *selector, const struct json *labels);
/* The value when the selector demands exactly metadata.name=X (or metadata.namespace), else
 * STR_NONE. */
struct str selector_wanted(const struct selector *selector, const char *field);
void selector_print(const struct selector *selector, struct buf *out);

#endif
