/*
 * The workers together: start, limits, stop. Control thread, but for what engine_priv.h says.
 */
#include "config.h"
#include "stream/engine_priv.h"
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include "core/obj.h"
#include "core/publish.h"
#include "core/snap.h"
#include "stream/stream_priv.h"
#include "stream/worker_priv.h"

/* What control tells a worker, and the worker's word that it is done. */
struct engine_order {
	struct mail	 mail;
	struct worker	*worker;
};

struct engine engine;

/* Control's alone. */
static struct {
	struct engine_order	*stop_listening;	/* one a worker */
	struct engine_order	*stop;
	uint32_t		 listening;	/* workers that have not said that they stopped */
	bool			 told_idle;
	void		       (*on_idle)(void *arg);
	void			*on_idle_arg;
	struct mail		 idle;		/* the last stream ended; any worker sends it, once */
	_Atomic bool		 idle_sent;
} engine_control;

struct worker *
engine_worker(const struct loop *loop)
{
	assert(loop->index < engine.threads);
	return engine.workers[loop->index];
}

void
engine_resume(uint64_t workers)
{
	for (uint32_t i = 0; workers != 0; i++, workers >>= 1) {
		if (workers & 1)
			worker_resume(engine.workers[i]);
	}
}

static void
engine_check_idle(void)
{
	if (!atomic_load(&engine.stopping) || engine_control.listening > 0 ||
	    engine_control.told_idle || atomic_load(&engine.connections.current) > 0)
		return;
	if (engine_control.on_idle == NULL)
		return;
	engine_control.told_idle = true;
	engine_control.on_idle(engine_control.on_idle_arg);
}

static void
engine_on_idle_mail(struct mail *mail)
{
	/* first: a stream that ends from here on sends it again */
	atomic_store(&engine_control.idle_sent, false);
	engine_check_idle();
}

/*
 * Seq_cst like limit_priv.h's: engine_stop_listening() sets `stopping` and looks at `current`
 * later, here it is the other way round, so one of the two sees that it is over.
 */
void
engine_connection_gone(void)
{
	engine_resume(limit_empty(&engine.connections));
	if (atomic_load(&engine.stopping) && atomic_load(&engine.connections.current) == 0 &&
	    !atomic_exchange(&engine_control.idle_sent, true))
		mailbox_send(&engine.control->mailbox, &engine_control.idle);
}

static enum err
engine_allocate(const struct engine_conf *conf, struct loop *control)
{
	const uint32_t threads = conf->threads;

	engine.control = control;
	engine.threads = threads;
	engine.workers = calloc(threads, sizeof(engine.workers[0]));
	engine.loops = calloc(threads, sizeof(engine.loops[0]));
	engine_control.stop_listening = calloc(threads, sizeof(struct engine_order));
	engine_control.stop = calloc(threads, sizeof(struct engine_order));
	if (engine.workers == NULL || engine.loops == NULL ||
	    engine_control.stop_listening == NULL || engine_control.stop == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < threads; i++) {
		enum err result = worker_new(&engine.workers[i], i, &engine.pipes);

		if (result != ERR_OK)
			return result;
		engine.loops[i] = engine.workers[i]->loop;
	}
	return ERR_OK;
}

/* Signals are the main thread's; SIGPIPE of a splice() stays blocked for ever. */
static enum err
engine_start_threads(void)
{
	enum err result = ERR_OK;
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (uint32_t i = 0; i < engine.threads && result == ERR_OK; i++) {
		struct worker *w = engine.workers[i];

		w->started = pthread_create(&w->thread, NULL, worker_main, w) == 0;
		if (!w->started)
			result = ERR_SYSTEM;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

enum err
engine_start(const struct engine_conf *conf, struct loop *control)
{
	enum err result;

	assert(conf->threads >= 1 && conf->threads <= ENGINE_MAX_THREADS);
	assert(engine.threads == 0);
	atomic_store(&engine.connections.max, conf->maxconn);
	atomic_store(&engine.pipes.limit, conf->pipe_memory);
	engine_control.listening = conf->threads;
	engine_control.idle.deliver = engine_on_idle_mail;
	result = engine_allocate(conf, control);
	if (result == ERR_OK) {
		snap_set_home(&control->mailbox);
		publish_set_workers(engine.loops, engine.threads);
		server_set_end_stream(stream_end_by_server);
		result = engine_start_threads();
	}
	if (result != ERR_OK)
		engine_stop();
	return result;
}

void
engine_set_maxconn(uint32_t maxconn)
{
	engine_resume(limit_set_max(&engine.connections, maxconn));
}

void
engine_set_pipe_memory(uint64_t bytes)
{
	atomic_store_explicit(&engine.pipes.limit, bytes, memory_order_relaxed);
}

static void
engine_on_listening_stopped(struct mail *mail)
{
	assert(engine_control.listening > 0);
	engine_control.listening--;
	engine_check_idle();
}

/* Worker. */
static void
engine_on_stop_listening(struct mail *mail)
{
	struct engine_order *order = container_of(mail, struct engine_order, mail);

	worker_stop_listening(order->worker);
	mail->deliver = engine_on_listening_stopped;
	mailbox_send(&engine.control->mailbox, mail);
}

/* Worker. */
static void
engine_on_stop(struct mail *mail)
{
	worker_stop(container_of(mail, struct engine_order, mail)->worker);
}

static void
engine_order_all(struct engine_order *orders, void (*deliver)(struct mail *))
{
	for (uint32_t i = 0; i < engine.threads; i++) {
		struct worker *w = engine.workers[i];

		if (w == NULL || !w->started)
			continue;
		orders[i].worker = w;
		orders[i].mail.deliver = deliver;
		mailbox_send(&w->loop->mailbox, &orders[i].mail);
	}
}

void
engine_stop_listening(void)
{
	assert_control();
	if (atomic_exchange(&engine.stopping, true))
		return;
	engine_order_all(engine_control.stop_listening, engine_on_stop_listening);
}

uint32_t
engine_streams(void)
{
	return atomic_load_explicit(&engine.connections.current, memory_order_relaxed);
}

void
engine_on_idle(void (*on_idle)(void *arg), void *arg)
{
	assert_control();
	engine_control.on_idle = on_idle;
	engine_control.on_idle_arg = arg;
	engine_check_idle();
}

/* Forget everything, so that it can be started again. */
static void
engine_reset(void)
{
	free(engine.workers);
	free(engine.loops);
	free(engine_control.stop_listening);
	free(engine_control.stop);
	engine.workers = NULL;
	engine.loops = NULL;
	engine.threads = 0;
	engine_control.stop_listening = engine_control.stop = NULL;
	engine_control.told_idle = false;
	engine_control.on_idle = NULL;
	atomic_store(&engine_control.idle_sent, false);
	atomic_store(&engine.stopping, false);
	atomic_store(&engine.connections.peak, 0);
	atomic_store(&engine.connections.waiting, 0);
}

void
engine_stop(void)
{
	if (engine.threads == 0)
		return;
	atomic_store(&engine.stopping, true);
	if (engine_control.stop != NULL)
		engine_order_all(engine_control.stop, engine_on_stop);
	for (uint32_t i = 0; engine.workers != NULL && i < engine.threads; i++) {
		if (engine.workers[i] != NULL && engine.workers[i]->started)
			(void)pthread_join(engine.workers[i]->thread, NULL);
	}
	/* what they sent home: snapshots that are free now */
	while (mailbox_deliver(&engine.control->mailbox))
		;
	publish_set_workers(NULL, 0);
	for (uint32_t i = 0; engine.workers != NULL && i < engine.threads; i++)
		worker_free(&engine.workers[i]);
	engine_reset();
}

uint32_t
engine_threads(void)
{
	return engine.threads;
}

void
engine_totals(struct engine_totals *totals)
{
	*totals = (struct engine_totals){ 0 };
	totals->current = engine_streams();
	totals->max = atomic_load_explicit(&engine.connections.peak, memory_order_relaxed);
	totals->pipe_memory_used = count_get(&engine.pipes.used);
	for (uint32_t i = 0; i < engine.threads; i++) {
		const struct worker *w = engine.workers[i];

		totals->connections += count_get(&w->counters.connections);
		totals->bytes_in += count_get(&w->counters.bytes_in);
		totals->bytes_out += count_get(&w->counters.bytes_out);
		totals->slow_turns += count_get(&w->loop->slow_turns);
		totals->worst_turn_us =
			later_of(totals->worst_turn_us, count_get(&w->loop->worst_turn_us));
	}
}
