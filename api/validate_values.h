/*
 * validate_values.h - single values and what the real server says of them: texts by a rule of
 * names.h, numbers, ports, addresses.
 *
 * Each adds to work->errors.  An absent text is treated and shown as "", an absent number as 0,
 * unless it says otherwise.
 */
#ifndef API_VALIDATE_VALUES_H
#define API_VALIDATE_VALUES_H

#include "api/kind.h"
#include "api/names.h"

struct map;

/* --- texts --- */

/* All faults of a text, one error each. */
void values_name(const struct kind_work *work, const char *path, const struct json *value,
		 name_faults_fn *rule);
/* The same of a text that is no value of its own, as the key of a map. */
void values_key(const struct kind_work *work, const char *path, struct str key,
		name_faults_fn *rule);
/* A key of the map at `map`: its path, map[key], is printed only when there is something to tell,
 * for a map may have very many. */
void values_map_key(const struct kind_work *work, const char *map, struct str key,
		    name_faults_fn *rule);
/* "Required value" when it is empty; true when it is not. */
bool values_required(const struct kind_work *work, const char *path, const struct json *value);
/* Both; a text that must be there. */
void values_required_name(const struct kind_work *work, const char *path, const struct json *value,
			  name_faults_fn *rule);
/* An enum that must be there: "Required value", or "Unsupported value" of the list (NULL-ended). */
void values_choice(const struct kind_work *work, const char *path, const struct json *value,
		   const char *const *list);
/* The same, and an empty one is unsupported, too. */
void values_supported(const struct kind_work *work, const char *path, const struct json *value,
		      const char *const *list);
/* Invalid value: "text": detail */
void values_invalid_text(const struct kind_work *work, const char *path, struct str text,
			 const char *detail);

/* key -> value: objects may be long, so they are looked up in a map and never searched.  The
 * caller frees it. */
struct map *values_entries(const struct json *object);

/* --- numbers --- */

/* "must be between MIN and MAX, inclusive" */
void values_range(const struct kind_work *work, const char *path, const struct json *value,
		  int64_t min, int64_t max);
void values_port(const struct kind_work *work, const char *path, const struct json *value);
/* A number, or the name of a container's port. */
void values_port_or_name(const struct kind_work *work, const char *path, const struct json *value);
/* Users and groups; nothing is said of an absent one. */
void values_id(const struct kind_work *work, const char *path, const struct json *value);

/* --- addresses --- */

enum values_family { VALUES_NO_IP, VALUES_IPV4, VALUES_IPV6 };
/* As Go's older parser reads them: zeros may stand in front; IPv4 inside IPv6 is IPv4. */
enum values_family values_ip_family(struct str text);
/* True when it is an address. */
bool values_ip(const struct kind_work *work, const char *path, const struct json *value);
/* Not unspecified, loopback, link-local. */
void values_no_special_ip(const struct kind_work *work, const char *path, const struct json *value);
/* Its family, VALUES_NO_IP when it is none. */
enum values_family values_cidr_family(struct str text);
void values_cidr(const struct kind_work *work, const char *path, struct str text);

#endif
