/*
 * The tables of converters that expr/ brings itself: conv.c lists them.
 */
#pragma once

#include "expr/fetch.h"
