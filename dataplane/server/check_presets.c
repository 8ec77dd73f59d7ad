/*
 * Whole lists of steps: a bare connect, redis, smtp, the agent's (HAProxy manual, "option redis-check",
 * "option smtpchk", "agent-check").
 */
#include "config.h"
#include "server/check_conf_priv.h"

/* What `e` says of a list that was begun: ended, or undone. */
static enum err
preset_end(struct check_conf **cp, enum err e)
{
	if (e == ERR_OK)
		e = check_conf_end(cp);
	if (e != ERR_OK)
		check_conf_unref(cp);
	return e;
}

enum err
check_conf_new_connect(struct check_conf **cp)
{
	enum err e = check_conf_new(cp, CHECK_KIND_TCP);

	return e == ERR_OK ? preset_end(cp, e) : e;
}

enum err
check_conf_new_agent(struct check_conf **cp, struct slice send)
{
	struct check_step line = { .kind = CHECK_STEP_EXPECT,
				   .expect = { .match = CHECK_MATCH_LINE, .min_recv = -1 } };
	enum err e = check_conf_new(cp, CHECK_KIND_AGENT);

	if (e != ERR_OK)
		return e;
	if (send.len > 0)
		e = check_conf_add_send(cp, send, NULL);
	if (e == ERR_OK)
		e = check_step_add(cp, &line, NULL);
	return preset_end(cp, e);
}
