/*
 * ota_build.c - mote ota build: a bundle from a binary and what goes with it.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "cli/command_line.h"
#include "cli/ota_verb.h"
#include "ota/bundle_check.h"
#include "ota/bundle_write.h"
#include "ota/offer.h"
#include "ota/version_order.h"

#define YEAR_S (365 * 24 * 60 * 60)

struct options {
	const char *arch, *version, *min_from, *created, *expires, *binary, *out;
	int64_t epoch, floor;
	bool raw;
	struct option_list from, images, manifests, configs;
};

static bool read_time(const char *flag, const char *text, int64_t fallback, int64_t *out,
		      struct error *err)
{
	*out = fallback;
	if (!*text || clock_parse(str_of(text), out, NULL))
		return true;
	return error_set(err, ERROR_INVALID,
			 "--%s is a time such as 2026-11-21T00:00:00Z, not \"%s\"", flag, text);
}

/* SOURCE_DATE_EPOCH is what other tools that build the same thing twice ask, too. */
static bool find_created(const char *text, int64_t *out, struct error *err)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	int64_t now = clock_wall_s();

	if (epoch && *epoch && !str_to_i64(str_of(epoch), 0, INT32_MAX, &now))
		return error_set(err, ERROR_INVALID,
				 "SOURCE_DATE_EPOCH is not a number of seconds");
	return read_time("created", text, now, out, err);
}

static bool copy_word(char *to, size_t room, const char *what, const char *from, struct error *err)
{
	if (strlen(from) >= room)
		return error_set(err, ERROR_TOO_LARGE, "--%s is over %zu bytes", what, room - 1);
	memcpy(to, from, strlen(from) + 1);
	return true;
}

static bool fill_header(const struct options *options, struct bundle_header *out, struct error *err)
{
	if (!*options->binary || !*options->out)
		return error_set(err, ERROR_INVALID, "say --binary FILE and --out FILE");
	if (options->epoch == 0)
		return error_set(err, ERROR_INVALID,
				 "say --epoch N: a number from 1 that never gets smaller");
	if (!version_is_valid(str_of(options->version)) ||
	    !version_is_valid(str_of(options->min_from)))
		return error_set(err, ERROR_INVALID,
				 "--version and --min-from are versions such as 1.2.3");
	out->epoch = (uint32_t)options->epoch;
	out->floor = (uint32_t)options->floor;
	return copy_word(out->arch, sizeof(out->arch), "arch",
			 *options->arch ? options->arch : offer_arch(), err) &&
	       copy_word(out->version, sizeof(out->version), "version", options->version, err) &&
	       copy_word(out->min_from, sizeof(out->min_from), "min-from", options->min_from,
			 err) &&
	       find_created(options->created, &out->created_s, err) &&
	       read_time("expires", options->expires, out->created_s + YEAR_S, &out->expires_s,
			 err);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static size_t add_inputs(struct bundle_input *to, const struct option_list *paths,
			 enum bundle_role role)
{
	for (size_t i = 0; i < paths->count; i++)
		to[i] = (struct bundle_input){ .path = paths->items[i],
					       .name = base_name(paths->items[i]),
					       .role = role };
	return paths->count;
}

/* The binary first: it is what most devices fetch alone. */
static void fill_inputs(const struct options *options, struct arena *arena,
			struct bundle_plan *plan)
{
	size_t room = 1 + options->images.count + options->manifests.count + options->configs.count;
	struct bundle_input *inputs = arena_zero(arena, room * sizeof(*inputs));
	size_t count = 1;

	inputs[0] = (struct bundle_input){ .path = options->binary,
					   .name = "mote",
					   .role = BUNDLE_BINARY,
					   .raw = options->raw,
					   .from = options->from.items,
					   .from_count = options->from.count };
	count += add_inputs(inputs + count, &options->images, BUNDLE_IMAGE);
	count += add_inputs(inputs + count, &options->manifests, BUNDLE_MANIFEST);
	count += add_inputs(inputs + count, &options->configs, BUNDLE_CONFIG);
	assert(count == room);
	plan->inputs = inputs;
	plan->input_count = count;
}

/* What was written is read again as a device does; of deltas, that they can be is a test's matter.
 */
static bool read_again(const char *path, struct error *err)
{
	auto_bundle bundle = bundle_new_unsigned();
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_os(err, "open %s", path);
	if (!bundle_read_fd(bundle, fd, err) || !bundle_check_pieces(bundle, fd, err))
		return error_context(err, "%s", path);
	printf("%s: %llu bytes, %zu files, %zu deltas; not signed yet\n", path,
	       (unsigned long long)bundle_header(bundle)->length, bundle_entry_count(bundle),
	       bundle_delta_count(bundle));
	return true;
}

static bool build(struct ota_call *call, struct error *err)
{
	const struct options *options = call->options;
	struct bundle_plan plan = { 0 };

	if (!fill_header(options, &plan.header, err))
		return false;
	fill_inputs(options, call->arena, &plan);
	return bundle_write(&plan, options->out, err) && read_again(options->out, err);
}

#define TEXT(name, field, value, text, fall)                                                       \
	{                                                                                          \
		.flag = name, .type = OPTION_TEXT, .at = COMMAND_OPTION(field),                    \
		.value_name = value, .fallback = fall, .group = "Options", .help = text            \
	}
#define FILES(name, field, text)                                                                   \
	{                                                                                          \
		.flag = name, .type = OPTION_LIST, .at = COMMAND_OPTION(field),                    \
		.value_name = "FILE", .group = "Contents", .help = text                            \
	}
#define NUMBER(name, field, text)                                                                  \
	{                                                                                          \
		.flag = name, .type = OPTION_INT, .at = COMMAND_OPTION(field), .value_name = "N",  \
		.max = UINT32_MAX, .group = "Options", .help = text                                \
	}

static const struct option_row rows[] = {
	TEXT("arch", arch, "ARCH", "aarch64, armv7... (default: what this program is for)", ""),
	TEXT("version", version, "VERSION", "what it is, such as 0.3.0", ""),
	NUMBER("epoch", epoch, "a number from 1 that never gets smaller from release to release"),
	NUMBER("floor", floor, "once it is good, no epoch below this is taken"),
	TEXT("min-from", min_from, "VERSION", "older versions must take a step between", "0.0.0"),
	TEXT("created", created, "TIME", "default: SOURCE_DATE_EPOCH, or now", ""),
	TEXT("expires", expires, "TIME", "default: a year after it was created", ""),
	TEXT("out", out, "FILE", "the bundle", ""),
	{ .flag = "binary",
	  .type = OPTION_TEXT,
	  .at = COMMAND_OPTION(binary),
	  .value_name = "FILE",
	  .fallback = "",
	  .group = "Contents",
	  .help = "the program" },
	{ .flag = "raw",
	  .type = OPTION_BOOL,
	  .at = COMMAND_OPTION(raw),
	  .group = "Contents",
	  .help = "do not pack the program, so that a shell can cut it out" },
	FILES("from", from, "add a delta against this older program"),
	FILES("image", images, "an image archive"),
	FILES("manifest", manifests, "a manifest to deploy"),
	FILES("config", configs, "a configuration file"),
	{ 0 },
};

const struct ota_verb ota_build = {
	.name = "build",
	.arguments = "",
	.help = "make a bundle; it is signed by mote ota sign",
	.rows = rows,
	.options_size = sizeof(struct options),
	.run = build,
};
