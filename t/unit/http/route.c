/*
 * Routes and problem details, over the wire.
 */
#include "config.h"
#include "rig.h"

/* "METHOD /path" and more header lines; the answer. */
static const char *
say(const char *line, const char *headers, const char *body)
{
	char request[4096];

	snprintf(request, sizeof(request),
		 "%s HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
		 line, headers, strlen(body), body);
	return ask(request);
}

static void
a_path_that_no_row_has_is_404(void **state)
{
	const char *answer = say("GET /v2/echo", "", "");

	assert_says(answer, "HTTP/1.1 404 Not Found\r\n");
	assert_says(answer, "Content-Type: application/problem+json\r\n");
	assert_says(answer, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
			    "\"detail\":\"no such resource\"}");
	assert_says(say("GET /", "", ""), " 404 ");
	assert_says(say("GET /v1/echo/", "", ""), " 404 ");
	assert_says(say("GET /v1/echo/a/b", "", ""), " 404 ");
	assert_says(say("GET /v1", "", ""), " 404 ");
}

static void
a_verb_that_the_row_lacks_is_405_with_allow(void **state)
{
	const char *answer = say("DELETE /v1/echo/a", "", "");

	assert_says(answer, "HTTP/1.1 405 ");
	assert_says(answer, "Allow: GET, HEAD, PUT, OPTIONS\r\n");
	assert_says(say("PATCH /v1/echo/a", "Content-Type: text/xml\r\n", "x"), " 405 ");
}

static void
a_verb_that_nobody_knows_is_405_where_there_is_a_resource(void **state)
{
	assert_says(say("BREW /v1/echo", "", ""),
		    "Allow: GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS\r\n");
	assert_says(say("BREW /v1/nothing", "", ""), " 404 ");
	assert_says(say("get /v1/echo", "", ""), " 405 ");
}

static void
options_says_what_there_is(void **state)
{
	const char *answer = say("OPTIONS /v1/echo/a", "", "");

	assert_says(answer, " 204 ");
	assert_says(answer, "Allow: GET, HEAD, PUT, OPTIONS\r\n");
}

static void
head_is_get_without_the_body(void **state)
{
	assert_says(say("HEAD /v1/echo/a", "", ""), " 200 ");
	assert_says(say("HEAD /v1/release", "", ""), " 405 ");
}

static void
a_name_is_captured_and_checked(void **state)
{
	char line[200] = "GET /v1/echo/";

	assert_says(say("GET /v1/echo/s1.a_b:c-D", "", ""), "\"name\":\"s1.a_b:c-D\"");
	assert_says(say("GET /v1/echo/%73%31", "", ""), "\"name\":\"s1\"");
	assert_says(say("GET /v1/echo/a%20b", "", ""), " 400 ");
	assert_says(say("GET /v1/echo/a%2Fb", "", ""), " 400 ");
	assert_says(say("GET /v1/echo/..", "", ""), " 400 ");
	assert_says(say("GET /v1/echo/%00", "", ""), " 400 ");
	memset(line + 13, 'x', 128);
	line[13 + 128] = '\0';
	assert_says(say(line, "", ""), " 200 ");
	line[13 + 128] = 'x';
	line[13 + 129] = '\0';
	assert_says(say(line, "", ""), " 400 ");
}

static void
a_starred_name_may_be_anything(void **state)
{
	assert_says(say("GET /v1/keys/10.0.0.0%2F8%20x", "", ""), "\"name\":\"10.0.0.0/8 x\"");
}

static void
an_unknown_parameter_is_400_with_the_nearest(void **state)
{
	assert_says(say("GET /v1/echo?veiw=config", "", ""), "did you mean \\\"view\\\"?");
	assert_says(say("GET /v1/echo?zzzzzzz=1", "", ""),
		    "unknown query parameter \\\"zzzzzzz\\\"\"");
	assert_says(say("GET /v1/echo?view=a&view=b", "", ""), " 400 ");
	assert_says(say("GET /v1/echo?view", "", ""), "has no value: \\\"view\\\"");
	assert_says(say("GET /v1/keys/k?data.gpc0.gt=3", "", ""), " 200 ");
	assert_says(say("GET /v1/keys/k?datum=3", "", ""), " 400 ");
}

static void
write_parameters_are_for_writes(void **state)
{
	assert_says(say("PUT /v1/echo?dry_run=true", "", "{}"), " 200 ");
	assert_says(say("DELETE /v1/echo?dry-run=true", "", ""), "did you mean \\\"dry_run\\\"?");
	assert_says(say("GET /v1/echo?dry_run=true", "", ""), " 400 ");
}

static void
json_forms_and_nothing_are_taken_all_else_is_415(void **state)
{
	assert_says(say("PUT /v1/echo", "Content-Type: application/json\r\n", "{}"), " 200 ");
	assert_says(say("PUT /v1/echo", "Content-Type: application/JSON ; charset=utf-8\r\n", "{}"),
		    " 200 ");
	assert_says(
		say("PUT /v1/echo", "Content-Type: application/x-www-form-urlencoded\r\n", "{}"),
		" 200 ");
	assert_says(say("PUT /v1/echo", "", "{}"), " 200 ");
	assert_says(say("PATCH /v1/echo", "Content-Type: application/merge-patch+json\r\n", "{}"),
		    " 200 ");
	assert_says(say("PUT /v1/echo", "Content-Type: application/merge-patch+json\r\n", "{}"),
		    " 415 ");
	assert_says(say("POST /v1/echo", "Content-Type: text/plain\r\n", "{}"), " 415 ");
	assert_says(say("POST /v1/echo", "Content-Type: text/plain\r\n", ""), " 200 ");
	assert_says(say("DELETE /v1/echo", "Content-Type: text/plain\r\n", "x"), " 200 ");
	assert_says(say("GET /v1/echo", "Content-Type: text/plain\r\n", "x"), " 200 ");
}

static void
outside_bytes_in_a_problem_are_valid_json(void **state)
{
	assert_says(say("GET /v1/echo?a%22%0a%ff=1", "", ""),
		    "unknown query parameter \\\"a\\\"\\\\x0A\\\\xFF\\\"");
	assert_says(say("GET /v1/%2e?%00", "", ""), "not a name: \\\".\\\"");
}

static void
problem_call(struct call *call)
{
	struct issues issues = { 0 };

	issues_add(&issues, "/weight", "must be 0 to 256, is %d", 999);
	issues_add(&issues, "", "is \"bad\"");
	call_problem_with(call, 422, &issues, SLICE(",\"committed\":true"), "2 errors");
	issues_fini(&issues);
}

static void
on_call_with_problem(struct call *call)
{
	problem_call(call);
}

static void
a_problem_lists_its_errors_and_more_members(void **state)
{
	struct diag diag;

	http_listener_close(&rig.listener);
	http_server_free(&rig.http);
	assert_int_equal(http_server_new(&rig.http, rig.loop, on_call_with_problem, NULL, &diag),
			 ERR_OK);
	rig.listener = rig_listen("127.0.0.1:0", 0);
	assert_says(
		say("GET /", "", ""),
		    "\r\n\r\n{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,"
		    "\"detail\":\"2 errors\",\"errors\":[{\"pointer\":\"/weight\",\"detail\":\"must be 0 to "
		    "256, is 999\"},{\"pointer\":\"\",\"detail\":\"is \\\"bad\\\"\"}],\"committed\":true}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(a_path_that_no_row_has_is_404),
		rig_test(a_verb_that_the_row_lacks_is_405_with_allow),
		rig_test(a_verb_that_nobody_knows_is_405_where_there_is_a_resource),
		rig_test(options_says_what_there_is),
		rig_test(head_is_get_without_the_body),
		rig_test(a_name_is_captured_and_checked),
		rig_test(a_starred_name_may_be_anything),
		rig_test(an_unknown_parameter_is_400_with_the_nearest),
		rig_test(write_parameters_are_for_writes),
		rig_test(json_forms_and_nothing_are_taken_all_else_is_415),
		rig_test(outside_bytes_in_a_problem_are_valid_json),
		rig_test(a_problem_lists_its_errors_and_more_members),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
