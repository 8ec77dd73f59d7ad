/*
 * A stream's unique id: written once, into a small block of its worker's spares.
 *
 * The stream's worker.
 */
#include "config.h"
#include "stream/unique_id.h"
#include <string.h>
#include "expr/format.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"
#include "stream/stream_log_priv.h"
#include "stream/stream_priv.h"

struct unique_id {
	uint8_t		 len;
	char		 text[UNIQUE_ID_MAX_BYTES];
};

/* A format that asks for the id itself gets nothing. */
bool
stream_unique_id(struct stream *s, struct slice *id)
{
	const struct format *format = s->frontend_conf->access.unique_id;
	char room[LOG_ROOM_BYTES];
	struct unique_id *made = s->unique_id;
	struct eval eval;

	if (format == NULL)
		return false;
	if (made == NULL) {
		made = s->unique_id = spares_take(&s->worker->spare_ids, sizeof(*made));
		if (made == NULL)
			return false;
		made->len = 0;
		stream_eval_fill(&eval, s, (struct http_room){ room, sizeof(room) });
		made->len = (uint8_t)format_write(format, &eval, made->text, sizeof(made->text));
	}
	*id = (struct slice){ made->text, made->len };
	return true;
}

enum err
stream_add_unique_id(struct stream *s)
{
	const char *name = s->frontend_conf->access.unique_id_header;
	struct exchange *x = s->exchange;
	struct slice id, line;
	size_t name_len;
	enum err err;
	char *at;

	if (name == NULL || !stream_unique_id(s, &id))
		return ERR_OK;
	name_len = strlen(name);
	line = (struct slice){ x->room.at, name_len + strlen(": ") + id.len + strlen("\r\n") };
	if (line.len > x->room.left)
		return ERR_NOMEM;
	at = mempcpy(x->room.at, name, name_len);
	at = mempcpy(at, ": ", 2);
	at = mempcpy(at, id.at, id.len);
	memcpy(at, "\r\n", 2);
	err = http_head_add(&x->request, line);
	if (err != ERR_OK)
		return err;
	x->room.at += line.len;
	x->room.left -= line.len;
	return ERR_OK;
}

void
stream_unique_id_free(struct stream *s)
{
	if (s->unique_id != NULL)
		spares_give(&s->worker->spare_ids, s->unique_id);
	s->unique_id = NULL;
}
