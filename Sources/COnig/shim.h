#ifndef PHD_CONIG_SHIM_H
#define PHD_CONIG_SHIM_H

#include <oniguruma.h>

/* Oniguruma's encodings and syntaxes are macros of addresses; Swift imports none of them. */

static inline int phd_onig_start(void) {
  OnigEncoding encodings[1] = {ONIG_ENCODING_UTF8};
  return onig_initialize(encodings, 1);
}

/* Compiles a pattern of UTF-8; on failure the reason is in `message`, of ONIG_MAX_ERROR_MESSAGE_LEN bytes. */
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

/* The first match that begins at `start` or later: 1 and its bounds, 0 where there is none, negative where the search
   was given up (too much backtracking). */
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
