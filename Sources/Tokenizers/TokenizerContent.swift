import JSON
import Storage

/// The checked content of a `tokenizer.json`, from which a ``BPETokenizer`` is made.
struct TokenizerContent {
  /// The texts of the vocabulary by id, as the file spells them; nil for ids of added tokens only.
  var tokens: [String?] = []
  var addedTokens: [AddedToken] = []
  var byteTokens: [Int32] = []
  var merges = MergeTable(capacity: 0)
  var ignoresMerges = false
  /// Whether the normalizer is NFC.
  var composes = false
  var preTokenizer = PreTokenizer()
}

/// Reads a `tokenizer.json`. Rejects, with its name, each feature that would lead to other ids than those of the
/// `tokenizers` library.
struct TokenizerReader {
  let path: String

  func error(_ message: String) -> InvalidFileError { InvalidFileError(path, message) }

  /// - Throws: `InvalidFileError`.
  func content(of bytes: [UInt8]) throws -> TokenizerContent {
    let json: JSONValue
    do {
      json = try JSONValue(parsing: bytes)
    } catch {
      throw self.error("is not a tokenizer.json: \(error)")
    }
    guard json.object != nil else {
      throw error("is not a tokenizer.json: expected an object, found \(json.described)")
    }
    for key in ["truncation", "padding"] where json[key] != nil && json[key] != .null {
      throw error("has \(key), which changes a text's tokens; set it to null")
    }
    guard let model = json["model"], model.object != nil else {
      throw error("is not a tokenizer.json: it has no object \"model\"")
    }
    var content = TokenizerContent()
    try readModel(model, into: &content)
    content.composes = try composes(json["normalizer"])
    var isByteLevel = false
    try readPreTokenizer(json["pre_tokenizer"], into: &content.preTokenizer, &isByteLevel)
    guard isByteLevel else {
      throw error("is not a byte-level tokenizer: its pre_tokenizer has no ByteLevel")
    }
    try checkDecoder(json["decoder"])
    content.addedTokens = try addedTokens(json["added_tokens"], &content.tokens)
    return content
  }

  /// The type name of a component.
  func type(of component: JSONValue, _ place: String) throws -> String {
    guard let type = component["type"]?.string else { throw error("\(place) has no string \"type\"") }
    return type
  }

  /// A Boolean field that may be missing.
  func flag(_ name: String, of component: JSONValue, _ place: String, default value: Bool = false) throws -> Bool {
    guard let found = component[name], found != .null else { return value }
    guard let flag = found.bool else {
      throw error("\(place): \(name) is \(found.described), expected true or false")
    }
    return flag
  }

  private func composes(_ normalizer: JSONValue?) throws -> Bool {
    guard let normalizer, normalizer != .null else { return false }
    switch try type(of: normalizer, "normalizer") {
    case "NFC": return true
    case "Sequence":
      guard let parts = normalizer["normalizers"]?.array else { throw error("normalizer has no list \"normalizers\"") }
      return try parts.map { try composes($0) }.contains(true)
    case let other: throw error("has the normalizer \(quoted(other)); NFC and Sequence are supported")
    }
  }

  private func checkDecoder(_ decoder: JSONValue?) throws {
    guard let decoder, decoder != .null else { return }
    switch try type(of: decoder, "decoder") {
    case "ByteLevel": return
    case "Sequence":
      guard let parts = decoder["decoders"]?.array else { throw error("decoder has no list \"decoders\"") }
      for part in parts { try checkDecoder(part) }
    case let other: throw error("has the decoder \(quoted(other)); ByteLevel is supported")
    }
  }
}
