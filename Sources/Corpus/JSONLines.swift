import Foundation

/// A line of JSON, an object whose field `text` is a document.
struct JSONLine: Sendable {
  let bytes: ArraySlice<UInt8>
  /// Counted from 1.
  let number: Int
  /// The file that it is from.
  let path: String

  private struct Fields: Decodable {
    var text: String
  }

  /// The document.
  ///
  /// - Throws: `CorpusError` with the line's number.
  func text(_ decoder: JSONDecoder) throws -> String {
    do {
      return try decoder.decode(Fields.self, from: Data(bytes)).text
    } catch DecodingError.keyNotFound {
      throw CorpusError(path, "line \(number) has no field \"text\"")
    } catch DecodingError.typeMismatch(_, let context) {
      let part = context.codingPath.isEmpty ? "is no JSON object" : "has a field \"text\" that is no string"
      throw CorpusError(path, "line \(number) \(part)")
    } catch DecodingError.valueNotFound {
      throw CorpusError(path, "line \(number) has a field \"text\" that is no string")
    } catch {
      throw CorpusError(path, "line \(number) is not valid JSON: expected one object a line, {\"text\": \"…\"}")
    }
  }
}

/// A document a line: JSON objects whose field `text` is the document. Empty lines are passed over. Memory is that of
/// the longest line.
struct JSONLinesReader: DocumentReader {
  let path: String
  private var line: [UInt8] = []
  private var lineNumber = 1

  init(path: String) {
    self.path = path
  }

  mutating func read(_ block: UnsafeRawBufferPointer, into consumer: some DocumentConsumer) throws {
    var rest = block[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      line.append(contentsOf: rest[..<end])
      try endLine(into: consumer)
      rest = rest[(end + 1)...]
    }
    line.append(contentsOf: rest)
  }

  mutating func finish(into consumer: some DocumentConsumer) throws {
    try endLine(into: consumer)
  }

  private mutating func endLine(into consumer: some DocumentConsumer) throws {
    defer {
      line.removeAll(keepingCapacity: true)
      lineNumber += 1
    }
    if line.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }) { return }
    try consumer.add(JSONLine(bytes: line[...], number: lineNumber, path: path))
  }
}
