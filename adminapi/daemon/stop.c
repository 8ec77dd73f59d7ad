/*
 * The way out: not ready, a delay, listeners closed, streams end by themselves or by force.
 * Control thread.
 */
#include "config.h"
#include "adminapi/daemon/stop.h"

#include <signal.h>
#include "adminapi/daemon/listeners.h"
#include "adminapi/daemon/notify.h"
#include "adminapi/rest/events.h"
#include "adminapi/rest/info.h"
#include "adminapi/rest/reload.h"
#include "core/log.h"
#include "stream/engine.h"

static struct {
	struct loop		*loop;
	struct event		*events[3];
	struct wheel_timer	 delay;		/* global.shutdown_delay */
	struct wheel_timer	 hard;		/* global.hard_stop_after */
	bool			 stopping;
} stop;

static void
stop_now(const char *why)
{
	log_msg(LOG_LEVEL_NOTICE, "sluice: ends, %s", why);
	loop_stop(stop.loop);
}

static void
on_idle(void *arg)
{
	stop_now("all sessions have ended");
}

static void
on_hard_stop(struct wheel_timer *timer)
{
	log_msg(LOG_LEVEL_WARNING, "sluice: %u sessions are ended by force, hard_stop_after has passed",
		(unsigned)engine_streams());
	stop_now("hard_stop_after has passed");
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
	log_msg(LOG_LEVEL_NOTICE, "sluice: stopping, %u sessions are open", (unsigned)engine_streams());
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
	} else if (signal == SIGTERM && !stop.stopping) {
		stop_begin();
	} else {
		stop_now(signal == SIGINT ? "SIGINT" : "a second SIGTERM");
	}
}

enum err
stop_init(struct loop *control)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	stop.loop = control;
	wheel_timer_init(&stop.delay, on_delay_passed);
	wheel_timer_init(&stop.hard, on_hard_stop);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		stop.events[i] = evsignal_new(control->base, signals[i], on_signal, NULL);
		if (stop.events[i] == NULL || event_add(stop.events[i], NULL) != 0)
			return ERR_NOMEM;
	}
	return ERR_OK;
}

void
stop_fini(void)
{
	wheel_cancel(&stop.delay);
	wheel_cancel(&stop.hard);
	for (size_t i = 0; i < sizeof(stop.events) / sizeof(stop.events[0]); i++)
		if (stop.events[i] != NULL)
			event_free(stop.events[i]);
}
