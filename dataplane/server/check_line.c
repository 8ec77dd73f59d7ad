/*
 * Who is next, where more checks are due than may be under way (global.max_checks).
 *
 * A line of each backend's checks and one of its agents; they take turns, a check each. A line of servers
 * that hang would still have all attempts, each for as long as it may take, and others would wait for their
 * ends. So while checks of several lines run, one may hold only so many times what it leaves free: there
 * is always room for a line that holds less. Within a line the oldest is first.
 *
 * Control thread.
 */
#include "config.h"
#include "core/log.h"
#include "core/obj.h"
#include "server/backend.h"
#include "server/check_priv.h"

#define SHARE		3		/* times what is free: alone at it, three quarters of all */
#define LATE_LOG_US	30000000	/* between two lines about late checks */

static struct {
	struct list	 ring;		/* lines in which somebody waits */
	struct list	 again;		/* lines of which checks are to be made anew */
	uint32_t	 running;	/* lines of which checks run */
	uint32_t	 under_way, in_line;
	uint32_t	 max;
	bool		 is_held;	/* since somebody waits, the limit has held somebody */
	uint64_t	 told_us;
} lines = {
	.ring = { &lines.ring, &lines.ring },
	.again = { &lines.again, &lines.again },
};

static struct check_line *
line_of(const struct check *c)
{
	return &c->server->backend->check_lines[c->source];
}

void
check_line_init(struct check_line *line)
{
	*line = (struct check_line){ 0 };
	list_init(&line->waiting);
	list_init(&line->by_ring);
	list_init(&line->running);
	list_init(&line->again);
	list_init(&line->by_again);
}

static bool
line_runs(const struct check_line *line)
{
	return !list_is_empty(&line->running) || !list_is_empty(&line->again);
}

void
line_add_running(struct check *c)
{
	struct check_line *line = line_of(c);

	lines.running += !line_runs(line);
	list_append(&line->running, &c->by_line);
}

void
line_drop_running(struct check *c)
{
	struct check_line *line = line_of(c);

	list_remove(&c->by_line);
	lines.running -= !line_runs(line);
	if (list_is_empty(&line->again))
		list_remove(&line->by_again);
}

void
check_line_again(struct check_line *line)
{
	line->round++;
	list_move_all(&line->again, &line->running);
	if (list_is_empty(&line->again) || !list_is_empty(&line->by_again))
		return;
	list_append(&lines.again, &line->by_again);
	checks_queue_work();
}

struct check *
lines_take_again(void)
{
	struct check_line *line;
	struct list *node;

	if (list_is_empty(&lines.again))
		return NULL;
	line = container_of(lines.again.next, struct check_line, by_again);
	node = list_take_first(&line->again);
	list_append(&line->running, node);
	if (list_is_empty(&line->again))
		list_remove(&line->by_again);
	return container_of(node, struct check, by_line);
}

bool
line_is_of_round(const struct check *c)
{
	return c->round == line_of(c)->round;
}

void
line_join(struct check *c)
{
	struct check_line *line = line_of(c);

	c->joined_ms = check_now_ms();
	list_append(&line->waiting, &c->in_line);
	line->in_line++;
	lines.in_line++;
	if (list_is_empty(&line->by_ring))
		list_append(&lines.ring, &line->by_ring);
}

void
line_leave(struct check *c)
{
	struct check_line *line = line_of(c);

	list_remove(&c->in_line);
	line->in_line--;
	lines.in_line--;
	list_remove(&line->by_ring);
	if (!list_is_empty(&line->waiting))
		list_append(&lines.ring, &line->by_ring);
	if (lines.in_line == 0)
		lines.is_held = false;
}

void
line_add_under_way(struct check *c)
{
	c->round = line_of(c)->round;
	line_of(c)->under_way++;
	lines.under_way++;
}

void
line_drop_under_way(struct check *c)
{
	line_of(c)->under_way--;
	lines.under_way--;
}

static bool
line_has_room(const struct check_line *line)
{
	if (lines.max == 0)
		return true;
	if (lines.under_way >= lines.max)
		return false;
	return lines.running <= 1 ||
	       line->under_way < (uint64_t)SHARE * (lines.max - lines.under_way);
}

bool
line_may_begin(const struct check *c)
{
	return line_has_room(line_of(c));
}

/* While anything is free, few lines can hold more than their share of it: these alone are passed over. */
struct check *
lines_first(void)
{
	if (lines.max != 0 && lines.under_way >= lines.max) {
		lines.is_held |= lines.in_line > 0;
		return NULL;
	}
	list_foreach(node, &lines.ring) {
		struct check_line *line = container_of(node, struct check_line, by_ring);

		if (line_has_room(line))
			return container_of(line->waiting.next, struct check, in_line);
		lines.is_held = true;
	}
	return NULL;
}

static void
lines_warn(uint64_t now_ms)
{
	uint64_t oldest_ms = now_ms;
	const struct check *at = NULL;
	uint32_t most = 0;

	list_foreach(node, &lines.ring) {
		const struct check_line *line = container_of(node, struct check_line, by_ring);
		const struct check *c = container_of(line->waiting.next, struct check, in_line);

		if (c->joined_ms < oldest_ms)
			oldest_ms = c->joined_ms;
		if (line->in_line > most) {
			most = line->in_line;
			at = c;
		}
	}
	if (at == NULL)
		return;
	log_msg(LOG_LEVEL_WARNING,
		"global.max_checks is %u: %u checks wait in line, the oldest for %llu ms; %u of "
		"them are %s of backend %s",
		(unsigned)lines.max, (unsigned)lines.in_line,
		(unsigned long long)(now_ms - oldest_ms), (unsigned)most,
		at->source == CHECK_OF_AGENT ? "for agents" : "for servers",
		at->server->backend->name);
}

void
line_note_late(const struct check *c)
{
	const uint64_t now_us = clock_read_us(CLOCK_MONOTONIC);
	const int64_t interval = server_check_interval_ms(c->server, c->source);
	const int64_t waited = (int64_t)(now_us / 1000 - c->joined_ms);

	if (!lines.is_held || waited <= interval)
		return;
	if (lines.told_us != 0 && now_us - lines.told_us < LATE_LOG_US)
		return;
	lines.told_us = now_us;
	lines_warn(now_us / 1000);
}

void
lines_set_max(uint32_t max_under_way)
{
	lines.max = max_under_way;
}

void
lines_count(struct checks_totals *totals)
{
	totals->under_way = lines.under_way;
	totals->in_line = lines.in_line;
}
