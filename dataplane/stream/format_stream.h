/*
 * The log variables, and the fetches and converters of captures: rows of this room.
 */
#pragma once

/* The process is known by its name and number from now on. Main thread, before anything is compiled, once. */
void format_stream_register(void);
void capture_fetch_register(void);	/* capture_fetch.c's */
