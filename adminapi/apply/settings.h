/*
 * What the document's resources become: plain C, ready for the data plane and the daemon.
 *
 * Compiled from chains (what holds), so what the API shows is what is done. Pure; any thread.
 */
#pragma once

#include <sys/types.h>
#include "adminapi/doc/plan.h"
#include "expr/args.h"
#include "net/bind.h"
#include "server/backend.h"
#include "stream/frontend.h"

/* A frontend before its sockets and its backend are known. */
struct frontend_settings {
	struct frontend_conf	*conf;			/* binds empty, default_backend NULL */
	char			*default_backend;	/* NULL: none */
	uint32_t		 bind_count;
	struct bind_conf	 binds[];
};

struct global_settings {
	uint32_t	maxconn;		/* 0: not given */
	int64_t		pipe_memory;
	int64_t		shutdown_delay_ms, hard_stop_after_ms;	/* TIMEOUT_NONE: for ever */
	uint32_t	max_checks, spread_checks;	/* spread: percent */
};

struct admin_settings {
	char		**hosts;
	uint32_t	  host_count;
	uint32_t	  listen_count;
	struct {
		struct addr	addr;
		mode_t		mode;
	}		  listen[];
};

/* By kind, for plans. */
extern const struct plan_compiler settings_compilers[DOC_KINDS];
