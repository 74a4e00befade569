import Storage

/// Turns documents into tokens, piece by piece.
public protocol Tokenizer: Sendable {
  /// What the corpus's attribute `tokenizer` says.
  var name: String { get }
  /// Where there is a file that defines the tokenizer, its SHA-256.
  var sha256: String? { get }
  /// One more than the largest token.
  var vocabularySize: Int { get }
  /// The token after each document.
  var endOfDocument: UInt32 { get }

  /// Appends tokens of the current document's next bytes, as far as they are certain. Pieces end anywhere.
  ///
  /// - Throws: `CorpusError` where the bytes are no text for it.
  mutating func encode(_ piece: UnsafeRawBufferPointer, into tokens: inout [UInt32]) throws

  /// Appends what the current document still lacks, its end-of-document token too; the next piece starts another.
  mutating func endDocument(into tokens: inout [UInt32]) throws
}

extension Tokenizer {
  /// The smallest type that holds every token.
  public var elementType: HDF5ElementType {
    vocabularySize <= 1 << 8 ? .uint8 : vocabularySize <= 1 << 16 ? .uint16 : .uint32
  }
}

/// The tokenizer `bytes`: a byte is its own token, 256 ends a document. Any file is a text for it.
public struct ByteTokenizer: Tokenizer {
  public init() {}

  public var name: String { "bytes" }
  public var sha256: String? { nil }
  public var vocabularySize: Int { 257 }
  public var endOfDocument: UInt32 { 256 }

  public func encode(_ piece: UnsafeRawBufferPointer, into tokens: inout [UInt32]) {
    tokens.append(contentsOf: piece.lazy.map { UInt32($0) })
  }

  public func endDocument(into tokens: inout [UInt32]) {
    tokens.append(endOfDocument)
  }
}
