/*
 * uthash as the program uses it: without memory HASH_ADD leaves the table as it was.
 *
 * By itself uthash ends the process then. Everybody includes this file instead and asks
 * hash_has() after each HASH_ADD. Any thread; a table belongs to one.
 */
#pragma once

#define HASH_NONFATAL_OOM 1
#include <uthash.h>	/* HASH_ADD of an element that found no memory sets its hh.tbl to NULL */

/* Did HASH_ADD add it? */
#define hash_has(element) ((element)->hh.tbl != NULL)
