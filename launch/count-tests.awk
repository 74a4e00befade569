# Reads what `swift test` printed; prints why tests were skipped or did not end, and last, alone on its line, the count.
# Exits with 1 where any failed. `-v status=N`: the exit status of `swift test`.
#
# Swift Testing prints for each test function one line `Test … started.` and one `Test … passed|failed after …`, or
# `Test … skipped: "reason"`, or `Test … was cancelled after …: "reason"`. Suites, test cases (one argument of a test
# each) and the run as a whole have lines of their own, not counted.

/(✔|✘|◇|➜|━|⚠) Test / {
  line = $0
  sub(/^.*(✔|✘|◇|➜|━|⚠) Test /, "", line)
  if (line ~ /^run (started|with )/ || line ~ /^case passing /) next
  if (line ~ / started\.$/) { name = line; sub(/ started\.$/, "", name); open[name]++; started++ }
  else if (line ~ / passed after [0-9.]+ seconds/) { passed++; end(line, " (with [0-9]+ test cases? )?passed after .*$") }
  else if (line ~ / failed after [0-9.]+ seconds/) { failed++; end(line, " (with [0-9]+ test cases? )?failed after .*$") }
  else if (line ~ / was cancelled after /) {
    skipped++
    end(line, " was cancelled after .*$")
    reasons[++count] = line
  } else if (line ~ / skipped(\.$|: )/) { skipped++; reasons[++count] = line }
}

function end(line, pattern) { sub(pattern, "", line); open[line]--; ended++ }

END {
  for (i = 1; i <= count; i++) print "skipped: " reasons[i]
  if (started > ended) {
    for (name in open) if (open[name] > 0) print "failed: " name " did not end: the test program died"
    failed += started - ended
  }
  if (status != 0 && failed == 0) { print "failed: swift test exited with " status; failed = 1 }
  if (passed + failed == 0) { print "failed: no test ran"; failed = 1 }
  printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
  exit failed > 0
}
