/*
 * A limit on connections that pauses who would go over it: of the process, of a frontend.
 *
 * Shared by all workers. Nobody is refused: a worker that gets no place stops accepting, and is
 * told by mail when one was given back, on whatever worker that was.
 *
 * A place is taken before accept4() is tried and given back where nobody was there, so `places` is
 * no count of connections: `current` is, and `peak` is of that alone.
 *
 * No wake-up is lost. Who pauses sets its bit in `waiting` and then tries once more; who gives back
 * lowers `places` (or raises `max`) and then looks at `waiting`. All of these are sequentially
 * consistent, so one of the two sees the other. Every waiting worker is told at once: the one that
 * finds nothing to accept would otherwise have to pass the word on.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LIMIT_NONE UINT32_MAX

struct limit {
	_Alignas(64) _Atomic uint32_t places;	/* taken: connections, and accepts that are tried */
	_Atomic uint32_t	 current;	/* connections */
	_Atomic uint32_t	 peak;		/* the highest `current`; relaxed */
	_Atomic uint32_t	 max;
	_Atomic uint64_t	 waiting;	/* bit: the worker has paused */
};

/* Take a place. False: full. */
static inline bool
limit_take(struct limit *limit)
{
	uint32_t places = atomic_load(&limit->places);

	do {
		if (places >= atomic_load(&limit->max))
			return false;
	} while (!atomic_compare_exchange_weak(&limit->places, &places, places + 1));
	return true;
}

/* Take one even where there is none. */
static inline void
limit_force(struct limit *limit)
{
	atomic_fetch_add(&limit->places, 1);
}

/* The place that was taken is a connection's now. */
static inline void
limit_fill(struct limit *limit)
{
	uint32_t current = atomic_fetch_add(&limit->current, 1) + 1;
	uint32_t peak = atomic_load_explicit(&limit->peak, memory_order_relaxed);

	while (current > peak &&
	       !atomic_compare_exchange_weak_explicit(&limit->peak, &peak, current,
						      memory_order_relaxed, memory_order_relaxed))
		;
}

/* Say that `worker` wants to be told; it must try limit_take() once more afterwards. */
static inline void
limit_wait(struct limit *limit, uint32_t worker)
{
	atomic_fetch_or(&limit->waiting, UINT64_C(1) << worker);
}

/* Those who wait, to be told (worker_resume()); they are forgotten here. */
static inline uint64_t
limit_take_waiting(struct limit *limit)
{
	if (atomic_load(&limit->waiting) == 0)
		return 0;
	return atomic_exchange(&limit->waiting, 0);
}

/* Give back a place that was not filled; returns the workers to be told. */
static inline uint64_t
limit_give(struct limit *limit)
{
	atomic_fetch_sub(&limit->places, 1);
	return limit_take_waiting(limit);
}

/* A connection is gone, and its place with it. */
static inline uint64_t
limit_empty(struct limit *limit)
{
	atomic_fetch_sub(&limit->current, 1);
	return limit_give(limit);
}

/* A few places may be free now. */
static inline uint64_t
limit_set_max(struct limit *limit, uint32_t max)
{
	atomic_store(&limit->max, max);
	return limit_take_waiting(limit);
}
