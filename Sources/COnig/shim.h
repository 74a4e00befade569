#ifndef PHD_CONIG_SHIM_H
#define PHD_CONIG_SHIM_H

#include <oniguruma.h>

/* Oniguruma's encodings and syntaxes are macros of addresses, so Swift does not import them. */

static inline int phd_onig_start(void) {
  OnigEncoding encodings[1] = {ONIG_ENCODING_UTF8};
  return onig_initialize(encodings, 1);
}

/* Compiles a UTF-8 pattern. On failure, `message`, of ONIG_MAX_ERROR_MESSAGE_LEN bytes, receives the reason. */
static inline int phd_onig_compile(OnigRegex *regex, const unsigned char *pattern, long count, char *message) {
  OnigErrorInfo information;
  message[0] = 0;
  int status = onig_new(regex, pattern, pattern + count, ONIG_OPTION_NONE, ONIG_ENCODING_UTF8, OnigDefaultSyntax,
                        &information);
  if (status != ONIG_NORMAL) {
    int length = onig_error_code_to_str((unsigned char *)message, status, &information);
    message[length < 0 ? 0 : length < ONIG_MAX_ERROR_MESSAGE_LEN ? length : ONIG_MAX_ERROR_MESSAGE_LEN - 1] = 0;
  }
  return status;
}

/* Finds the first match that begins at `start` or later. Returns 1 and its bounds, 0 if there is none, and a negative
   number if the search exceeds the backtracking limit. */
static inline int phd_onig_search(OnigRegex regex, OnigRegion *region, const unsigned char *text, long count,
                                  long start, long *begin, long *end) {
  int found = onig_search(regex, text, text + count, text + start, text + count, region, ONIG_OPTION_NONE);
  if (found == ONIG_MISMATCH) return 0;
  if (found < 0) return -1;
  *begin = region->beg[0];
  *end = region->end[0];
  return 1;
}

#endif
