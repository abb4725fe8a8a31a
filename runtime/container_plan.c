/*
 * container_plan.c - one table says how each plain field of a plan is written; lists and mounts are
 * by hand.
 */
#include "runtime/container_plan.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/limits.h"
#include "runtime/pathfd.h"

enum field_type { FIELD_TEXT, FIELD_LIST, FIELD_FLAG, FIELD_INT, FIELD_U32, FIELD_I64, FIELD_U64 };

struct field {
	const char *key;
	enum field_type type;
	size_t at;
};

#define FIELD(name, type)                                                                          \
	{                                                                                          \
#name, type, offsetof(struct container_plan, name)                                 \
	}

static const struct field fields[] = {
	FIELD(id, FIELD_TEXT),
	FIELD(layers, FIELD_LIST),
	FIELD(argv, FIELD_LIST),
	FIELD(env, FIELD_LIST),
	FIELD(cwd, FIELD_TEXT),
	FIELD(user, FIELD_TEXT),
	FIELD(uid, FIELD_I64),
	FIELD(gid, FIELD_I64),
	FIELD(caps_add, FIELD_LIST),
	FIELD(caps_drop, FIELD_LIST),
	FIELD(privileged, FIELD_FLAG),
	FIELD(read_only_root, FIELD_FLAG),
	FIELD(no_new_privs, FIELD_FLAG),
	FIELD(run_as_non_root, FIELD_FLAG),
	FIELD(stdin_open, FIELD_FLAG),
	FIELD(stdin_once, FIELD_FLAG),
	FIELD(tty, FIELD_FLAG),
	FIELD(strict_groups, FIELD_FLAG),
	FIELD(seccomp_unconfined, FIELD_FLAG),
	FIELD(seccomp_flags, FIELD_U32),
	FIELD(proc_unmasked, FIELD_FLAG),
	FIELD(apparmor, FIELD_TEXT),
	FIELD(oom_score_adj, FIELD_INT),
	FIELD(log_path, FIELD_TEXT),
	FIELD(log_size_max, FIELD_U64),
	FIELD(log_files_max, FIELD_U32),
	FIELD(termination_path, FIELD_TEXT),
	FIELD(stop_signal, FIELD_INT),
};

#define RESOURCE(name, type)                                                                       \
	{                                                                                          \
#name, type, offsetof(struct resources_plan, name)                                 \
	}

static const struct field resource_fields[] = {
	RESOURCE(cpu_shares, FIELD_U64),    RESOURCE(cpu_quota_us, FIELD_I64),
	RESOURCE(cpu_period_us, FIELD_I64), RESOURCE(memory_bytes, FIELD_U64),
	RESOURCE(pids, FIELD_U64),          RESOURCE(hugepages_limited, FIELD_FLAG),
};

#define DEVICE(name, type)                                                                         \
	{                                                                                          \
#name, type, offsetof(struct container_device, name)                               \
	}

static const struct field device_fields[] = {
	DEVICE(path, FIELD_TEXT), DEVICE(link, FIELD_TEXT), DEVICE(block, FIELD_FLAG),
	DEVICE(major, FIELD_U32), DEVICE(minor, FIELD_U32), DEVICE(mode, FIELD_U32),
};

#define MOUNT(name, type)                                                                          \
	{                                                                                          \
#name, type, offsetof(struct container_mount, name)                                \
	}

static const struct field mount_fields[] = {
	MOUNT(source, FIELD_TEXT),     MOUNT(target, FIELD_TEXT),
	MOUNT(type, FIELD_TEXT),       MOUNT(options, FIELD_TEXT),
	MOUNT(sub_path, FIELD_TEXT),   MOUNT(read_only, FIELD_FLAG),
	MOUNT(propagation, FIELD_INT), MOUNT(own_ids, FIELD_FLAG),
	MOUNT(source_kind, FIELD_U32), MOUNT(read_only_below, FIELD_FLAG),
};

/* --- writing --- */

struct json *container_plan_print_list(const char *const *list, struct json_doc *doc)
{
	struct json *value = json_new_array(doc);

	for (; list && *list; list++)
		json_append(value, json_new_text(doc, *list));
	return value;
}

static struct json *print_field(const struct field *field, const void *from, struct json_doc *doc)
{
	const char *at = (const char *)from + field->at;
	const char *text;

	switch (field->type) {
	case FIELD_TEXT:
		text = *(const char *const *)(const void *)at;
		return text ? json_new_text(doc, text) : NULL;
	case FIELD_LIST:
		return container_plan_print_list(*(const char *const *const *)(const void *)at,
						 doc);
	case FIELD_FLAG: return json_new_bool(doc, *(const bool *)(const void *)at);
	case FIELD_INT: return json_new_int(doc, *(const int *)(const void *)at);
	case FIELD_U32: return json_new_int(doc, *(const unsigned *)(const void *)at);
	case FIELD_I64: return json_new_int(doc, *(const int64_t *)(const void *)at);
	case FIELD_U64: break;
	}
	/* Limits beyond int64 mean the same as the largest. */
	return json_new_int(doc, *(const uint64_t *)(const void *)at > INT64_MAX
					 ? INT64_MAX
					 : (int64_t) * (const uint64_t *)(const void *)at);
}

static struct json *print_fields(const struct field *rows, size_t count, const void *from,
				 struct json_doc *doc)
{
	struct json *value = json_new_object(doc);

	for (size_t i = 0; i < count; i++)
		json_put(doc, value, rows[i].key, print_field(&rows[i], from, doc));
	return value;
}

/* [[size, bytes], ...] */
static struct json *print_resources(const struct resources_plan *plan, struct json_doc *doc)
{
	struct json *out = print_fields(resource_fields, ARRAY_LENGTH(resource_fields), plan, doc);
	struct json *pages = json_new_array(doc);

	for (size_t i = 0; i < HUGEPAGE_SIZES_MAX; i++) {
		struct json *pair = json_new_array(doc);

		json_append(pair, json_new_int(doc, (int64_t)plan->hugepages[i].size_bytes));
		json_append(pair, json_new_int(doc, (int64_t)plan->hugepages[i].bytes));
		if (plan->hugepages[i].size_bytes > 0)
			json_append(pages, pair);
	}
	json_put(doc, out, "hugepages", pages);
	return out;
}

void container_plan_print(const struct container_plan *plan, struct buf *out)
{
	auto_json_doc doc = json_doc_new();
	struct json *root = print_fields(fields, ARRAY_LENGTH(fields), plan, doc);
	struct json *groups = json_new_array(doc);
	struct json *mounts = json_new_array(doc), *devices = json_new_array(doc);

	for (size_t i = 0; i < plan->group_count; i++)
		json_append(groups, json_new_int(doc, plan->groups[i]));
	for (size_t i = 0; i < plan->mount_count; i++)
		json_append(mounts, print_fields(mount_fields, ARRAY_LENGTH(mount_fields),
						 &plan->mounts[i], doc));
	for (size_t i = 0; i < plan->device_count; i++)
		json_append(devices, print_fields(device_fields, ARRAY_LENGTH(device_fields),
						  &plan->devices[i], doc));
	json_put(doc, root, "groups", groups);
	json_put(doc, root, "mounts", mounts);
	json_put(doc, root, "devices", devices);
	if (plan->resources)
		json_put(doc, root, "resources", print_resources(plan->resources, doc));
	json_print(root, out);
}

/* --- reading --- */

static const char *parse_text(const struct json *value, struct arena *arena)
{
	struct str text = json_str(value);

	return text.at ? str_copy_arena(text, arena) : NULL;
}

const char *const *container_plan_parse_list(const struct json *value, struct arena *arena)
{
	size_t count = 0;
	const char **list = arena_zero(arena, (json_count(value) + 1) * sizeof(char *));

	for (struct json_iter it = json_iter(value); json_next(&it);) {
		const char *text = parse_text(it.value, arena);

		if (text)
			list[count++] = text;
	}
	return list;
}

static void parse_field(const struct field *field, const struct json *value, void *into,
			struct arena *arena)
{
	char *at = (char *)into + field->at;

	switch (field->type) {
	case FIELD_TEXT: *(const char **)(void *)at = parse_text(value, arena); break;
	case FIELD_LIST:
		*(const char *const **)(void *)at = container_plan_parse_list(value, arena);
		break;
	case FIELD_FLAG: *(bool *)(void *)at = json_bool(value); break;
	case FIELD_INT: *(int *)(void *)at = (int)json_int(value); break;
	case FIELD_U32: *(unsigned *)(void *)at = (unsigned)json_int(value); break;
	case FIELD_I64: *(int64_t *)(void *)at = json_int(value); break;
	case FIELD_U64: *(uint64_t *)(void *)at = (uint64_t)json_int(value); break;
	}
}

static void parse_fields(const struct field *rows, size_t count, const struct json *value,
			 void *into, struct arena *arena)
{
	for (size_t i = 0; i < count; i++)
		parse_field(&rows[i], json_get(value, rows[i].key), into, arena);
}

static size_t depth(const char *path)
{
	size_t count = 0;

	for (; *path; path++)
		if (path[0] == '/' && path[1] != '/' && path[1] != '\0')
			count++;
	return count;
}

/* Stable: those of equal depth stay in the order given. */
static void sort_mounts(struct container_mount *mounts, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct container_mount one = mounts[i];
		size_t at = i;

		for (; at > 0 && depth(mounts[at - 1].target) > depth(one.target); at--)
			mounts[at] = mounts[at - 1];
		mounts[at] = one;
	}
}

static void parse_mounts(const struct json *value, struct arena *arena, struct container_plan *out)
{
	struct container_mount *mounts =
		arena_zero(arena, (json_count(value) + 1) * sizeof(*mounts));

	for (struct json_iter it = json_iter(value); json_next(&it);)
		parse_fields(mount_fields, ARRAY_LENGTH(mount_fields), it.value,
			     &mounts[out->mount_count++], arena);
	out->mounts = mounts;
}

static void parse_groups(const struct json *value, struct arena *arena, struct container_plan *out)
{
	uint32_t *groups = arena_zero(arena, (json_count(value) + 1) * sizeof(*groups));

	for (struct json_iter it = json_iter(value); json_next(&it);)
		groups[out->group_count++] = (uint32_t)json_int(it.value);
	out->groups = groups;
}

static void parse_devices(const struct json *value, struct arena *arena, struct container_plan *out)
{
	struct container_device *devices =
		arena_zero(arena, (json_count(value) + 1) * sizeof(*devices));

	for (struct json_iter it = json_iter(value); json_next(&it);)
		parse_fields(device_fields, ARRAY_LENGTH(device_fields), it.value,
			     &devices[out->device_count++], arena);
	out->devices = devices;
}

static void parse_resources(const struct json *value, struct arena *arena,
			    struct container_plan *out)
{
	struct resources_plan *resources = arena_zero(arena, sizeof(*resources));
	const struct json *pages = json_get(value, "hugepages");

	parse_fields(resource_fields, ARRAY_LENGTH(resource_fields), value, resources, arena);
	for (struct json_iter it = json_iter(pages); json_next(&it);)
		if (it.index < HUGEPAGE_SIZES_MAX)
			resources->hugepages[it.index] = (struct hugepage_limit){
				.size_bytes = (uint64_t)json_int(json_at(it.value, 0)),
				.bytes = (uint64_t)json_int(json_at(it.value, 1)),
			};
	out->resources = resources;
}

bool container_plan_parse(struct str text, struct arena *arena, struct container_plan *out,
			  struct error *err)
{
	AUTO(json_doc_free) struct json_doc *doc = NULL;
	const struct json *root;

	if (text.len > CONTAINER_PLAN_BYTES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "a container's plan has %zu bytes",
				 text.len);
	if (!json_parse(text, &doc, NULL, err))
		return error_context(err, "a container's plan");
	root = json_root(doc);
	*out = (struct container_plan){ 0 };
	parse_fields(fields, ARRAY_LENGTH(fields), root, out, arena);
	parse_groups(json_get(root, "groups"), arena, out);
	parse_mounts(json_get(root, "mounts"), arena, out);
	parse_devices(json_get(root, "devices"), arena, out);
	if (json_get(root, "resources"))
		parse_resources(json_get(root, "resources"), arena, out);
	if (!container_plan_validate(out, err))
		return false;
	sort_mounts((struct container_mount *)(uintptr_t)out->mounts, out->mount_count);
	return true;
}

/* --- judging --- */

bool container_id_validate(const char *id, struct error *err)
{
	size_t len = id ? strlen(id) : 0;

	if (len == 0 || len >= CONTAINER_ID_MAX || id[0] == '.')
		return error_set(err, ERROR_INVALID,
				 "a container's id must have 1 to %d characters "
				 "and not start with a dot",
				 CONTAINER_ID_MAX - 1);
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)id[i]) && !strchr("-_.", id[i]))
			return error_set(err, ERROR_INVALID,
					 "container id \"%s\" has a character "
					 "that is not a letter, digit or one of \"-_.\"",
					 id);
	return true;
}

static bool mount_validate(const struct container_mount *mount, struct error *err)
{
	if (!mount->target || mount->target[0] != '/' || depth(mount->target) == 0)
		return error_set(err, ERROR_INVALID,
				 "mount target \"%s\" must be absolute and not the root",
				 mount->target ? mount->target : "");
	if (pathfd_has_dotdot(mount->target))
		return error_set(err, ERROR_INVALID, "mount target \"%s\" has \"..\"",
				 mount->target);
	if (!mount->type || (strcmp(mount->type, "bind") != 0 && strcmp(mount->type, "tmpfs") != 0))
		return error_set(err, ERROR_INVALID, "mount of %s has a type that is not known",
				 mount->target);
	if (strcmp(mount->type, "bind") == 0 && (!mount->source || mount->source[0] != '/'))
		return error_set(err, ERROR_INVALID, "mount of %s needs an absolute source",
				 mount->target);
	if (mount->sub_path && pathfd_has_dotdot(mount->sub_path))
		return error_set(err, ERROR_INVALID, "sub-path \"%s\" has \"..\"", mount->sub_path);
	if (mount->propagation < 0 || mount->propagation > 2)
		return error_set(err, ERROR_INVALID, "mount of %s has an unknown propagation",
				 mount->target);
	return true;
}

static size_t list_count(const char *const *list)
{
	size_t count = 0;

	while (list && list[count])
		count++;
	return count;
}

static bool is_dev_path(const char *path)
{
	return path && strncmp(path, "/dev/", 5) == 0 && path[5] != '\0' &&
	       path[strlen(path) - 1] != '/' && strlen(path) < CONTAINER_DEVICE_PATH_MAX &&
	       !pathfd_has_dotdot(path);
}

static bool devices_validate(const struct container_plan *plan, struct error *err)
{
	if (plan->device_count > CONTAINER_DEVICES_MAX)
		return error_set(err, ERROR_TOO_LARGE, "more than %d devices",
				 CONTAINER_DEVICES_MAX);
	for (size_t i = 0; i < plan->device_count; i++) {
		const struct container_device *device = &plan->devices[i];

		if (!is_dev_path(device->path) || (device->link && !is_dev_path(device->link)))
			return error_set(err, ERROR_INVALID, "device \"%s\" must be below /dev",
					 device->path ? device->path : "");
		if (device->mode > 0777 || device->major > 0xfff || device->minor > 0xfffff)
			return error_set(err, ERROR_INVALID, "device %s has wrong numbers",
					 device->path);
	}
	return true;
}

bool container_plan_validate(const struct container_plan *plan, struct error *err)
{
	size_t layers = list_count(plan->layers);

	if (!container_id_validate(plan->id, err))
		return false;
	if (list_count(plan->argv) == 0 || plan->argv[0][0] == '\0')
		return error_set(err, ERROR_INVALID, "no command is given");
	if (layers == 0 || layers > LIMIT_IMAGE_LAYERS)
		return error_set(err, ERROR_INVALID, "an image must have 1 to %d layers, not %zu",
				 LIMIT_IMAGE_LAYERS, layers);
	for (size_t i = 0; i < layers; i++)
		if (plan->layers[i][0] != '/')
			return error_set(err, ERROR_INVALID, "layer \"%s\" is not absolute",
					 plan->layers[i]);
	if (plan->mount_count > CONTAINER_MOUNTS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "more than %d mounts", CONTAINER_MOUNTS_MAX);
	for (size_t i = 0; i < plan->mount_count; i++)
		if (!mount_validate(&plan->mounts[i], err))
			return false;
	if (!devices_validate(plan, err))
		return false;
	if (plan->uid < -1 || plan->uid > INT32_MAX || plan->gid < -1 || plan->gid > INT32_MAX)
		return error_set(err, ERROR_INVALID, "user or group id is out of range");
	for (size_t i = 0; i < plan->group_count; i++)
		if (plan->groups[i] > INT32_MAX)
			return error_set(err, ERROR_INVALID, "group id is out of range");
	if (plan->stop_signal < 0 || plan->stop_signal > 64)
		return error_set(err, ERROR_INVALID, "stop signal is out of range");
	if (plan->oom_score_adj < -1000 || plan->oom_score_adj > 1000)
		return error_set(err, ERROR_INVALID, "OOM score adjustment is out of range");
	return true;
}
