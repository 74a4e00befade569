import Storage
import Text

/// JSON lines whose lines are lists of tokens, or objects with such a list: a document each. Blank lines are skipped.
/// Memory is that of the longest line.
struct TokenLines: TokenSource {
  /// What a file is read by that is no list of tokens at all, or has lost its newlines.
  private static let longestLine = 1 << 28

  private let path: String
  private let fields: [String]

  var numbers: TokenNumbers? { nil }

  /// - Parameter field: of the objects; nil for `tokens` or `input_ids`, whichever a line has.
  init(path: String, field: String?) {
    self.path = path
    fields = field.map { [$0] } ?? ["tokens", "input_ids"]
  }

  func read(into consumer: some TokenConsumer, report: (Int) throws -> Void) throws {
    var lines = LineSplitter()
    var (tokens, lineNumber): ([UInt32], Int) = ([], 1)
    func add(_ line: LineSplitter.Line) throws {
      lineNumber = line.number + 1
      if line.isBlank { return }
      tokens.removeAll(keepingCapacity: true)
      try parse(line, into: &tokens)
      try tokens.withUnsafeBufferPointer {
        try consumer.append($0, of: path) { "line \(line.number), place \($0) of its list" }
      }
      try consumer.endDocument()
    }
    try ByteReader(path).forEachBlock { block in
      try lines.read(block, add)
      guard lines.begunBytes <= Self.longestLine else {
        throw InvalidFileError(
          path, "line \(lineNumber) is longer than \(Self.longestLine) bytes; a document is one line")
      }
      try report(block.count)
    }
    try lines.finish(add)
  }

  private func parse(_ line: LineSplitter.Line, into tokens: inout [UInt32]) throws {
    var parser = TokenLineParser(line.bytes, fields: fields)
    do {
      try parser.parse(into: &tokens)
    } catch {
      throw InvalidFileError(path, "line \(line.number), column \(parser.column(of: error.position)): \(error.message)")
    }
  }
}
