import TestSupport
import Testing

/// Checks that a program failed with a status and a single message of one or two lines on standard error, which
/// contains `names`.
func expectError(
  _ outcome: Outcome, _ status: Int32, naming names: [String], sourceLocation: SourceLocation = #_sourceLocation
) throws {
  #expect(outcome.status == status, "\(outcome.error)", sourceLocation: sourceLocation)
  for name in names {
    #expect(outcome.error.contains(name), "the message does not name \(name)", sourceLocation: sourceLocation)
  }
  let lines = outcome.error.split(separator: "\n")
  #expect((1...2).contains(lines.count), "\(outcome.error)", sourceLocation: sourceLocation)
  #expect(
    lines.filter { $0.hasPrefix("phd-train: ") || $0.hasPrefix("phd: ") }.count == 1, sourceLocation: sourceLocation)
}
