/*
 * The mailbox: order, wake-ups, and many senders at once.
 */
#include "config.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>
#include "core/mailbox.h"
#include "core/obj.h"

struct letter {
	struct mail	 mail;
	unsigned	 sender;
	unsigned	 number;
	unsigned	 resends;
};

static struct mailbox box;
static unsigned seen[65536];
static unsigned seen_count;

static int
open_box(void **state)
{
	(void)state;
	seen_count = 0;
	return mailbox_init(&box) == ERR_OK ? 0 : -1;
}

static int
close_box(void **state)
{
	(void)state;
	mailbox_fini(&box);
	return 0;
}

static void
note_letter(struct mail *mail)
{
	seen[seen_count++] = container_of(mail, struct letter, mail)->number;
}

static struct letter
letter_of(unsigned number)
{
	return (struct letter){ .mail = { .deliver = note_letter }, .number = number };
}

/* How often the box has rung since last asked. */
static uint64_t
rings(void)
{
	uint64_t count = 0;

	return read(box.fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

static void
mail_of_one_sender_keeps_its_order(void **state)
{
	struct letter l[3] = { letter_of(1), letter_of(2), letter_of(3) };

	(void)state;
	assert_false(mailbox_deliver(&box));
	for (unsigned i = 0; i < 3; i++)
		mailbox_send(&box, &l[i].mail);
	assert_true(mailbox_deliver(&box));
	assert_int_equal(seen_count, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(seen[i], i + 1);
	assert_false(mailbox_deliver(&box));
}

static void
only_mail_to_an_empty_box_rings(void **state)
{
	struct letter l[3] = { letter_of(1), letter_of(2), letter_of(3) };

	(void)state;
	mailbox_send(&box, &l[0].mail);
	mailbox_send(&box, &l[1].mail);
	assert_int_equal(rings(), 1);
	mailbox_deliver(&box);
	mailbox_send(&box, &l[2].mail);
	assert_int_equal(rings(), 1);
	mailbox_deliver(&box);
}

static void
send_again(struct mail *mail)
{
	struct letter *l = container_of(mail, struct letter, mail);

	seen[seen_count++] = l->number;
	if (l->resends-- > 0)
		mailbox_send(&box, mail);
}

static void
mail_may_be_sent_again_from_its_delivery_and_comes_the_next_time(void **state)
{
	struct letter l = letter_of(7);

	(void)state;
	l.mail.deliver = send_again;
	l.resends = 1;
	mailbox_send(&box, &l.mail);
	assert_true(mailbox_deliver(&box));
	assert_int_equal(seen_count, 1);
	assert_true(mailbox_deliver(&box));
	assert_int_equal(seen_count, 2);
	assert_false(mailbox_deliver(&box));
}

#define SENDERS 4
#define LETTERS 5000
static struct letter letters[SENDERS][LETTERS];
static unsigned next_of[SENDERS];

static void
check_letter(struct mail *mail)
{
	struct letter *l = container_of(mail, struct letter, mail);

	assert_int_equal(l->number, next_of[l->sender]);
	next_of[l->sender]++;
	seen_count++;
}

static void *
send_all(void *arg)
{
	struct letter *mine = arg;

	for (unsigned i = 0; i < LETTERS; i++)
		mailbox_send(&box, &mine[i].mail);
	return NULL;
}

static void
many_senders_lose_nothing_and_a_waiting_receiver_wakes(void **state)
{
	pthread_t threads[SENDERS];

	(void)state;
	for (unsigned s = 0; s < SENDERS; s++) {
		for (unsigned i = 0; i < LETTERS; i++) {
			letters[s][i] = letter_of(i);
			letters[s][i].sender = s;
			letters[s][i].mail.deliver = check_letter;
		}
	}
	for (unsigned s = 0; s < SENDERS; s++)
		assert_int_equal(pthread_create(&threads[s], NULL, send_all, letters[s]), 0);
	while (seen_count < SENDERS * LETTERS) {
		mailbox_wait(&box, -1);
		mailbox_deliver(&box);
	}
	for (unsigned s = 0; s < SENDERS; s++)
		pthread_join(threads[s], NULL);
	assert_false(mailbox_deliver(&box));
}

static void
waiting_ends_by_itself_when_told_so(void **state)
{
	(void)state;
	mailbox_wait(&box, 1);
	assert_false(mailbox_deliver(&box));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_box, close_box)
	const struct CMUnitTest tests[] = {
		TEST(mail_of_one_sender_keeps_its_order),
		TEST(only_mail_to_an_empty_box_rings),
		TEST(mail_may_be_sent_again_from_its_delivery_and_comes_the_next_time),
		TEST(many_senders_lose_nothing_and_a_waiting_receiver_wakes),
		TEST(waiting_ends_by_itself_when_told_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
