/*
 * A control loop on the test's own thread, and workers that run theirs: for what goes on between
 * them.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>
#include "core/grace.h"
#include "core/obj.h"
#include "core/publish.h"

#define CREW_WORKERS 2
static struct loop *crew_control;
static struct loop *crew_workers[CREW_WORKERS];
static pthread_t crew_threads[CREW_WORKERS];

static inline void *
crew_main(void *arg)
{
	loop_run(arg);
	return NULL;
}

static inline void
crew_on_stop(struct mail *mail)
{
	loop_stop(loop_self());
}

static inline int
crew_start(void **state)
{
	(void)state;
	if (loop_new(&crew_control, LOOP_CONTROL) != ERR_OK)
		return -1;
	loop_adopt(crew_control);
	for (uint32_t i = 0; i < CREW_WORKERS; i++) {
		if (loop_new(&crew_workers[i], i) != ERR_OK ||
		    pthread_create(&crew_threads[i], NULL, crew_main, crew_workers[i]) != 0)
			return -1;
	}
	publish_set_workers(crew_workers, CREW_WORKERS);
	return 0;
}

static inline int
crew_stop(void **state)
{
	static struct mail mails[CREW_WORKERS];

	(void)state;
	for (uint32_t i = 0; i < CREW_WORKERS; i++) {
		mails[i].deliver = crew_on_stop;
		mailbox_send(&crew_workers[i]->mailbox, &mails[i]);
		pthread_join(crew_threads[i], NULL);
	}
	publish_set_workers(NULL, 0);
	grace_flush();
	for (uint32_t i = 0; i < CREW_WORKERS; i++)
		loop_free(&crew_workers[i]);
	loop_free(&crew_control);
	return 0;
}

/* Turn the control loop until the worker's job (or whoever sets it) says so. */
static inline void
crew_wait(const _Atomic(bool) *flag)
{
	while (!atomic_load_explicit(flag, memory_order_acquire))
		loop_turn(crew_control, true);
}
