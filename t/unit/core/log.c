/*
 * The log, from a producer's ring to the descriptor: each scene is a process whose stdout and stderr
 * are ours.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "core/log.h"

/* In the scene's process: a claim that does not hold ends it with its line. */
#define CLAIM(x)						\
	do {							\
		if (!(x))					\
			_exit(100 + __LINE__ % 100);		\
	} while (0)

/* What a scene wrote, and how it ended. */
struct played {
	struct buf	out;
	struct buf	err;
	int		status;
};

/* Reads both to their ends; a descriptor of -1 is left out. */
static void
read_both(struct played *p, int out_fd, int err_fd)
{
	struct pollfd fds[2] = { { out_fd, POLLIN, 0 }, { err_fd, POLLIN, 0 } };
	struct buf *bufs[2] = { &p->out, &p->err };
	char chunk[4096];

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		poll(fds, 2, -1);
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (fds[i].fd < 0 || fds[i].revents == 0)
				continue;
			n = read(fds[i].fd, chunk, sizeof(chunk));
			if (n > 0)
				buf_put(bufs[i], chunk, (size_t)n);
			else
				fds[i].fd = -1;
		}
	}
}

static void
open_pair(int fds[2], bool as_socket)
{
	if (as_socket)
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	else
		assert_int_equal(pipe(fds), 0);
}

/* Run `scene` with both descriptors on pipes or sockets; stdout is read only if `reads_out`. */
static struct played
play(void (*scene)(void), bool as_socket, bool reads_out)
{
	struct played p = { { 0 }, { 0 }, 0 };
	int out[2], err[2];
	pid_t pid;

	open_pair(out, as_socket);
	open_pair(err, as_socket);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		if (reads_out)
			close(out[0]);
		close(out[1]);
		close(err[0]);
		close(err[1]);
		scene();
		_exit(0);
	}
	assert_true(pid > 0);
	close(out[1]);
	close(err[1]);
	read_both(&p, reads_out ? out[0] : -1, err[0]);
	assert_int_equal(waitpid(pid, &p.status, 0), pid);
	close(out[0]);
	close(err[0]);
	buf_put(&p.out, "", 1);
	buf_put(&p.err, "", 1);
	return p;
}

static void
forget(struct played *p)
{
	assert_true(WIFEXITED(p->status));
	assert_int_equal(WEXITSTATUS(p->status), 0);
	buf_fini(&p->out);
	buf_fini(&p->err);
}

static struct log_ring *
ring_new(void)
{
	struct log_ring *ring = NULL;

	CLAIM(log_ring_new(&ring) == ERR_OK);
	return ring;
}

static struct log_counts
counts_now(void)
{
	struct log_counts counts;

	log_counts(&counts);
	return counts;
}

/* A list of these places, separated by blanks; made once. A scene's process ends with it. */
static const struct log_list *
to(const char *places)
{
	static _Thread_local struct {
		const char *places;
		struct log_list *list;
	} made[4];
	struct log_target_conf confs[4] = { 0 };
	static _Thread_local char text[4][256];
	char *rest, *word, copy[1024];
	size_t count = 0, i = 0;

	while (i < 3 && made[i].places != NULL && made[i].places != places)
		i++;
	if (made[i].places == places)
		return made[i].list;
	snprintf(copy, sizeof(copy), "%s", places);
	for (word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		snprintf(text[count], sizeof(text[0]), "%s", word);
		CLAIM(log_place_parse(&confs[count].place, text[count], NULL) == ERR_OK);
		confs[count++].level = LOG_LEVEL_DEBUG;
	}
	CLAIM(log_list_new(&made[i].list, confs, count) == ERR_OK);
	made[i].places = places;
	return made[i].list;
}

static const struct log_list *
to_both(void)
{
	return to("stdout stderr");
}

static void
write_to_each(void)
{
	struct log_ring *ring = ring_new();

	CLAIM(log_start() == ERR_OK);
	CLAIM(log_write(ring, to("stdout"), LOG_LEVEL_INFO, SLICE("one")));
	CLAIM(log_write(ring, to("stderr"), LOG_LEVEL_INFO, SLICE("two")));
	CLAIM(log_write(ring, to_both(), LOG_LEVEL_INFO, SLICE("")));
	CLAIM(log_write(ring, NULL, LOG_LEVEL_INFO, SLICE("nowhere")));
	CLAIM(log_write(ring, to_both(), LOG_LEVEL_INFO, SLICE("three")));
	log_stop(5000);
	CLAIM(counts_now().written == 6);
	CLAIM(counts_now().dropped == 0);
}

static void
a_line_goes_to_its_targets_with_a_newline(void **state)
{
	for (int as_socket = 0; as_socket < 2; as_socket++) {
		struct played p = play(write_to_each, as_socket, true);

		(void)state;
		assert_string_equal(p.out.at, "one\n\nthree\n");
		assert_string_equal(p.err.at, "two\n\nthree\n");
		forget(&p);
	}
}

#define PRODUCERS 3
#define PRODUCED  20000

static void *
produce(void *arg)
{
	struct log_ring *ring = ring_new();
	char line[200];

	memset(line, 'x', sizeof(line));
	for (unsigned i = 0; i < PRODUCED; i++) {
		int n = snprintf(line, sizeof(line), "%c %u", *(char *)arg, i);
		size_t len = (size_t)n + i % 150;

		line[n] = 'x';
		while (!log_write(ring, to("stdout"), LOG_LEVEL_INFO, (struct slice){ line, len }))
			sched_yield();
		memset(line, 'x', (size_t)n + 1);
	}
	return NULL;
}

static void
produce_all(void)
{
	static char names[PRODUCERS] = "abc";
	pthread_t threads[PRODUCERS];

	CLAIM(log_start() == ERR_OK);
	for (unsigned i = 0; i < PRODUCERS; i++)
		CLAIM(pthread_create(&threads[i], NULL, produce, &names[i]) == 0);
	for (unsigned i = 0; i < PRODUCERS; i++)
		pthread_join(threads[i], NULL);
	log_stop(30000);
	/* a queue of 4 MiB may be full for a moment: then lines are missing, and counted */
	CLAIM(counts_now().written <= PRODUCERS * PRODUCED);
}

static void
lines_of_many_threads_arrive_whole_and_in_order(void **state)
{
	struct played p = play(produce_all, false, true);
	int last[PRODUCERS] = { -1, -1, -1 };
	unsigned lines = 0;

	(void)state;
	for (char *line = p.out.at, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		char *rest;
		int number = (int)strtol(line + 2, &rest, 10);
		unsigned who = (unsigned)(line[0] - 'a');

		assert_true(who < PRODUCERS);
		assert_true(number > last[who]);
		assert_int_equal(end - line, rest - line + number % 150);
		assert_int_equal(strspn(rest, "x"), number % 150);
		last[who] = number;
		lines++;
	}
	assert_true(lines > PRODUCED);
	forget(&p);
}

static void
fill_stdout(void)
{
	struct log_ring *ring = ring_new();
	char line[1000];

	memset(line, 'y', sizeof(line));
	CLAIM(log_start() == ERR_OK);
	/* more than a pipe or socket, the queue and the ring hold together; nobody reads */
	for (size_t taken = 0; taken < LOG_QUEUE_BYTES + LOG_RING_BYTES + 2 * 1024 * 1024;) {
		if (log_write(ring, to("stdout"), LOG_LEVEL_INFO,
			      (struct slice){ line, sizeof(line) }))
			taken += sizeof(line);
		else
			sched_yield();
	}
	CLAIM(counts_now().dropped > 0);
	while (!log_write(ring, to("stderr"), LOG_LEVEL_INFO, SLICE("still here")))
		sched_yield();
	log_stop(500);
}

static void
a_target_that_takes_nothing_drops_and_delays_no_other(void **state)
{
	for (int as_socket = 0; as_socket < 2; as_socket++) {
		struct played p = play(fill_stdout, as_socket, false);

		(void)state;
		assert_string_equal(p.err.at, "still here\n");
		forget(&p);
	}
}

static void
fill_ring(void)
{
	struct log_ring *ring = ring_new();
	char line[500];
	unsigned held = 0;

	memset(line, 'z', sizeof(line));
	while (log_write(ring, to("stdout"), LOG_LEVEL_INFO, (struct slice){ line, sizeof(line) }))
		held++;
	CLAIM(held > LOG_RING_BYTES / 540);
	CLAIM(counts_now().dropped == 1);
	CLAIM(log_start() == ERR_OK);
	while (counts_now().written < held)
		sched_yield();
	CLAIM(log_write(ring, to("stdout"), LOG_LEVEL_INFO, SLICE("last")));
	log_stop(5000);
}

static void
a_full_ring_drops_and_goes_on_when_it_was_emptied(void **state)
{
	struct played p = play(fill_ring, false, true);

	(void)state;
	assert_string_equal(p.out.at + p.out.len - 7, "\nlast\n");
	forget(&p);
}

static void
lose_the_reader(void)
{
	struct log_ring *ring = ring_new();
	int fds[2];

	CLAIM(pipe(fds) == 0);
	dup2(fds[1], STDOUT_FILENO);
	close(fds[0]);
	close(fds[1]);
	CLAIM(log_start() == ERR_OK);
	CLAIM(log_write(ring, to("stdout"), LOG_LEVEL_INFO, SLICE("nobody")));
	while (counts_now().dropped == 0)
		sched_yield();
	CLAIM(log_write(ring, to_both(), LOG_LEVEL_INFO, SLICE("somebody")));
	log_stop(5000);
	CLAIM(counts_now().dropped == 2);
	CLAIM(counts_now().written == 1);
}

static void
a_reader_that_left_costs_only_its_lines(void **state)
{
	struct played p = play(lose_the_reader, false, true);

	(void)state;
	assert_string_equal(p.err.at, "somebody\n");
	forget(&p);
}

static void
have_no_stdout(void)
{
	struct log_ring *ring = ring_new();

	close(STDOUT_FILENO);
	CLAIM(log_start() == ERR_OK);
	CLAIM(log_write(ring, to_both(), LOG_LEVEL_INFO, SLICE("closed")));
	log_stop(5000);
	CLAIM(counts_now().dropped == 1);
}

static void
a_closed_stdout_drops_its_lines(void **state)
{
	struct played p = play(have_no_stdout, false, true);

	(void)state;
	assert_string_equal(p.err.at, "closed\n");
	forget(&p);
}

static void
write_to_a_file(void)
{
	struct log_ring *ring = ring_new();
	char path[] = "/tmp/sluice-log-XXXXXX", back[16] = "";
	int fd = mkstemp(path);

	CLAIM(fd >= 0);
	unlink(path);
	dup2(fd, STDOUT_FILENO);
	CLAIM(log_start() == ERR_OK);
	CLAIM(log_write(ring, to("stdout"), LOG_LEVEL_INFO, SLICE("filed")));
	log_stop(5000);
	CLAIM(pread(fd, back, sizeof(back), 0) == 6);
	CLAIM(strcmp(back, "filed\n") == 0);
}

static void
a_file_is_a_target_too(void **state)
{
	struct played p = play(write_to_a_file, false, true);

	(void)state;
	forget(&p);
}

static void
write_long(void)
{
	static char line[LOG_LINE_MAX_BYTES + 100];
	struct log_ring *ring = ring_new();

	memset(line, 'l', sizeof(line));
	CLAIM(log_start() == ERR_OK);
	CLAIM(log_write(ring, to("stdout"), LOG_LEVEL_INFO, (struct slice){ line, sizeof(line) }));
	log_adopt(ring);
	log_msg(LOG_LEVEL_INFO, "%9000d", 1);
	log_stop(5000);
}

static void
a_line_that_is_too_long_is_cut(void **state)
{
	struct played p = play(write_long, false, true);

	(void)state;
	assert_int_equal(strlen(p.out.at), LOG_LINE_MAX_BYTES + 1);
	assert_int_equal(strlen(p.err.at), LOG_LINE_MAX_BYTES + 1);
	assert_int_equal(strchr(p.err.at, '\n') - p.err.at, LOG_LINE_MAX_BYTES);
	forget(&p);
}

static void
say_things(void)
{
	log_msg(LOG_LEVEL_NOTICE, "early: %d", 1);
	log_adopt(ring_new());
	CLAIM(log_start() == ERR_OK);
	log_msg(LOG_LEVEL_WARNING, "app/s1: DOWN,\nL4TOUT");
	log_stop(5000);
	CLAIM(counts_now().written == 1);
	log_msg(LOG_LEVEL_ERROR, "late");
}

static void
messages_have_time_and_level_and_one_line_each(void **state)
{
	static const char *const ends[] = { "Z notice early: 1", "Z warning app/s1: DOWN, L4TOUT",
					    "Z error late" };
	struct played p = play(say_things, false, true);
	char *line = p.err.at;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		char *end = strchr(line, '\n');

		assert_non_null(end);
		*end = '\0';
		assert_int_equal(line[10], 'T');
		assert_string_equal(line + TIME_TEXT_BYTES - 2, ends[i]);
		line = end + 1;
	}
	assert_string_equal(line, "");
	forget(&p);
}

static void
start_twice(void)
{
	for (unsigned i = 0; i < 2; i++) {
		struct log_ring *ring = ring_new();

		CLAIM(log_start() == ERR_OK);
		CLAIM(log_write(ring, to("stdout"), LOG_LEVEL_INFO, SLICE("again")));
		log_stop(5000);
	}
	log_stop(5000);
}

static void
the_writer_can_be_started_again(void **state)
{
	struct played p = play(start_twice, false, true);

	(void)state;
	assert_string_equal(p.out.at, "again\nagain\n");
	forget(&p);
}

static void
pause_between_lines(void)
{
	struct log_ring *ring = ring_new();

	CLAIM(log_start() == ERR_OK);
	for (unsigned i = 0; i < 30; i++) {
		const struct timespec pause = { 0, (long)(i % 3) * 9000000 + i * 20000 };

		CLAIM(log_write(ring, to("stdout"), LOG_LEVEL_INFO, SLICE("tick")));
		while (counts_now().written <= i)
			sched_yield(); /* a lost wake-up would keep us here */
		nanosleep(&pause, NULL); /* about as long as the writer's nap */
	}
	log_stop(5000);
}

static void
a_line_after_a_silence_always_wakes_the_writer(void **state)
{
	struct played p = play(pause_between_lines, false, true);

	(void)state;
	assert_int_equal(strlen(p.out.at), 30 * 5);
	forget(&p);
}

/* Each round a list of its own, given back with its lines still in the ring. */
static void *
log_by_new_lists(void *arg)
{
	const char *const *texts = arg;
	struct log_ring *ring = ring_new();

	for (unsigned i = 0; i < 2000; i++) {
		struct log_target_conf confs[2] = { { .level = LOG_LEVEL_DEBUG,
						      .facility = i % 2 } };
		struct log_list *list;

		confs[1].level = i % 3 == 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO;
		confs[1].framing = LOG_FRAMING_SHORT;
		CLAIM(log_place_parse(&confs[0].place, texts[i % 3], NULL) == ERR_OK);
		CLAIM(log_place_parse(&confs[1].place, texts[(i + 1) % 3], NULL) == ERR_OK);
		CLAIM(log_list_new(&list, confs, 2) == ERR_OK);
		CLAIM(log_write(ring, list, LOG_LEVEL_INFO, SLICE("short-lived")));
		log_list_free(&list);
		CLAIM(list == NULL);
		if (i % 50 == 0)
			log_reopen();
	}
	return NULL;
}

static unsigned
lines_in(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned lines = 0;

	for (int c; file != NULL && (c = getc(file)) != EOF;)
		lines += c == '\n';
	if (file != NULL)
		fclose(file);
	unlink(path);
	return lines;
}

static void
count_place(const char *text, const struct log_counts *counts, const char *trouble, void *arg)
{
	*(unsigned *)arg += 1;
}

static void
outlive_lists(void)
{
	char dir[] = "/tmp/sluice-log-XXXXXX", texts[3][64];
	const char *const all[] = { texts[0], texts[1], texts[2] };
	unsigned left = 0, lines = 0;
	struct log_counts counts;
	pthread_t threads[2];

	CLAIM(mkdtemp(dir) != NULL);
	for (unsigned i = 0; i < 3; i++)
		snprintf(texts[i], sizeof(texts[i]), "file:%s/%u", dir, i);
	CLAIM(log_start() == ERR_OK);
	for (unsigned i = 0; i < 2; i++)
		CLAIM(pthread_create(&threads[i], NULL, log_by_new_lists, (void *)all) == 0);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	log_stop(30000);
	log_counts(&counts);
	for (unsigned i = 0; i < 3; i++)
		lines += lines_in(texts[i] + strlen("file:"));
	rmdir(dir);
	log_each_place(count_place, &left);
	CLAIM(left == 1);		/* stderr, for the program's messages */
	CLAIM(counts.dropped == 0);
	/* two threads, a line to the first target always and to the second two times in three */
	CLAIM(lines == 2 * (2000 + 2000 - 667));
	CLAIM(counts.written == lines);
}

static void
a_list_may_go_while_its_lines_wait(void **state)
{
	struct played p = play(outlive_lists, false, true);

	(void)state;
	assert_string_equal(p.err.at, "");
	forget(&p);
}

static void
lose_a_file(void)
{
	struct log_ring *ring = ring_new();
	struct log_counts counts;

	CLAIM(log_start() == ERR_OK);
	for (unsigned i = 0; i < 5; i++)
		CLAIM(log_write(ring, to("file:/nonexistent/log stdout"), LOG_LEVEL_INFO,
				SLICE("x")));
	log_stop(5000);
	log_counts(&counts);
	CLAIM(counts.dropped == 5);
}

static void
a_file_that_is_not_there_costs_only_its_lines(void **state)
{
	struct played p = play(lose_a_file, false, true);

	(void)state;
	assert_string_equal(p.out.at, "x\nx\nx\nx\nx\n");
	forget(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_goes_to_its_targets_with_a_newline),
		cmocka_unit_test(lines_of_many_threads_arrive_whole_and_in_order),
		cmocka_unit_test(a_target_that_takes_nothing_drops_and_delays_no_other),
		cmocka_unit_test(a_full_ring_drops_and_goes_on_when_it_was_emptied),
		cmocka_unit_test(a_reader_that_left_costs_only_its_lines),
		cmocka_unit_test(a_closed_stdout_drops_its_lines),
		cmocka_unit_test(a_file_is_a_target_too),
		cmocka_unit_test(a_line_that_is_too_long_is_cut),
		cmocka_unit_test(messages_have_time_and_level_and_one_line_each),
		cmocka_unit_test(the_writer_can_be_started_again),
		cmocka_unit_test(a_line_after_a_silence_always_wakes_the_writer),
		cmocka_unit_test(a_list_may_go_while_its_lines_wait),
		cmocka_unit_test(a_file_that_is_not_there_costs_only_its_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
