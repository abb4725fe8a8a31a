/*
 * names.h - the rules for names, label keys and values, with the words of the real server.
 *
 * Each check gives NULL when the text is fine, else the whole sentence that follows "Invalid value:
 * ...: ". (k8s.io/apimachinery validation; RFC 1035, RFC 1123.)
 */
#ifndef API_NAMES_H
#define API_NAMES_H

#include "api/kind.h"
#include "base/text.h"

/* All that is wrong with a text, in the order of the real server. */
#define NAME_FAULTS_MAX 5
struct name_faults {
	const char *why[NAME_FAULTS_MAX];
	size_t count;
};
/* Adds what is wrong to *out, which its caller has made empty. */
typedef void name_faults_fn(struct str name, struct name_faults *out);
name_faults_fn name_subdomain, name_label, name_label_1035, name_segment, name_qualified,
	name_label_value, name_env, name_port, name_config_key, name_header;
/* As a subdomain, with underscores: search domains of resolvers. */
name_faults_fn name_subdomain_underscore;
name_faults_fn *name_rule_of(enum name_rule rule);

/* The first of them. */
const char *name_check(enum name_rule rule, struct str name);
const char *name_check_label_key(struct str key);
const char *name_check_label_value(struct str value);
const char *name_check_qualified(struct str name);
const char *name_check_env(struct str name);
const char *name_check_port(struct str name); /* service and container port names */
const char *name_check_config_key(struct str key);

#endif
