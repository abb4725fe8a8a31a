/*
 * plugin_images.c - nodes that have a pod's images already come first.
 *
 * An image that few nodes have counts for less: else its pods would all come to those.
 */
#include "server/schedule/cycle.h"

#define SCORE_MOST  100
#define LEAST_BYTES (23ll * 1024 * 1024)
#define MOST_BYTES  (1000ll * 1024 * 1024) /* a container */

struct images {
	const struct image **at;
	size_t count, containers;
};

/* Nodes tell names with a tag. */
static const struct image *find(struct cycle *cycle, struct str name)
{
	auto_buf full = BUF_INIT;
	ptrdiff_t slash = -1;

	for (size_t i = 0; i < name.len; i++)
		slash = name.at[i] == '/' ? (ptrdiff_t)i : slash;
	buf_add_str(&full, name);
	if (str_find(str_from(name.at + slash + 1, name.len - (size_t)(slash + 1)), ':') < 0)
		buf_add_text(&full, ":latest");
	return map_find(cycle->scene->images, buf_str(&full));
}

static void add_images(struct cycle *cycle, const char *list, struct images *images)
{
	const struct json *containers = json_get(cycle->spec, list);

	images->containers += json_count(containers);
	for (struct json_iter it = json_iter(containers); json_next(&it);) {
		const struct image *image = find(cycle, json_str(json_get(it.value, "image")));

		if (image)
			images->at[images->count++] = image;
	}
}

static void *score_prepare(struct cycle *cycle, struct place **places, size_t count)
{
	size_t most = json_count(json_get(cycle->spec, "containers")) +
		      json_count(json_get(cycle->spec, "initContainers"));
	struct images *images = arena_zero(cycle->arena, sizeof(*images));

	(void)places;
	(void)count;
	images->at = arena_get(cycle->arena, (most + 1) * sizeof(*images->at));
	add_images(cycle, "initContainers", images);
	add_images(cycle, "containers", images);
	return images->count > 0 ? images : NULL;
}

static int64_t bytes_there(const struct cycle *cycle, const struct place *place,
			   const struct image *image)
{
	for (size_t i = 0; i < place->image_count; i++)
		if (place->images[i].image == image)
			return (int64_t)((double)place->images[i].bytes * (double)image->places /
					 (double)cycle->nodes);
	return 0;
}

static int64_t score(struct cycle *cycle, void *own, struct place *place)
{
	const struct images *images = own;
	int64_t sum = 0, most = MOST_BYTES * (int64_t)images->containers;

	for (size_t i = 0; i < images->count; i++)
		sum += bytes_there(cycle, place, images->at[i]);
	if (sum < LEAST_BYTES)
		return 0;
	sum = sum > most ? most : sum;
	return SCORE_MOST * (sum - LEAST_BYTES) / (most - LEAST_BYTES);
}

const struct plugin plugin_images = {
	.name = "ImageLocality",
	.score_prepare = score_prepare,
	.score = score,
	.weight = 1,
};
