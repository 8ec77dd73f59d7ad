/*
 * Heads as they go out.
 */
#include "config.h"
#include "scene.h"

static const struct row {
	bool		 is_response;
	struct slice	 in;
	const char	*out;		/* NULL: as it came, in one piece */
} rows[] = {
	{ false, B("GET /a HTTP/1.1\r\nHost: h\r\nA:b  \r\n\r\n"), NULL },
	{ false, B("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"),
	  "GET / HTTP/1.1\r\nHost: h\r\n\r\n" },
	{ false, B("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), NULL },
	{ false, B("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"), NULL },
	{ false, B("GET / HTTP/1.0\r\nA: b\r\n\r\n"), NULL },
	{ false, B("GET / HTTP/1.0\r\nHost: h\r\n\r\n"), "GET / HTTP/1.1\r\nHost: h\r\n\r\n" },
	{ false, B("CONNECT h:1 HTTP/1.0\r\n\r\n"), NULL },
	{ false, B("GET http://h/a?b HTTP/1.1\r\nHost: h:80\r\n\r\n"),
	  "GET /a?b HTTP/1.1\r\nHost: h:80\r\n\r\n" },
	{ false, B("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n"),
	  "GET / HTTP/1.1\r\nHost: h\r\n\r\n" },
	{ false, B("GET http://h?b HTTP/1.1\r\nHost: h\r\n\r\n"),
	  "GET /?b HTTP/1.1\r\nHost: h\r\n\r\n" },
	{ false, B("GET http://h/ HTTP/1.0\r\nA: b\r\n\r\n"),
	  "GET / HTTP/1.1\r\nA: b\r\nHost: h\r\n\r\n" },
	{ false, B("OPTIONS http://h HTTP/1.1\r\nHost: h\r\n\r\n"),
	  "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n" },
	{ true, B("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"), NULL },
	{ true, B("HTTP/1.1 200 \r\n\r\n"), NULL },
	{ true, B("HTTP/1.1 200\r\n\r\n"), "HTTP/1.1 200 \r\n\r\n" },
	{ true, B("HTTP/1.0 404 Not Found\r\nA: b\r\n\r\n"),
	  "HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n" },
	{ true, B("HTTP/1.1 204 No\r\nContent-Length: 0\r\nA: b\r\n\r\n"),
	  "HTTP/1.1 204 No\r\nA: b\r\n\r\n" },
};

static void
what_nobody_touched_goes_out_as_it_came_in_one_piece(void **state)
{
	char text[256];
	struct scene s;
	int pieces;

	for (size_t i = 0; i < COUNT(rows); i++) {
		scene_read(&s, rows[i].is_response, rows[i].in, 0, NULL);
		assert_int_equal(s.result, H1_DONE);
		scene_written(&s, text, sizeof(text), &pieces);
		assert_string_equal(text, rows[i].out == NULL ? rows[i].in.at : rows[i].out);
		if (rows[i].out == NULL)
			assert_int_equal(pieces, 1);
		scene_fini(&s);
	}
}

static void
runs_between_what_is_left_out_are_one_piece(void **state)
{
	char text[256];
	struct scene s;
	int pieces;

	scene_read(&s, false,
		   (struct slice)B(
			   "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nTE: x\r\nC: d\r\nE: f\r\n\r\n"),
		   0, NULL);
	http_head_leave_out(&s.head, HTTP_NAME_TE);
	assert_string_equal(scene_written(&s, text, sizeof(text), &pieces),
			    "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\nE: f\r\n\r\n");
	assert_int_equal(pieces, 2);
	assert_int_equal(http_head_add(&s.head, SLICE("G: h\r\n")), ERR_OK);
	assert_string_equal(scene_written(&s, text, sizeof(text), &pieces),
			    "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\nC: d\r\nE: f\r\nG: h\r\n\r\n");
	assert_int_equal(pieces, 4);
	scene_fini(&s);
}

static void
a_changed_request_line_is_written_anew(void **state)
{
	char text[256];
	struct scene s;
	int pieces;

	scene_read(&s, false, (struct slice)B("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"), 0, NULL);
	s.head.path = SLICE("/b?c");
	assert_string_equal(scene_written(&s, text, sizeof(text), &pieces),
			    "GET /b?c HTTP/1.1\r\nHost: h\r\n\r\n");
	s.head.path = (struct slice){ s.head.target.at, 1 };
	assert_string_equal(scene_written(&s, text, sizeof(text), &pieces),
			    "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
	s.head.path = s.head.target;
	s.head.method_text = SLICE("POST");
	assert_string_equal(scene_written(&s, text, sizeof(text), &pieces),
			    "POST /a HTTP/1.1\r\nHost: h\r\n\r\n");
	scene_fini(&s);
}

static void
a_changed_status_line_is_written_anew(void **state)
{
	char text[256];
	struct scene s;
	int pieces;

	scene_read(&s, true, (struct slice)B("HTTP/1.1 200 OK\r\nA: b\r\n\r\n"), 0, NULL);
	s.head.status = 503;
	assert_string_equal(scene_written(&s, text, sizeof(text), &pieces),
			    "HTTP/1.1 503 OK\r\nA: b\r\n\r\n");
	s.head.reason = SLICE("Sorry");
	assert_string_equal(scene_written(&s, text, sizeof(text), &pieces),
			    "HTTP/1.1 503 Sorry\r\nA: b\r\n\r\n");
	scene_fini(&s);
}

/* Targets and Hosts that could be two, and the one that counts. */
static const struct two_hosts {
	unsigned	 options;
	struct slice	 in;
	const char	*host;
} two_hosts[] = {
	{ 0, B("GET http://x.org/ HTTP/1.0\r\n\r\n"), "x.org" },
	{ 0, B("GET http://x.org:81 HTTP/1.0\r\nA: b\r\n\r\n"), "x.org:81" },
	{ 0, B("OPTIONS http://[::1] HTTP/1.0\r\n\r\n"), "[::1]" },
	{ 0, B("GET http://X.org:80/ HTTP/1.1\r\nHost: x.org\r\n\r\n"), "x.org" },
	{ H1_RELAXED, B("GET http://x.org/ HTTP/1.0\r\n\r\n"), "x.org" },
	{ H1_RELAXED, B("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), "b" },
	{ H1_RELAXED, B("GET http://b:1/ HTTP/1.12\r\nA: b\r\nhost: b\r\nC: d\r\n\r\n"), "b:1" },
	{ H1_RELAXED, B("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "a" },
};

/* What a rule finds, what the log tells and what a server gets. */
static void
there_is_one_host_for_rules_the_log_and_the_server(void **state)
{
	char text[256];
	struct scene s, out;
	int pieces;

	for (size_t i = 0; i < COUNT(two_hosts); i++) {
		scene_read_bytes(&s, false, two_hosts[i].in, two_hosts[i].options, NULL);
		assert_int_equal(s.result, H1_DONE);
		is_text(scene_value(&s, "host"), two_hosts[i].host);
		is_text(s.head.authority, two_hosts[i].host);
		scene_written(&s, text, sizeof(text), &pieces);
		scene_read(&out, false, slice_of(text), 0, NULL);
		assert_int_equal(out.result, H1_DONE);
		assert_int_equal(out.head.form == HTTP_TARGET_ABSOLUTE, false);
		is_text(scene_value(&out, "host"), two_hosts[i].host);
		scene_fini(&out);
		scene_fini(&s);
	}
}

static void
a_host_that_the_target_says_stands_where_the_other_stood(void **state)
{
	char text[256];
	struct scene s;
	int pieces;

	scene_read(&s, false,
		   (struct slice)B("GET http://h/ HTTP/1.1\r\nHost: other\r\nA: b\r\n\r\n"),
		   H1_RELAXED, NULL);
	assert_int_equal(s.result, H1_DONE);
	assert_int_equal(s.head.count, 2);
	assert_string_equal(scene_written(&s, text, sizeof(text), &pieces),
			    "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n");
	scene_fini(&s);
}

static void
a_host_without_room_is_refused(void **state)
{
	char text[300], lines[600] = "";
	struct scene s;

	snprintf(text, sizeof(text), "GET http://%0250d/ HTTP/1.0\r\n\r\n", 0);
	scene_read(&s, false, slice_of(text), 0, NULL);
	assert_int_equal(s.result, H1_BAD);
	assert_int_equal(s.parse.fault, HTTP_FAULT_TARGET_LONG);
	scene_fini(&s);
	strcpy(lines, "GET http://h/ HTTP/1.0\r\n");
	for (int i = 0; i < HTTP_FIELDS_MAX; i++)
		strcat(lines, "A:\r\n");
	strcat(lines, "\r\n");
	scene_read(&s, false, slice_of(lines), 0, NULL);
	assert_int_equal(s.result, H1_BAD);
	assert_int_equal(s.parse.fault, HTTP_FAULT_FIELDS);
	scene_fini(&s);
}

/* Every field a piece of its own, and a start line in as many as there can be. */
static void
the_pieces_have_room(void **state)
{
	static char lines[HTTP_FIELDS_MAX][8];
	struct iovec iov[H1_IOVECS];
	char room[H1_ROOM_BYTES];
	struct scene s;
	size_t bytes;

	scene_read(&s, false, (struct slice)B("GET http://h?b HTTP/1.0\r\n\r\n"), 0, NULL);
	for (int i = 1; i < HTTP_FIELDS_MAX; i++) {
		memcpy(lines[i], "A: b\r\n", 7);
		assert_int_equal(http_head_add(&s.head, slice_of(lines[i])), ERR_OK);
	}
	assert_int_equal(http_head_add(&s.head, SLICE("A: b\r\n")), ERR_LIMIT);
	assert_true(h1_write_head(&s.head, iov, room, &bytes) <= H1_IOVECS);
	scene_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_touched_goes_out_as_it_came_in_one_piece),
		cmocka_unit_test(runs_between_what_is_left_out_are_one_piece),
		cmocka_unit_test(a_changed_request_line_is_written_anew),
		cmocka_unit_test(a_changed_status_line_is_written_anew),
		cmocka_unit_test(there_is_one_host_for_rules_the_log_and_the_server),
		cmocka_unit_test(a_host_that_the_target_says_stands_where_the_other_stood),
		cmocka_unit_test(a_host_without_room_is_refused),
		cmocka_unit_test(the_pieces_have_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
