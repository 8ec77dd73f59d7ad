/*
 * Variables: values under a name, for a client connection, a stream, or the process (HAProxy
 * manual, "set-var").
 *
 * A scope's values lie in blocks of the worker's, so that setting one takes no malloc while blocks are
 * warm. A scope's bytes have a limit; what does not fit is not set, and says so. Those of a stream or
 * client are its worker's; those of the process are behind one lock, and are copied out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/spares.h"
#include "core/str.h"
#include "expr/args.h"
#include "expr/sample.h"

#define VARS_BLOCK_BYTES	1024		/* of the spares that are given */
#define VARS_MAX_BYTES		(64 * 1024)	/* of one scope of one owner */
#define VARS_PROC_MAX_BYTES	(1024 * 1024)
#define VAR_NAMES_MAX		4096		/* different names at a time */

/*
 * "txn.my_name": the scope's word, a dot, [A-Za-z0-9_.]+. ERR_INVALID, ERR_LIMIT (names),
 * ERR_NOMEM: `id` is left alone. Whoever holds an id gives it back with var_id_drop(); a name that
 * nobody holds any more is free, and what the process had under it is gone. Any thread.
 */
enum err var_id_parse(struct var_id *id, struct slice text, struct diag *diag);
void var_id_drop(struct var_id *id);	/* of name 0: nothing; it is 0 afterwards */

/* A scope of a stream or client. {0} is empty. */
struct vars {
	struct vars_block	*blocks;	/* newest first */
	uint32_t		 bytes;
};

/*
 * Where blocks come from and go to: a list for malloc(VARS_BLOCK_BYTES); larger values have blocks
 * of their own.
 */
void vars_fini(struct vars *vars, struct spares *blocks);

/*
 * False: it is not set. Text points into the scope, until it is set anew; of the process's, into
 * eval->room.
 */
bool var_get(struct eval *eval, struct var_id id, struct sample *sample);

/*
 * Text is copied; it may be the variable's own. ERR_LIMIT: the scope is full; ERR_NOMEM;
 * ERR_INVALID: no such scope here. Nothing is set then. `blocks`: NULL: of malloc(), as those of
 * tests.
 */
enum err var_set(struct eval *eval, struct var_id id, const struct sample *sample,
		 struct spares *blocks);
void var_unset(struct eval *eval, struct var_id id);

/* Conditions of set-var (HAProxy manual, 4.2 "http-request set-var"): all that are given must hold. */
#define VAR_IF_EXISTS		0x01
#define VAR_IF_NOT_EXISTS	0x02
#define VAR_IF_EMPTY		0x04	/* what would be set is */
#define VAR_IF_NOT_EMPTY	0x08
#define VAR_IF_SET		0x10	/* as exists: what is unset is gone */
#define VAR_IF_NOT_SET		0x20
#define VAR_IF_GT		0x40	/* there is none, or its number is greater than the new one */
#define VAR_IF_LT		0x80

/* "ifexists": one more of these in *conds. False: it is none. */
bool var_cond_find(unsigned *conds, struct slice word);
bool var_may_set(struct eval *eval, struct var_id id, const struct sample *sample, unsigned conds);
