/*
 * yaml_duplicates.c - says which keys of a YAML text come twice, and where.
 *
 * The text is read once more, by its events alone: values are not of interest.  Keys are compared
 * as they are written; what an alias brings has been told where it stands.
 */
#include "base/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/memory.h"

/* More are of no use to anybody. */
#define TOLD_MAX 100

/* A mapping or sequence that is open. */
struct level {
	struct map *seen; /* NULL = a sequence */
	struct buf key;   /* the one whose value comes now */
	bool has_key;
	size_t line; /* where that value begins; 0 = not yet */
};

struct walk {
	struct level levels[LIMIT_JSON_DEPTH + 1];
	size_t depth;
	struct buf *out;
	size_t told;
};

static void end_value(struct walk *walk)
{
	static char there;
	struct level *level = walk->depth > 0 ? &walk->levels[walk->depth - 1] : NULL;

	if (!level || !level->has_key)
		return;
	if (map_put(level->seen, buf_str(&level->key), &there) && walk->told++ < TOLD_MAX)
		buf_add_print(walk->out, "\n  line %zu: key \"%s\" already set in map", level->line,
			      buf_text(&level->key));
	level->has_key = false;
}

/* A scalar where a key is awaited is one; anything else is a value, whose line is noted. */
static bool take_key(struct walk *walk, const yaml_event_t *event)
{
	struct level *level = walk->depth > 0 ? &walk->levels[walk->depth - 1] : NULL;

	if (!level || !level->seen)
		return false;
	if (level->has_key) {
		level->line = event->start_mark.line + 1;
		return false;
	}
	buf_reset(&level->key);
	if (event->type == YAML_SCALAR_EVENT)
		buf_add(&level->key, event->data.scalar.value, event->data.scalar.length);
	level->has_key = true;
	return true;
}

static bool begin_level(struct walk *walk, bool is_mapping)
{
	if (walk->depth >= LIMIT_JSON_DEPTH)
		return false;
	walk->levels[walk->depth++] = (struct level){ .seen = is_mapping ? map_new() : NULL };
	return true;
}

static void end_level(struct walk *walk)
{
	struct level *level = &walk->levels[--walk->depth];

	map_free(level->seen);
	buf_clear(&level->key);
}

/* False at the end of the document. */
static bool take_event(struct walk *walk, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
	case YAML_ALIAS_EVENT:
		if (!take_key(walk, event))
			end_value(walk);
		return true;
	case YAML_MAPPING_START_EVENT:
	case YAML_SEQUENCE_START_EVENT:
		take_key(walk, event);
		return begin_level(walk, event->type == YAML_MAPPING_START_EVENT);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		end_level(walk);
		end_value(walk);
		return true;
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_START_EVENT: return true;
	default: return false;
	}
}

void yaml_print_duplicates(struct str text, struct buf *out)
{
	struct walk *walk = memory_new(struct walk);
	yaml_parser_t parser;
	yaml_event_t event;
	bool more = yaml_parser_initialize(&parser);

	if (!more)
		abort();
	walk->out = out;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.at, text.len);
	while (more && yaml_parser_parse(&parser, &event)) {
		more = take_event(walk, &event);
		yaml_event_delete(&event);
	}
	while (walk->depth > 0)
		end_level(walk);
	yaml_parser_delete(&parser);
	free(walk);
}
