/*
 * When servers are checked: each check's own time, and what a turn of the loop can bear. The line for an
 * attempt is check_line.c's.
 *
 * The next attempt is due one interval after the end of the last one (so does HAProxy 2.6, as measured), less
 * what the last one began late: so checks that once had to wait, after a stall or in line, go back to the
 * places that they had, and do not stay in a crowd.
 *
 * An attempt's verdict is told with nothing of ours on the stack that is used afterwards, but for the check
 * itself, which may be gone then: checks.telling knows.
 *
 * Control thread.
 */
#include "config.h"
#include "server/check.h"
#include <assert.h>
#include "core/clock.h"
#include "core/log.h"
#include "core/obj.h"
#include "core/random.h"
#include "server/agent.h"
#include "server/backend.h"
#include "server/check_priv.h"

#define TURN_ACTS_MAX	64		/* starts and ends of attempts in a turn of the loop, */
#define TURN_US		5000		/* and how long they may take together */
#define BEAT_MS		50		/* how closely the loop is watched for standing still */
#define AGAIN_A_TURN	256		/* some 0.2 ms */
#define REDO_MAX	2		/* attempts in a row that a stall excuses */
#define SOCKERR_RETRY_MS 500		/* we lacked something: this soon we may have it */
#define SOCKERR_REST_MS	20		/* and nobody else begins for so long */
#define SOCKERR_LOG_US	10000000	/* between two lines about that */
#define BURST_GAP_MS	1000		/* who starts that long after the last one is not of its crowd */
#define BURST_STEP_MS	2		/* between first attempts in a crowd, where that is soon enough */
#define GOLDEN_RATIO	0x9e3779b9u	/* its fraction in 1/2^32: its multiples fill a circle evenly */

static struct {
	struct list		 all;
	struct list		 stale;		/* under way, to be made anew */
	struct task		 work;
	struct wheel_timer	 beat;
	struct wheel_timer	 rest;		/* set: nobody begins */
	uint32_t		 spread_percent;
	uint64_t		 made, failed;
	struct check		*telling;	/* whose verdict is being told; NULL: nobody's, or it is gone */
	bool			 is_finished;
	uint64_t		 turn;		/* the loop's, which the next ones are of */
	uint32_t		 turn_acts;
	bool			 is_spent;	/* the turn has no more time for what was asked last */
	uint64_t		 turn_until_us;
	uint64_t		 stalled_ms;
	uint64_t		 burst_ms;	/* when one was started last, and how many had been */
	uint32_t		 burst_count;
	uint64_t		 told_sockerr_us;
} checks = { .turn = UINT64_MAX };

static void checks_on_work(struct task *task);
static void checks_on_beat(struct wheel_timer *timer);
static void checks_on_rest(struct wheel_timer *timer);
static void checks_make_again(void);
static void check_on_timer(struct wheel_timer *timer);

static struct checks_totals
checks_count(void)
{
	struct checks_totals now = { .made = checks.made, .failed = checks.failed };

	lines_count(&now);
	return now;
}

/* -- what a turn can bear -- */

void
checks_queue_work(void)
{
	loop_queue(loop_self(), &checks.work);
}

bool
checks_may_act(void)
{
	const uint64_t turn = atomic_load_explicit(&loop_self()->turns, memory_order_relaxed);
	const uint64_t now_us = clock_read_us(CLOCK_MONOTONIC);

	if (turn != checks.turn) {
		checks.turn = turn;
		checks.turn_acts = 0;
		checks.turn_until_us = now_us + TURN_US;
	}
	checks.is_spent = checks.turn_acts++ >= TURN_ACTS_MAX || now_us >= checks.turn_until_us;
	return !checks.is_spent;
}

/* -- whether the loop stands still: a timer of its own comes late then -- */

uint64_t
checks_stalled_ms(void)
{
	const uint64_t now = check_now_ms(), at = checks.beat.at_ms;
	const bool is_set = wheel_timer_is_set(&checks.beat);

	if (is_set && now > at + BEAT_MS)
		checks.stalled_ms += now - at;
	if (!is_set || now > at + BEAT_MS)
		wheel_set(&loop_self()->wheel, &checks.beat, now + BEAT_MS);
	return checks.stalled_ms;
}

static void
checks_on_beat(struct wheel_timer *timer)
{
	const uint64_t now = check_now_ms();

	if (now > timer->at_ms + BEAT_MS)
		checks.stalled_ms += now - timer->at_ms;
	if (checks_count().under_way > 0)
		wheel_set(&loop_self()->wheel, timer, now + BEAT_MS);
}

/* -- the line -- */

static void
check_join_line(struct check *c)
{
	c->phase = CHECK_IN_LINE;
	line_join(c);
	checks_queue_work();
}

static bool
checks_someone_waits(void)
{
	return checks_count().in_line > 0;
}

/* Last act: it may end at once. */
static void
check_begin(struct check *c)
{
	c->began_ms = check_now_ms();
	c->attempt = attempt_new(c);
	if (c->attempt == NULL) { /* no memory: as if it was late */
		c->phase = CHECK_WAITS;
		wheel_set(&loop_self()->wheel, &c->timer, c->began_ms + SOCKERR_RETRY_MS);
		return;
	}
	c->phase = CHECK_UNDER_WAY;
	line_add_under_way(c);
	attempt_start(c->attempt);
}

/* Give up an attempt; the line may move on. */
static void
check_drop_attempt(struct check *c)
{
	attempt_give_up(&c->attempt);
	list_remove(&c->in_line);
	line_drop_under_way(c);
	if (checks_someone_waits())
		checks_queue_work();
}

static void
checks_drop_stale(void)
{
	while (!list_is_empty(&checks.stale) && checks_may_act()) {
		struct check *c = container_of(checks.stale.next, struct check, in_line);

		check_drop_attempt(c);
		check_join_line(c);
	}
}

static void
checks_on_work(struct task *task)
{
	struct check *c;

	checks.is_spent = false;
	checks_make_again();
	attempts_catch_up();
	checks_drop_stale();
	while (!checks.is_spent && !wheel_timer_is_set(&checks.rest) &&
	       (c = lines_first()) != NULL && checks_may_act()) {
		line_note_late(c);
		line_leave(c);
		check_begin(c);
	}
	/* else who still has to wait does so for another's end, or for the rest's: these call again */
	if (checks.is_spent)
		checks_queue_work();
}

static void
checks_on_rest(struct wheel_timer *timer)
{
	checks_queue_work();
}

/* -- its time -- */

/* HAProxy's: "spread-checks" percent more or less, by chance. */
static uint64_t
spread_ms(uint64_t interval_ms)
{
	const uint64_t most = interval_ms * checks.spread_percent / 100;

	if (most == 0)
		return interval_ms;
	return interval_ms - most + random_u64() % (2 * most + 1);
}

static uint64_t
check_interval_ms(const struct check *c)
{
	const int64_t interval = server_check_interval_ms(c->server, c->source);

	return interval > 0 ? (uint64_t)interval : 1;
}

static void
check_set_timer(struct check *c, uint64_t ms)
{
	c->phase = CHECK_WAITS;
	c->due_ms = check_now_ms() + ms;
	wheel_set(&loop_self()->wheel, &c->timer, c->due_ms);
}

static void
check_wait(struct check *c, bool is_retry)
{
	const uint64_t interval = check_interval_ms(c);
	const uint64_t late = c->began_ms > c->due_ms ? c->began_ms - c->due_ms : 0;
	uint64_t wait = interval - late % interval;

	if (c->place != 0)
		wait = (interval * c->place >> 32) + 1;
	c->place = 0;
	wait = spread_ms(wait);
	check_set_timer(c, is_retry && wait > SOCKERR_RETRY_MS ? SOCKERR_RETRY_MS : wait);
}

static void
check_on_timer(struct wheel_timer *timer)
{
	struct check *c = obj_cast(container_of(timer, struct check, timer), CHECK_MAGIC);

	if (!wheel_timer_is_set(&checks.rest) && !checks_someone_waits() && line_may_begin(c) &&
	    checks_may_act())
		check_begin(c);
	else
		check_join_line(c);
}

/* -- verdicts -- */

/* An agent that has nothing to say (an empty line) was heard all the same, as HAProxy has it. */
static void
check_tell(struct check *c, struct check_verdict *verdict, const struct agent_report *report)
{
	if (c->source == CHECK_OF_SERVER) {
		server_on_check(c->server, verdict);
	} else if (check_result_outcome(verdict->result) != CHECK_IS_PASS) {
		server_on_agent_silent(c->server, verdict);
	} else if (agent_report_says(report) || report->unknown == 0) {
		server_on_agent(c->server, verdict, report);
	} else {
		verdict->result = CHECK_L7RSP;
		server_on_agent_silent(c->server, verdict);
	}
}

/* We lack descriptors or memory: who asks next lacks them, too. */
static void
checks_on_sockerr(const struct check *c, const struct check_verdict *verdict)
{
	const uint64_t now_us = clock_read_us(CLOCK_MONOTONIC);
	const struct checks_totals now = checks_count();

	wheel_set(&loop_self()->wheel, &checks.rest, now_us / 1000 + SOCKERR_REST_MS);
	if (now_us - checks.told_sockerr_us < SOCKERR_LOG_US && checks.told_sockerr_us != 0)
		return;
	checks.told_sockerr_us = now_us;
	log_msg(LOG_LEVEL_WARNING, "%s/%s: not checked, %s (%u checks under way, %u in line)",
		c->server->backend->name, c->server->name, verdict->detail, (unsigned)now.under_way,
		(unsigned)now.in_line);
}

void
check_on_attempt(struct check *c, struct check_verdict *verdict, const struct agent_report *report,
		 bool in_stall)
{
	const enum check_outcome outcome = check_result_outcome(verdict->result);
	const bool is_retry = verdict->result == CHECK_SOCKERR;
	const bool is_stale = !list_is_empty(&c->in_line) || !line_is_of_round(c);

	c->attempt = NULL;
	check_drop_attempt(c);
	if (is_stale) {
		check_join_line(c);
		return;
	}
	checks.made++;
	checks.failed += outcome == CHECK_IS_FAIL;
	if (is_retry)
		checks_on_sockerr(c, verdict);
	if (outcome == CHECK_IS_FAIL && in_stall && verdict->code == 0 && c->redone < REDO_MAX) {
		c->redone++; /* it may be our own fault, but for a status that was said */
		check_join_line(c);
		return;
	}
	c->redone = 0;
	c->phase = CHECK_TELLS;
	checks.telling = c;
	check_tell(c, verdict, report);
	if (checks.telling == c && c->phase == CHECK_TELLS)
		check_wait(c, is_retry);
	checks.telling = NULL;
}

/* -- from outside -- */

/* The first one of the process. */
static void
checks_init(void)
{
	list_init(&checks.all);
	list_init(&checks.stale);
	task_init(&checks.work, checks_on_work);
	wheel_timer_init(&checks.beat, checks_on_beat);
	wheel_timer_init(&checks.rest, checks_on_rest);
}

/* Nothing of ours stays in the loop. */
static void
checks_rest(void)
{
	task_cancel(&checks.work);
	wheel_cancel(&checks.beat);
	wheel_cancel(&checks.rest);
}

/* The last one has gone: where others follow, they begin afresh, perhaps in another loop. */
static void
checks_on_last_gone(void)
{
	checks_rest();
	checks.is_finished = false;
	checks.turn = UINT64_MAX;
}

enum err
check_new(struct check **cp, struct server *server, enum check_source source)
{
	struct check *c = obj_new(sizeof(*c), CHECK_MAGIC);

	assert_control();
	if (c == NULL)
		return ERR_NOMEM;
	if (checks.all.next == NULL)
		checks_init();
	c->server = server;
	c->source = source;
	wheel_timer_init(&c->timer, check_on_timer);
	list_init(&c->in_line);
	list_init(&c->by_all);
	list_init(&c->by_line);
	list_append(&checks.all, &c->by_all);
	*cp = c;
	return ERR_OK;
}

void
check_free(struct check **cp)
{
	struct check *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	check_stop(c);
	if (checks.telling == c)
		checks.telling = NULL;
	list_remove(&c->by_all);
	obj_free(c);
	if (list_is_empty(&checks.all))
		checks_on_last_gone();
}

/*
 * The first ones of a crowd follow each other closely, so that a few are known at once; their second ones are
 * each at its own place within the interval, and so are the first ones of a large crowd.
 */
static void
check_spread(struct check *c)
{
	const uint64_t now = check_now_ms(), interval = check_interval_ms(c);
	uint64_t wait;

	if (now - checks.burst_ms > BURST_GAP_MS)
		checks.burst_count = 0;
	checks.burst_ms = now;
	c->place = GOLDEN_RATIO * checks.burst_count;
	wait = interval * c->place >> 32;
	if (wait > (uint64_t)checks.burst_count * BURST_STEP_MS)
		wait = (uint64_t)checks.burst_count * BURST_STEP_MS;
	else
		c->place = 0;
	checks.burst_count++;
	check_set_timer(c, wait);
}

void
check_start(struct check *c, bool spread)
{
	assert_control();
	if (c->phase != CHECK_RESTS || checks.is_finished)
		return;
	line_add_running(c);
	c->redone = 0;
	c->place = 0;
	c->due_ms = check_now_ms();
	if (spread)
		check_spread(c);
	else
		check_join_line(c);
}

void
check_stop(struct check *c)
{
	assert_control();
	switch (c->phase) {
	case CHECK_RESTS: return;
	case CHECK_TELLS: break;
	case CHECK_WAITS: wheel_cancel(&c->timer); break;
	case CHECK_IN_LINE: line_leave(c); break;
	case CHECK_UNDER_WAY: check_drop_attempt(c); break;
	}
	line_drop_running(c);
	c->phase = CHECK_RESTS;
}

void
check_hurry(struct check *c)
{
	const uint64_t by_ms = check_now_ms() + check_interval_ms(c);

	assert_control();
	if (c->phase != CHECK_WAITS || c->due_ms <= by_ms)
		return;
	c->due_ms = by_ms;
	wheel_set(&loop_self()->wheel, &c->timer, by_ms);
}

/* To close a connection takes its time: what this turn can't bear the next ones do. */
static void
check_make_stale(struct check *c)
{
	c->redone = 0;
	if (list_is_empty(&c->in_line))
		list_append(&checks.stale, &c->in_line);
	checks_drop_stale();
	if (!list_is_empty(&checks.stale))
		checks_queue_work();
}

void
check_again(struct check *c)
{
	assert_control();
	switch (c->phase) {
	case CHECK_RESTS:
	case CHECK_TELLS:
	case CHECK_IN_LINE: break;
	case CHECK_WAITS:
		wheel_cancel(&c->timer);
		check_spread(c);
		break;
	case CHECK_UNDER_WAY: check_make_stale(c); break;
	}
}

static void
checks_make_again(void)
{
	struct check *c = NULL;

	for (unsigned i = 0; i < AGAIN_A_TURN && (c = lines_take_again()) != NULL; i++)
		if (!line_is_of_round(c))
			check_again(c);
	if (c != NULL)
		checks_queue_work();
}

bool
check_is_under_way(const struct check *c)
{
	return c->attempt != NULL;
}

void
checks_set(const struct checks_settings *settings)
{
	assert_control();
	checks.spread_percent = settings->spread_percent;
	lines_set_max(settings->max_under_way);
	if (checks.all.next != NULL && checks_someone_waits())
		checks_queue_work();
}

void
checks_totals(struct checks_totals *totals)
{
	*totals = checks_count();
}

void
checks_finish(void)
{
	assert_control();
	checks.is_finished = true;
	if (checks.all.next == NULL)
		return;
	list_foreach(node, &checks.all)
		check_stop(container_of(node, struct check, by_all));
	checks_rest();
	attempts_finish();
}
