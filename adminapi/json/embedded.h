/*
 * The files of schemas/, compiled into the program by schemas/embed.pl.
 *
 * Read-only data: any thread. The table is in the order of schemas/Makefile.inc.
 */
#pragma once
#include <stddef.h>

struct embedded_file {
	const char	*name;		/* "server.json": its name in schemas/ */
	const char	*text;		/* its bytes as they are in the file, and a NUL behind them */
	size_t		 size;		/* bytes, without that NUL */
};

/* embedded_file_count rows, and one more whose name is NULL. */
extern const struct embedded_file	embedded_files[];
extern const size_t			embedded_file_count;
