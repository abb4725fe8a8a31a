/*
 * pack_openapi.c - host tool: makes all OpenAPI documents, which the binary carries ready to send.
 *
 * usage: pack_openapi OUT
 *
 * The file begins with one line a document, `NAME HASH OFFSET LENGTH`, and an empty line; offsets
 * count from behind it.  NAME is "v2.json", "v2.pb", "v3/apis/apps/v1.json", ...; HASH is the
 * SHA-512 of the plain document; what follows is gzip.
 */
#include <inttypes.h>
#include <stdio.h>

#include "api/gnostic.h"
#include "api/openapi.h"
#include "net/hash.h"
#include "net/http_gzip.h"

static struct buf lines, bytes;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "pack_openapi: %s: %s\n", what, why);
	exit(1);
}

static void add(const char *name, const char *form, struct str plain)
{
	size_t begin = bytes.len;
	char hash[129];

	hash_sha512_hex_upper(plain, hash);
	if (!http_gzip_small(plain, &bytes))
		die(name, "no memory");
	buf_add_print(&lines, "%s.%s %s %zu %zu\n", name, form, hash, begin, bytes.len - begin);
}

static void add_json(const char *name, const struct json *root)
{
	auto_buf text = BUF_INIT;

	json_print(root, &text);
	add(name, "json", buf_str(&text));
}

static void add_v2(void)
{
	auto_json_doc doc = json_doc_new();
	auto_buf coded = BUF_INIT;
	struct error err;

	openapi_make_v2(doc);
	add_json("v2", json_root(doc));
	if (!gnostic_from_v2(json_root(doc), &coded, &err))
		die("v2", err.text);
	add("v2", "pb", buf_str(&coded));
}

/* Their protobuf forms are made when somebody asks, but that it can be done is seen here. */
static void add_v3(struct str path)
{
	auto_json_doc doc = json_doc_new();
	auto_free char *name = memory_print("v3/" STR_FMT, STR_ARG(path));
	auto_buf coded = BUF_INIT;
	struct error err;

	if (!openapi_make_v3(doc, path))
		die(name, "there is no such document");
	if (!gnostic_from_v3(json_root(doc), &coded, &err))
		die(name, err.text);
	add_json(name, json_root(doc));
}

int main(int argc, char **argv)
{
	FILE *out = argc == 2 ? fopen(argv[1], "w") : NULL;

	if (!out)
		die("OUT", "cannot be written");
	add_v2();
	for (size_t i = 0;; i++) {
		auto_buf path = BUF_INIT;

		if (!openapi_path(i, &path))
			break;
		add_v3(buf_str(&path));
	}
	buf_add_byte(&lines, '\n');
	if (fwrite(lines.at, 1, lines.len, out) != lines.len ||
	    fwrite(bytes.at, 1, bytes.len, out) != bytes.len || fclose(out) != 0)
		die(argv[1], "cannot be written");
	return 0;
}
