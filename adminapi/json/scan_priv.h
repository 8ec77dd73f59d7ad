/*
 * The scanner of the strict pass: RFC 8259 and nothing beside it, without a tree.
 *
 * It remembers where it is (a frame for each open object or array), so that a fault can say its
 * place and json_line_of() can wait for one. Pure: bytes in, verdict out. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "adminapi/json/issues.h"
#include "adminapi/json/strict.h"
#include "core/err.h"
#include "core/str.h"

#define SCAN_WORDS_BYTES 160	/* the longest explanation of a fault */

/* The decoded bytes of a string's raw text, one after the other. */
struct json_chars {
	const char	*at;
	const char	*end;
	unsigned char	 pending[4];	/* of an escape: the rest of its UTF-8 */
	unsigned	 pending_len;
	unsigned	 pending_at;
};

/* A key of an object that is still open. */
struct scan_key {
	const char	*at;		/* raw, between the quotes */
	uint32_t	 len;
	uint32_t	 hash;		/* of the decoded bytes */
};

struct scan_frame {
	bool		 is_array;
	bool		 in_member;	/* a member's value is being read: key or index says which */
	struct slice	 key;		/* raw */
	size_t		 index;
	size_t		 first_key;	/* where this object's keys begin in scan.keys */
};

struct scan {
	const char		*start;
	const char		*at;
	const char		*end;
	struct scan_frame	 frames[JSON_DEPTH_MAX];
	uint32_t		 depth;		/* frames in use */
	uint32_t		 values;
	struct scan_key		*keys;		/* of all open objects, the innermost last */
	size_t			 key_count;
	size_t			 key_cap;
	void			(*on_value)(struct scan *scan, void *arg);	/* at its first byte; may be NULL */
	void			*arg;
	enum err		 err;
	const char		*fault;		/* where */
	char			 words[SCAN_WORDS_BYTES];
};

/* Scan the whole text. ERR_INVALID with fault, words and the frames as they were; ERR_NOMEM. */
enum err scan_run(struct scan *scan, const char *text, size_t len);
void scan_fini(struct scan *scan);

/* For the files of the scanner: remember a fault, return false. */
bool scan_fail(struct scan *scan, const char *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The string whose quote is at scan->at: its raw text, and scan->at behind the closing quote. */
bool scan_string(struct scan *scan, struct slice *raw);

bool scan_is_utf8(struct slice text);

/* The pointer of the innermost value that was being read. */
void scan_pointer(const struct scan *scan, struct pointer *pointer);
void scan_push_raw(struct pointer *pointer, struct slice raw_key);

/* The decoded bytes of a raw text that scan_string accepted; -1 at the end. */
void json_chars_init(struct json_chars *chars, struct slice raw);
int json_chars_next(struct json_chars *chars);

/* A key of the innermost object was read; that object ends. Both false on a fault. */
bool scan_key_add(struct scan *scan, struct slice raw);
bool scan_keys_end(struct scan *scan, size_t first_key);
