import Storage

/// A file format whose documents are texts. `phd corpus build --tokenizer` and `phd corpus train-tokenizer` read it.
///
/// To add a format, conform a type to this protocol in a file of its own and add it to ``DocumentFormats/all``. If
/// ``UnsupportedFormat`` refuses such files, remove them there.
protocol DocumentFormat: Sendable {
  /// The value of `--format` that restricts recognition to this format. Several formats may have the same.
  var option: String { get }

  /// Whether an input has this format.
  ///
  /// - Parameter start: the first block of the file.
  /// - Throws: `InputFormatError` if the input looks like this format but cannot be read as it.
  func recognizes(_ input: TextInput, start: UnsafeRawBufferPointer) throws -> Bool

  /// Passes the documents of an input to `consumer`, in order.
  ///
  /// - Parameters:
  ///   - file: the open input. A format that needs random access opens `file.path` instead.
  ///   - report: receives the number of bytes read since the last call.
  /// - Throws: `StorageError`; `InvalidFileError` if the content is wrong, or is not UTF-8 but must be.
  func read(
    _ input: TextInput, from file: BlockReader, into consumer: some DocumentConsumer,
    report: (_ bytes: Int) throws -> Void
  ) throws
}

/// The formats of documents.
public enum DocumentFormats {
  /// In the order in which they are tried. The last one accepts any file.
  static let all: [any DocumentFormat] = [JSONLinesFormat(), PlainTextFormat()]

  /// The values of `--format` for texts, in order.
  public static var options: [String] {
    all.map(\.option).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  static func format(of input: TextInput, start: UnsafeRawBufferPointer) throws -> any DocumentFormat {
    for format in all where input.format == nil || input.format == format.option {
      if try format.recognizes(input, start: start) { return format }
    }
    return PlainTextFormat()
  }
}

/// Receives documents: the pieces of one, then its end.
protocol DocumentConsumer: AnyObject {
  func add(_ piece: UnsafeRawBufferPointer) throws
  func endDocument() throws
  /// Adds a whole document as the line of JSON that contains it.
  func add(_ line: JSONLine) throws
}

extension DocumentConsumer {
  func add(_ line: JSONLine) throws {
    var text: [UInt8] = []
    try line.append(to: &text)
    try text.withUnsafeBytes { try add($0) }
    try endDocument()
  }
}

/// A file of documents and how to read it.
struct TextInput {
  let path: String
  /// Of plain text: the line, without its newline, that separates documents; nil if each file is one document.
  let documentSeparator: String?
  let needsUTF8: Bool
  /// The value of `--format`; nil to recognize the format by the file's content.
  var format: String?
  /// The end of a message: the option that reads the file as plain text; empty if the command has none.
  var plainTextAdvice = ", or pass --format text to read it as plain text"

  /// Reads all documents of the file. A byte-order mark at the beginning is not part of the text.
  ///
  /// - Parameter report: receives the number of bytes of each block.
  /// - Throws: `StorageError`; `InvalidFileError` if the content is wrong, or is not UTF-8 but must be;
  ///   `InputFormatError` for JSON that is not JSON lines, or has no texts.
  func read(into consumer: some DocumentConsumer, report: (_ bytes: Int) throws -> Void) throws {
    let file = try BlockReader(path)
    let format = try DocumentFormats.format(of: self, start: file.firstBlock)
    try format.read(self, from: file, into: consumer, report: report)
  }
}
