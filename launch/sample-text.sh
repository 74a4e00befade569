#!/usr/bin/env bash
# Prints English text, with lines of <|endoftext|> between documents. Usage: launch/sample-text.sh
#
# The text is the King James Bible from the Debian package bible-kjv: 4 MB of prose in the public domain, in 1 189
# chapters, each a document. If the package cannot be installed, a small grammar generates text, the same every time.
# The generated text is only good for seeing the loss decrease.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if { command -v bible || launch/setup.sh bible-kjv; } >/dev/null 2>&1; then
  # A line is `Ge1:1 In the beginning …`. The reference is removed; it shows where a chapter ends.
  bible -f 'gen1:1-rev22:21' | awk '
    {
      chapter = $1
      sub(/:.*/, "", chapter)
      if (NR > 1 && chapter != last) print "<|endoftext|>"
      last = chapter
      sub(/^[^ ]* /, "")
      print
    }'
else
  printf 'launch/sample-text.sh: the package bible-kjv cannot be installed; using generated text\n' >&2
  awk '
    # Own random number generator: rand() differs between versions of awk.
    function pick(n) { state = (state * 16807) % 2147483647; return int(state / 2147483647 * n) + 1 }
    function word(list, words, n) { n = split(list, words, " "); return words[pick(n)] }
    function thing() {
      return word("the the a every no") " " (pick(3) == 1 ? word(adjectives) " " : "") word(nouns) \
        (pick(4) == 1 ? " " word("of near behind without under") " the " word(nouns) : "")
    }
    function sentence(text) {
      text = thing() " " word(verbs) " " thing()
      if (pick(3) == 1) text = text ", " word("and but so while because") " " thing() " " word(verbs) " " thing()
      return toupper(substr(text, 1, 1)) substr(text, 2) "."
    }
    BEGIN {
      state = 20240229
      adjectives = "old quiet bright heavy narrow green honest sudden distant broken patient wooden"
      nouns = "river teacher window garden letter machine harbour winter village question bridge captain forest lamp"
      verbs = "finds follows remembers carries breaks watches builds forgets answers leaves opens holds"
      for (document = 1; document <= 2000; document++) {
        if (document > 1) print "<|endoftext|>"
        for (line = 8 + pick(16); line > 0; line--) print sentence()
      }
    }'
fi
