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

const char *name_check(enum name_rule rule, struct str name);
const char *name_check_label_key(struct str key);
const char *name_check_label_value(struct str value);
const char *name_check_qualified(struct str name);
const char *name_check_env(struct str name);
const char *name_check_port(struct str name); /* service and container port names */
const char *name_check_config_key(struct str key);

#endif
