/*
 * The tables of fetches that expr/ brings itself.
 */
#pragma once

#include "expr/fetch.h"

extern struct fetch_table fetch_http;
