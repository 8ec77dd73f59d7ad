/*
 * What expressions may ask of backends and servers: nbsrv, srv_conn, ... (HAProxy manual, 7.3.2).
 */
#pragma once

/* Their rows; once, by the main thread, before anything is compiled. */
void server_fetches_register(void);
