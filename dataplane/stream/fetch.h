/*
 * What expressions may ask of clients and streams: src, fe_name, srv_name, ... (HAProxy manual, 7.3.3).
 */
#pragma once

/* Their rows; once, by the main thread, before anything is compiled. */
void stream_fetches_register(void);
