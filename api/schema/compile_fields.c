/*
 * compile_fields.c - host tool: compiles *.fields into constant C tables (api/field.h).
 *
 * usage: compile_fields OUT.c IN.fields...
 *
 * The language, line by line:
 *
 *   # a remark
 *   package io.k8s.api.core.v1
 *   type Name [whole] [| help]            a message; `whole`: apply changes it as a whole
 *     field form number marks... [| help] two blanks before the field
 *
 * A form is string bool int32 int64 double bytes quantity intorstring time microtime duration any
 * strings (a list of texts that is a message of its own in protobuf), or the name of a type (of
 * this package, else of any other); [] before it makes a list, {} a map with text keys.  A field
 * named - is an inlined message.  Marks:
 *
 *   req                  must be given
 *   omit                 a zero value is left out when read from protobuf
 *   inline               flattened in JSON
 *   whole                apply changes it as a whole
 *   set atomic map=KEYS  list type of server-side apply (map: its keys, joined by commas)
 *   merge[=KEY] mergeretain[=KEY] retain       strategic merge
 *   enum=A|B             allowed values
 *   default=JSON         value when absent
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPES_MAX      2000
#define FIELDS_MAX     20000
#define TEXTS_MAX      30000
#define LINE_MAX_BYTES 2048

struct field {
	char *name, *form, *help, *fallback, *values, *list_keys, *merge_key;
	int number, line, shape, list_type, merge;
	bool required, inlined, whole, omit;
	const char *file;
};

struct type {
	char *package, *name, *full, *help;
	size_t first, count;
	bool whole;
};

struct text { /* of the blob; lists have their words ended by | and are closed by an empty text */
	char *text;
	size_t at;
	bool list;
};

static struct type types[TYPES_MAX];
static struct field fields[FIELDS_MAX];
static struct text texts[TEXTS_MAX];
static size_t type_count, field_count, text_count, texts_len = 1;

static void die(const char *file, int line, const char *why, const char *what)
{
	fprintf(stderr, "%s:%d: %s: %s\n", file, line, why, what);
	exit(1);
}

static char *copy(const char *text)
{
	char *made = malloc(strlen(text) + 1);

	if (!made)
		abort();
	memcpy(made, text, strlen(text) + 1);
	return made;
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* The next word of *rest between separators, terminated in place; NULL at the end. */
static char *next_word(char **rest, const char *separators)
{
	char *word = *rest + strspn(*rest, separators);

	if (*word == '\0')
		return NULL;
	*rest = word + strcspn(word, separators);
	if (**rest)
		*(*rest)++ = '\0';
	return word;
}

/* --- reading --- */

static bool value_mark(const char *word, const char *mark, char **out)
{
	size_t len = strlen(mark);

	if (strncmp(word, mark, len) != 0 || word[len] != '=')
		return false;
	*out = copy(word + len + 1);
	return true;
}

static void take_merge(struct field *field, const char *word, const char *mark, int merge,
		       bool *taken)
{
	if (strcmp(word, mark) == 0 || value_mark(word, mark, &field->merge_key)) {
		field->merge = merge;
		*taken = true;
	}
}

static void take_mark(struct field *field, const char *word)
{
	bool taken = true;

	if (strcmp(word, "req") == 0)
		field->required = true;
	else if (strcmp(word, "omit") == 0)
		field->omit = true;
	else if (strcmp(word, "inline") == 0)
		field->inlined = true;
	else if (strcmp(word, "whole") == 0)
		field->whole = true;
	else if (strcmp(word, "set") == 0)
		field->list_type = 1;
	else if (strcmp(word, "atomic") == 0)
		field->list_type = 0;
	else if (value_mark(word, "map", &field->list_keys))
		field->list_type = 2;
	else
		taken = value_mark(word, "enum", &field->values) ||
			value_mark(word, "default", &field->fallback);
	take_merge(field, word, "merge", 1, &taken);
	take_merge(field, word, "retain", 2, &taken);
	take_merge(field, word, "mergeretain", 3, &taken);
	if (!taken)
		die(field->file, field->line, "unknown mark", word);
}

static char *split_help(char *line)
{
	char *bar = strstr(line, " | ");

	if (!bar)
		return NULL;
	*bar = '\0';
	return copy(trim(bar + 3));
}

static void read_field(char *line, const char *file, int number)
{
	struct field *field = &fields[field_count++];
	char *word;

	if (type_count == 0 || field_count == FIELDS_MAX)
		die(file, number, "a field without a type", line);
	field->file = file;
	field->line = number;
	field->help = split_help(line);
	word = next_word(&line, " \t");
	field->name = copy(word ? word : "");
	word = next_word(&line, " \t");
	if (!word)
		die(file, number, "a field without a form", field->name);
	if (strncmp(word, "[]", 2) == 0)
		field->shape = 1;
	if (strncmp(word, "{}", 2) == 0)
		field->shape = 2;
	field->form = copy(field->shape ? word + 2 : word);
	word = next_word(&line, " \t");
	field->number = word ? (int)strtol(word, NULL, 10) : 0;
	while ((word = next_word(&line, " \t")))
		take_mark(field, word);
	types[type_count - 1].count++;
}

static void read_type(char *line, const char *package, const char *file, int number)
{
	struct type *type = &types[type_count++];
	char *word, full[512];

	if (!package[0] || type_count == TYPES_MAX)
		die(file, number, "a type without a package", line);
	type->help = split_help(line);
	next_word(&line, " \t");
	word = next_word(&line, " \t");
	if (!word)
		die(file, number, "a type without a name", line);
	type->name = copy(word);
	type->package = copy(package);
	snprintf(full, sizeof(full), "%s.%s", package, word);
	type->full = copy(full);
	word = next_word(&line, " \t");
	type->whole = word && strcmp(word, "whole") == 0;
	type->first = field_count;
}

static void read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[LINE_MAX_BYTES], package[256] = "";
	int number = 0;

	if (!file)
		die(path, 0, "cannot be read", "");
	while (fgets(line, sizeof(line), file)) {
		bool indented = line[0] == ' ' || line[0] == '\t';
		char *text = trim(line);

		number++;
		if (*text == '#' || *text == '\0')
			continue;
		if (indented)
			read_field(text, path, number);
		else if (strncmp(text, "package ", 8) == 0)
			snprintf(package, sizeof(package), "%s", text + 8);
		else if (strncmp(text, "type ", 5) == 0)
			read_type(text, package, path, number);
		else
			die(path, number, "not understood", text);
	}
	fclose(file);
}

/* --- looking up --- */

static const char *const forms[] = { "string",   "bool",     "int32",       "int64", "double",
				     "bytes",    "quantity", "intorstring", "time",  "microtime",
				     "duration", "any",      "strings" };
static const char *const form_names[] = { "STRING", "BOOL",       "INT32",    "INT64",
					  "DOUBLE", "BYTES",      "QUANTITY", "INT_OR_STRING",
					  "TIME",   "MICRO_TIME", "DURATION", "ANY",
					  "STRINGS" };

static const char *basic_form(const char *form)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (strcmp(form, forms[i]) == 0)
			return form_names[i];
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct type *)a)->full, ((const struct type *)b)->full);
}

static size_t find_type(const struct field *field, const char *package)
{
	size_t found = TYPES_MAX;

	for (size_t i = 0; i < type_count; i++) {
		if (strcmp(types[i].name, field->form) != 0)
			continue;
		if (strcmp(types[i].package, package) == 0)
			return i;
		found = i;
	}
	if (found == TYPES_MAX)
		die(field->file, field->line, "unknown type", field->form);
	return found;
}

/* --- texts: equal ones once --- */

/* Its place in the blob; 0 for none. */
static size_t intern(const char *text, bool list)
{
	struct text *made = &texts[text_count];

	if (!text || !*text)
		return 0;
	for (size_t i = 0; i < text_count; i++)
		if (texts[i].list == list && strcmp(texts[i].text, text) == 0)
			return texts[i].at;
	if (++text_count == TEXTS_MAX)
		die("texts", 0, "too many", text);
	*made = (struct text){ .text = copy(text), .at = texts_len, .list = list };
	texts_len += strlen(text) + 1;
	return made->at;
}

/* The same for what is kept in 16 bits. */
static unsigned intern_near(const char *text)
{
	size_t at = intern(text, false);

	if (at > UINT16_MAX)
		die("texts", 0, "names and values are more than 64 KiB", text);
	return (unsigned)at;
}

static unsigned intern_list(const char *words)
{
	char *rest = words ? copy(words) : NULL, list[LINE_MAX_BYTES + 1] = "";
	size_t at, len = 0;

	if (!rest)
		return 0;
	for (char *word = next_word(&rest, "|"); word; word = next_word(&rest, "|"))
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s|", word);
	at = intern(list, true);
	if (at > UINT16_MAX)
		die("texts", 0, "names and values are more than 64 KiB", words);
	return (unsigned)at;
}

static const char *json_name(const struct field *field)
{
	return strcmp(field->name, "-") == 0 ? "" : field->name;
}

/* Helps last: they alone may lie beyond the first 64 KiB. */
static void intern_all(void)
{
	for (size_t i = 0; i < type_count; i++)
		intern_near(types[i].full);
	for (size_t i = 0; i < field_count; i++) {
		intern_near(json_name(&fields[i]));
		intern_near(fields[i].fallback);
		intern_near(fields[i].list_keys);
		intern_near(fields[i].merge_key);
		intern_list(fields[i].values);
	}
}

/* --- writing --- */

static void write_text(FILE *out, const struct text *text)
{
	fputs("\t\"", out);
	for (const char *at = text->text; *at; at++) {
		if (text->list && *at == '|') {
			fputs(at[1] ? "\\0\" \"" : "\\0", out);
			continue;
		}
		if (*at == '"' || *at == '\\')
			fputc('\\', out);
		fputc(*at, out);
	}
	fputs("\\0\"\n", out);
}

static void write_field(FILE *out, const struct field *field, const char *package)
{
	static const char *const lists[] = { "LIST_ATOMIC", "LIST_SET", "LIST_MAP" };
	static const char *const merges[] = { "MERGE_REPLACE", "MERGE_MERGE", "MERGE_RETAIN_KEYS",
					      "MERGE_MERGE_RETAIN_KEYS" };
	static const char *const shapes[] = { "FIELD_ONE", "FIELD_LIST", "FIELD_MAP" };
	const char *basic = basic_form(field->form), *name = json_name(field);

	if (strlen(name) > UINT8_MAX || field->number < 0 || field->number > UINT8_MAX)
		die(field->file, field->line, "a name or number of more than 8 bits", name);
	fprintf(out, "\t{ .name_at = %u, .name_len = %zu, .form = FIELD_%s, .shape = %s",
		intern_near(name), strlen(name), basic ? basic : "MESSAGE", shapes[field->shape]);
	if (!basic)
		fprintf(out, ", .type_number = %zu", find_type(field, package) + 1);
	fprintf(out, ", .list_type = %s, .merge = %s, .number = %d", lists[field->list_type],
		merges[field->merge], field->number);
	fprintf(out, ", .required = %d, .inlined = %d, .map_atomic = %d, .omit_empty = %d",
		field->required, field->inlined, field->whole, field->omit);
	fprintf(out, ", .values_at = %u, .fallback_at = %u", intern_list(field->values),
		intern_near(field->fallback));
	fprintf(out, ", .list_keys_at = %u, .merge_key_at = %u, .help_at = %zu }, /* %s */\n",
		intern_near(field->list_keys), intern_near(field->merge_key),
		intern(field->help, false), name);
}

static void write_tables(FILE *out)
{
	size_t first = 0;

	fputs("/* Made by compile_fields from api/schema; do not edit. */\n#include "
	      "\"api/field.h\"\n\nconst struct field fields_all[] = {\n",
	      out);
	for (size_t i = 0; i < type_count; i++)
		for (size_t k = 0; k < types[i].count; k++)
			write_field(out, &fields[types[i].first + k], types[i].package);
	fputs("};\nconst struct type fields_types[] = {\n", out);
	for (size_t i = 0; i < type_count; i++) {
		fprintf(out,
			"\t{ .name_at = %u, .help_at = %zu, .first = %zu, .field_count = %zu, "
			".atomic = %d }, /* %s */\n",
			intern_near(types[i].full), intern(types[i].help, false), first,
			types[i].count, types[i].whole, types[i].full);
		first += types[i].count;
	}
	fprintf(out, "};\nconst size_t fields_type_count = %zu;\n", type_count);
	fputs("const char fields_texts[] =\n\t\"\\0\"\n", out);
	for (size_t i = 0; i < text_count; i++)
		write_text(out, &texts[i]);
	fputs("\t;\n", out);
}

int main(int argc, char **argv)
{
	FILE *source;

	if (argc < 3) {
		fprintf(stderr, "usage: compile_fields OUT.c IN.fields...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		read_file(argv[i]);
	if (field_count > UINT16_MAX)
		die(argv[2], 0, "more fields than 16 bits count", "");
	qsort(types, type_count, sizeof(types[0]), by_name);
	intern_all();
	source = fopen(argv[1], "w");
	if (!source)
		die(argv[1], 0, "cannot be written", "");
	write_tables(source);
	return fclose(source) != 0;
}
