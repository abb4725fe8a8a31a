/*
 * manifest_disable.c - a word of --disable means a file or a folder by its name.
 */
#include "server/control/manifest_disable.h"

#include "base/log.h"
#include "base/memory.h"

static bool has_name(struct str path, struct str name)
{
	while (path.len > 0) {
		struct str part = str_cut(&path, '/'), base = part;

		for (size_t dot = part.len; path.len == 0 && dot > 0; dot--)
			if (part.at[dot - 1] == '.') {
				base.len = dot - 1;
				break;
			}
		if (str_equal(part, name) || str_equal(base, name))
			return true;
	}
	return false;
}

bool manifest_disable_has(const struct option_list *list, const char *file)
{
	for (size_t i = 0; i < list->count; i++)
		for (struct str rest = str_of(list->items[i]); rest.len > 0;)
			if (has_name(str_of(file), str_trim(str_cut(&rest, ','))))
				return true;
	return false;
}

/* Once, so that a word that means nothing here is noticed. */
static void tell_name(struct map *files, struct str name)
{
	static const char *const elsewhere[] = { "coredns", "servicelb", "traefik", "local-storage",
						 "runtimes" };
	struct str file;
	void *unused;

	for (size_t i = 0; map_next(files, &i, &file, &unused);)
		if (has_name(file, name))
			return;
	if (str_is(name, "metrics-server")) /* a part of the server, which has heard it */
		return;
	for (size_t i = 0; i < ARRAY_LENGTH(elsewhere); i++)
		if (str_is(name, elsewhere[i])) {
			log_info("server.manifests", "not deployed in any case: mote has none",
				 "disable=" STR_FMT, STR_ARG(name));
			return;
		}
	log_warn("server.manifests", "no manifest has the name that is disabled",
		 "disable=" STR_FMT, STR_ARG(name));
}

void manifest_disable_tell(const struct option_list *list, struct map *files)
{
	for (size_t i = 0; i < list->count; i++)
		for (struct str rest = str_of(list->items[i]); rest.len > 0;)
			tell_name(files, str_trim(str_cut(&rest, ',')));
}
