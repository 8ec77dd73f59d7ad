/*
 * What tests of sets and maps have in common: samples of texts, and a room for an evaluation.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/network.h"
#include "expr/pattern.h"

#define SETS_ROOM_BYTES 16384
static char sets_room[SETS_ROOM_BYTES];

static inline struct eval
an_eval(void)
{
	return (struct eval){ .room = { sets_room, sizeof(sets_room) } };
}

static inline struct sample
text_sample(const char *text)
{
	return (struct sample){ .type = SAMPLE_STRING, .text = slice_of(text) };
}

static inline struct sample
int_sample(int64_t number)
{
	return (struct sample){ .type = SAMPLE_INT, .number = number };
}

/* As a fetch gives it: a mapped address is IPv4 only if it came as that. */
static inline struct sample
ip_sample(const char *text)
{
	struct sample sample = { .type = SAMPLE_IP };
	struct network network;

	assert_int_equal(network_parse(&network, slice_of(text), NULL), ERR_OK);
	memcpy(sample.ip.bytes, network.bytes, sizeof(sample.ip.bytes));
	sample.ip.is_ipv4 = network.is_ipv4 && memchr(text, ':', strlen(text)) == NULL;
	return sample;
}

/* The address of `text`, a number, or the text itself: whatever the method takes. */
static inline struct sample
sample_for(const char *method, const char *text)
{
	if (strcmp(method, "ip") == 0)
		return ip_sample(text);
	if (strcmp(method, "int") == 0)
		return int_sample(atoll(text));
	return text_sample(text);
}
