import Storage
import Text

/// The frequency of each word in texts that a pattern splits into words. A tokenizer is trained on it.
public struct WordCounts: Sendable {
  private var numbers = ByteStringTable(capacity: 1 << 12)
  private var counts: [Int] = []

  public init() {}

  /// The number of distinct words.
  public var count: Int { counts.count }

  /// Counts the words of a text.
  ///
  /// - Throws: `InvalidFileError` if the text is not UTF-8.
  public mutating func add(_ text: UnsafeRawBufferPointer, _ pattern: WordPattern) throws {
    try text.withMemoryRebound(to: UInt8.self) { text in
      if let invalid = UTF8Check.firstInvalid(in: text) {
        throw InvalidFileError("a text", "is not UTF-8 at byte \(invalid)")
      }
      CharacterClass.withTable { classes in
        var start = 0
        while start < text.count {
          let end = pattern.end(of: start, in: text, classes)
          add(UnsafeBufferPointer(rebasing: text[start..<end]), count: 1)
          start = end
        }
      }
    }
  }

  /// Adds the counts of another.
  public mutating func add(_ other: WordCounts) {
    other.visit { word, count in word.withUnsafeBufferPointer { add($0, count: count) } }
  }

  private mutating func add(_ word: UnsafeBufferPointer<UInt8>, count: Int) {
    let number = numbers.insert(word, counts.count)
    if number == counts.count { counts.append(0) }
    counts[number] += count
  }

  /// Calls `body` with each word and its frequency, in order of first occurrence.
  func visit(_ body: (ArraySlice<UInt8>, Int) -> Void) {
    numbers.visit { word, number in body(word, counts[number]) }
  }
}
