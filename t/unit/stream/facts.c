/*
 * What an exchange keeps of its request when the buffer that it came in is let go.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "stream/exchange_priv.h"

static struct worker worker;
static struct client client;
static struct stream stream;

/* A request that has come; facts are taken of it. */
static const struct http_head *
facts_of(const char *bytes)
{
	struct exchange *x = exchange_new(&worker);
	struct slab *in = slab_take(&worker.slabs);

	assert_non_null(x);
	assert_non_null(in);
	stream = (struct stream){ .worker = &worker, .client = &client, .exchange = x };
	client.in = in;
	in->end = (uint32_t)strlen(bytes);
	memcpy(in->data, bytes, in->end);
	x->parse.room = &x->room;
	assert_int_equal(h1_parse_request(&x->parse, &x->request, in->data, in->end), H1_DONE);
	assert_int_equal(exchange_more_room(&stream), ERR_OK);
	assert_true(exchange_take_facts(&stream));
	assert_null(client.in);
	assert_int_equal(worker.slabs.used, 0);
	return &x->request;
}

static void
check_slice(struct slice have, const char *want)
{
	assert_int_equal(have.len, strlen(want));
	if (have.len > 0)
		assert_memory_equal(have.at, want, have.len);
}

static void
what_the_log_needs_is_kept_and_nothing_points_elsewhere(void **state)
{
	static const struct {
		const char *bytes, *method, *target, *authority, *path;
	} rows[] = {
		{ "GET /a?b HTTP/1.1\r\nHost: h:8\r\n\r\n", "GET", "/a?b", "h:8", "/a?b" },
		{ "GET http://h/a?b HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "http://h/a?b", "h",
		  "/a?b" },
		{ "GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "http://h", "h", "/" },
		{ "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS", "*", "h", "*" },
		{ "CONNECT h:8 HTTP/1.1\r\nHost: h:8\r\n\r\n", "CONNECT", "h:8", "h:8", "" },
		{ "GET / HTTP/1.0\r\n\r\n", "GET", "/", "", "/" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct http_head *r = facts_of(rows[i].bytes);

		check_slice(r->method_text, rows[i].method);
		check_slice(r->target, rows[i].target);
		check_slice(r->authority, rows[i].authority);
		check_slice(r->path, rows[i].path);
		assert_null(r->line.at);
		assert_null(r->end.at);
		assert_null(r->reason.at);
		assert_null(r->fields);
		assert_int_equal(r->count, 0);
		exchange_free(&stream);
	}
}

static void
more_room_is_had_once(void **state)
{
	struct exchange *x = exchange_new(&worker);

	(void)state;
	assert_non_null(x);
	stream = (struct stream){ .worker = &worker, .client = &client, .exchange = x };
	assert_int_equal(x->room.left, EXCHANGE_ROOM_BYTES);
	assert_int_equal(exchange_more_room(&stream), ERR_OK);
	assert_int_equal(x->room.left, SLAB_ROOM);
	assert_int_equal(exchange_more_room(&stream), ERR_LIMIT);
	exchange_free(&stream);
	assert_int_equal(worker.slabs.used, 0);
}

static int
pool_open(void **state)
{
	(void)state;
	slab_pool_init(&worker.slabs, 0);
	return 0;
}

static int
pool_close(void **state)
{
	(void)state;
	slab_pool_fini(&worker.slabs);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_log_needs_is_kept_and_nothing_points_elsewhere),
		cmocka_unit_test(more_room_is_had_once),
	};

	return cmocka_run_group_tests(tests, pool_open, pool_close);
}
