/*
 * The scene of the store's tests: a folder of its own, a mailbox, a store, and what done() said.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "adminapi/store/store.h"

#define ANSWERS_MAX 4096

struct scene {
	char		dir[64];   /* the test's */
	char		state[96]; /* the state directory, made by the store */
	char		db[128];
	struct mailbox	box;
	struct store   *store;
	struct diag	diag;
	unsigned	answers;
	enum err	results[ANSWERS_MAX];
	char		why[DIAG_MAX_BYTES]; /* of the last failure */
	struct buf	rows;		     /* "path body meta revision\n" of scene_load() */
};

static inline void
scene_answer(enum err result, const char *why, void *arg)
{
	struct scene *s = arg;

	assert_true(s->answers < ANSWERS_MAX);
	assert_true((result == ERR_OK) == (why == NULL));
	s->results[s->answers++] = result;
	if (why != NULL)
		snprintf(s->why, sizeof(s->why), "%s", why);
}

static inline enum err
scene_try_open(struct scene *s, const char *dir, bool read_only)
{
	return store_open(&s->store, dir, read_only, &s->diag);
}

static inline void
scene_open(struct scene *s)
{
	if (scene_try_open(s, s->state, false) != ERR_OK)
		fail_msg("%s", s->diag.text);
}

static inline void
scene_start(struct scene *s)
{
	assert_int_equal(store_start(s->store, &s->box), ERR_OK);
}

static inline void
scene_close(struct scene *s)
{
	store_close(&s->store);
	mailbox_deliver(&s->box);
}

static inline int
scene_begin(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	snprintf(s->dir, sizeof(s->dir), "/tmp/sluice-store-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->state, sizeof(s->state), "%s/state", s->dir);
	snprintf(s->db, sizeof(s->db), "%s/sluice.db", s->state);
	assert_int_equal(mailbox_init(&s->box), ERR_OK);
	*state = s;
	return 0;
}

static inline int
scene_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static inline int
scene_end(void **state)
{
	struct scene *s = *state;

	scene_close(s);
	mailbox_fini(&s->box);
	buf_fini(&s->rows);
	nftw(s->dir, scene_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(s);
	return 0;
}

static inline struct store_txn *
txn_new(void)
{
	struct store_txn *txn = NULL;

	assert_int_equal(store_txn_new(&txn), ERR_OK);
	return txn;
}

/* A transaction that puts one row. */
static inline struct store_txn *
txn_of(const char *path, const char *body, uint64_t revision)
{
	struct store_txn *txn = txn_new();

	assert_int_equal(store_txn_put(txn, path, slice_of(body), SLICE(""), revision), ERR_OK);
	return txn;
}

/* Wait for mail and deliver it. The eventfd is emptied first: mail that comes later fills it anew. */
static inline void
scene_turn(struct scene *s)
{
	struct pollfd p = { .fd = s->box.fd, .events = POLLIN };
	uint64_t count;

	assert_int_equal(poll(&p, 1, 20000), 1);
	assert_int_equal(read(s->box.fd, &count, sizeof(count)), sizeof(count));
	mailbox_deliver(&s->box);
}

/* Wait until done() was called `answers` times in all. */
static inline void
scene_wait(struct scene *s, unsigned answers)
{
	while (s->answers < answers)
		scene_turn(s);
	assert_int_equal(s->answers, answers);
}

/* Commit it alone and return what came of it. */
static inline enum err
scene_commit(struct scene *s, struct store_txn *txn, uint64_t epoch)
{
	unsigned before = s->answers;

	store_commit(s->store, txn, epoch, scene_answer, s);
	scene_wait(s, before + 1);
	return s->results[before];
}

static inline enum err
scene_row(const struct store_row *row, void *arg)
{
	struct scene *s = arg;

	buf_put(&s->rows, row->path.at, row->path.len);
	buf_puts(&s->rows, " ");
	buf_put(&s->rows, row->body.at, row->body.len);
	buf_puts(&s->rows, " ");
	buf_put(&s->rows, row->meta.at, row->meta.len);
	buf_printf(&s->rows, " %llu\n", (unsigned long long)row->revision);
	return ERR_OK;
}

/* All that was saved, as text. The store must not have been started. */
static inline const char *
scene_load(struct scene *s)
{
	buf_clear(&s->rows);
	if (store_load(s->store, scene_row, s, &s->diag) != ERR_OK)
		fail_msg("%s", s->diag.text);
	buf_put(&s->rows, "", 1);
	return s->rows.at;
}

/* The same after closing and opening anew. */
static inline const char *
scene_reload(struct scene *s)
{
	scene_close(s);
	scene_open(s);
	return scene_load(s);
}
