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
	struct work_pool *pool;
	struct work_job job;
	char *folder;
	struct manifest_reading *readings;
	size_t count;
	atomic_bool stopped;
	void (*on_done)(void *of, struct manifest_reading *readings, size_t count);
	void *of;
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

	for (size_t i = 0; i < reader->count; i++) {
		reader->readings[i].left = bytes >= BYTES_MAX || reader->stopped;
		if (!reader->readings[i].left)
			read_one(reader->folder, &reader->readings[i], &bytes);
	}
}

static void on_done(struct work_job *job)
{
	struct manifest_reader *reader = CONTAINER_OF(job, struct manifest_reader, job);

	if (reader->stopped)
		return; /* by manifest_reader_stop, which frees */
	work_close(reader->pool);
	reader->on_done(reader->of, reader->readings, reader->count);
	manifest_readings_free(reader->readings, reader->count);
	free(reader->folder);
	free(reader);
}

bool manifest_reader_start(struct loop *loop, const char *folder, struct manifest_reading *readings,
			   size_t count,
			   void (*on_end)(void *of, struct manifest_reading *readings,
					  size_t count),
			   void *of, struct manifest_reader **out, struct error *err)
{
	struct manifest_reader *reader = memory_new(struct manifest_reader);

	if (!work_open(loop, 1, &reader->pool, err)) {
		free(reader);
		manifest_readings_free(readings, count);
		return false;
	}
	reader->folder = memory_string(folder);
	reader->readings = readings;
	reader->count = count;
	reader->on_done = on_end;
	reader->of = of;
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
	manifest_readings_free(reader->readings, reader->count);
	free(reader->folder);
	free(reader);
}
