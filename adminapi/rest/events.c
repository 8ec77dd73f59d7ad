/*
 * The ring of events and its readers.
 *
 * An event's text is made once; a reader copies whole events into the answer's buffer, or, when one
 * is larger than the room, takes it over several calls through a text of its own. A reader that has
 * read all sleeps until event_emit() or its comment line is due.
 * Control thread only.
 */
#include "config.h"
#include "adminapi/rest/events.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "adminapi/http/server.h"
#include "core/hint.h"
#include "core/jsonw.h"
#include "core/list.h"
#include "core/loop.h"
#include "core/obj.h"

#define READER_MAGIC  0x5e7a11e0
#define EVENTS_A_FILL 200	/* keeps a call under a millisecond */

static const char *const kind_names[] = {
#define X(name, text) text,
	EVENT_KINDS(X)
#undef X
};
#define KIND_COUNT (sizeof(kind_names) / sizeof(kind_names[0]))

struct event_text {
	enum event_kind	 kind;
	size_t		 len;
	char		 text[];	/* as it is sent: id, event and data lines, an empty one */
};

/* Ids first_id .. next_id - 1 are kept; id N lies in slots[N % EVENTS_MAX]. */
static struct {
	struct event_text	*slots[EVENTS_MAX];
	uint64_t		 first_id;
	uint64_t		 next_id;
	size_t			 bytes;
	struct list		 readers;
	uint32_t		 ping_ms;
} ring = {
	.first_id = 1,
	.next_id = 1,
	.readers = { &ring.readers, &ring.readers },
	.ping_ms = HTTP_STREAM_PING_MS,
};

struct events_reader {
	unsigned		 magic;
	struct call_stream	*stream;	/* the http layer's; closes us */
	struct list		 node;
	struct wheel_timer	 ping;
	uint64_t		 next_id;
	uint32_t		 kinds;		/* bits by enum event_kind */
	bool			 ping_due;
	struct buf		 text;		/* what is sent before any further event */
	size_t			 sent;		/* of text */
};

static void
ring_drop_first(void)
{
	struct event_text **slot = &ring.slots[ring.first_id % EVENTS_MAX];

	ring.bytes -= (*slot)->len;
	free(*slot);
	*slot = NULL;
	ring.first_id++;
}

static void
ring_clear(void)
{
	while (ring.first_id < ring.next_id)
		ring_drop_first();
}

/* The ring's newest; without memory it is lost, with all before it, and readers are told so. */
static void
ring_add(enum event_kind kind, const struct buf *text)
{
	struct event_text *event = text->failed ? NULL : malloc(sizeof(*event) + text->len);

	if (event == NULL) {
		ring_clear();
		ring.first_id = ++ring.next_id;
		return;
	}
	event->kind = kind;
	event->len = text->len;
	memcpy(event->text, text->at, text->len);
	while (ring.first_id < ring.next_id && (ring.next_id - ring.first_id == EVENTS_MAX ||
						ring.bytes + text->len > EVENTS_MAX_BYTES))
		ring_drop_first();
	ring.slots[ring.next_id % EVENTS_MAX] = event;
	ring.bytes += text->len;
	ring.next_id++;
}

/* The members of an object's text, without its braces. */
static struct slice
members_trim(struct slice members)
{
	if (members.len >= 2 && members.at[0] == '{') {
		members.at++;
		members.len -= 2;
	}
	return members;
}

/* A line break would end the data line; in JSON it can only be white space. */
static void
text_put_one_line(struct buf *text, struct slice json)
{
	size_t start = text->len;

	buf_put(text, json.at, json.len);
	for (size_t i = start; !text->failed && i < text->len; i++) {
		if (text->at[i] == '\n' || text->at[i] == '\r')
			text->at[i] = ' ';
	}
}

static void
event_format(struct buf *text, uint64_t id, const char *kind, struct slice members)
{
	struct jsonw w;

	buf_printf(text, "id: %llu\nevent: %s\ndata: ", (unsigned long long)id, kind);
	jsonw_init(&w, text);
	jsonw_object(&w, NULL);
	jsonw_uint(&w, "id", id);
	jsonw_time(&w, "time", loop_self()->wall_us);
	jsonw_string(&w, "kind", kind);
	members = members_trim(members);
	if (members.len > 0) {
		buf_puts(text, ",");
		text_put_one_line(text, members);
	}
	jsonw_end_object(&w);
	buf_puts(text, "\n\n");
}

void
event_emit(enum event_kind kind, struct slice members)
{
	struct buf text = { 0 };

	assert_control();
	event_format(&text, ring.next_id, kind_names[kind], members);
	ring_add(kind, &text);
	buf_fini(&text);
	list_foreach(node, &ring.readers) {
		struct events_reader *reader = container_of(node, struct events_reader, node);

		if (reader->kinds & 1u << kind)
			call_stream_wake(reader->stream);
	}
}

void
event_emit_object(enum event_kind kind, struct buf *object)
{
	if (!object->failed && object->len >= 2)
		event_emit(kind, (struct slice){ object->at, object->len });
	buf_fini(object);
}

uint64_t
events_last_id(void)
{
	return ring.next_id - 1;
}

/* The ring has moved on; the id lets a client that resumes here miss nothing more. */
static void
reader_tell_lost(struct events_reader *reader)
{
	struct buf members = { 0 };

	buf_printf(&members, "\"missing\":%llu",
		   (unsigned long long)(ring.first_id - reader->next_id));
	event_format(&reader->text, ring.first_id - 1, "lost",
		     (struct slice){ members.at, members.len });
	reader->text.failed = reader->text.failed || members.failed;
	buf_fini(&members);
	reader->next_id = ring.first_id;
}

static size_t
reader_send_text(struct events_reader *reader, char *buf, size_t room)
{
	size_t len = reader->text.len - reader->sent;

	if (len > room)
		len = room;
	memcpy(buf, reader->text.at + reader->sent, len);
	reader->sent += len;
	if (reader->sent == reader->text.len) {
		buf_clear(&reader->text);
		reader->sent = 0;
	}
	return len;
}

/* Put the next thing to say into reader->text, or the next event right into buf: its length. */
static size_t
reader_next(struct events_reader *reader, char *buf, size_t room)
{
	const struct event_text *event;

	if (reader->next_id < ring.first_id) {
		reader_tell_lost(reader);
		return 0;
	}
	event = ring.slots[reader->next_id++ % EVENTS_MAX];
	if (!(reader->kinds & 1u << event->kind))
		return 0;
	if (event->len > room) {
		buf_put(&reader->text, event->text, event->len);
		return 0;
	}
	memcpy(buf, event->text, event->len);
	return event->len;
}

static void
reader_put_ping(struct events_reader *reader)
{
	struct loop *loop = loop_self();

	reader->ping_due = false;
	buf_puts(&reader->text, ": ping\n\n");
	wheel_set(&loop->wheel, &reader->ping, loop->now_ms + ring.ping_ms);
}

static ssize_t
reader_on_fill(void *arg, char *buf, size_t max)
{
	struct events_reader *reader = obj_cast(arg, READER_MAGIC);
	size_t len = 0;

	if (reader->ping_due)
		reader_put_ping(reader);
	for (int i = 0; i < EVENTS_A_FILL && len < max; i++) {
		if (reader->text.failed)
			return CALL_STREAM_ERROR;	/* it comes again, with Last-Event-ID */
		if (reader->text.len > 0)
			len += reader_send_text(reader, buf + len, max - len);
		else if (reader->next_id < ring.next_id)
			len += reader_next(reader, buf + len, max - len);
		else
			break;
	}
	/* all that was looked at may have been of other kinds, and there is more: come again */
	if (len == 0 && reader->next_id < ring.next_id)
		call_stream_wake(reader->stream);
	return len > 0 ? (ssize_t)len : CALL_STREAM_WAIT;
}

static void
reader_on_ping(struct wheel_timer *timer)
{
	struct events_reader *reader =
		obj_cast(container_of(timer, struct events_reader, ping), READER_MAGIC);

	reader->ping_due = true;
	call_stream_wake(reader->stream);
}

static void
reader_on_close(void *arg)
{
	struct events_reader *reader = obj_cast(arg, READER_MAGIC);

	wheel_cancel(&reader->ping);
	list_remove(&reader->node);
	buf_fini(&reader->text);
	obj_free(reader);
}

static const struct call_stream_ops reader_ops = { reader_on_fill, reader_on_close };

/* "server,config" as bits. False: answered. */
static bool
kinds_parse(struct call *call, const char *text, uint32_t *kinds)
{
	*kinds = 0;
	for (;;) {
		size_t len = strcspn(text, ","), k = 0;
		char word[64], shown[256];
		const char *near;

		while (k < KIND_COUNT &&
		       !slice_equals((struct slice){ text, len }, slice_of(kind_names[k])))
			k++;
		if (k == KIND_COUNT) {
			str_escape(shown, sizeof(shown), (struct slice){ text, len });
			near = len < sizeof(word) ? hint_nearest(shown, kind_names, KIND_COUNT)
						  : NULL;
			call_problem(call, 400, NULL, "unknown kind of event \"%s\"%s%s%s", shown,
				     near != NULL ? ": did you mean \"" : "",
				     near != NULL ? near : "", near != NULL ? "\"?" : "");
			return false;
		}
		*kinds |= 1u << k;
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

/* Where to begin: after Last-Event-ID, else with the next that happens. False: answered. */
static bool
position_parse(struct call *call, uint64_t *next_id)
{
	int64_t last;

	*next_id = ring.next_id;
	if (call->last_event_id == NULL)
		return true;
	if (int_parse(slice_of(call->last_event_id), &last) != ERR_OK || last < 0) {
		call_problem(call, 400, NULL, "Last-Event-ID is not the id of an event");
		return false;
	}
	/* an id that was never given out is of an earlier process: all of this one's are new */
	*next_id = (uint64_t)last < ring.next_id ? (uint64_t)last + 1 : 1;
	return true;
}

static struct events_reader *
reader_new(uint64_t next_id, uint32_t kinds)
{
	struct events_reader *reader = obj_new(sizeof(*reader), READER_MAGIC);

	if (reader == NULL)
		return NULL;
	wheel_timer_init(&reader->ping, reader_on_ping);
	list_init(&reader->node);
	reader->next_id = next_id;
	reader->kinds = kinds;
	buf_printf(&reader->text, ": events after %llu\n\n", (unsigned long long)(next_id - 1));
	return reader;
}

void
events_get(struct call *call)
{
	struct answer head = { .status = 200, .content_type = "text/event-stream" };
	const char *kind = call_param(call, "kind");
	uint32_t kinds = UINT32_MAX;
	struct events_reader *reader;
	struct loop *loop = loop_self();
	uint64_t next_id;

	if ((kind != NULL && !kinds_parse(call, kind, &kinds)) || !position_parse(call, &next_id))
		return;
	reader = reader_new(next_id, kinds);
	if (reader == NULL) {
		call_problem(call, 503, NULL, "out of memory");
		return;
	}
	if (call_stream(call, &head, &reader_ops, reader, &reader->stream) != ERR_OK) {
		reader_on_close(reader);
		return;
	}
	list_append(&ring.readers, &reader->node);
	wheel_set(&loop->wheel, &reader->ping, loop->now_ms + ring.ping_ms);
}

void
events_ping_every(uint32_t ms)
{
	ring.ping_ms = ms;
}

void
events_fini(void)
{
	assert(list_is_empty(&ring.readers));	/* the admin server went first */
	ring_clear();
	ring.first_id = ring.next_id = 1;
	ring.ping_ms = HTTP_STREAM_PING_MS;
}
