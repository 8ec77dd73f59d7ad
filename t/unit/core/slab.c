/*
 * Slabs: pools that keep some, queues that keep bytes.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "core/slab.h"

static struct slab_pool pool;

static int
open_pool(void **state)
{
	(void)state;
	slab_pool_init(&pool, 2);
	return 0;
}

static int
close_pool(void **state)
{
	(void)state;
	slab_pool_fini(&pool);
	return 0;
}

/* All that the queue holds, in one piece. */
static size_t
gather(const struct slab_queue *q, char *to, size_t size)
{
	struct iovec iov[64];
	int n = slab_queue_iov(q, iov, 64);
	size_t len = 0;

	for (int i = 0; i < n; i++) {
		assert_true(len + iov[i].iov_len <= size);
		memcpy(to + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	return len;
}

static void
a_pool_keeps_what_it_was_told_and_no_more(void **state)
{
	struct slab *slabs[4];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		slabs[i] = slab_take(&pool);
		assert_non_null(slabs[i]);
	}
	assert_int_equal(pool.used, 4);
	for (unsigned i = 0; i < 4; i++)
		slab_give(&pool, slabs[i]);
	assert_int_equal(pool.used, 0);
	assert_int_equal(pool.free_count, 2);
	assert_ptr_equal(slab_take(&pool), slabs[1]); /* the last that was kept */
	slab_give(&pool, slabs[1]);
}

static void
bytes_come_out_as_they_went_in_over_many_slabs(void **state)
{
	static char in[5 * SLAB_BYTES], out[5 * SLAB_BYTES];
	struct slab_queue q = { 0 };
	size_t done = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)(i * 31 + i / 251);
	for (size_t at = 0, n = 1; at < sizeof(in); at += n, n = n * 2 + 1) {
		n = n < sizeof(in) - at ? n : sizeof(in) - at;
		assert_int_equal(slab_queue_put(&q, &pool, in + at, n), 0);
	}
	assert_int_equal(q.bytes, sizeof(in));
	for (size_t n = 7; q.bytes > 0; n = n * 3) {
		size_t held = q.bytes;

		assert_int_equal(gather(&q, out, sizeof(out)), held);
		assert_memory_equal(out, in + done, held);
		slab_queue_drop(&q, &pool, n);
		done += held - q.bytes;
	}
	assert_int_equal(done, sizeof(in));
	assert_null(q.head);
	assert_null(q.tail);
	assert_int_equal(pool.used, 0);
}

static void
an_empty_queue_holds_no_slab(void **state)
{
	struct slab_queue q = { 0 };
	struct iovec iov;

	(void)state;
	assert_int_equal(slab_queue_put(&q, &pool, "", 0), 0);
	assert_int_equal(pool.used, 0);
	assert_int_equal(slab_queue_iov(&q, &iov, 1), 0);
	slab_queue_put(&q, &pool, "abc", 3);
	assert_int_equal(pool.used, 1);
	slab_queue_clear(&q, &pool);
	assert_int_equal(pool.used, 0);
	assert_int_equal(q.bytes, 0);
}

static void
an_exact_fill_takes_exactly_its_slabs(void **state)
{
	static char bytes[2 * SLAB_ROOM + 1];
	struct slab_queue q = { 0 };

	(void)state;
	slab_queue_put(&q, &pool, bytes, 2 * SLAB_ROOM);
	assert_int_equal(pool.used, 2);
	slab_queue_put(&q, &pool, bytes, 1);
	assert_int_equal(pool.used, 3);
	slab_queue_drop(&q, &pool, SLAB_ROOM);
	assert_int_equal(pool.used, 2);
	slab_queue_clear(&q, &pool);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_pool, close_pool)
	const struct CMUnitTest tests[] = {
		TEST(a_pool_keeps_what_it_was_told_and_no_more),
		TEST(bytes_come_out_as_they_went_in_over_many_slabs),
		TEST(an_empty_queue_holds_no_slab),
		TEST(an_exact_fill_takes_exactly_its_slabs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
