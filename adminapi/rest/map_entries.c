/*
 * Writes of a map's entries, and GET of one. Control thread.
 */
#include "config.h"
#include "adminapi/rest/map_entries.h"

#include <stdlib.h>
#include "adminapi/apply/maps.h"
#include "adminapi/json/strict.h"
#include "adminapi/rest/resources.h"
#include "core/jsonw.h"
#include "core/obj.h"

#define ONE_BODY_MAX (64 * 1024) /* of one entry: a value of 8 KiB, each byte of it escaped */

struct entry_write {
	struct write write;
	struct call *call;
	cJSON *parsed; /* POST: the body */
};

static void
entry_write_free(struct entry_write *ew)
{
	issues_fini(&ew->write.issues);
	buf_fini(&ew->write.changes);
	cJSON_Delete(ew->parsed);
	free(ew);
}

/* -- answers -- */

static const struct map *
map_of(const struct doc_node *node)
{
	const struct map_object *object = node == NULL ? NULL : node->live_object;

	return object == NULL ? NULL : object->map;
}

static void
entry_write_json(struct jsonw *w, const char *key, struct slice value)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "key", key);
	jsonw_slice(w, "value", value);
	jsonw_end_object(w);
}

/* The entry as it is; after a write of several, how many the map has now. */
static void
answer_entries(struct entry_write *ew)
{
	const struct write *write = &ew->write;
	const struct map *map = map_of(write->node);
	struct answer answer = { .status = write->created && write->entry != NULL ? 201 : 200 };
	struct buf location = { 0 };
	char etag[VIEW_ETAG_BYTES];
	struct slice value;
	struct jsonw w;

	if (map == NULL ||
	    (write->entry != NULL && !map_get(map, slice_of(write->entry), &value))) {
		answer.status = 204; /* a later write took it away already */
		call_answer(ew->call, &answer);
		return;
	}
	jsonw_init(&w, &answer.body);
	if (write->entry != NULL) {
		entry_write_json(&w, write->entry, value);
	} else {
		jsonw_object(&w, NULL);
		jsonw_uint(&w, "entries", map_count(map));
		jsonw_end_object(&w);
	}
	buf_puts(&answer.body, "\n");
	answer.etag = view_etag(etag, write->node->live_revision, VIEW_PLAIN);
	if (write->verb == WRITE_CREATE) {
		buf_printf(&location, "/v1/maps/%s/entries/", write->name);
		path_segment_put(&location, write->entry);
		buf_put(&location, "", 1);
		answer.location = location.failed ? NULL : location.at;
	}
	call_answer(ew->call, &answer);
	buf_fini(&location);
}

static void
answer_dry(struct entry_write *ew)
{
	struct answer answer = { .status = 200, .body = ew->write.changes };

	ew->write.changes = (struct buf){ 0 };
	call_answer(ew->call, &answer);
}

static void
entry_write_done(struct write *write)
{
	struct entry_write *ew = container_of(write, struct entry_write, write);
	struct answer gone = { .status = 204 };

	if (write->outcome == WRITE_DRY)
		answer_dry(ew);
	else if (write->outcome != WRITE_DONE && write->outcome != WRITE_UNCHANGED)
		answer_failed_write(ew->call, write);
	else if (write->verb == WRITE_DELETE)
		call_answer(ew->call, &gone);
	else
		answer_entries(ew);
	entry_write_free(ew);
}

/* -- calls -- */

/* What JSON can't say can be no key. */
static bool
key_is_text(struct call *call, const char *key)
{
	struct slice rest = key == NULL ? SLICE("") : slice_of(key);

	while (rest.len > 0) {
		size_t len = utf8_take(rest);

		if (len == 0) {
			call_problem(call, 400, NULL, "the key is not UTF-8");
			return false;
		}
		rest.at += len;
		rest.len -= len;
	}
	return true;
}

/* NULL: answered. */
static struct entry_write *
entry_write_new(struct call *call, enum write_verb verb, const char *key)
{
	struct entry_write *ew;
	bool dry_run;

	if (!param_bool(call, "dry_run", &dry_run) || !key_is_text(call, key))
		return NULL;
	if (key != NULL && call->body.len > ONE_BODY_MAX) {
		call_problem(call, 413, NULL, "the body of one entry has at most 64 KiB");
		return NULL;
	}
	ew = calloc(1, sizeof(*ew));
	if (ew == NULL) {
		call_problem(call, 503, NULL, "out of memory");
		return NULL;
	}
	ew->call = call;
	ew->write = (struct write){
		.verb = verb,
		.kind = DOC_MAP,
		.name = call->segments[2],
		.of_entries = true,
		.entry = key,
		.text = call->body,
		.origin = DOC_BY_REST,
		.dry_run = dry_run,
		.if_match = call->if_match,
		.if_none_match = call->if_none_match,
		.actor = call->actor,
		.reason = call->reason,
		.peer = call->peer,
		.done = entry_write_done,
	};
	return ew;
}

static void
entry_write_submit(struct call *call, enum write_verb verb, const char *key)
{
	struct entry_write *ew = entry_write_new(call, verb, key);

	if (ew != NULL)
		write_submit(&ew->write);
}

void
map_entries_put(struct call *call)
{
	entry_write_submit(call, WRITE_PUT, NULL);
}

void
map_entries_patch(struct call *call)
{
	entry_write_submit(call, WRITE_PATCH_MEMBERS, NULL);
}

void
map_entry_put(struct call *call)
{
	entry_write_submit(call, WRITE_PUT, call->segments[4]);
}

void
map_entry_patch(struct call *call)
{
	entry_write_submit(call, WRITE_PATCH, call->segments[4]);
}

void
map_entry_delete(struct call *call)
{
	entry_write_submit(call, WRITE_DELETE, call->segments[4]);
}

/* The key stands in the body: "key", or "name" as everywhere. */
void
map_entries_post(struct call *call)
{
	struct entry_write *ew = entry_write_new(call, WRITE_CREATE, "");
	const cJSON *key = NULL;

	if (ew == NULL)
		return;
	if (json_parse(&ew->parsed, call->body.at, call->body.len, &ew->write.issues) != ERR_OK) {
		call_problem(call, 400, &ew->write.issues, "the body is not JSON");
		entry_write_free(ew);
		return;
	}
	if (cJSON_IsObject(ew->parsed) && (key = doc_field(ew->parsed, "key")) == NULL)
		key = doc_field(ew->parsed, "name");
	if (!cJSON_IsString(key)) {
		issues_add(&ew->write.issues, "/key", "a string is needed");
		call_problem(call, 422, &ew->write.issues, "the entry would have no key");
		entry_write_free(ew);
		return;
	}
	ew->write.entry = key->valuestring;
	ew->write.body = ew->parsed;
	write_submit(&ew->write);
}

void
map_entry_get(struct call *call)
{
	const struct target target = { .kind = DOC_MAP, .name = call->segments[2] };
	const struct doc_node *node = target_find(call, &target);
	char etag[VIEW_ETAG_BYTES];
	struct answer answer = { .status = 200 };
	struct slice value;
	struct jsonw w;

	if (node == NULL)
		return;
	if (map_of(node) == NULL || !map_get(map_of(node), slice_of(call->segments[4]), &value)) {
		call_problem(call, 404, NULL, "the map has no such key");
		return;
	}
	jsonw_init(&w, &answer.body);
	entry_write_json(&w, call->segments[4], value);
	buf_puts(&answer.body, "\n");
	answer.etag = view_etag(etag, node->live_revision, VIEW_PLAIN);
	call_answer(call, &answer);
}
