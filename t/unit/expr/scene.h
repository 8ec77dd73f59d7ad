/*
 * A request and a condition in a line.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "expr/cond.h"
#include "http/h1.h"

struct request {
	char			bytes[2048];
	struct http_field	fields[HTTP_FIELDS_MAX];
	struct http_head	head;
};

/* "GET /a" and further lines, each with its CRLF; HTTP/1.1. Static memory, until the next call. */
static inline const struct http_head *
request_of(const char *start, const char *lines)
{
	static struct request r;
	struct h1_parse parse = { 0 };

	snprintf(r.bytes, sizeof(r.bytes), "%.1000s HTTP/1.1\r\n%.1000s\r\n", start, lines);
	r.head = (struct http_head){ .fields = r.fields };
	if (h1_parse_request(&parse, &r.head, r.bytes, strlen(r.bytes)) != H1_DONE)
		fail_msg("%s: %s", r.bytes, http_fault_name(parse.fault));
	return &r.head;
}

static const struct compile_env env = { .has = COMPILE_HAS_ALL, .place = "a test" };

static inline struct cond *
cond_of(const char *text)
{
	struct cond *cond = NULL;
	struct diag diag = { "" };

	if (cond_compile(&cond, slice_of(text), &env, &diag) != ERR_OK)
		fail_msg("%s: %s", text, diag.text);
	return cond;
}

static inline bool
cond_says(const char *text, const struct http_head *request)
{
	struct cond *cond = cond_of(text);
	char room[4096];
	struct eval eval = {
		.request = request,
		.room = { room, sizeof(room) },
		.is_final = true,
	};
	bool holds = cond_eval(cond, &eval) == COND_TRUE;

	cond_free(&cond);
	return holds;
}

/* Of a request for that path at www.x.org:8080. */
static inline bool
holds_for(const char *text, const char *path)
{
	char start[1024];

	snprintf(start, sizeof(start), "GET %s", path);
	return cond_says(text, request_of(start, "Host: www.x.org:8080\r\n"));
}

/* Of a request for "/" at that host. */
static inline bool
holds_at(const char *text, const char *host)
{
	char lines[1024];

	snprintf(lines, sizeof(lines), "Host: %s\r\n", host);
	return cond_says(text, request_of("GET /", lines));
}

/* Of a request with these lines behind its Host. */
static inline bool
holds_with(const char *text, const char *lines)
{
	char all[1024];

	snprintf(all, sizeof(all), "Host: x\r\n%s", lines);
	return cond_says(text, request_of("GET /", all));
}

/* What is wrong with it; static memory. */
static inline const char *
error_of(const char *text)
{
	static struct diag diag;
	struct cond *cond = NULL;

	diag.text[0] = '\0';
	assert_int_equal(cond_compile(&cond, slice_of(text), &env, &diag), ERR_INVALID);
	assert_null(cond);
	return diag.text;
}
