import Storage

/// JSON lines whose lines are lists of tokens, or objects with such a list: a document each. Empty lines are passed over.
/// Memory is that of the longest line.
struct TokenLines: TokenSource {
  /// What a file is read by that is no list of tokens at all, or has lost its newlines.
  private static let longestLine = 1 << 28
  private static let newline = UInt8(ascii: "\n")

  private let path: String
  private let fields: [String]

  var numbers: TokenNumbers? { nil }

  /// - Parameter field: of the objects; nil for `tokens` or `input_ids`, whichever a line has.
  init(path: String, field: String?) {
    self.path = path
    fields = field.map { [$0] } ?? ["tokens", "input_ids"]
  }

  func read(into consumer: some TokenConsumer, report: (Int) throws -> Void) throws {
    // The beginning of a line whose end is in a later block.
    var begun: [UInt8] = []
    var tokens: [UInt32] = []
    var lineNumber = 1
    func endLine(_ line: UnsafeBufferPointer<UInt8>) throws {
      if line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0d }) {
        tokens.removeAll(keepingCapacity: true)
        try parse(line, lineNumber, into: &tokens)
        let number = lineNumber
        try tokens.withUnsafeBufferPointer {
          try consumer.append($0, of: path) { "line \(number), place \($0) of its list" }
        }
        try consumer.endDocument()
      }
      lineNumber += 1
    }
    try ByteReader(path).forEachBlock { block in
      try block.withMemoryRebound(to: UInt8.self) { block in
        var rest = block[...]
        while let end = rest.firstIndex(of: Self.newline) {
          if begun.isEmpty {
            try endLine(UnsafeBufferPointer(rebasing: rest[..<end]))
          } else {
            begun.append(contentsOf: rest[..<end])
            try begun.withUnsafeBufferPointer { try endLine($0) }
            begun.removeAll(keepingCapacity: true)
          }
          rest = rest[(end + 1)...]
        }
        begun.append(contentsOf: rest)
        guard begun.count <= Self.longestLine else {
          throw CorpusError(path, "line \(lineNumber) is longer than \(Self.longestLine) bytes; a document is one line")
        }
      }
      try report(block.count)
    }
    if !begun.isEmpty { try begun.withUnsafeBufferPointer { try endLine($0) } }
  }

  private func parse(_ line: UnsafeBufferPointer<UInt8>, _ number: Int, into tokens: inout [UInt32]) throws {
    var parser = TokenLineParser(line, fields: fields)
    do {
      try parser.parse(into: &tokens)
    } catch {
      throw CorpusError(path, "line \(number), byte \(error.position + 1): \(error.message)")
    }
  }
}
