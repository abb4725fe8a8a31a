/*
 * manifest_reader.c - a thread that lives as long as there is something to read.
 */
#include "server/control/manifest_reader.h"

#include <stdatomic.h>

#include "base/limits.h"
#include "base/work.h"
#include "server/control/manifest_folder.h"

#define BYTES_MAX (4u * LIMIT_MANIFEST_FILE) /* that one round holds in memory */

struct manifest_reader {
	struct manifest_reader_plan plan;
	struct work_pool *pool;
	struct work_job job;
	atomic_bool stopped;
};

void manifest_readings_free(struct manifest_reading *readings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		manifest_text_clear(&readings[i].text);
		free(readings[i].name);
		free(readings[i].mark);
		free(readings[i].known);
	}
	free(readings);
}

static void read_one(const char *folder, struct manifest_reading *reading, size_t *bytes)
{
	auto_buf text = BUF_INIT;

	if (!manifest_folder_read(folder, reading->name, reading->mark, &text, &reading->err))
		return;
	*bytes += text.len;
	hash_sha256_hex(buf_str(&text), reading->hash);
	reading->is_known = strcmp(reading->hash, reading->known) == 0;
	if (!reading->is_known)
		manifest_text_parse(buf_str(&text), str_ends(str_of(reading->name), STR(".json")),
				    &reading->text);
}

static void run(struct work_job *job)
{
	struct manifest_reader *reader = CONTAINER_OF(job, struct manifest_reader, job);
	size_t bytes = 0;

	for (size_t i = 0; i < reader->plan.count; i++) {
		struct manifest_reading *reading = &reader->plan.readings[i];

		reading->left = bytes >= BYTES_MAX || reader->stopped;
		if (!reading->left)
			read_one(reader->plan.folder, reading, &bytes);
	}
}

static void reader_free(struct manifest_reader *reader)
{
	manifest_readings_free(reader->plan.readings, reader->plan.count);
	free(reader);
}

static void on_done(struct work_job *job)
{
	struct manifest_reader *reader = CONTAINER_OF(job, struct manifest_reader, job);

	if (reader->stopped)
		return; /* by manifest_reader_stop, which frees */
	work_close(reader->pool);
	reader->plan.on_done(reader->plan.of, reader->plan.readings, reader->plan.count);
	reader_free(reader);
}

bool manifest_reader_start(const struct manifest_reader_plan *plan, struct manifest_reader **out,
			   struct error *err)
{
	struct manifest_reader *reader = memory_new(struct manifest_reader);

	reader->plan = *plan;
	if (!work_open(plan->loop, 1, &reader->pool, err)) {
		reader_free(reader);
		return false;
	}
	reader->job = (struct work_job){ .run = run, .on_done = on_done };
	work_start(reader->pool, &reader->job);
	*out = reader;
	return true;
}

void manifest_reader_stop(struct manifest_reader *reader)
{
	if (!reader)
		return;
	reader->stopped = true;
	work_close(reader->pool);
	reader_free(reader);
}
