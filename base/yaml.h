/*
 * yaml.h - YAML 1.1 as Kubernetes uses it, into JSON values (libyaml).
 *
 * Scalars resolve as sigs.k8s.io/yaml does: null ~, true/false (also yes/no/on/off), ints (0x, 0o),
 * floats, else strings; quoted scalars are strings.  Integers are exact as in JSON.  Aliases are
 * expanded under limits of nodes (LIMIT_YAML_NODES), bytes (LIMIT_YAML_ALIAS_BYTES) and depth
 * (LIMIT_JSON_DEPTH).  Non-string keys are printed to strings.  Of equal keys the last value wins;
 * *out_duplicate is the first key that came again (NULL when none; the pointer itself may be NULL).
 */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include "base/json.h"

/* The first document of the text (an empty one gives a null root). */
MUST_CHECK bool yaml_parse(struct str text, struct json_doc **out, const char **out_duplicate,
			   struct error *err);
/* Every key of the first document that comes again in its mapping, as Go's reader tells it:
 * `line 7: key "a" already set in map`, each after "\n  ", a hundred at most.  For a text that
 * yaml_parse has read. */
void yaml_print_duplicates(struct str text, struct buf *out);
/* All documents, as the entries of one array root; empty documents are left out. */
MUST_CHECK bool yaml_parse_all(struct str text, struct json_doc **out, struct error *err);
/* Block style, keys in given order, strings quoted where some reader of YAML 1.1 would take them
 * for something else.  yaml_parse makes the same value of it. */
void yaml_print(const struct json *value, struct buf *out);

#endif
