/*
 * Start-up: which document holds, and putting it in force.
 */
#pragma once

#include "adminapi/apply/file.h"
#include "adminapi/apply/saved.h"
#include "adminapi/apply/write.h"
#include "adminapi/daemon/options.h"

/* What the program starts with, read before any thread runs. */
struct boot {
	struct schema		*schema;
	struct store		*store;
	struct saved		 saved;
	const char		*path;		/* of the file; NULL: none was given */
	struct file		 file;
	bool			 file_wins;	/* else the saved document */
	char			*state_dir;	/* NULL: none */
	char			*files_dir;	/* NULL: none; absolute, or it is said why not */
	char			*log_dir;	/* likewise */
	char			*user, *group;
	uint32_t		 threads;
	struct issues		 issues;
	struct diag		 why;
};

/* Schema, file, store; privileges are dropped in between. False: `why` or `issues` say why not. */
bool boot_read(struct boot *boot, const struct options *options);

/* What the command line said holds over the document: tell, and have the document know. */
void boot_note_options(const struct boot *boot, const struct options *options, struct doc *doc);

/* The plan of the first write. */
void boot_plan(struct boot *boot, struct plan *plan, struct doc *doc);

/* Print issues of the document that holds, with pointer and line, to stderr. */
void boot_print_issues(const struct boot *boot, const struct issues *issues);

/* --check: exit status. */
int boot_check(struct boot *boot, const struct options *options);

/* Free what only the start needs; the schema, the store and the folders live on. */
void boot_fini(struct boot *boot);
