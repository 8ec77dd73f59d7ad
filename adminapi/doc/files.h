/*
 * Names of files in the document.
 */
#pragma once

/*
 * What of `name` is below `dir`, which is absolute: a relative name itself, or what follows the
 * folder's; NULL: it is elsewhere. By the letters only: links and ".." are for who opens it.
 */
const char *file_below(const char *dir, const char *name);
