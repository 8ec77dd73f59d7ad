/*
 * Publications over real worker threads: order, mail between send and seal, acknowledgements.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "core/obj.h"
#include "core/publish.h"

#define WORKERS 2
static struct loop *control;
static struct loop *workers[WORKERS];
static pthread_t threads[WORKERS];

/* What happened on each thread, a letter each. */
static char seen[WORKERS][64];
static char seen_control[64];

struct change {
	struct publish_item	item;
	char			name;
};

struct note {
	struct mail	mail;
	char		name;
};

static void
append(char *to, char what)
{
	size_t n = strlen(to);

	assert_true(n < 63);
	to[n] = what;
}

static void
change_install(struct publish_item *item, struct loop *worker)
{
	append(seen[worker->index], container_of(item, struct change, item)->name);
}

static void
change_acked(struct publish_item *item)
{
	append(seen_control, container_of(item, struct change, item)->name);
}

static void
change_abort(struct publish_item *item)
{
	append(seen_control, '-');
	append(seen_control, container_of(item, struct change, item)->name);
}

static const struct publish_ops change_ops = {
	.install = change_install,
	.acked = change_acked,
	.abort = change_abort,
};

static struct change
change_of(char name)
{
	return (struct change){ { .ops = &change_ops }, name };
}

static void
change_publish(struct publish_item *item)
{
	append(seen_control, 'p');
	append(seen_control, container_of(item, struct change, item)->name);
}

static struct note note_before[WORKERS], note_after[WORKERS];
static void note_arrived(struct mail *mail);

static void
send_notes(struct note *notes, char name)
{
	for (uint32_t i = 0; i < WORKERS; i++) {
		notes[i] = (struct note){ { .deliver = note_arrived }, name };
		mailbox_send(&publish_worker(i)->mailbox, &notes[i].mail);
	}
}

static void
change_before(struct publish_item *item)
{
	(void)item;
	append(seen_control, '<');
	send_notes(note_before, '<');
}

static void
change_after(struct publish_item *item)
{
	(void)item;
	append(seen_control, '>');
	send_notes(note_after, '>');
}

static const struct publish_ops hooked_ops = {
	.publish = change_publish,
	.before = change_before,
	.after = change_after,
	.install = change_install,
	.acked = change_acked,
	.abort = change_abort,
};

static void
note_arrived(struct mail *mail)
{
	append(seen[loop_self()->index], container_of(mail, struct note, mail)->name);
}

static void
stop_worker(struct mail *mail)
{
	(void)mail;
	loop_stop(loop_self());
}

static void *
worker_main(void *arg)
{
	loop_run(arg);
	return NULL;
}

static int
start(void **state)
{
	(void)state;
	memset(seen, 0, sizeof(seen));
	memset(seen_control, 0, sizeof(seen_control));
	if (loop_new(&control, LOOP_CONTROL) != ERR_OK)
		return -1;
	loop_adopt(control);
	for (uint32_t i = 0; i < WORKERS; i++) {
		if (loop_new(&workers[i], i) != ERR_OK ||
		    pthread_create(&threads[i], NULL, worker_main, workers[i]) != 0)
			return -1;
	}
	publish_set_workers(workers, WORKERS);
	return 0;
}

static int
stop(void **state)
{
	static struct mail mails[WORKERS];

	(void)state;
	for (uint32_t i = 0; i < WORKERS; i++) {
		mails[i].deliver = stop_worker;
		mailbox_send(&workers[i]->mailbox, &mails[i]);
		pthread_join(threads[i], NULL);
		loop_free(&workers[i]);
	}
	loop_free(&control);
	return 0;
}

static void
note_acked(void *arg)
{
	append(seen_control, *(char *)arg);
	loop_stop(control);
}

static void
items_install_in_order_then_mail_then_the_acknowledgement(void **state)
{
	struct change changes[] = { change_of('a'), change_of('b') };
	static struct note notes[WORKERS];
	struct publication *p = NULL;
	char end = '.';

	(void)state;
	assert_int_equal(publication_new(&p), ERR_OK);
	publication_add(p, &changes[0].item);
	publication_add(p, &changes[1].item);
	publication_send(p);
	send_notes(notes, 'n');
	publication_seal(p, note_acked, &end);
	loop_run(control);
	assert_string_equal(seen_control, "ab.");
	for (unsigned i = 0; i < WORKERS; i++)
		assert_string_equal(seen[i], "abn");
}

static void
hooks_send_mail_before_and_after_all_items(void **state)
{
	struct change changes[] = { change_of('a'), change_of('b') };
	struct publication *p;
	char end = '.';

	(void)state;
	assert_int_equal(publication_new(&p), ERR_OK);
	publication_add(p, &changes[0].item);
	publication_add(p, &changes[1].item);
	changes[1].item.ops = &hooked_ops;
	publication_send(p);
	publication_seal(p, note_acked, &end);
	loop_run(control);
	assert_string_equal(seen_control, "pb<>ab.");
	for (unsigned i = 0; i < WORKERS; i++)
		assert_string_equal(seen[i], "<ab>");
}

static void
publications_end_in_the_order_in_which_they_were_sent(void **state)
{
	static char names[] = "0123456789";
	struct change changes[10];
	struct publication *p;

	(void)state;
	for (unsigned i = 0; i < 10; i++) {
		changes[i] = change_of((char)('a' + i));
		assert_int_equal(publication_new(&p), ERR_OK);
		publication_add(p, &changes[i].item);
		publication_send(p);
		publication_seal(p, note_acked, &names[i]);
	}
	while (strlen(seen_control) < 20)
		loop_run(control);
	control->stopping = false;
	assert_string_equal(seen_control, "a0b1c2d3e4f5g6h7i8j9");
}

static void
one_that_is_called_off_aborts_its_items_newest_first(void **state)
{
	struct change changes[] = { change_of('a'), change_of('b') };
	struct publication *p;

	(void)state;
	assert_int_equal(publication_new(&p), ERR_OK);
	publication_add(p, &changes[0].item);
	publication_add(p, &changes[1].item);
	publication_abort(&p);
	assert_null(p);
	publication_abort(&p);
	assert_string_equal(seen_control, "-b-a");
}

static void
without_workers_it_is_acknowledged_all_the_same(void **state)
{
	struct change change = change_of('a');
	struct publication *p;
	char end = '.';

	(void)state;
	publish_set_workers(NULL, 0);
	assert_int_equal(publication_new(&p), ERR_OK);
	publication_add(p, &change.item);
	publication_send(p);
	publication_seal(p, note_acked, &end);
	assert_string_equal(seen_control, ""); /* never from inside the call */
	loop_run(control);
	assert_string_equal(seen_control, "a.");
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(items_install_in_order_then_mail_then_the_acknowledgement),
		TEST(hooks_send_mail_before_and_after_all_items),
		TEST(publications_end_in_the_order_in_which_they_were_sent),
		TEST(one_that_is_called_off_aborts_its_items_newest_first),
		TEST(without_workers_it_is_acknowledged_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
