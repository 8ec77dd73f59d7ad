/*
 * The tables of rows that server/ brings: fetch_server.c registers them.
 */
#pragma once

#include "expr/fetch.h"
#include "server/fetch.h"

extern struct fetch_table fetch_backend;
extern struct conv_table conv_backend;
