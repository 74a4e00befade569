import Storage
import Tokenizers

/// Converts the texts of documents to tokens.
public protocol Tokenizer: Sendable {
  /// The value of the corpus's attribute `tokenizer`.
  var name: String { get }
  /// The file that defines the tokenizer, which is stored in the corpus; nil if there is none.
  var file: TokenizerFile? { get }
  /// One more than the largest token.
  var vocabularySize: Int { get }
  /// The token after each document.
  var endOfDocument: UInt32 { get }
  /// Whether a text must be UTF-8.
  var needsUTF8: Bool { get }

  /// An encoder, to be used by one thread at a time.
  func makeEncoder() -> any TextEncoder

  /// The last offset at which a long text can be cut so that the tokens of both parts, concatenated, are the tokens of the
  /// whole; nil if there is none.
  func lastCut(in text: UnsafeRawBufferPointer) -> Int?
}

/// Encodes texts with a tokenizer.
public protocol TextEncoder: AnyObject {
  /// Appends the tokens of a text.
  ///
  /// - Throws: `InvalidFileError` if the tokenizer cannot encode the text.
  func encode(_ text: UnsafeRawBufferPointer, into tokens: inout [UInt32]) throws
}

extension Tokenizer {
  /// The smallest type that holds every token.
  public var elementType: HDF5ElementType { .holding(vocabularySize: vocabularySize) }
}

/// The tokenizer `bytes`: each byte is a token, and 256 ends a document. It accepts any file.
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

  /// The default end-of-document tokens; the first that the vocabulary has is used.
  public static let defaultEndTokens = ["<|endoftext|>", "</s>"]

  /// - Parameter endOfDocument: the name of the token after each document; nil for one of ``defaultEndTokens``.
  /// - Throws: `InvalidFileError` if the vocabulary has no such token.
  public init(_ bpe: BPETokenizer, endOfDocument: String? = nil) throws {
    self.bpe = bpe
    guard let id = FileTokenizer.endOfDocument(of: bpe, named: endOfDocument) else {
      let problem =
        endOfDocument.map { "has no token \($0)" }
        ?? "has neither \(FileTokenizer.defaultEndTokens.joined(separator: " nor "))"
      throw InvalidFileError(
        bpe.file.path, "\(problem), to end documents with; pass the name of one of its tokens: --end-of-document TOKEN")
    }
    self.endOfDocument = UInt32(id)
  }

  /// The id of the token after each document; nil if the vocabulary does not have it.
  public static func endOfDocument(of bpe: BPETokenizer, named name: String? = nil) -> Int? {
    (name.map { [$0] } ?? defaultEndTokens).lazy.compactMap { bpe.id(of: $0) }.first
  }

  public var name: String { bpe.file.name }
  public var file: TokenizerFile? { bpe.file }
  public var vocabularySize: Int { bpe.vocabularySize }
  public var needsUTF8: Bool { true }

  public func makeEncoder() -> any TextEncoder { BPEEncoder(bpe) }

  public func lastCut(in text: UnsafeRawBufferPointer) -> Int? { bpe.lastCut(in: text) }
}

extension BPEEncoder: TextEncoder {}
