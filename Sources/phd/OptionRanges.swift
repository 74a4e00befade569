import ArgumentParser

/// The value of an integer option, nil if absent, and its allowed range.
typealias OptionRange = (name: String, value: Int?, range: ClosedRange<Int>)

/// The allowed range of `--threads`.
let threadRange = 1...4096

/// - Throws: `ValidationError` for the first option that is out of its range.
func require(_ options: OptionRange...) throws {
  for (name, value, range) in options {
    if let value, !range.contains(value) {
      throw ValidationError("--\(name) \(value): expected \(range.lowerBound) to \(range.upperBound)")
    }
  }
}
