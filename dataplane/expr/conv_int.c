/*
 * Converters of numbers (HAProxy manual, 7.3.1). What would not fit in 64 bits stays at the end of the
 * range that it left, as in HAProxy.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include <arpa/inet.h>
#include "expr/conv_value_priv.h"

static enum err
operand_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	return arg_number_or_var(args, 0, diag);
}

static int64_t
int_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return a < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

static int64_t
int_sub(int64_t a, int64_t b)
{
	int64_t difference;

	if (__builtin_sub_overflow(a, b, &difference))
		return a < 0 ? INT64_MIN : INT64_MAX;
	return difference;
}

static int64_t
int_mul(int64_t a, int64_t b)
{
	int64_t product;

	if (__builtin_mul_overflow(a, b, &product))
		return (a < 0) != (b < 0) ? INT64_MIN : INT64_MAX;
	return product;
}

static int64_t
int_div(int64_t a, int64_t b)
{
	if (b == 0 || (a == INT64_MIN && b == -1))
		return INT64_MAX;
	return a / b;
}

static int64_t
int_mod(int64_t a, int64_t b)
{
	if (b == 0 || b == -1)
		return 0;
	return a % b;
}

static int64_t
int_and(int64_t a, int64_t b)
{
	return a & b;
}

static int64_t
int_or(int64_t a, int64_t b)
{
	return a | b;
}

static int64_t
int_xor(int64_t a, int64_t b)
{
	return a ^ b;
}

/* A converter of a number and an operand, for each of the functions above. */
#define OPERATION(name)								\
	static bool name##_run(struct eval *eval, const struct args *args, struct sample *sample) \
	{									\
		int64_t operand;						\
										\
		if (!arg_get_number(eval, &args->at[0], &operand))		\
			return false;						\
		sample->number = int_##name(sample->number, operand);		\
		return true;							\
	}
OPERATION(add)
OPERATION(sub)
OPERATION(mul)
OPERATION(div)
OPERATION(mod)
OPERATION(and)
OPERATION(or)
OPERATION(xor)

static bool
cpl_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	sample->number = ~sample->number;
	return true;
}

static bool
neg_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	sample->number = int_sub(0, sample->number);
	return true;
}

static bool
bool_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return sample_is_bool(sample, sample->number != 0);
}

static bool
not_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return sample_is_bool(sample, sample->number == 0);
}

static bool
odd_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return sample_is_bool(sample, (sample->number & 1) != 0);
}

static bool
even_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	return sample_is_bool(sample, (sample->number & 1) == 0);
}

static bool
iif_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	struct slice text = args->at[sample->number != 0 ? 0 : 1].text;

	return sample_is_text(sample, SAMPLE_STRING, text.at, text.len);
}

static bool
htonl_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	uint32_t bytes = htonl((uint32_t)sample->number);
	char *out = eval_take(eval, sizeof(bytes));

	if (out == NULL)
		return false;
	memcpy(out, &bytes, sizeof(bytes));
	return sample_is_text(sample, SAMPLE_BINARY, out, sizeof(bytes));
}

#define INT_ROW(word, does) \
	{                                                                                         \
#word, SAMPLE_INT, SAMPLE_INT, { ARG_STRING }, does, operand_check, word##_run, 0 \
	}
#define BOOL_ROW(word, does) \
	{                                                                               \
#word, SAMPLE_INT, SAMPLE_BOOL, { ARG_NONE }, does, NULL, word##_run, 0 \
	}

static const struct conv rows[] = {
	INT_ROW(add, "plus a number or variable"),
	INT_ROW(and, "bitwise and with a number or variable"),
	BOOL_ROW(bool, "whether it is not 0"),
	{ "cpl", SAMPLE_INT, SAMPLE_INT, { ARG_NONE }, "all bits inverted", NULL, cpl_run, 0 },
	INT_ROW(div, "divided by a number or variable; the largest number if that is 0"),
	BOOL_ROW(even, "whether it is even"),
	{ "htonl",
	  SAMPLE_INT,
	  SAMPLE_BINARY,
	  { ARG_NONE },
	  "its lower 32 bits as bytes in network order",
	  NULL,
	  htonl_run,
	  0 },
	{ "iif",
	  SAMPLE_BOOL,
	  SAMPLE_STRING,
	  { ARG_STRING, ARG_STRING },
	  "the first text if it is true, else the second",
	  NULL,
	  iif_run,
	  0 },
	INT_ROW(mod, "remainder of a division by a number or variable; 0 if that is 0"),
	INT_ROW(mul, "times a number or variable"),
	{ "neg", SAMPLE_INT, SAMPLE_INT, { ARG_NONE }, "its opposite", NULL, neg_run, 0 },
	BOOL_ROW(not, "whether it is 0"),
	BOOL_ROW(odd, "whether it is odd"),
	INT_ROW(or, "bitwise or with a number or variable"),
	INT_ROW(sub, "minus a number or variable"),
	INT_ROW(xor, "bitwise exclusive or with a number or variable"),
};

struct conv_table conv_int = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
