import Storage
import Tokenizers

/// Turns the texts of documents into tokens.
public protocol Tokenizer: Sendable {
  /// What the corpus's attribute `tokenizer` says.
  var name: String { get }
  /// The file that defines the tokenizer, where there is one: it goes into the corpus.
  var file: TokenizerFile? { get }
  /// One more than the largest token.
  var vocabularySize: Int { get }
  /// The token after each document.
  var endOfDocument: UInt32 { get }
  /// Whether a text must be UTF-8.
  var needsUTF8: Bool { get }

  /// What encodes texts, on one thread at a time.
  func makeEncoder() -> any TextEncoder

  /// Where a long text may be cut in two, as late as possible, so that its parts' tokens one after another are the
  /// whole's; nil where there is no such place.
  func lastCut(in text: UnsafeRawBufferPointer) -> Int?
}

/// A tokenizer at work.
public protocol TextEncoder: AnyObject {
  /// Appends the tokens of a text.
  ///
  /// - Throws: `InvalidFileError` where it is no text for the tokenizer.
  func encode(_ text: UnsafeRawBufferPointer, into tokens: inout [UInt32]) throws
}

extension Tokenizer {
  /// The smallest type that holds every token.
  public var elementType: HDF5ElementType { .holding(vocabularySize: vocabularySize) }
}

/// The tokenizer `bytes`: a byte is its own token, 256 ends a document. Any file is a text for it.
public struct ByteTokenizer: Tokenizer {
  public init() {}

  public var name: String { "bytes" }
  public var file: TokenizerFile? { nil }
  public var vocabularySize: Int { 257 }
  public var endOfDocument: UInt32 { 256 }
  public var needsUTF8: Bool { false }

  public func makeEncoder() -> any TextEncoder { Encoder() }

  public func lastCut(in text: UnsafeRawBufferPointer) -> Int? { text.count }

  private final class Encoder: TextEncoder {
    func encode(_ text: UnsafeRawBufferPointer, into tokens: inout [UInt32]) {
      tokens.append(contentsOf: text.lazy.map { UInt32($0) })
    }
  }
}

/// The tokenizer of a `tokenizer.json`.
public struct FileTokenizer: Tokenizer {
  public let bpe: BPETokenizer
  public let endOfDocument: UInt32

  /// What ends a document where nobody says so, the first that the vocabulary has.
  public static let usualEnds = ["<|endoftext|>", "</s>"]

  /// - Parameter endOfDocument: the token after each document by its name; nil for a usual one.
  /// - Throws: `InvalidFileError` where the vocabulary has no such token.
  public init(_ bpe: BPETokenizer, endOfDocument: String? = nil) throws {
    self.bpe = bpe
    guard let id = FileTokenizer.endOfDocument(of: bpe, named: endOfDocument) else {
      let problem =
        endOfDocument.map { "has no token \($0)" }
        ?? "has neither \(FileTokenizer.usualEnds.joined(separator: " nor "))"
      throw InvalidFileError(
        bpe.file.path, "\(problem), to end documents with; name one of its tokens: --end-of-document TOKEN")
    }
    self.endOfDocument = UInt32(id)
  }

  /// The id of the token after each document, where the vocabulary has it.
  public static func endOfDocument(of bpe: BPETokenizer, named name: String? = nil) -> Int? {
    (name.map { [$0] } ?? usualEnds).lazy.compactMap { bpe.id(of: $0) }.first
  }

  public var name: String { bpe.file.name }
  public var file: TokenizerFile? { bpe.file }
  public var vocabularySize: Int { bpe.vocabularySize }
  public var needsUTF8: Bool { true }

  public func makeEncoder() -> any TextEncoder { BPEEncoder(bpe) }

  public func lastCut(in text: UnsafeRawBufferPointer) -> Int? { bpe.lastCut(in: text) }
}

extension BPEEncoder: TextEncoder {}
