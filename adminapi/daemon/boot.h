/*
 * Start-up: which document holds, and putting it in force.
 */
#pragma once

#include "adminapi/apply/saved.h"
#include "adminapi/apply/write.h"
#include "adminapi/daemon/options.h"

/* What the program starts with, read before any thread runs. */
struct boot {
	struct schema		*schema;
	struct store		*store;
	struct saved		 saved;
	struct buf		 file_text;
	cJSON			*file;		/* parsed and expanded; NULL: none */
	char			 file_hash[SAVED_HASH_BYTES];
	bool			 file_wins;	/* else the saved document */
	char			*state_dir;	/* NULL: none */
	char			*user, *group;
	uint32_t		 threads;
	struct issues		 issues;
	struct diag		 why;
};

/* Schema, file, store; privileges are dropped in between. False: `why` or `issues` say why not. */
bool boot_read(struct boot *boot, const struct options *options);

/* The plan of the first write. */
void boot_plan(struct boot *boot, struct plan *plan, struct doc *doc);

/* Print issues with pointer and line to stderr. */
void boot_print_issues(const struct boot *boot, const struct issues *issues, const char *file);

/* --check: exit status. */
int boot_check(struct boot *boot, const struct options *options);

void boot_fini(struct boot *boot);	/* what is not handed on: not the schema, not the store */
