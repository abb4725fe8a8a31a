/*
 * storage_folder.c - names of folders, and the question of a node to remove one.
 */
#include "server/control/storage_folder.h"

#include <limits.h>

#define ANSWER_MS 600000 /* a large tree on a slow card */

/* --- where --- */

static void print_name(const struct json *reference, struct buf *out)
{
	size_t before = out->len;

	buf_add_print(out, "pvc-" STR_FMT "_" STR_FMT "_" STR_FMT,
		      STR_ARG(json_str(json_get(reference, "uid"))),
		      STR_ARG(json_str(json_get(reference, "namespace"))),
		      STR_ARG(json_str(json_get(reference, "name"))));
	if (out->len - before > NAME_MAX) {
		out->len = before + NAME_MAX;
		out->at[out->len] = '\0';
	}
}

void storage_folder_path(const char *root, const struct json *claim_reference, struct buf *out)
{
	buf_add_print(out, "%s/", root);
	print_name(claim_reference, out);
}

bool storage_folder_is_of(struct str path, const struct json *claim_reference)
{
	auto_buf name = BUF_INIT;

	buf_add_byte(&name, '/');
	print_name(claim_reference, &name);
	return str_starts(path, STR("/")) && str_ends(path, buf_str(&name));
}

/* --- asking --- */

struct node_ask *
storage_folder_remove(struct control *control, struct str node, struct str path,
		      void (*on_done)(void *of, struct str body, const struct error *err), void *of)
{
	auto_buf target = BUF_INIT;
	struct node_ask_plan plan = { .node = node,
				      .method = "DELETE",
				      .timeout_ms = ANSWER_MS,
				      .on_done = on_done,
				      .of = of };

	buf_add_text(&target, "/storage?path=");
	buf_add_percent_encoded(&target, path);
	plan.target = buf_text(&target);
	return node_ask_start(control, &plan);
}
