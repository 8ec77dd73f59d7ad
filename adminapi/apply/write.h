/*
 * Writes: from a request to "in force on every worker and on the disk".
 *
 * One at a time is planned, in order of arrival; several may be on their way to the disk and to
 * the workers (DESIGN.md, "A write, step by step"). Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "adminapi/doc/plan.h"
#include "adminapi/store/store.h"
#include "core/diag.h"
#include "core/list.h"

enum write_verb { WRITE_PUT, WRITE_PATCH, WRITE_PATCH_MEMBERS, WRITE_CREATE, WRITE_DELETE };

/* What became of it. */
enum write_outcome {
	WRITE_DONE,		/* in force */
	WRITE_UNCHANGED,	/* in force before */
	WRITE_DRY,		/* dry run: `changes` says what would be */
	WRITE_BAD_JSON,		/* 400 */
	WRITE_NOT_FOUND,	/* 404 */
	WRITE_CONFLICT,		/* 409: in use, restart needed, address taken */
	WRITE_EXISTS,		/* 409: create of what is there */
	WRITE_PRECONDITION,	/* 412 */
	WRITE_INVALID,		/* 422 */
	WRITE_UNAVAILABLE,	/* 503: not stored, nothing changed */
	WRITE_UNDECIDED,	/* 503: the store did not answer in time: it may or may not happen */
	WRITE_UNACKNOWLEDGED,	/* 503: stored, but a worker did not answer in time */
};

#define WRITE_HELPER_BYTES	(32 * 1024)	/* larger (800 servers, 5 ms): planned on the helper */
#define WRITE_STORE_MS		5000	/* for the store to say whether it is on the disk */
#define WRITE_ACK_MS		2000		/* for all workers to install */

struct write;

/*
 * What has to follow the deletion of a server, whether or not somebody still waits for the answer.
 * sent() is called once: right after the deletion was sent to the workers (mail sent from inside it
 * finds it installed), with the generation of the server; or with 0, when it will not be deleted.
 */
struct removal {
	void		       (*sent)(struct removal *removal, uint64_t generation);
};

/* Filled by the caller, which keeps it and all texts alive until done(). Zero what is not meant. */
struct write {
	enum write_verb		 verb;
	enum doc_kind		 kind;		/* of the target, or of the collection's members */
	const char		*parent;	/* the backend of a server; NULL elsewhere */
	const char		*name;		/* NULL: the single one; for CREATE and members: none */
	bool			 of_rules;	/* of that frontend or backend: one of its rules, or the list */
	const char		*rule;		/* its id; NULL for CREATE (then the new one's, in done()) and members */
	bool			 of_entries;	/* of that map: its entries */
	const char		*entry;		/* the key of one; NULL: all (PUT), or several (PATCH_MEMBERS) */
	struct slice		 text;		/* the body, JSON */
	cJSON			*body;		/* instead of text, if it was parsed before (borrowed) */
	const char		*if_match, *if_none_match;
	bool			 dry_run;
	enum doc_origin		 origin;
	const char		*file_text;	/* the file behind it, expanded: kept for the start rule */
	size_t			 file_len;
	const char		*file_hash;	/* saved_file_hash() of it; not edited: it is not applied */
	bool			 is_restore;	/* start-up: the store has these rows already */
	const char		*actor, *reason, *peer;
	struct removal		*removal;	/* of a DELETE of a server; NULL: nothing has to follow */
	void		       (*done)(struct write *write);

	/* Results, valid in done(). */
	enum write_outcome	 outcome;
	struct issues		 issues;
	struct diag		 why;		/* of 404, 409, 503 */
	bool			 created;
	uint64_t		 revision;
	struct doc_node		*node;		/* the target, pinned until done() returns; NULL: gone or none */
	const struct plan	*plan;		/* what was done; NULL: nothing */
	struct buf		 changes;	/* dry run: {"changes":[...]} */
	struct issues		 dropped;	/* of an edited file: pointers of what REST had changed */
	bool			 file_is_same;	/* it was not edited since the document grew from it */

	/* The pipeline's. */
	char			 created_name[DOC_NAME_MAX + 1];
};

/* Take it up; done() is called once, never from inside. */
void write_submit(struct write *write);

/* The machinery. helper_start() was called before. */
void write_start(struct doc *doc, struct store *store);

/*
 * The first write, at start: `plan` (taken over, its steps walked but not finished) goes the same way. With
 * is_restore it is what the store has already.
 */
void write_boot(struct plan *plan, struct write *write);

/* What is overdue, in words (readyz): a commit, or an acknowledgement. NULL: nothing. */
const char *write_overdue(void);

struct write_counts {
	uint64_t	writes, failed_commits, late;
	uint32_t	waiting, under_way;
};
void write_counts(struct write_counts *counts);

/*
 * Something else to be saved, of no resource: it goes to the disk behind all writes that were handed over
 * before, and in front of those that come later. Takes `txn`. done() is called once, later, with the store's words
 * (NULL: saved). `note` is the caller's until then.
 */
struct write_note {
	void		       (*done)(struct write_note *note, const char *why);
};
void write_note_save(struct write_note *note, struct store_txn *txn);

/* Called on control when a write is being published, with its plan: events. Set once. */
void write_on_published(void (*fn)(const struct plan *plan, const struct write *write));
