/// The character classes that the patterns of byte-level tokenizers distinguish.
enum CharacterClass: UInt8 {
  case other, letter, number, space

  /// The class of each code point up to the last one with a class other than `other`.
  private static let table: [UInt8] = {
    let named: [(CharacterClass, [ClosedRange<UInt32>])] = [
      (.letter, UnicodeTables.ranges(UnicodeTables.letters)), (.number, UnicodeTables.ranges(UnicodeTables.numbers)),
      (.space, UnicodeTables.spaces),
    ]
    let last = named.flatMap { $0.1 }.map(\.upperBound).max() ?? 0
    var table = [UInt8](repeating: CharacterClass.other.rawValue, count: Int(last) + 1)
    for (name, ranges) in named {
      for code in ranges.joined() { table[Int(code)] = name.rawValue }
    }
    return table
  }()

  /// Calls `body` with the table, indexed by code point; code points beyond it are `other`.
  static func withTable<Result>(_ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
    try table.withUnsafeBufferPointer(body)
  }

  static func of(_ scalar: UInt32) -> CharacterClass {
    scalar < table.count ? CharacterClass(rawValue: table[Int(scalar)]) ?? .other : .other
  }
}
