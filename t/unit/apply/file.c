/*
 * The configuration file: text, document, and what tells an edited one.
 */
#include "config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "adminapi/apply/file.h"
#include "adminapi/doc/doc.h"

struct scene {
	char		path[64];
	struct file	file;
	struct issues	issues;
	struct diag	why;
	enum err	result;
};

/* The file has this text and is loaded. */
static void
load(struct scene *s, const char *text)
{
	int fd;

	memset(s, 0, sizeof(*s));
	strcpy(s->path, "/tmp/sluice-file-XXXXXX");
	fd = mkstemp(s->path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	s->result = file_load(&s->file, s->path, &s->issues, &s->why);
	unlink(s->path);
}

static void
drop(struct scene *s)
{
	file_fini(&s->file);
	issues_fini(&s->issues);
}

static void
its_strings_are_expanded_and_its_lines_known(void **state)
{
	struct scene s;

	(void)state;
	setenv("SLUICE_TEST_ZONE", "north", 1);
	load(&s, "{\n\"global\": {\n\"comment\": \"in ${SLUICE_TEST_ZONE}\"}}");
	assert_int_equal(s.result, ERR_OK);
	assert_string_equal(doc_field(doc_field(s.file.root, "global"), "comment")->valuestring,
		"in north");
	assert_int_equal(s.file.expanded.len, strlen("{\"global\":{\"comment\":\"in north\"}}"));
	assert_int_equal(file_line_of(&s.file, "/global/comment"), 3);
	assert_int_equal(strlen(s.file.hash), 64);
	drop(&s);
}

/* The hash of a file with this text. */
static void
hash_of(char hash[SAVED_HASH_BYTES], const char *text)
{
	struct scene s;

	load(&s, text);
	assert_int_equal(s.result, ERR_OK);
	memcpy(hash, s.file.hash, SAVED_HASH_BYTES);
	drop(&s);
}

static void
another_text_or_environment_is_another_file(void **state)
{
	char hash[SAVED_HASH_BYTES], same[SAVED_HASH_BYTES], other[SAVED_HASH_BYTES];

	(void)state;
	setenv("SLUICE_TEST_ZONE", "north", 1);
	hash_of(hash, "{\"comment\":\"${SLUICE_TEST_ZONE}\"}");
	hash_of(same, "{\"comment\":\"${SLUICE_TEST_ZONE}\"}");
	assert_string_equal(hash, same);
	hash_of(other, "{\"comment\":\"north\"}");
	assert_string_not_equal(hash, other);
	setenv("SLUICE_TEST_ZONE", "south", 1);
	hash_of(other, "{\"comment\":\"${SLUICE_TEST_ZONE}\"}");
	assert_string_not_equal(hash, other);
}

static void
what_is_wrong_has_its_place(void **state)
{
	struct scene s;

	(void)state;
	unsetenv("SLUICE_TEST_ZONE");
	load(&s, "{\n\"comment\":\"${SLUICE_TEST_ZONE}\"}");
	assert_int_equal(s.result, ERR_INVALID);
	assert_string_equal(s.issues.items[0].pointer, "/comment");
	assert_int_equal(file_line_of(&s.file, s.issues.items[0].pointer), 2);
	drop(&s);
	load(&s, "[]");
	assert_int_equal(s.result, ERR_INVALID);
	assert_int_equal(s.issues.count, 1);
	drop(&s);
	load(&s, "{\n}}");
	assert_int_equal(s.result, ERR_INVALID);
	assert_non_null(strstr(s.issues.items[0].detail, "line 2"));
	drop(&s);
}

/* How an issue of f.json is told, whose pointer was looked up to be on `line`. */
static const char *
told(uint32_t line, const char *pointer, const char *detail)
{
	static char text[256];
	struct buf out = { 0 };
	const struct issue issue = { (char *)pointer, (char *)detail };

	file_issue_put(&out, "f.json", line, "", &issue);
	assert_false(out.failed);
	snprintf(text, sizeof(text), "%.*s", (int)out.len, out.at);
	buf_fini(&out);
	return text;
}

static void
an_issue_begins_with_its_place(void **state)
{
	(void)state;
	assert_string_equal(told(3, "/global/maxconn", "must be a number"),
		"f.json:3: /global/maxconn: must be a number");
	assert_string_equal(told(0, "/a", "line 3: must be 1"), "f.json:3: /a: must be 1");
	assert_string_equal(told(0, "", "line 2, column 7: expected ','"),
			    "f.json:2:7: expected ','");
	assert_string_equal(told(2, "/a", "line 2, column 1: twice"), "f.json:2:1: /a: twice");
	assert_string_equal(told(1, "", "must be an object"),
			    "f.json:1: (document): must be an object");
	assert_string_equal(told(0, "/a", "line of thought"), "f.json: /a: line of thought");
	assert_string_equal(told(4, "/a", "line 5 is no place"),
			    "f.json:4: /a: line 5 is no place");
}

static void
what_cannot_be_read_is_named(void **state)
{
	struct issues issues = { 0 };
	struct file file;
	struct diag why;

	(void)state;
	assert_int_equal(file_load(&file, "/nonexistent/file", &issues, &why), ERR_SYSTEM);
	assert_string_equal(why.text, "/nonexistent/file: cannot open: No such file or directory");
	file_fini(&file);
	assert_int_equal(file_load(&file, "/", &issues, &why), ERR_SYSTEM);
	file_fini(&file);
	assert_int_equal(file_load(&file, "/dev/zero", &issues, &why), ERR_LIMIT);
	file_fini(&file);
	issues_fini(&issues);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_strings_are_expanded_and_its_lines_known),
		cmocka_unit_test(another_text_or_environment_is_another_file),
		cmocka_unit_test(what_is_wrong_has_its_place),
		cmocka_unit_test(an_issue_begins_with_its_place),
		cmocka_unit_test(what_cannot_be_read_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
