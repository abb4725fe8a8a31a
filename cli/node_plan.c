/*
 * node_plan.c - the number is 8 hex digits, as k3s has it.
 */
#include "cli/node_plan.h"

#include "agent/machine.h"
#include "base/file.h"
#include "base/random.h"
#include "net/local_address.h"

#define ID_BYTES    4
#define ID_FILE_MAX 64

static bool is_id(struct str text)
{
	auto_buf bytes = BUF_INIT;

	return buf_add_hex_decoded(&bytes, text) && bytes.len == ID_BYTES;
}

static bool load_id(const char *data_dir, struct buf *out, struct error *err)
{
	auto_free char *folder = memory_print("%s/agent", data_dir);
	auto_free char *path = memory_print("%s/node-id", folder);
	unsigned char bytes[ID_BYTES];
	struct error ignored;

	if (file_read(path, ID_FILE_MAX, out, &ignored) && is_id(buf_str(out)))
		return true;
	buf_reset(out);
	random_bytes(bytes, sizeof(bytes));
	buf_add_hex(out, str_from(bytes, sizeof(bytes)));
	return file_make_dirs(folder, 0700, err) && file_replace(path, buf_str(out), 0600, err);
}

static bool add_id(struct arena *arena, struct agent_plan *plan, struct error *err)
{
	auto_buf id = BUF_INIT;
	struct machine machine;
	const char *name = plan->node_name;

	if (!name || !*name) {
		machine_look("/", &machine);
		name = machine.hostname;
	}
	if (!load_id(plan->data_dir, &id, err))
		return false;
	plan->node_name = arena_print(arena, "%s-%s", name, buf_text(&id));
	return true;
}

static bool take_address(const char *interface, struct arena *arena, struct agent_plan *plan,
			 struct error *err)
{
	const char *wish = plan->node_ip && *plan->node_ip ? plan->node_ip : NULL;
	auto_free char *found = NULL;

	if (!local_address_of(interface, wish, &found, err))
		return error_context(err, "--flannel-iface");
	plan->node_ip = arena_string(arena, found, strlen(found));
	return true;
}

bool node_plan_finish(const struct node_choice *choice, struct arena *arena,
		      struct agent_plan *plan, struct error *err)
{
	if (choice->with_node_id && !add_id(arena, plan, err))
		return false;
	return !choice->interface || !*choice->interface ||
	       take_address(choice->interface, arena, plan, err);
}
