/*
 * Userlists: users with passwords and groups (HAProxy manual, 3.4), for http_auth() and its kin.
 *
 * Made by control or the helper, then read only; counted, any thread.
 *
 * A password's hash costs what it was made for (measured: $5$ and $6$ of 5000 rounds 1 to 3 ms, $y$ 60 ms,
 * $2b$10$ 140 ms), and the worker that checks it does nothing else meanwhile. So each thread remembers
 * what it checked, good or bad, under a keyed digest of hash and password, never the password: a login
 * that is used stays known, others are forgotten after USERLIST_KNOWN_MS. Guesses can't crowd logins out,
 * and what a thread spends on passwords that it does not know is bounded, for each user and for
 * all: over that they are refused unchecked, and counted. So who guesses at one user locks nobody
 * else out. What is known is found in 1 us.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/diag.h"
#include "core/err.h"
#include "core/str.h"

#define USERLIST_PASSWORD_MAX_BYTES 512 /* of what is checked: the cost grows with it */
#define USERLIST_KNOWN_MS 60000         /* since it was checked, or last used */
#define USERLIST_SPEND_PERCENT 25       /* of a thread's time for passwords that it does not know */
#define USERLIST_USER_PERCENT 5         /* of these, those of one user */

struct userlist;

/* -- making one -- */

enum err userlist_new(struct userlist **lp);

/*
 * `is_hash`: the password is crypt(3)'s, else it is itself. ERR_INVALID: no such hash here, `diag` says so;
 * ERR_EXISTS; ERR_NOMEM.
 */
enum err userlist_add(struct userlist *list, struct slice user, struct slice password, bool is_hash,
		      struct diag *diag);

/* ERR_UNKNOWN: there is no such user. Twice is once. */
enum err userlist_add_to_group(struct userlist *list, struct slice user, struct slice group);

/* -- asking -- */

/* LOGIN_UNCHECKED: nobody looked whether it is the password, as there was no time for that. */
enum login_verdict { LOGIN_WRONG, LOGIN_RIGHT, LOGIN_UNCHECKED };
enum login_verdict userlist_check(const struct userlist *list, struct slice user,
				  struct slice password);
/* His groups, one after the other; *index is 0 at first. False: no more. */
bool userlist_group_next(const struct userlist *list, struct slice user, uint32_t *index,
			 struct slice *group);
size_t userlist_count(const struct userlist *list);

struct userlist *userlist_ref(struct userlist *list);
void userlist_unref(struct userlist **lp); /* *lp may be NULL, and is NULL afterwards */

struct userlist_counts {
	uint64_t checked;  /* hashes that were computed */
	uint64_t spent_us; /* on that */
	uint64_t refused;  /* unchecked: his, or the thread's, share of time was spent */
};
void userlist_counts(struct userlist_counts *counts); /* of the process; any thread */
