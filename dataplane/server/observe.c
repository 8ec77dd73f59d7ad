/*
 * Errors of a server in traffic (HAProxy manual, "observe"): counted in a row over all workers, in one
 * atomic beside those that each stream touches anyway. What counts was measured with HAProxy 2.6:
 *
 *	layer4	a connection, new or kept, is a success; one that cannot be made is an error
 *	layer7	an answer's status decides; a connection that can be made says nothing, one that cannot be
 *		is an error, as is an answer that does not come or cannot be understood
 *
 * Other than there, each failed try of a request counts, whether it is tried again or not.
 *
 * Who reaches the limit takes the whole row away with the same compare-and-swap, so that each row is told
 * once. The mail to control is embedded in the worker's slot. While it is under way the worker holds a
 * reference to the slot: given when it sends, taken back when control has sent the same mail back to it. So
 * the server outlives the mail, and the mail comes to a worker that still knows the server. Which side may
 * touch what is handed over with the mail: `count` and `error` are the control thread's until it is back, the
 * rest is always the worker's. A row that is full in that time is told next; of several, the last. (A control
 * loop that was held up for a second learns of two, not of thousands.)
 */
#include "config.h"
#include "server/observe.h"
#include "core/obj.h"
#include "server/server_priv.h"

static const struct observed_row {
	uint8_t		 layer;
	const char	*words;
} observed_rows[] = {
#define X(name, layer, words) { layer, words },
	OBSERVED_ERRORS(X)
#undef X
};

const char *
observed_error_words(enum observed_error error)
{
	return observed_rows[error].words;
}

static void observe_send(struct server_slot *slot, uint32_t count, enum observed_error error);

/* Worker: the mail is back, and with it the reference. */
static void
observe_on_back(struct mail *mail)
{
	struct server_slot *slot = container_of(mail, struct server_slot, observed.mail);
	struct observed *o = &slot->observed;
	const uint32_t count = o->next_count;

	o->is_under_way = false;
	o->next_count = 0;
	if (count > 0)
		observe_send(slot, count, o->next_error);
	snap_unref(&slot->ref);		/* last: the server may go now */
}

/* Control. */
static void
observe_on_mail(struct mail *mail)
{
	struct server_slot *slot = container_of(mail, struct server_slot, observed.mail);
	struct server *server = slot->server;

	if (!server->is_gone && server->conf->observe != OBSERVE_NONE)
		server_on_observed(server, slot->observed.count,
				   observed_error_words(slot->observed.error));
	mail->deliver = observe_on_back;
	mailbox_send(&publish_worker(slot->worker)->mailbox, mail);
}

static void
observe_send(struct server_slot *slot, uint32_t count, enum observed_error error)
{
	struct observed *o = &slot->observed;

	if (o->is_under_way) {
		o->next_count = count;
		o->next_error = error;
		return;
	}
	o->is_under_way = true;
	o->count = count;
	o->error = error;
	o->mail.deliver = observe_on_mail;
	snap_ref(&slot->ref);
	snap_send_home(&o->mail);
}

/* Without order: nothing else is told by it. */
void
observe_note_success(struct server_slot *slot, int layer)
{
	struct server *server = slot->server;

	if (layer != (slot->conf->observe == OBSERVE_LAYER7 ? 7 : 4))
		return;
	if (atomic_load_explicit(&server->errors_in_row, memory_order_relaxed) != 0)
		atomic_store_explicit(&server->errors_in_row, 0, memory_order_relaxed);
}

void
observe_note_error(struct server_slot *slot, enum observed_error error)
{
	struct server *server = slot->server;
	const uint32_t limit = slot->conf->error_limit;
	uint32_t before, after;

	if (observed_rows[error].layer == 7 && slot->conf->observe != OBSERVE_LAYER7)
		return;
	before = atomic_load_explicit(&server->errors_in_row, memory_order_relaxed);
	do
		after = before + 1 >= limit ? 0 : before + 1;
	while (!atomic_compare_exchange_weak_explicit(&server->errors_in_row, &before, after,
						      memory_order_relaxed, memory_order_relaxed));
	if (after == 0)
		observe_send(slot, before + 1, error);
}
