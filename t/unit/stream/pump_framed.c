/*
 * A message's body through a flow: where it ends, what of it goes on, what is left behind it.
 */
#include "config.h"
#include "t/unit/stream/flow.h"

/* A recv() for each send(). */
static void
packet_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
}

static void
assert_reads(const char *text)
{
	reads();
	assert_got(text, strlen(text));
}

/* Behind the message lies `text`: in `rest`, and then in the socket. */
static void
assert_left(const char *text)
{
	struct iovec iov[4];
	char left[KIB];
	size_t len = 0;
	ssize_t n;

	assert_in_range(framed.rest.bytes, 0, SLAB_ROOM);
	for (int i = 0, count = slab_queue_iov(&framed.rest, iov, 4); i < count; i++) {
		memcpy(left + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	n = recv(from.fd, left + len, sizeof(left) - len, 0);
	len += n > 0 ? (size_t)n : 0;
	assert_int_equal(len, strlen(text));
	assert_memory_equal(left, text, len);
}

/* What a source says, with `left` behind it, and what comes of it. */
struct body_case {
	const char	 *name;
	enum http_framing framing;
	uint64_t	  length;
	const char	 *said;
	const char	 *left;
	const char	 *passed;
	const char	 *decoded;
	enum flow_result  result;
	bool		  ends; /* the source's end is behind it */
};

#define CHUNKED	 HTTP_BODY_CHUNKED
#define TRAILERS "0\r\nETag: x\r\nA: b\r\n\r\n"

static const struct body_case cases[] = {
	{ "length", HTTP_BODY_LENGTH, 5, "hello", "GET / H", "hello", "hello", FLOW_WAITS, false },
	{ "length, then an end", HTTP_BODY_LENGTH, 5, "hello", "", "hello", "hello", FLOW_WAITS,
	  true },
	{ "no body", HTTP_NO_BODY, 0, "", "GET / H", "", "", FLOW_WAITS, false },
	{ "length of 0", HTTP_BODY_LENGTH, 0, "", "GET / H", "", "", FLOW_WAITS, false },
	{ "to the end", HTTP_BODY_TO_EOF, 0, "all of it", "", "all of it", "all of it", FLOW_WAITS,
	  true },
	{ "nothing to the end", HTTP_BODY_TO_EOF, 0, "", "", "", "", FLOW_WAITS, true },
	{ "chunks", CHUNKED, 0, "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "GET / H",
	  "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!", FLOW_WAITS, false },
	{ "no chunks", CHUNKED, 0, "0\r\n\r\n", "0\r\n\r\n", "0\r\n\r\n", "", FLOW_WAITS, false },
	{ "trailers", CHUNKED, 0, "1\r\na\r\n" TRAILERS, "G", "1\r\na\r\n" TRAILERS, "a",
	  FLOW_WAITS, false },
	{ "extensions", CHUNKED, 0, "5;a=b;c\r\nhello\r\n0;d=\"e\"\r\n\r\n", "GET",
	  "5\r\nhello\r\n0\r\n\r\n", "hello", FLOW_WAITS, false },
	{ "a length that is cut", HTTP_BODY_LENGTH, 6, "hello", "", "hello", "hello",
	  FLOW_SOURCE_CUT, true },
	{ "a length without a byte", HTTP_BODY_LENGTH, 6, "", "", "", "", FLOW_SOURCE_CUT, true },
	{ "a chunk that is cut", CHUNKED, 0, "3\r\nabc\r\n6\r\nhello", "", "3\r\nabc\r\n6\r\nhello",
	  "abchello", FLOW_SOURCE_CUT, true },
	{ "chunks without the last", CHUNKED, 0, "3\r\nabc\r\n", "", "3\r\nabc\r\n", "abc",
	  FLOW_SOURCE_CUT, true },
	{ "chunks without the last line", CHUNKED, 0, "3\r\nabc\r\n0\r\n", "", "3\r\nabc\r\n0\r\n",
	  "abc", FLOW_SOURCE_CUT, true },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static void
assert_case(const struct body_case *c, bool decodes)
{
	const char *expected = decodes ? c->decoded : c->passed;

	reads();
	if (result != c->result || got_len != strlen(expected))
		print_message("in \"%s\", decodes: %d\n", c->name, decodes);
	assert_int_equal(result, c->result);
	assert_got(expected, strlen(expected));
	assert_int_equal(flow.state, result == FLOW_WAITS ? FLOW_EOF : FLOW_OPEN);
	assert_int_equal(flow.bytes, strlen(c->said));
	assert_left(c->left);
	assert_false(flow_holds(&flow));
}

static void
play_whole(const struct body_case *c, bool decodes)
{
	scene(nonblocking_pair, 0);
	frame(c->framing, c->length, decodes);
	says_all(c->said);
	says_all(c->left);
	if (c->ends)
		ends();
	run();
	assert_case(c, decodes);
	scene_end();
}

static void
play_by_bytes(const struct body_case *c, bool decodes)
{
	scene(nonblocking_pair, 0);
	frame(c->framing, c->length, decodes);
	run();
	for (size_t i = 0; c->said[i] != '\0'; i++) {
		assert_int_equal(flow.state, FLOW_OPEN);
		assert_int_equal(says(c->said + i, 1), 1);
		run();
		assert_int_equal(result, FLOW_WAITS);
	}
	says_all(c->left);
	if (c->ends)
		ends();
	run();
	assert_case(c, decodes);
	scene_end();
}

/* The first `fed` bytes came with the head; `pieces`: there is room for so many of them. */
static void
play_fed(const struct body_case *c, bool decodes, size_t fed, int pieces)
{
	struct iovec iov[8];
	int count = 0;
	size_t used;

	scene(nonblocking_pair, 0);
	frame(c->framing, c->length, decodes);
	result = flow_feed(&flow, &worker, c->said, fed, &used, iov, pieces, &count);
	assert_int_equal(result, FLOW_WAITS);
	assert_int_equal(used, fed);
	assert_in_range(count, 0, pieces);
	if (count > 0)
		assert_int_equal(flow_send(&flow, &to, &worker, iov, count), FLOW_WAITS);
	says_all(c->said + fed);
	says_all(c->left);
	if (c->ends)
		ends();
	run();
	assert_case(c, decodes);
	scene_end();
}

static void
a_body_ends_where_its_framing_says(void **state)
{
	for (size_t i = 0; i < CASES * 2; i++)
		play_whole(&cases[i / 2], i % 2);
}

static void
a_body_may_come_byte_by_byte(void **state)
{
	for (size_t i = 0; i < CASES * 2; i++)
		play_by_bytes(&cases[i / 2], i % 2);
}

static void
a_body_may_have_begun_with_the_head(void **state)
{
	for (size_t i = 0; i < CASES * 2; i++) {
		for (size_t fed = 0; fed <= strlen(cases[i / 2].said); fed++)
			play_fed(&cases[i / 2], i % 2, fed, fed % 2 ? 1 : 8);
	}
}

static void
what_comes_behind_the_end_stays_the_feeders(void **state)
{
	const char *bytes = "3\r\nabc\r\n0\r\n\r\nGET /";
	struct iovec iov[4];
	int count = 0;
	size_t used;

	scene(nonblocking_pair, 0);
	frame(CHUNKED, 0, false);
	result = flow_feed(&flow, &worker, bytes, strlen(bytes), &used, iov, 4, &count);
	assert_int_equal(result, FLOW_WAITS);
	assert_int_equal(used, strlen(bytes) - strlen("GET /"));
	assert_int_equal(count, 1);
	assert_ptr_equal(iov[0].iov_base, bytes);
	assert_int_equal(iov[0].iov_len, used);
	assert_int_equal(flow.state, FLOW_EOF);
	assert_int_equal(framed.rest.bytes, 0);
	scene_end();
}

/* Of a chunk's end, and the size behind it, nothing need be sent if the latter is bad. */
static void
bad_chunks_are_not_sent_and_good_ones_before_them_are(void **state)
{
	static const struct {
		const char *said, *passed, *decoded;
	} bad[] = {
		{ "xyz\r\n", "5\r\nhello", "hello" },
		{ "\r\n", "5\r\nhello", "hello" },
		{ "-1\r\n", "5\r\nhello", "hello" },
		{ "3\r\nabcd\r\n", "5\r\nhello\r\n3\r\nabc", "helloabc" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]) * 2; i++) {
		const char *good = i % 2 ? bad[i / 2].decoded : bad[i / 2].passed;

		scene(nonblocking_pair, 0);
		frame(CHUNKED, 0, i % 2);
		says_all("5\r\nhello\r\n");
		says_all(bad[i / 2].said);
		run();
		assert_int_equal(result, FLOW_BAD);
		assert_int_not_equal(framed.body.fault, HTTP_FAULT_NONE);
		assert_reads(good);
		run();
		assert_int_equal(result, FLOW_BAD); /* still */
		assert_reads(good);
		scene_end();
	}
}

static void
fed_bytes_may_be_bad(void **state)
{
	const char *bytes = "1\r\na\r\nzz\r\n";
	struct iovec iov[4];
	int count = 0;
	size_t used;

	scene(nonblocking_pair, 0);
	frame(CHUNKED, 0, true);
	result = flow_feed(&flow, &worker, bytes, strlen(bytes), &used, iov, 4, &count);
	assert_int_equal(result, FLOW_BAD);
	assert_in_range(used, strlen("1\r\na"), strlen("1\r\na\r\n"));
	assert_int_equal(count, 1);
	assert_int_equal(iov[0].iov_len, 1);
	run();
	assert_int_equal(result, FLOW_BAD);
	scene_end();
}

static void
a_complete_length_is_not_read_beyond(void **state)
{
	scene(nonblocking_pair, 0);
	frame(HTTP_BODY_LENGTH, 5, false);
	says_all("hello");
	ends();
	run();
	assert_int_equal(flow.state, FLOW_EOF);
	assert_true(from.readable);
	assert_false(from.eof);
	scene_end();
}

static void
an_end_that_was_read_with_the_head_counts(void **state)
{
	static const enum http_framing framings[] = { HTTP_BODY_LENGTH, CHUNKED, HTTP_BODY_TO_EOF };
	char none[1];

	for (int i = 0; i < 3; i++) {
		scene(nonblocking_pair, 0);
		ends();
		loop_turn(worker.loop, false);
		assert_int_equal(conn_recv(&from, none, 1), 0);
		frame(framings[i], 5, false);
		run();
		assert_int_equal(result, i < 2 ? FLOW_SOURCE_CUT : FLOW_WAITS);
		assert_int_equal(flow.state, i < 2 ? FLOW_OPEN : FLOW_EOF);
		scene_end();
	}
}

/* At most a slab of what comes behind a chunked body is read, however much is there. */
static void
little_is_read_beyond_chunks(void **state)
{
	static char next[100 * KIB];
	size_t said;

	memset(next, 'n', sizeof(next));
	scene(tcp_pair, 0);
	flow.ask_bytes = WORKER_SCRATCH_BYTES; /* a large body came before */
	frame(CHUNKED, 0, true);
	says_all("3\r\nabc\r\n0\r\n\r\n");
	said = says(next, sizeof(next));
	assert_int_equal(said, sizeof(next));
	run();
	assert_reads("abc");
	assert_in_range(framed.rest.bytes, 0, SLAB_ROOM);
	assert_int_equal(worker.slabs.used, 1);
	assert_int_equal(flow.bytes, strlen("3\r\nabc\r\n0\r\n\r\n"));
	scene_end();
}

static void
a_tunnel_is_a_plain_flow_again(void **state)
{
	scene(nonblocking_pair, 0);
	frame(HTTP_BODY_LENGTH, 2, false);
	says_all("ab");
	run();
	assert_int_equal(flow.state, FLOW_EOF);
	frame(HTTP_TUNNEL, 0, false);
	assert_null(flow.frame);
	says_all("5\r\nwhatever");
	ends();
	run();
	assert_int_equal(flow.state, FLOW_EOF);
	assert_reads("ab5\r\nwhatever");
	scene_end();
}

static void
a_head_and_its_body_go_out_in_one_call_and_nothing_is_held(void **state)
{
	struct iovec iov[4] = { { .iov_base = (char *)"HEAD\r\n\r\n", .iov_len = 8 } };
	int count = 1;
	size_t used;

	scene(packet_pair, 0);
	frame(HTTP_BODY_LENGTH, 4, false);
	result = flow_feed(&flow, &worker, "body", 4, &used, iov, 4, &count);
	assert_int_equal(count, 2);
	assert_int_equal(flow_send(&flow, &to, &worker, iov, count), FLOW_WAITS);
	assert_int_equal(worker.slabs.free_count, 0); /* none was ever used */
	assert_int_equal(worker.slabs.used, 0);
	assert_int_equal(flow.state, FLOW_EOF);
	assert_int_equal(recv(sink, got, ROOM, 0), strlen("HEAD\r\n\r\nbody"));
	assert_memory_equal(got, "HEAD\r\n\r\nbody", strlen("HEAD\r\n\r\nbody"));
	scene_end();
}

/* More pieces than iovecs, behind a head, behind what is held already: all in order. */
static void
many_small_chunks_with_the_head_stay_in_order(void **state)
{
	char said[4 * KIB], expected[KIB] = "onetwo";
	struct iovec iov[3] = { { .iov_base = (char *)"two", .iov_len = 3 } };
	struct iovec first = { .iov_base = (char *)"one", .iov_len = 3 };
	int len = 0, count = 1;
	size_t used;

	for (int i = 0; i < 200; i++) {
		len += sprintf(said + len, "1\r\n%c\r\n", 'a' + i % 26);
		expected[6 + i] = (char)('a' + i % 26);
	}
	for (int held = 0; held < 2; held++) {
		scene(nonblocking_pair, 0);
		to.writable = !held;
		assert_int_equal(flow_send(&flow, &to, &worker, &first, 1), FLOW_WAITS);
		assert_int_equal(flow_holds(&flow), held);
		frame(CHUNKED, 0, true);
		count = 1;
		result = flow_feed(&flow, &worker, said, (size_t)len, &used, iov, 3, &count);
		assert_int_equal(result, FLOW_WAITS);
		assert_int_equal(count, 3);
		assert_int_equal(flow_send(&flow, &to, &worker, iov, count), FLOW_WAITS);
		says_all("0\r\n\r\n");
		to.writable = true;
		run();
		assert_int_equal(flow.state, FLOW_EOF);
		assert_reads(expected);
		scene_end();
	}
}

/* What was fed without room does not wait for a wake-up that will not come. */
static void
what_is_held_for_a_willing_sink_is_sent(void **state)
{
	const char *chunks = "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n";
	struct iovec iov[1];
	int count = 0;
	size_t used;

	scene(nonblocking_pair, 0);
	frame(CHUNKED, 0, true);
	result = flow_feed(&flow, &worker, chunks, strlen(chunks), &used, iov, 1, &count);
	assert_int_equal(flow_send(&flow, &to, &worker, iov, count), FLOW_WAITS);
	assert_false(flow_holds(&flow));
	assert_reads("abc");
	scene_end();
}

static void
a_sink_that_is_gone_is_told(void **state)
{
	const char *chunks = "1\r\na\r\n1\r\nb\r\n";
	struct iovec iov[1];
	int count = 0;
	size_t used;

	scene(nonblocking_pair, 0);
	shutdown(sink, SHUT_RD);
	frame(CHUNKED, 0, true);
	result = flow_feed(&flow, &worker, chunks, strlen(chunks), &used, iov, 1, &count);
	assert_int_equal(flow_send(&flow, &to, &worker, iov, count), FLOW_SINK_FAILED);
	assert_int_equal(worker.slabs.used, 0);
	frame(CHUNKED, 0, false);
	says_all("1\r\na\r\n0\r\n\r\nnext");
	run();
	assert_int_equal(result, FLOW_SINK_FAILED);
	assert_left("next"); /* may be served all the same */
	scene_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_ends_where_its_framing_says),
		cmocka_unit_test(a_body_may_come_byte_by_byte),
		cmocka_unit_test(a_body_may_have_begun_with_the_head),
		cmocka_unit_test(what_comes_behind_the_end_stays_the_feeders),
		cmocka_unit_test(bad_chunks_are_not_sent_and_good_ones_before_them_are),
		cmocka_unit_test(fed_bytes_may_be_bad),
		cmocka_unit_test(a_complete_length_is_not_read_beyond),
		cmocka_unit_test(an_end_that_was_read_with_the_head_counts),
		cmocka_unit_test(little_is_read_beyond_chunks),
		cmocka_unit_test(a_tunnel_is_a_plain_flow_again),
		cmocka_unit_test(a_head_and_its_body_go_out_in_one_call_and_nothing_is_held),
		cmocka_unit_test(many_small_chunks_with_the_head_stay_in_order),
		cmocka_unit_test(what_is_held_for_a_willing_sink_is_sent),
		cmocka_unit_test(a_sink_that_is_gone_is_told),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
