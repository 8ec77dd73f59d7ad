/*
 * A frontend as its workers see it.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "core/list.h"
#include "core/rate.h"
#include "core/snap.h"
#include "stream/frontend.h"
#include "stream/limit_priv.h"

/* One writer, readers may be late: relaxed. */
struct frontend_counters {
	_Atomic uint64_t	sessions;
	_Atomic uint64_t	bytes_in;
	_Atomic uint64_t	bytes_out;
	_Atomic uint64_t	responses[HTTP_CLASSES];	/* by status / 100; 0: others */
	_Atomic uint64_t	refused;	/* accepted and closed: no memory for a stream */
	struct rate		session_rate;	/* connections */
	struct rate		request_rate;	/* of HTTP */
	_Atomic uint64_t	denied;		/* by rules: connections, requests, responses */
};

/* A worker's view of a frontend. */
struct frontend_slot {
	_Alignas(64) struct snap_slot	 ref;	/* streams count here */
	struct frontend_conf		*conf;	/* what is installed; NULL before and after */
	struct list			 listeners;
	struct frontend_counters	 counters;
};

struct frontend {
	unsigned		 magic;
#define FRONTEND_MAGIC		 0xf407e4d2
	struct snap		 snap;
	char			*name;
	uint32_t		 id;		/* backend_number(): for "fe_id" */
	struct frontend_conf	*conf;		/* published; control */
	bool			 has_items;	/* control: a publication was made for it */
	struct limit		 sessions;	/* shared by all workers */
	_Atomic uint64_t	 log_lines;	/* any worker: that asked for their number, %lc */
	uint32_t		 holders;	/* control: expressions that name it */
	bool			 is_home;	/* control: nobody else needs it */
	uint32_t		 workers;
	struct frontend_slot	 slots[];
};

/* Which of the conf's binds it is: its address is no name, so its serial is asked for, too. */
bool frontend_conf_find_bind(const struct frontend_conf *conf, const struct bind *bind,
			     uint64_t serial, uint32_t *index);

extern uint32_t frontend_cut_off_ms;	/* control; tests have less patience */
