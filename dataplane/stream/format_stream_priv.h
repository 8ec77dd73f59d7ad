/*
 * What the files of the log variables share: format_stream.c has the table, a variable %x is var_x().
 */
#pragma once

#include "expr/format.h"
#include "expr/sample.h"
#include "stream/stream_priv.h"

typedef void format_var_fn(struct eval *eval, struct format_out *out);

/* format_address.c */
format_var_fn var_ci, var_cp, var_fi, var_fp, var_bi, var_bp, var_si, var_sp;

/* format_time.c */
format_var_fn var_t, var_tr, var_T, var_Tl, var_trg, var_trl, var_Ts, var_ms, var_Ta, var_Tt,
	var_Tu;
format_var_fn var_Tc, var_Td, var_Th, var_Ti, var_Tq, var_TR, var_Tr, var_Tw;

/* format_request.c */
format_var_fn var_r, var_HM, var_HP, var_HPO, var_HQ, var_HU, var_HV;
format_var_fn var_hr, var_hs, var_hrl, var_hsl, var_CC, var_CS;

/* NULL: nobody is there (in tests). */
static inline const struct client *
client_of(const struct eval *eval)
{
	return eval->client != NULL	? eval->client
	       : eval->stream == NULL ? NULL
				      : eval->stream->client;
}

/* With +X in hexadecimal, of so many digits at least. */
static inline void
put_number(struct format_out *out, uint64_t number, unsigned digits)
{
	if (format_flag_hex(out))
		format_put_hex(out, number, digits);
	else
		format_put_int(out, (int64_t)number);
}

/* "+": more will follow. */
static inline void
put_plus(const struct stream *s, struct format_out *out)
{
	if (s != NULL && s->logged_early)
		format_put_raw(out, SLICE("+"));
}
