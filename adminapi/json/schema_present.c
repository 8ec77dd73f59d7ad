/*
 * Values on their way out: durations in one spelling, secrets never in the clear; and secrets on
 * their way back in.
 *
 * A secret is shown as {"set": true, "sha256": "<12 hex>"}: enough to see whether two are the
 * same. Any thread.
 */
#include "config.h"
#include "adminapi/json/schema_priv.h"
#include <openssl/evp.h>
#include <stdio.h>
#include "adminapi/json/members.h"
#include "adminapi/json/strict.h"
#include "adminapi/json/tree_priv.h"

#define DIGEST_SHOWN 6				/* bytes of the digest that are shown */
#define DIGEST_HEX_BYTES (DIGEST_SHOWN * 2 + 1)

/* Of a string its bytes, of anything else its JSON text. */
static enum err
secret_digest(char hex[DIGEST_HEX_BYTES], const cJSON *secret)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct buf text = { 0 };
	bool ok;
	int i;

	if (cJSON_IsString(secret))
		buf_puts(&text, secret->valuestring);
	else
		json_print(&text, secret);
	ok = !text.failed && EVP_Digest(text.at != NULL ? text.at : "", text.len, digest, NULL,
					EVP_sha256(), NULL) == 1;
	buf_fini(&text);
	for (i = 0; ok && i < DIGEST_SHOWN; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return ok ? ERR_OK : ERR_NOMEM;
}

static cJSON *
secret_present(const cJSON *secret)
{
	char hex[DIGEST_HEX_BYTES];
	cJSON *shown = cJSON_CreateObject();

	if (shown != NULL && secret_digest(hex, secret) == ERR_OK &&
	    cJSON_AddTrueToObject(shown, "set") != NULL &&
	    cJSON_AddStringToObject(shown, "sha256", hex) != NULL)
		return shown;
	cJSON_Delete(shown);
	return NULL;
}

static cJSON *
duration_present(const struct schema_node *node, const cJSON *value)
{
	char text[24];
	int64_t ms;

	if (schema_unit_read(node, value, &ms) != ERR_OK)
		return cJSON_Duplicate(value, 1);
	duration_format(text, sizeof(text), ms);
	return cJSON_CreateString(text);
}

static cJSON *
object_present(const struct schema_node *node, const cJSON *value)
{
	cJSON *shown = cJSON_CreateObject();
	const cJSON *member;

	cJSON_ArrayForEach(member, value) {
		const struct schema_node *of = schema_member(node, value, member->string);
		cJSON *copy = of != NULL ? schema_present(of, member) : cJSON_Duplicate(member, 1);

		if (copy == NULL || !cJSON_AddItemToObject(shown, member->string, copy)) {
			cJSON_Delete(copy);
			cJSON_Delete(shown);
			return NULL;
		}
	}
	return shown;
}

static cJSON *
array_present(const struct schema_node *items, const cJSON *value)
{
	cJSON *shown = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach(item, value) {
		cJSON *copy = schema_present(items, item);

		if (copy == NULL || !cJSON_AddItemToArray(shown, copy)) {
			cJSON_Delete(copy);
			cJSON_Delete(shown);
			return NULL;
		}
	}
	return shown;
}

cJSON *
schema_present(const struct schema_node *node, const cJSON *value)
{
	const struct schema_node *items = schema_items(node);

	if (node->is_secret)
		return secret_present(value);
	if (node->unit == UNIT_DURATION)
		return duration_present(node, value);
	if (cJSON_IsObject(value))
		return object_present(node, value);
	if (cJSON_IsArray(value) && items != NULL)
		return array_present(items, value);
	return cJSON_Duplicate(value, 1);
}

/* The digest that a secret's stand-in names; NULL: it is a secret of its own. */
static const char *
stand_in_digest(const cJSON *value)
{
	const cJSON *set = cJSON_GetObjectItemCaseSensitive(value, "set");
	const cJSON *digest = cJSON_GetObjectItemCaseSensitive(value, "sha256");

	if (!cJSON_IsObject(value) || !cJSON_IsTrue(set))
		return NULL;
	return cJSON_GetStringValue(digest);
}

static enum err
secret_restore(cJSON *value, const cJSON *old, struct pointer *at, struct issues *issues)
{
	const char *wanted = stand_in_digest(value);
	char hex[DIGEST_HEX_BYTES];
	cJSON *copy;

	if (wanted == NULL)
		return ERR_OK;
	if (old == NULL) {
		issues_add(issues, pointer_text(at), "stands for a secret, and none is set here");
		return ERR_INVALID;
	}
	if (secret_digest(hex, old) != ERR_OK)
		return ERR_NOMEM;
	if (strcmp(hex, wanted) != 0) {
		issues_add(issues, pointer_text(at),
			   "stands for another secret than the one set here");
		return ERR_INVALID;
	}
	copy = cJSON_Duplicate(old, 1);
	if (copy == NULL)
		return ERR_NOMEM;
	tree_assign(value, copy);
	return ERR_OK;
}

/* ERR_NOMEM ends the walk, an issue does not. */
static void
err_add(enum err *err, enum err more)
{
	if (*err != ERR_NOMEM && more != ERR_OK)
		*err = more;
}

static enum err
object_restore(const struct schema_node *node, cJSON *body, const cJSON *old, struct pointer *at,
	       struct issues *issues)
{
	struct members members;
	enum err err = members_init(&members, old);
	cJSON *member;

	cJSON_ArrayForEach(member, body) {
		const struct schema_node *of = schema_member(node, body, member->string);
		size_t mark = pointer_push(at, member->string);
		const cJSON *old_member;

		if (of != NULL && err != ERR_NOMEM) {
			old_member = members_get(&members, member->string);
			err_add(&err, schema_restore_secrets(of, member, old_member, at, issues));
		}
		pointer_pop(at, mark);
	}
	members_fini(&members);
	return err;
}

static enum err
array_restore(const struct schema_node *items, cJSON *body, const cJSON *old, struct pointer *at,
	      struct issues *issues)
{
	const cJSON *old_item = old != NULL && cJSON_IsArray(old) ? old->child : NULL;
	enum err err = ERR_OK;
	size_t index = 0;
	cJSON *item;

	cJSON_ArrayForEach(item, body) {
		size_t mark = pointer_push_index(at, index++);

		if (err != ERR_NOMEM)
			err_add(&err, schema_restore_secrets(items, item, old_item, at, issues));
		pointer_pop(at, mark);
		old_item = old_item != NULL ? old_item->next : NULL;
	}
	return err;
}

enum err
schema_restore_secrets(const struct schema_node *node, cJSON *body, const cJSON *old,
	struct pointer *at, struct issues *issues)
{
	const struct schema_node *items = schema_items(node);

	if (node->is_secret)
		return secret_restore(body, old, at, issues);
	if (cJSON_IsObject(body))
		return object_restore(node, body, old, at, issues);
	if (cJSON_IsArray(body) && items != NULL)
		return array_restore(items, body, old, at, issues);
	return ERR_OK;
}
