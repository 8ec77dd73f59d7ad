/*
 * Whole lists of steps: a bare connect, redis, smtp, the agent's (HAProxy manual, "option redis-check",
 * "option smtpchk", "agent-check").
 */
#include "config.h"
#include "server/check_conf_priv.h"

#define SMTP_DOMAIN_MAX_BYTES 255	/* RFC 5321, 4.5.3.1.2 */

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

enum err
check_conf_new_redis(struct check_conf **cp)
{
	const struct check_expect pong = { .match = CHECK_MATCH_LINE,
					   .min_recv = -1,
					   .error_status = CHECK_L7STS };
	enum err e = check_conf_new(cp, CHECK_KIND_TCP);

	if (e != ERR_OK)
		return e;
	e = check_conf_add_send(cp, SLICE("*1\r\n$4\r\nPING\r\n"), NULL);
	if (e == ERR_OK)
		e = check_conf_add_expect(cp, &pong, SLICE("+PONG"), NULL, NULL);
	return preset_end(cp, e);
}

static enum err
smtp_check(struct slice hello, struct slice domain, struct diag *diag)
{
	if (!http_equals_nocase(hello, SLICE("HELO")) && !http_equals_nocase(hello, SLICE("EHLO")))
		return check_refuse(diag, "hello", hello, "\"HELO\" or \"EHLO\"");
	if (!check_is_word(domain) || domain.len > SMTP_DOMAIN_MAX_BYTES)
		return check_refuse(diag, "domain", domain,
				    "1 to 255 printable characters without white space");
	return ERR_OK;
}

static enum err
smtp_add_hello(struct check_conf **cp, struct slice hello, struct slice domain)
{
	struct buf line = { 0 };
	enum err e;

	buf_put(&line, hello.at, hello.len);
	buf_puts(&line, " ");
	buf_put(&line, domain.at, domain.len);
	buf_puts(&line, "\r\n");
	e = line.failed ? ERR_NOMEM :
			  check_conf_add_send(cp, (struct slice){ line.at, line.len }, NULL);
	buf_fini(&line);
	return e;
}

/* Greeting, hello, and a QUIT that is answered, too: three replies. */
enum err
check_conf_new_smtp(struct check_conf **cp, struct slice hello, struct slice domain,
		    struct diag *diag)
{
	const struct check_expect reply = { .match = CHECK_MATCH_REPLY, .min_recv = -1 };
	enum err e;

	if (hello.len == 0)
		hello = SLICE("HELO");
	if (domain.len == 0)
		domain = SLICE("localhost");
	e = smtp_check(hello, domain, diag);
	if (e == ERR_OK)
		e = check_conf_new(cp, CHECK_KIND_TCP);
	if (e != ERR_OK)
		return e;
	for (int i = 0; i < 3 && e == ERR_OK; i++) {
		if (i == 1)
			e = smtp_add_hello(cp, hello, domain);
		else if (i == 2)
			e = check_conf_add_send(cp, SLICE("QUIT\r\n"), NULL);
		if (e == ERR_OK)
			e = check_conf_add_expect(cp, &reply, SLICE(""), NULL, NULL);
	}
	return preset_end(cp, e);
}
