/*
 * An agent's line: whatever it is, numbers keep within their limits, and the reason is printable. A line that
 * is said twice means the same as once, unless it has a reason.
 */
#include "config.h"
#include <stdint.h>
#include <stdlib.h>
#include "server/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

static void
claim_same(const struct agent_report *a, const struct agent_report *b)
{
	claim(a->admin == b->admin && a->health == b->health);
	claim(a->weight_kind == b->weight_kind && a->weight == b->weight);
	claim(a->has_maxconn == b->has_maxconn && a->maxconn == b->maxconn);
	claim(strcmp(a->reason, b->reason) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice line = { (const char *)data, size };
	struct agent_report report, again;
	struct buf twice = { 0 };
	bool understood = agent_parse(&report, line);

	claim(understood == (report.admin || report.health || report.weight_kind ||
			     report.has_maxconn));
	claim(report.weight <= (report.weight_kind == AGENT_WEIGHT_ABSOLUTE ? 256 : 25600));
	claim(strlen(report.reason) < sizeof(report.reason));
	for (const char *c = report.reason; *c != '\0'; c++)
		claim(*c >= ' ' && *c <= '~');
	if (size > 0 && memchr(data, '#', size) == NULL) {
		buf_put(&twice, data, size);
		buf_put(&twice, ",", 1);
		buf_put(&twice, data, size);
		claim(!twice.failed);
		claim(agent_parse(&again, (struct slice){ twice.at, twice.len }) == understood);
		claim(again.unknown == 2 * report.unknown);
		claim_same(&report, &again);
	}
	buf_fini(&twice);
	return 0;
}
