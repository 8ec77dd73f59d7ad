/*
 * The command line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_ADMIN_MAX 16

struct options {
	const char	*file;				/* -f */
	const char	*state_dir;			/* --state-dir */
	const char	*files_dir;			/* --files-dir */
	const char	*log_dir;			/* --log-dir */
	const char	*admin[OPTIONS_ADMIN_MAX];	/* --admin */
	uint32_t	 admin_count;
	uint32_t	 threads;			/* --threads; 0: not given */
	bool		 check;				/* --check */
	bool		 expressions;			/* --expressions */
	bool		 version;			/* --version */
	bool		 help;				/* --help */
};

/* False, after the error was written to stderr. Texts are argv's. */
bool options_parse(struct options *options, int argc, char **argv);
void options_help(void);
