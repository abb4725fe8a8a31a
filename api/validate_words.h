/*
 * validate_words.h - field errors in the words and the order that the real server's own lists have.
 *
 * Values are shown as Go prints them there: texts quoted, lists as []string{"a", "b"}.
 */
#ifndef API_VALIDATE_WORDS_H
#define API_VALIDATE_WORDS_H

#include "api/kind.h"

/* Is the text one of the list's?  The list ends with NULL. */
bool words_have(const char *const *list, struct str text);
/* "Unsupported value: x: supported values: ..." of a list that ends with NULL; an absent value is
 * shown as "". */
void words_not_supported(const struct kind_work *work, const char *path, const struct json *value,
			 const char *const *list);
/* The same, unless the value is in the list. */
void words_check(const struct kind_work *work, const char *path, const struct json *value,
		 const char *const *list);
void words_forbidden(const struct kind_work *work, const char *path, const char *detail);
/* []string{"a", "b"}; []string(nil) when there is none.  In the errors' arena. */
const char *words_list(const struct kind_work *work, const struct json *list);
/* Invalid value: []string{...}: detail */
void words_invalid_list(const struct kind_work *work, const char *path, const struct json *list,
			const char *detail);
/* Does a list of texts hold this one? */
bool words_list_has(const struct json *list, const char *text);
/* "Too long: may not be more than N bytes" */
void words_too_long(const struct kind_work *work, const char *path, size_t max);
/* What a name check says of a text; nothing when `why` is NULL. */
void words_name(const struct kind_work *work, const char *path, const struct json *value,
		const char *why);
/* The empty text for an absent one: errors show "". */
struct json *words_text(const struct kind_work *work, const struct json *value);

#endif
