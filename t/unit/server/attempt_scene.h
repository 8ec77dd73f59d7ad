/*
 * A server to be checked, and what answers there: a listener of the test's own, on the test's thread, that
 * does as it is told between two turns of the control loop. What the engine tells is kept here instead of
 * reaching health.c (the linker's --wrap).
 */
#pragma once

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "core/clock.h"
#include "core/obj.h"
#include "server/agent.h"
#include "server/check_priv.h"
#include "t/unit/server/scene.h"

#define CONNS_MAX 64

/* What the listener does with a connection. */
enum manner { SILENT, SAYS, SAYS_IN_PIECES, SAYS_AND_CLOSES, SAYS_AND_RESETS, RESETS, ENDLESS };

static struct {
	int		 fd;
	struct addr	 addr;
	enum manner	 manner;
	const char	*says;
	int		 conns[CONNS_MAX];	/* -1: closed */
	size_t		 said[CONNS_MAX];
	unsigned	 count;
	char		 heard[8192];		/* of all of them */
	size_t		 heard_len;
	bool		 was_reset, was_closed;	/* some connection, by the other side */
} peer;

static struct backend *backend;
static struct server *server;
static struct check *check;
static struct check_conf *steps, *agent_steps;
static int64_t interval_ms;

/* What was told. */
static struct check_verdict verdict;
static struct agent_report report;
static unsigned told, told_agent, told_silent, told_failed;
static void (*when_told)(void);
static size_t judged_bytes;	/* what the judge was given last */
static bool judged_at_end;

void __wrap_server_on_check(struct server *s, const struct check_verdict *v);
void __wrap_server_on_agent(struct server *s, const struct check_verdict *v,
			    const struct agent_report *r);
void __wrap_server_on_agent_silent(struct server *s, const struct check_verdict *v);
int64_t __wrap_server_check_interval_ms(const struct server *s, enum check_source source);

enum check_judged __real_check_judge(const struct check_conf *conf, const struct check_step *step,
				     struct slice bytes, bool is_end, size_t *used,
				     struct check_verdict *v);
enum check_judged __wrap_check_judge(const struct check_conf *conf, const struct check_step *step,
				     struct slice bytes, bool is_end, size_t *used,
				     struct check_verdict *v);

/* What the judge is given is of interest, and what it says. */
enum check_judged
__wrap_check_judge(const struct check_conf *conf, const struct check_step *step, struct slice bytes,
		   bool is_end, size_t *used, struct check_verdict *v)
{
	judged_bytes = bytes.len;
	judged_at_end = is_end;
	return __real_check_judge(conf, step, bytes, is_end, used, v);
}

void
__wrap_server_on_check(struct server *s, const struct check_verdict *v)
{
	verdict = *v;
	told++;
	told_failed += check_result_outcome(v->result) == CHECK_IS_FAIL;
	if (when_told != NULL)
		when_told();
}

void
__wrap_server_on_agent(struct server *s, const struct check_verdict *v,
		       const struct agent_report *r)
{
	verdict = *v;
	report = *r;
	told_agent++;
}

void
__wrap_server_on_agent_silent(struct server *s, const struct check_verdict *v)
{
	verdict = *v;
	told_silent++;
}

int64_t
__wrap_server_check_interval_ms(const struct server *s, enum check_source source)
{
	return interval_ms;
}

/* A listener on loopback; with a backlog of 0 and `is_full` it takes nobody any more. */
static inline int
listener_new(struct addr *addr)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memset(addr, 0, sizeof(*addr));
	addr->len = sizeof(addr->in);
	addr->in.sin_family = AF_INET;
	addr->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &addr->sa, addr->len), 0);
	assert_int_equal(addr_of_socket(addr, fd), ERR_OK);
	return fd;
}

/* A port that is ours and where nobody listens. */
static inline int
refusing_new(struct addr *addr)
{
	return listener_new(addr);
}

static inline void
peer_close(unsigned i, bool reset)
{
	if (reset)
		sock_reset(peer.conns[i]);
	else
		close(peer.conns[i]);
	peer.conns[i] = -1;
}

static inline void
peer_hear(unsigned i)
{
	ssize_t n;

	while (peer.conns[i] >= 0 && peer.heard_len < sizeof(peer.heard)) {
		n = recv(peer.conns[i], peer.heard + peer.heard_len,
			 sizeof(peer.heard) - peer.heard_len, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n > 0) {
			peer.heard_len += (size_t)n;
			continue;
		}
		peer.was_closed |= n == 0;
		peer.was_reset |= n < 0;
		peer_close(i, false);
	}
}

static inline void
peer_say(unsigned i, size_t most)
{
	const size_t len = strlen(peer.says) - peer.said[i];

	if (len == 0)
		return;
	(void)send(peer.conns[i], peer.says + peer.said[i], len < most ? len : most, MSG_NOSIGNAL);
	peer.said[i] += len < most ? len : most;
}

static inline void
peer_act(unsigned i)
{
	static const char much[4096] = { [0 ... 4095] = 'x' };

	switch (peer.manner) {
	case SILENT:
		break;
	case SAYS:
		peer_say(i, SIZE_MAX);
		break;
	case SAYS_IN_PIECES:
		peer_say(i, 1);
		break;
	case SAYS_AND_CLOSES:
	case SAYS_AND_RESETS:
		peer_say(i, SIZE_MAX);
		peer_close(i, peer.manner == SAYS_AND_RESETS);
		break;
	case RESETS:
		peer_close(i, true);
		break;
	case ENDLESS:
		(void)send(peer.conns[i], much, sizeof(much), MSG_NOSIGNAL | MSG_DONTWAIT);
		break;
	}
}

static inline void
peer_turn(void)
{
	int fd;

	while ((fd = accept4(peer.fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		assert_true(peer.count < CONNS_MAX);
		peer.said[peer.count] = 0;
		peer.conns[peer.count++] = fd;
	}
	for (unsigned i = 0; i < peer.count; i++) {
		if (peer.conns[i] >= 0)
			peer_hear(i);
		if (peer.conns[i] >= 0)
			peer_act(i);
	}
}

static inline void
turn(void)
{
	struct timespec pause = { .tv_nsec = 200000 };

	loop_turn(scene_control, false);
	peer_turn();
	nanosleep(&pause, NULL);
}

/* Turn until `condition`; ten seconds are enough for anything here. */
#define UNTIL(condition)                                                               \
	do {                                                                           \
		const uint64_t until_ms_ = check_now_ms() + 10000;                     \
		while (!(condition)) {                                                 \
			assert_true(check_now_ms() < until_ms_);                       \
			turn();                                                        \
		}                                                                      \
	} while (0)

static inline void
turn_for(uint64_t ms)
{
	const uint64_t until_ms = check_now_ms() + ms;

	while (check_now_ms() < until_ms)
		turn();
}

static inline void
steps_set(struct check_conf *conf)
{
	check_conf_unref(&steps);
	steps = conf;
	backend->conf->check = conf;
}

/* Steps are added to what this begins with; then steps_end(). */
static struct check_conf *draft;

static inline void
steps_begin(void)
{
	assert_int_equal(check_conf_new(&draft, CHECK_KIND_TCP), ERR_OK);
}

static inline void
step_connect(struct check_connect connect, const char *comment)
{
	assert_int_equal(check_conf_add_connect(&draft, &connect, comment), ERR_OK);
}

static inline void
step_send(const char *text)
{
	assert_int_equal(check_conf_add_send(&draft, slice_of(text), NULL), ERR_OK);
}

static inline void
step_expect(const char *text, const char *comment)
{
	const struct check_expect expect = { .match = CHECK_MATCH_STRING, .min_recv = -1 };

	assert_int_equal(check_conf_add_expect(&draft, &expect, slice_of(text), comment, NULL),
			 ERR_OK);
}

static inline void
steps_end(void)
{
	assert_int_equal(check_conf_end(&draft), ERR_OK);
	steps_set(draft);
	draft = NULL;
}

static inline struct server_conf *
server_said(void)
{
	return server->conf;
}

static inline int
start(void **state)
{
	struct publish_item *item = NULL;
	struct server_conf *conf = calloc(1, sizeof(*conf));
	struct check_conf *bare = NULL;

	scene_start(1, false);
	memset(&peer, 0, sizeof(peer));
	memset(&verdict, 0, sizeof(verdict));
	memset(&report, 0, sizeof(report));
	told = told_agent = told_silent = told_failed = 0;
	when_told = NULL;
	interval_ms = 100;
	peer.fd = listener_new(&peer.addr);
	peer.says = "hello";
	assert_int_equal(listen(peer.fd, 64), 0);

	backend = scene_backend(1, false);
	backend->conf->timeout_connect = TIMEOUT_NONE;
	backend->conf->timeout_check = TIMEOUT_NONE;
	assert_int_equal(check_conf_new_connect(&bare), ERR_OK);
	steps_set(bare);
	server = scene_server_new(backend, "s", 1);
	assert_non_null(conf);
	conf->weight = 1;
	conf->address = peer.addr;
	conf->inter = conf->agent_inter = 300;
	conf->rise = 2;
	conf->fall = 3;
	assert_int_equal(server_publish_new(&item, server, conf, SERVER_CAUSE_CREATED), ERR_OK);
	scene_publish(&item, 1);
	assert_int_equal(check_new(&check, server, CHECK_OF_SERVER), ERR_OK);
	return 0;
}

static inline int
stop(void **state)
{
	static const struct checks_settings none;

	check_free(&check);
	checks_set(&none);
	backend->conf->check = NULL;
	server->conf->agent_steps = NULL;
	check_conf_unref(&steps);
	check_conf_unref(&agent_steps);
	scene_drop(backend);
	scene_stop();
	for (unsigned i = 0; i < peer.count; i++)
		if (peer.conns[i] >= 0)
			close(peer.conns[i]);
	close(peer.fd);
	return 0;
}

#define CHECK_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

static inline void
assert_begins(const char *text, const char *with)
{
	if (strncmp(text, with, strlen(with)) != 0)
		fail_msg("\"%s\" does not begin with \"%s\"", text, with);
}

/* Check it once, and say what came of it: "L4CON Connection refused". */
static inline const char *
once(void)
{
	static char text[256];
	const unsigned before = told;

	check_start(check, false);
	UNTIL(told > before);
	check_stop(check);
	snprintf(text, sizeof(text), "%s %s", check_result_code(verdict.result), verdict.detail);
	return text;
}
