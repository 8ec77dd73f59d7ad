/*
 * What an agent says of its server: one line of words (HAProxy manual, "agent-check"). Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/str.h"

enum agent_admin { AGENT_ADMIN_NONE, AGENT_READY, AGENT_DRAIN, AGENT_MAINT };
enum agent_health { AGENT_HEALTH_NONE, AGENT_UP, AGENT_DOWN, AGENT_FAIL, AGENT_STOPPED };
enum agent_weight { AGENT_WEIGHT_NONE, AGENT_WEIGHT_PERCENT, AGENT_WEIGHT_ABSOLUTE };

#define AGENT_REASON_BYTES 96

/* What is not mentioned stays as it is. */
struct agent_report {
	enum agent_admin	 admin;
	enum agent_health	 health;
	enum agent_weight	 weight_kind;
	uint32_t		 weight;	/* percent of the configured one (at most 25600), or 0..256 */
	bool			 has_maxconn;
	uint32_t		 maxconn;	/* 0: none */
	/* What stands behind '#'; else, as in HAProxy, the first word that was not understood; "". Escaped. */
	char			 reason[AGENT_REASON_BYTES];
	uint32_t		 unknown;	/* words that say nothing to us */
};

/* The line without its end, as it came; however long. False: no word of it was understood, see `unknown`. */
bool agent_parse(struct agent_report *report, struct slice line);

/* Whether a word of it was understood; if not, and `unknown` is 0, there was none. */
bool agent_report_says(const struct agent_report *report);
