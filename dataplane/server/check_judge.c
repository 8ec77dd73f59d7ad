/*
 * What an answer to a check is worth: each kind of check has its file; here is what they share.
 */
#include "config.h"
#include "server/check_judge_priv.h"

static enum check_judged
line_judge(struct slice bytes, bool is_end, size_t *used, struct check_verdict *verdict)
{
	size_t len = 0;

	while (len < bytes.len && bytes.at[len] != '\r' && bytes.at[len] != '\n')
		len++;
	if (len == bytes.len && !is_end)
		return CHECK_JUDGED_MORE;
	*used = len;
	str_escape(verdict->detail, sizeof(verdict->detail), (struct slice){ bytes.at, len });
	verdict->result = len > 0 ? CHECK_L7OK : CHECK_L7RSP;
	return len > 0 ? CHECK_JUDGED_PASS : CHECK_JUDGED_FAIL;
}

enum check_judged
check_judge(const struct check_conf *conf, const struct check_step *step, struct slice bytes,
	    bool is_end, size_t *used, struct check_verdict *verdict)
{
	verdict->code = 0;
	verdict->detail[0] = '\0';
	*used = 0;
	if (step->kind != CHECK_STEP_EXPECT) {
		verdict->result = step->kind == CHECK_STEP_CONNECT ? CHECK_L4OK : CHECK_L7OK;
		return CHECK_JUDGED_PASS;
	}
	return line_judge(bytes, is_end, used, verdict);
}
