import Testing

@testable import Configuration

@Suite struct TimeLimitTests {
  @Test(arguments: [
    ("90", nil), ("1:30", 90.0), ("2:01:30", 7290), ("1-02:03:04", 93784), ("0-00:00:10", 10), ("-1:00", nil),
    ("1-30", nil),
    ("1:2:3:4", nil), ("", nil), ("1-2:03", nil), ("a:10", nil), ("1:", nil), ("0x10:00", nil), ("٣:٠٠", nil),
  ]) func `durations are read in Slurm's format`(text: String, seconds: Double?) {
    #expect(TimeLimit.seconds(text) == seconds)
  }
}
