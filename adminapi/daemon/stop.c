/*
 * The way out: not ready, a delay, listeners closed, streams end by themselves or by force.
 * Control thread.
 */
#include "config.h"
#include "adminapi/daemon/stop.h"

#include <signal.h>
#include <unistd.h>
#include "adminapi/apply/listeners.h"
#include "adminapi/daemon/notify.h"
#include "adminapi/rest/events.h"
#include "adminapi/rest/info.h"
#include "adminapi/rest/operations.h"
#include "adminapi/rest/reload.h"
#include "core/log.h"
#include "stream/engine.h"

#define LAST_TICK_MS	5	/* between two looks at what is under way */
#define LAST_SILENT_MS	200	/* for a client that has connected and said nothing yet */
#define LAST_ANSWERS_MS	5000	/* for answers that somebody reads slowly */

static struct {
	struct loop		*loop;
	const struct http_server *http;
	struct event		*events[4];
	struct wheel_timer	 delay;		/* global.shutdown_delay */
	struct wheel_timer	 hard;		/* global.hard_stop_after */
	struct wheel_timer	 last;		/* looks whether the admin server has answered all */
	uint64_t		 last_since_ms;
	bool			 stopping;
} stop;

static void
stop_now(const char *why)
{
	log_msg(LOG_LEVEL_NOTICE, "sluice: ends, %s", why);
	loop_stop(stop.loop);
}

static void
on_last_tick(struct wheel_timer *timer)
{
	uint64_t waited_ms = stop.loop->now_ms - stop.last_since_ms;

	if (waited_ms >= LAST_ANSWERS_MS ||
	    http_server_busy(stop.http, waited_ms < LAST_SILENT_MS) == 0)
		loop_stop(stop.loop);
	else
		wheel_set(&stop.loop->wheel, timer, stop.loop->now_ms + LAST_TICK_MS);
}

/* The traffic has ended. Who has reached the admin server by now gets an answer yet. */
static void
stop_softly(const char *why)
{
	log_msg(LOG_LEVEL_NOTICE, "sluice: ends, %s", why);
	wheel_cancel(&stop.hard);
	listeners_close();
	operations_answer_all();
	stop.last_since_ms = stop.loop->now_ms;
	on_last_tick(&stop.last);
}

static void
on_idle(void *arg)
{
	stop_softly("all sessions have ended");
}

static void
on_hard_stop(struct wheel_timer *timer)
{
	log_msg(LOG_LEVEL_WARNING,
		"sluice: %u sessions are ended by force, hard_stop_after has passed",
		(unsigned)engine_streams());
	engine_on_idle(NULL, NULL);
	stop_softly("hard_stop_after has passed");
}

static void
on_delay_passed(struct wheel_timer *timer)
{
	int64_t hard_ms = global_in_force()->hard_stop_after_ms;

	engine_stop_listening();
	if (hard_ms != TIMEOUT_NONE)
		wheel_set(&stop.loop->wheel, &stop.hard, stop.loop->now_ms + (uint64_t)hard_ms);
	engine_on_idle(on_idle, NULL);
}

static void
stop_begin(void)
{
	int64_t delay_ms = global_in_force()->shutdown_delay_ms;

	stop.stopping = true;
	ready_stop();
	notify_stopping();
	event_emit(EVENT_PROCESS, SLICE("\"state\":\"stopping\""));
	log_msg(LOG_LEVEL_NOTICE, "sluice: stopping, %u sessions are open",
		(unsigned)engine_streams());
	if (delay_ms == 0)
		on_delay_passed(&stop.delay);
	else
		wheel_set(&stop.loop->wheel, &stop.delay, stop.loop->now_ms + (uint64_t)delay_ms);
}

static void
on_signal(evutil_socket_t signal, short what, void *arg)
{
	loop_mark(stop.loop);
	if (signal == SIGHUP) {
		notify_reloading();
		reload_signal();
	} else if (signal == SIGUSR1) {
		log_reopen();
	} else if (signal == SIGTERM && !stop.stopping) {
		stop_begin();
	} else {
		stop_now(signal == SIGINT ? "SIGINT" : "a second SIGTERM");
	}
}

enum err
stop_init(struct loop *control, const struct http_server *http)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };

	stop.loop = control;
	stop.http = http;
	wheel_timer_init(&stop.delay, on_delay_passed);
	wheel_timer_init(&stop.hard, on_hard_stop);
	wheel_timer_init(&stop.last, on_last_tick);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		stop.events[i] = evsignal_new(control->base, signals[i], on_signal, NULL);
		if (stop.events[i] == NULL || event_add(stop.events[i], NULL) != 0)
			return ERR_NOMEM;
	}
	return ERR_OK;
}

static void
stop_watch_end(void)
{
	wheel_cancel(&stop.delay);
	wheel_cancel(&stop.hard);
	wheel_cancel(&stop.last);
	for (size_t i = 0; i < sizeof(stop.events) / sizeof(stop.events[0]); i++)
		if (stop.events[i] != NULL)
			event_free(stop.events[i]);
}

static volatile sig_atomic_t last_status;

/* Async-signal-safe: whatever hangs, hangs; there is nothing to be saved but time. */
static void
on_last_signal(int signal)
{
	static const char late[] = "sluice: a thread did not end in time\n";
	ssize_t told = signal == SIGALRM ? write(STDERR_FILENO, late, sizeof(late) - 1) : 0;

	(void)told;
	_exit(last_status);
}

void
stop_last(int status)
{
	const struct sigaction at_once = { .sa_handler = on_last_signal };
	sigset_t signals, before;

	last_status = status;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &signals,
			&before); /* freeing an event brings the default back */
	stop_watch_end();
	sigaction(SIGALRM, &at_once, NULL);
	sigaction(SIGINT, &at_once, NULL);
	sigaction(SIGTERM, &at_once, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	alarm(STOP_LIMIT_S);
}
