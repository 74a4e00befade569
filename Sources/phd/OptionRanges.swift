import ArgumentParser

/// A whole number that a user gave, or did not, and what it may be.
typealias OptionRange = (name: String, value: Int?, range: ClosedRange<Int>)

/// What `--threads` may be.
let threadRange = 1...4096

/// - Throws: `ValidationError` for the first that is out of its range.
func require(_ options: OptionRange...) throws {
  for (name, value, range) in options {
    if let value, !range.contains(value) {
      throw ValidationError("--\(name) \(value): expected \(range.lowerBound) to \(range.upperBound)")
    }
  }
}
