/*
 * A place's queue: whole lines in, bytes or lines out.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include "core/log_priv.h"

static struct log_queue queue;

static int
queue_begin(void **state)
{
	return log_queue_init(&queue) == ERR_OK ? 0 : -1;
}

static int
queue_end(void **state)
{
	log_queue_fini(&queue);
	return 0;
}

static bool
put(const char *a, const char *b)
{
	const struct slice parts[] = { slice_of(a), slice_of(b) };

	return log_queue_put(&queue, parts, 2);
}

/* A line of `len` bytes. */
static bool
put_long(size_t len)
{
	static char bytes[LOG_LINE_MAX_BYTES];
	const struct slice part = { bytes, len };

	return log_queue_put(&queue, &part, 1);
}

static void
chunk_is(size_t max, const char *text)
{
	struct slice chunk = log_queue_chunk(&queue, max);

	assert_int_equal(chunk.len, strlen(text));
	assert_memory_equal(chunk.at, text, chunk.len);
}

static void
a_chunk_is_whole_lines_and_a_piece_of_one_that_is_longer(void **state)
{
	assert_true(put("one", "1"));
	assert_true(put("", "two2"));
	assert_true(put("three", "3"));
	chunk_is(100, "one1two2three3");
	chunk_is(13, "one1two2");
	chunk_is(8, "one1two2");
	chunk_is(7, "one1");
	chunk_is(3, "one");
	assert_int_equal(log_queue_take(&queue, 3), 0);
	chunk_is(100, "1two2three3");
	assert_int_equal(log_queue_take(&queue, 5), 2);
	assert_int_equal(log_queue_take(&queue, 6), 1);
	assert_true(log_queue_is_empty(&queue));
}

static void
a_line_that_was_sent_in_part_can_be_had_whole(void **state)
{
	assert_true(put("first", "."));
	assert_true(put("second", "."));
	assert_int_equal(log_queue_take(&queue, 8), 1);
	chunk_is(100, "cond.");
	log_queue_rewind(&queue);
	chunk_is(100, "second.");
	log_queue_rewind(&queue);
	chunk_is(100, "second.");
}

static void
lines_come_one_by_one_across_the_rings_end(void **state)
{
	struct iovec lines[4][2];

	for (size_t left = LOG_QUEUE_BYTES - 4; left > 0; left -= left < 8000 ? left : 8000)
		assert_true(put_long(left < 8000 ? left : 8000));
	while (queue.first + 1 < queue.last)
		log_queue_take(&queue, log_queue_chunk(&queue, 8000).len);
	assert_true(put("abcdef", "gh"));
	assert_int_equal(log_queue_lines(&queue, lines, 4), 2);
	assert_int_equal(lines[0][1].iov_len, 0);
	assert_int_equal(lines[1][0].iov_len, 4);
	assert_memory_equal(lines[1][0].iov_base, "abcd", 4);
	assert_int_equal(lines[1][1].iov_len, 4);
	assert_memory_equal(lines[1][1].iov_base, "efgh", 4);
	assert_int_equal(log_queue_take(&queue, lines[0][0].iov_len), 1);
	chunk_is(SIZE_MAX, "abcd");
	assert_int_equal(log_queue_take(&queue, 4), 0);
	chunk_is(SIZE_MAX, "efgh");
	log_queue_rewind(&queue);
	assert_int_equal(log_queue_lines(&queue, lines, 4), 1);
	assert_int_equal(lines[0][1].iov_len, 4);
}

static void
what_has_no_room_is_refused_whole(void **state)
{
	size_t count = 0;

	while (put_long(8000))
		count++;
	assert_int_equal(count, LOG_QUEUE_BYTES / 8000);
	assert_true(put_long(LOG_QUEUE_BYTES - queue.head));
	assert_false(put_long(1));
	assert_int_equal(log_queue_take(&queue, 4000), 0);
	assert_false(put_long(1));	/* the line may be needed again */
	assert_int_equal(log_queue_take(&queue, 4000), 1);
	assert_true(put_long(8000));
}

static void
lines_are_bounded_too(void **state)
{
	for (unsigned i = 0; i < LOG_QUEUE_LINES; i++)
		assert_true(put("", "\n"));
	assert_false(put("", "\n"));
	assert_int_equal(log_queue_take(&queue, 10), 10);
	assert_true(put("", "\n"));
}

int
main(void)
{
#define queue_test(fn) cmocka_unit_test_setup_teardown(fn, queue_begin, queue_end)
	const struct CMUnitTest tests[] = {
		queue_test(a_chunk_is_whole_lines_and_a_piece_of_one_that_is_longer),
		queue_test(a_line_that_was_sent_in_part_can_be_had_whole),
		queue_test(lines_come_one_by_one_across_the_rings_end),
		queue_test(what_has_no_room_is_refused_whole),
		queue_test(lines_are_bounded_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
