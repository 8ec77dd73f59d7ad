/*
 * Large bodies through a flow, copied and spliced: nothing is lost, little is held, others get their
 * turn.
 */
#include "config.h"
#include "t/unit/stream/flow.h"

#define MOVES_MAX 100000 /* no sound run needs more */

static char bulk[ROOM], message[ROOM];

/* Noise, so that nothing that is lost, doubled or moved goes unnoticed. */
static void
bulk_fill(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < ROOM; i++) {
		x = x * 1664525 + 1013904223;
		bulk[i] = (char)(x >> 24);
	}
}

/* The first `len` bytes of bulk in chunks of `size`, as a message; how long that is. */
static size_t
bulk_in_chunks(size_t len, size_t size)
{
	size_t n = 0;

	for (size_t at = 0; at < len; at += size) {
		const size_t chunk = len - at < size ? len - at : size;

		assert_true(n + chunk + 64 < ROOM); /* with room for sizes and the end */
		n += (size_t)sprintf(message + n, "%zx\r\n", chunk);
		memcpy(message + n, bulk + at, chunk);
		n += chunk;
		n += (size_t)sprintf(message + n, "\r\n");
	}
	return n + (size_t)sprintf(message + n, "0\r\n\r\n");
}

/* Say all of it, then perhaps the end, until the flow is done; the sink reads in each `slow`th move. */
static void
converse(const char *said, size_t len, bool then_ends, int slow)
{
	const size_t step = 300 * KIB;
	size_t at = 0;

	for (int i = 0; flow.state == FLOW_OPEN || flow_holds(&flow) || at < len; i++) {
		assert_true(i < MOVES_MAX);
		if (at < len) {
			at += says(said + at, len - at < step ? len - at : step);
			if (at == len && then_ends)
				ends();
		}
		run_once();
		assert_true(result == FLOW_WAITS || result == FLOW_MORE);
		if (i % slow == 0)
			reads();
	}
	reads();
}

static void
a_large_length_arrives_unchanged_and_what_follows_stays(void **state)
{
	const size_t len = 3 * MIB + 17;
	char left[8];

	for (int i = 0; i < 8; i++) {
		scene(i & 1 ? tcp_pair : nonblocking_pair, i & 2 ? MIB : 0);
		frame(HTTP_BODY_LENGTH, len, false);
		converse(bulk, len + 7, false, i & 4 ? 10 : 1);
		assert_got(bulk, len);
		assert_int_equal(flow.bytes, len);
		assert_int_equal(framed.rest.bytes, 0);
		assert_int_equal(recv(from.fd, left, sizeof(left), 0), 7);
		assert_memory_equal(left, bulk + len, 7);
		assert_int_equal(atomic_load(&budget.used) > 0, (i & 2) != 0); /* by splice */
		scene_end();
	}
}

static void
a_large_body_to_the_end_arrives_unchanged(void **state)
{
	for (int i = 0; i < 4; i++) {
		scene(i & 1 ? tcp_pair : nonblocking_pair, i & 2 ? MIB : 0);
		frame(HTTP_BODY_TO_EOF, 0, false);
		converse(bulk, 3 * MIB, true, 1);
		assert_got(bulk, 3 * MIB);
		assert_int_equal(flow.state, FLOW_EOF);
		scene_end();
	}
}

static void
chunks_of_any_size_arrive_unchanged(void **state)
{
	static const size_t sizes[] = { 1, 7, 600, 8 * KIB, 64 * KIB, 100 * KIB + 1, MIB, 2 * MIB };
	int spliced = 0; /* on a busy machine a source may look slow, but not always */

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) * 8; i++) {
		const size_t size = sizes[i / 8], len = size < 100 ? 300 * KIB : 2 * MIB - 1;
		const size_t said = bulk_in_chunks(len, size);
		const bool decodes = i & 1, splices = i & 2;

		scene(i & 4 ? tcp_pair : nonblocking_pair, splices ? MIB : 0);
		frame(HTTP_BODY_CHUNKED, 0, decodes);
		converse(message, said, false, i & 4 ? 7 : 1);
		assert_got(decodes ? bulk : message, decodes ? len : said);
		assert_int_equal(flow.bytes, said);
		if (size < 64 * KIB || !splices)
			assert_int_equal(atomic_load(&budget.used), 0);
		else if (size >= MIB)
			spliced += atomic_load(&budget.used) > 0;
		scene_end();
	}
	assert_true(spliced > 0);
}

static void
a_sink_that_does_not_read_is_held_for_and_the_source_waits(void **state)
{
	struct iovec iov[2] = { { .iov_base = bulk, .iov_len = 2 * MIB },
				{ .iov_base = bulk + 2 * MIB, .iov_len = MIB } };
	const size_t len = 3 * MIB;
	size_t slabs;

	scene(nonblocking_pair, 0);
	assert_int_equal(flow_send(&flow, &to, &worker, iov, 2), FLOW_WAITS);
	assert_true(flow_holds(&flow));
	frame(HTTP_BODY_LENGTH, 5, false);
	slabs = worker.slabs.used;
	says_all("hello");
	run();
	assert_int_equal(worker.slabs.used, slabs);
	assert_int_equal(flow.bytes, 0); /* nothing more is read */
	converse(NULL, 0, false, 1);
	assert_int_equal(got_len, len + 5);
	assert_memory_equal(got, bulk, len);
	assert_memory_equal(got + len, "hello", 5);
	scene_end();
}

/* However fast it began: what one read gave, and once it was blocked, a small one. */
static void
little_is_held_for_a_slow_sink(void **state)
{
	for (int i = 0; i < 2; i++) {
		const size_t said = i ? bulk_in_chunks(3 * MIB, 8 * KIB) : 3 * MIB;
		const char *bytes = i ? message : bulk;
		size_t at = 0, n;

		scene(nonblocking_pair, 0);
		flow.ask_bytes = WORKER_SCRATCH_BYTES;
		frame(i ? HTTP_BODY_CHUNKED : HTTP_BODY_LENGTH, said, false);
		do {
			n = says(bytes + at, said - at < MIB ? said - at : MIB);
			at += n;
			run();
			assert_in_range(flow.held.bytes, 0, WORKER_SCRATCH_BYTES);
		} while (n > 0);
		assert_int_equal(flow.ask_bytes, FLOW_READ_BYTES);
		assert_in_range(at, 1, MIB);
		converse(bytes + at, said - at, false, 3);
		assert_got(bytes, said);
		scene_end();
	}
}

static void
a_turn_is_not_longer_than_others_can_wait(void **state)
{
	uint64_t before;

	scene(tcp_pair, 0);
	frame(HTTP_BODY_LENGTH, MIB, false);
	while (says(bulk, 100 * KIB) > 0 && flow.bytes < MIB) {
		before = flow.bytes;
		run_once();
		assert_in_range(flow.bytes - before, 0, FLOW_TURN_BYTES + WORKER_SCRATCH_BYTES);
		if (result == FLOW_MORE)
			assert_in_range(flow.bytes - before, FLOW_TURN_BYTES, MIB);
		reads();
	}
	scene_end();
}

/* Cutting them out takes longer than moving them. */
static void
small_chunks_make_a_turn_shorter(void **state)
{
	static const char chunk[] = "1\r\nx\r\n";
	static char chunks[10000 * (sizeof(chunk) - 1)];

	for (size_t at = 0; at < sizeof(chunks); at += sizeof(chunk) - 1)
		memcpy(chunks + at, chunk, sizeof(chunk) - 1);
	scene(tcp_pair, 0);
	frame(HTTP_BODY_CHUNKED, 0, true);
	assert_in_range(says(chunks, sizeof(chunks)), FLOW_TURN_BYTES / 2 + 1, sizeof(chunks));
	run_once();
	assert_int_equal(result, FLOW_MORE);
	assert_in_range(flow.bytes, 1, FLOW_TURN_BYTES / 2);
	scene_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_large_length_arrives_unchanged_and_what_follows_stays),
		cmocka_unit_test(a_large_body_to_the_end_arrives_unchanged),
		cmocka_unit_test(chunks_of_any_size_arrive_unchanged),
		cmocka_unit_test(a_sink_that_does_not_read_is_held_for_and_the_source_waits),
		cmocka_unit_test(little_is_held_for_a_slow_sink),
		cmocka_unit_test(a_turn_is_not_longer_than_others_can_wait),
		cmocka_unit_test(small_chunks_make_a_turn_shorter),
	};

	signal(SIGPIPE, SIG_IGN);
	bulk_fill();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
