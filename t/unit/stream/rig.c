/*
 * The engine in a test. See rig.h.
 */
#include "config.h"
#include "t/unit/stream/rig.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "core/log.h"
#include "core/obj.h"
#include "core/publish.h"
#include "stream/engine_priv.h"
#include "stream/frontend_priv.h"
#include "stream/worker_priv.h"

#define RIG_MINUTE_MS 60000
#define RIG_LINE_MAX  16384

struct rig rig;

static int rig_log_fd = -1;	/* stdout while the rig runs */
static int rig_stdout = -1;
static char rig_folder[] = "/tmp/sluice-rig-XXXXXX";
static char rig_dir[sizeof(rig_folder)];

struct rig_hold {
	struct mail	mail;
	sem_t		held, go;
};
static struct rig_hold rig_holds[ENGINE_MAX_THREADS];

uint64_t
rig_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void
rig_turn(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	loop_turn(rig.control, false);
	nanosleep(&moment, NULL);
}

static void
rig_on_acked(void *arg)
{
	*(bool *)arg = true;
}

void
rig_publish(struct publish_item *item, ...)
{
	struct publication *p = NULL;
	bool acked = false;
	va_list items;

	assert_int_equal(publication_new(&p), ERR_OK);
	va_start(items, item);
	for (; item != NULL; item = va_arg(items, struct publish_item *))
		publication_add(p, item);
	va_end(items);
	publication_send(p);
	publication_seal(p, rig_on_acked, &acked);
	rig_wait_until(acked);
}

/* Sockets. */

static void
socket_bound_waits(int fd)
{
	const struct timeval wait = { .tv_sec = RIG_WAIT_S };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)), 0);
}

struct addr
rig_loopback(void)
{
	struct addr addr = { 0 };

	assert_int_equal(addr_parse(&addr, slice_of(rig.options.ipv6 ? "[::1]:0" : "127.0.0.1:0"),
				    ADDR_ANY_PORT, NULL),
			 ERR_OK);
	return addr;
}

static struct addr
rig_unix(const char *name, uint32_t number)
{
	struct addr addr = { 0 };
	char text[ADDR_TEXT_BYTES];

	(void)snprintf(text, sizeof(text), "unix:%s/%s%u", rig_dir, name, (unsigned)number);
	assert_int_equal(addr_parse(&addr, slice_of(text), 0, NULL), ERR_OK);
	return addr;
}

int
rig_connect(const struct addr *to)
{
	int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	socket_bound_waits(fd);
	assert_int_equal(connect(fd, &to->sa, to->len), 0);
	return fd;
}

int
rig_client(void)
{
	return rig_connect(&rig.address);
}

static bool
fd_is_ready(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

bool
rig_has_connection(uint32_t origin)
{
	return fd_is_ready(rig.origins[origin], 0);
}

int
rig_accept(uint32_t origin)
{
	int fd;

	rig_wait_until(rig_has_connection(origin));
	fd = accept4(rig.origins[origin], NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	socket_bound_waits(fd);
	return fd;
}

void
rig_pair(int *client, int *server)
{
	*client = rig_client();
	*server = rig_accept(0);
}

void
rig_serve_all(int *clients, uint32_t count)
{
	uint32_t left = count;

	while (left > 0) {
		if (rig_has_connection(0))
			close(rig_accept(0));
		for (uint32_t i = 0; i < count; i++) {
			if (clients[i] < 0 || !fd_is_ready(clients[i], 0))
				continue;
			rig_reads_end(clients[i]);
			close(clients[i]);
			clients[i] = -1;
			left--;
		}
		rig_turn();
	}
	rig_wait_until(engine_streams() == 0);
}

void
rig_write(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

void
rig_reads(int fd, const char *text)
{
	size_t want = strlen(text);
	char got[1024];

	assert_true(want < sizeof(got));
	assert_int_equal(recv(fd, got, want, MSG_WAITALL), want);
	assert_memory_equal(got, text, want);
}

void
rig_reads_end(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

void
rig_reads_reset(int fd)
{
	char bytes[4096];
	ssize_t got;

	do
		got = recv(fd, bytes, sizeof(bytes), 0);
	while (got > 0);
	assert_int_equal(got, -1);
	assert_int_equal(errno, ECONNRESET);
}

bool
rig_is_silent(int fd, int ms)
{
	return !fd_is_ready(fd, ms);
}

void
rig_finish(int fd)
{
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
}

void
rig_reset(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
}

/* Origins. */

static void
origin_listen(uint32_t i, const struct addr *addr)
{
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, &addr->sa, addr->len), 0);
	assert_int_equal(listen(fd, 1024), 0);
	assert_int_equal(addr_of_socket(&rig.origin_addresses[i], fd), ERR_OK);
	rig.origins[i] = fd;
}

static void
origin_open(uint32_t i)
{
	struct addr addr = rig.options.unix_server ? rig_unix("origin", i) : rig_loopback();

	origin_listen(i, &addr);
}

void
rig_origin_reopen(uint32_t origin)
{
	const struct addr addr = rig.origin_addresses[origin];

	origin_listen(origin, &addr);
}

void
rig_origin_close(uint32_t origin)
{
	close(rig.origins[origin]);
	rig.origins[origin] = -1;
}

/* Linux drops a SYN when the queue is full: 1 + 0 are let in here. */
void
rig_origin_listen_short(uint32_t origin)
{
	const struct addr *addr = &rig.origin_addresses[origin];

	assert_int_equal(listen(rig.origins[origin], 0), 0);
	for (int i = 0; i < 2; i++) {
		int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

		assert_true(fd >= 0);
		(void)connect(fd, &addr->sa, addr->len);	/* left open to the test's end */
	}
}

/* Configuration. */

static int64_t
time_or_minute(int64_t ms)
{
	return ms == 0 ? RIG_MINUTE_MS : ms;
}

static struct publish_item *
backend_item(void)
{
	const struct rig_options *o = &rig.options;
	struct backend_conf *conf = NULL;
	struct publish_item *item = NULL;

	assert_int_equal(backend_conf_new(&conf), ERR_OK);
	conf->timeout_connect = time_or_minute(o->connect);
	conf->timeout_server = time_or_minute(o->server);
	conf->timeout_server_fin = time_or_minute(o->server_fin);
	conf->timeout_tunnel = time_or_minute(o->tunnel);
	conf->tunnel_set = o->tunnel != 0;
	conf->timeout_queue = time_or_minute(o->queue);
	conf->retries = o->retries;
	conf->redispatch = o->redispatch;
	conf->maxqueue = o->maxqueue == 0 ? 100 : o->maxqueue;
	conf->min_usable = 1;
	conf->mode = o->http ? MODE_HTTP : MODE_TCP;
	conf->http.retry_on = RETRY_ON_CONN_FAILURE;
	assert_int_equal(backend_publish_new(&item, rig.backend, conf), ERR_OK);
	return item;
}

struct publish_item *
rig_server_item(struct server *server, uint32_t origin, uint32_t maxconn, enum server_admin admin)
{
	struct server_conf *conf = server_conf_new();
	struct publish_item *item = NULL;

	assert_non_null(conf);
	conf->address = rig.origin_addresses[origin];
	conf->weight = 1;
	conf->maxconn = maxconn;
	conf->admin = admin;
	assert_int_equal(server_publish_new(&item, server, conf, SERVER_CAUSE_CONFIG), ERR_OK);
	return item;
}

struct bind *
rig_bind_open(const struct addr *address)
{
	struct bind_conf conf = { .address = *address };
	struct bind *bind = NULL;
	struct diag diag = { "" };
	enum err result = bind_open(&bind, &conf, engine_threads(), &diag);

	if (result != ERR_OK)
		fail_msg("%s", diag.text);
	return bind;
}

struct publish_item *
rig_frontend_item(struct frontend *frontend, struct bind **binds, uint32_t count, uint32_t maxconn)
{
	const struct log_target_conf to_stdout = { .place = { .text = "stdout" },
						   .level = LOG_LEVEL_DEBUG };
	struct frontend_conf *conf = NULL;
	struct publish_item *item = NULL;

	assert_int_equal(frontend_conf_new(&conf, count), ERR_OK);
	conf->default_backend = rig.backend;
	backend_hold(rig.backend);
	conf->timeout_client = time_or_minute(rig.options.client);
	conf->timeout_client_fin = time_or_minute(rig.options.client_fin);
	conf->maxconn = maxconn;
	conf->mode = rig.options.http ? MODE_HTTP : MODE_TCP;
	conf->access.count = 1;
	assert_int_equal(log_list_new(&conf->access.logs[0].list, &to_stdout, 1), ERR_OK);
	for (uint32_t i = 0; i < count; i++) {
		bind_hold(binds[i]);
		conf->binds[i] = binds[i];
	}
	assert_int_equal(frontend_publish_new(&item, frontend, conf), ERR_OK);
	return item;
}

static void
publish_servers(void)
{
	for (uint32_t i = 0; i < rig.options.servers; i++) {
		char name[16];

		(void)snprintf(name, sizeof(name), "s%u", (unsigned)i + 1);
		origin_open(i);
		assert_int_equal(server_new(&rig.servers[i], rig.backend, name, i + 1), ERR_OK);
		rig_publish(rig_server_item(rig.servers[i], i, rig.options.server_maxconn,
					    SERVER_READY),
			    NULL);
	}
}

static void
publish_frontend(void)
{
	struct addr address = rig.options.unix_client ? rig_unix("web", 0) : rig_loopback();
	struct bind *bind = rig_bind_open(&address);

	rig.bind = bind;
	rig.address = *bind_address(bind);
	assert_int_equal(frontend_new(&rig.frontend, "web"), ERR_OK);
	rig_publish(rig_frontend_item(rig.frontend, &bind, 1, rig.options.frontend_maxconn), NULL);
	bind_release(&bind);
}

/* What is written to stdout goes to a file in memory, where rig_logs() finds it. */
static void
catch_stdout(void)
{
	fflush(stdout);
	rig_log_fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(rig_log_fd >= 0);
	assert_int_equal(fcntl(rig_log_fd, F_SETFL, O_APPEND), 0);
	rig_stdout = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_true(dup2(rig_log_fd, STDOUT_FILENO) >= 0);
}

static void
release_stdout(void)
{
	if (rig_stdout < 0)
		return;
	fflush(stdout);
	dup2(rig_stdout, STDOUT_FILENO);
	close(rig_stdout);
	close(rig_log_fd);
	rig_stdout = rig_log_fd = -1;
}

void
rig_start(const struct rig_options *options)
{
	struct engine_conf conf;

	rig = (struct rig){ .options = *options, .origins = { -1, -1, -1 } };
	if (rig.options.threads == 0)
		rig.options.threads = 1;
	if (rig.options.servers == 0)
		rig.options.servers = 1;
	memcpy(rig_dir, rig_folder, sizeof(rig_dir));
	assert_non_null(mkdtemp(rig_dir));
	catch_stdout();
	assert_int_equal(loop_new(&rig.control, LOOP_CONTROL), ERR_OK);
	loop_adopt(rig.control);
	assert_int_equal(log_start(), ERR_OK);
	conf = (struct engine_conf){ .threads = rig.options.threads,
				     .maxconn = options->maxconn == 0 ? 1000 : options->maxconn,
				     .pipe_memory = options->pipe_memory };
	assert_int_equal(engine_start(&conf, rig.control), ERR_OK);
	assert_int_equal(backend_new(&rig.backend, "app"), ERR_OK);
	rig_publish(backend_item(), NULL);
	publish_servers();
	publish_frontend();
}

static void
retire_all(void)
{
	struct publish_item *item = NULL;

	assert_int_equal(frontend_retire_new(&item, rig.frontend), ERR_OK);
	rig_publish(item, NULL);
	for (uint32_t i = 0; i < rig.options.servers; i++) {
		if (rig.servers[i] == NULL)
			continue;
		assert_int_equal(server_retire_new(&item, rig.servers[i], NULL), ERR_OK);
		rig_publish(item, NULL);
	}
	assert_int_equal(backend_retire_new(&item, rig.backend), ERR_OK);
	rig_publish(item, NULL);
}

static void
rig_clean_up(void)
{
	assert_int_equal(engine.pipes.used, 0);
	log_stop(1000);
	release_stdout();
	loop_free(&rig.control);
	loop_adopt(NULL);
	for (uint32_t i = 0; i < RIG_ORIGINS; i++) {
		if (rig.origins[i] >= 0)
			close(rig.origins[i]);
		if (rig.options.unix_server && rig.origin_addresses[i].len > 0)
			unlink(rig.origin_addresses[i].un.sun_path);
	}
	assert_int_equal(rmdir(rig_dir), 0);	/* the bind's socket is gone, too */
}

int
rig_stop(void **state)
{
	retire_all();
	(void)rig_end(&(struct session_filter){ 0 }, END_ADMIN);
	rig_wait_until(engine_streams() == 0);
	for (int i = 0; i < 8; i++)
		rig_turn();
	engine_stop();
	rig_clean_up();
	return 0;
}

/* What was published and never retired stays in `rig`, as it does when the program exits. */
void
rig_stop_at_once(void)
{
	engine_stop();
	rig_clean_up();
}

/* Standing still. */

static void
hold_on_mail(struct mail *mail)
{
	struct rig_hold *hold = container_of(mail, struct rig_hold, mail);

	sem_post(&hold->held);
	while (sem_wait(&hold->go) != 0)
		;
}

void
rig_hold(uint32_t worker)
{
	struct rig_hold *hold = &rig_holds[worker];

	sem_init(&hold->held, 0, 0);
	sem_init(&hold->go, 0, 0);
	hold->mail.deliver = hold_on_mail;
	mailbox_send(&publish_worker(worker)->mailbox, &hold->mail);
	while (sem_wait(&hold->held) != 0)
		;
}

void
rig_release(uint32_t worker)
{
	sem_post(&rig_holds[worker].go);
}

/* The log. */

static bool
log_line_read(uint32_t number, char line[RIG_LINE_MAX])
{
	char *text = calloc(1, 1 << 20);
	ssize_t len = pread(rig_log_fd, text, (1 << 20) - 1, 0);
	char *at = text, *end = NULL;

	assert_non_null(text);
	assert_true(len >= 0);
	for (uint32_t i = 0; at != NULL; i++) {
		end = strchr(at, '\n');
		if (end == NULL)
			break;
		*end = '\0';
		if (i == number)
			break;
		at = end + 1;
		end = NULL;
	}
	if (end != NULL)
		(void)snprintf(line, RIG_LINE_MAX, "%s", at);
	free(text);
	return end != NULL;
}

char *
rig_log_text(void)
{
	struct stat st;
	char *text;

	assert_int_equal(fstat(rig_log_fd, &st), 0);
	text = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(text);
	assert_int_equal(pread(rig_log_fd, text, (size_t)st.st_size, 0), st.st_size);
	return text;
}

static void
log_line_next(char line[RIG_LINE_MAX])
{
	rig_wait_until(log_line_read(rig.log_lines, line));
	rig.log_lines++;
}

void
rig_logs_both(const char *one, const char *other)
{
	char first[RIG_LINE_MAX], second[RIG_LINE_MAX];

	log_line_next(first);
	log_line_next(second);
	if (!(strstr(first, one) != NULL && strstr(second, other) != NULL) &&
	    !(strstr(first, other) != NULL && strstr(second, one) != NULL))
		fail_msg("%s and %s are not in %s and %s", one, other, first, second);
}

void
rig_logs_both_of(const char *text, const char *other)
{
	char line[RIG_LINE_MAX];

	log_line_next(line);
	if (strstr(line, text) == NULL || strstr(line, other) == NULL)
		fail_msg("%s or %s is not in %s", text, other, line);
}

void
rig_logs(const char *text)
{
	rig_logs_both_of(text, "");
}

/* Sessions. */

static void
on_list(struct session_list *list, void *arg)
{
	assert_non_null(list);
	*(struct session_list **)arg = list;
}

struct session_list *
rig_sessions(const struct session_filter *filter, uint32_t limit)
{
	struct session_list *list = NULL;

	assert_int_equal(sessions_collect(filter, limit, on_list, &list), ERR_OK);
	rig_wait_until(list != NULL);
	return list;
}

uint32_t
rig_count(const struct session_filter *filter)
{
	struct session_list *list = rig_sessions(filter, 10000);
	uint32_t count = list->count;

	session_list_free(&list);
	return count;
}

uint32_t
rig_retries(void)
{
	struct session_list *list = rig_sessions(&(struct session_filter){ 0 }, 1);
	uint32_t retries = list->count == 0 ? 0 : list->infos[0]->retries;

	session_list_free(&list);
	return retries;
}

uint64_t
rig_bytes_out(void)
{
	struct session_list *list = rig_sessions(&(struct session_filter){ 0 }, 1);
	uint64_t bytes = list->count == 0 ? 0 : list->infos[0]->bytes_out;

	session_list_free(&list);
	return bytes;
}

static void
on_ended(uint32_t ended, void *arg)
{
	*(int64_t *)arg = ended;
}

uint32_t
rig_end(const struct session_filter *filter, enum end_cause cause)
{
	int64_t ended = -1;

	assert_int_equal(sessions_end(filter, cause, on_ended, &ended), ERR_OK);
	rig_wait_until(ended >= 0);
	return (uint32_t)ended;
}
