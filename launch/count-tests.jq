# Reads the events of Swift Testing, one JSON object per line. Prints the tests that failed, did not end or were
# skipped, with the reasons. The last line is the count. Exits with 1 if any test failed.
# Usage: jq -R -n -r --argjson status N -f count-tests.jq EVENTS…, where N is the exit status of `swift test`.
#
# Counts test functions, not suites or the cases of a test with arguments. Reads the event file, because the output of
# `swift test` omits pieces that end inside a character.

def outcome:
  .messages | map(.symbol)
  | if any(. == "fail") then "failed" elif any(. == "skip") then "skipped" else "passed" end;

[inputs | fromjson? // empty] as $records
| ($records | map(select(.kind == "test" and .payload.kind == "function").payload
    | {key: .id, value: (.displayName // (.id | sub("/[^/]*$"; "")))}) | from_entries) as $names
| ($records | map(select(.kind == "event").payload | select(.testID == null or $names[.testID] != null))) as $events
| ($events | map(select(.kind == "testStarted").testID)) as $started
| ($events | map(select(.kind == "testEnded") | {id: .testID, outcome: outcome, text: .messages[0].text})) as $ended
| ($events | map(select(.kind == "testSkipped") | {id: .testID, outcome: "skipped", text: .messages[0].text})) as $skipped
| ($ended + $skipped) as $all
| ($started - ($ended | map(.id))) as $open
| ($all | map(select(.outcome == "passed")) | length) as $passed
| ($all | map(select(.outcome == "failed"))) as $failed
| ($all | map(select(.outcome == "skipped"))) as $left
| ($events | map(select(.kind == "issueRecorded"))) as $issues
| ($failed | map(.id as $id | "failed: \($names[$id]): " + ([$issues[] | select(.testID == $id)
      | (._sourceLocation | if . then "\(.fileID):\(.line): " else "" end)
        + ([.messages[].text] | join("; ") | gsub("\n"; " ") | .[0:600])] | join("\n        ")))) as $reasons
| ($open | map("failed: \($names[.]) did not end: the test program died")) as $died
| (if $status != 0 and ($reasons + $died == []) then ["failed: swift test exited with \($status)"]
   elif $all == [] then ["failed: no test ran"] else [] end) as $whole
| (($left | map("skipped: " + .text)) + $reasons + $died + $whole)[],
  "\($passed) passed, \(($reasons + $died + $whole) | length) failed, \($left | length) skipped",
  (if $reasons + $died + $whole == [] then empty else "" | halt_error(1) end)
