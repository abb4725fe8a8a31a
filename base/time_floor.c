/*
 * time_floor.c - a file with one number of seconds, and a look at the clock a minute.
 */
#include "base/time_floor.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/timex.h>

#include <built.h> /* build/gen */

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#define LOOK_MS    60000
#define DAY_S      86400
#define BELIEVED_S (30ll * 365 * DAY_S)
#define TEXT_MAX   32

struct time_floor {
	struct loop *loop;
	char *path;
	struct loop_timer timer;
	int64_t written_s; /* what the file says; 0 = nothing that is believed */
};

int64_t time_floor_built_s(void)
{
	return MOTE_BUILT;
}

static int64_t read_file(const char *path)
{
	auto_buf text = BUF_INIT;
	struct error err;
	struct str rest;
	int64_t seconds;

	if (!file_read(path, TEXT_MAX, &text, &err)) {
		if (err.kind != ERROR_NOT_FOUND)
			log_warn("clock", "the time floor cannot be read", "why=\"%s\"", err.text);
		return 0;
	}
	rest = buf_str(&text);
	if (str_to_i64(str_cut(&rest, '\n'), 0, MOTE_BUILT + BELIEVED_S, &seconds))
		return seconds;
	log_warn("clock", "the time floor makes no sense and is made anew", "file=%s", path);
	return 0;
}

static void write_file(struct time_floor *floor)
{
	char text[TEXT_MAX];
	struct error err;
	int64_t now = clock_wall_s();

	snprintf(text, sizeof(text), "%" PRId64 "\n", now);
	if (file_replace(floor->path, str_of(text), 0600, &err))
		floor->written_s = now;
	else
		log_warn("clock", "the time floor cannot be kept", "why=\"%s\"", err.text);
}

/* Somebody (NTP, PTP) keeps the kernel's clock right. */
static bool is_synchronised(void)
{
	struct timex state = { 0 };

	return adjtimex(&state) != TIME_ERROR && !(state.status & STA_UNSYNC);
}

static void on_look(struct loop_timer *timer)
{
	struct time_floor *floor = CONTAINER_OF(timer, struct time_floor, timer);
	int64_t apart;

	loop_timer_set(floor->loop, timer, LOOK_MS);
	if (is_synchronised())
		clock_set_floor(0);
	apart = clock_wall_s() - floor->written_s;
	if (apart >= DAY_S || apart <= -DAY_S)
		write_file(floor);
}

struct time_floor *time_floor_open(struct loop *loop, const char *path)
{
	struct time_floor *floor = memory_new(struct time_floor);
	int64_t least = MOTE_BUILT;

	floor->loop = loop;
	floor->path = memory_string(path);
	floor->timer.on_timer = on_look;
	floor->written_s = read_file(path);
	if (floor->written_s > least)
		least = floor->written_s;
	if (clock_machine_s() < least && !is_synchronised()) {
		char text[CLOCK_TEXT];

		clock_print(least, text);
		log_warn("clock", "this machine's clock is behind; time goes on from what is known",
			 "machine_s=%" PRId64 " taken=%s", clock_machine_s(), text);
	}
	clock_set_floor(least);
	on_look(&floor->timer);
	return floor;
}

void time_floor_close(struct time_floor *floor)
{
	if (!floor)
		return;
	loop_timer_stop(&floor->timer);
	if (clock_wall_s() != floor->written_s)
		write_file(floor);
	free(floor->path);
	free(floor);
}
