import JSON

extension TokenizerReader {
  /// The number of gaps that ids may leave, in addition to one for each token. It bounds tables indexed by id by the size
  /// of the file.
  private static let extraIds = 1 << 16

  /// Reads the vocabulary and the merges.
  ///
  /// - Throws: `InvalidFileError`.
  func readModel(_ model: JSONValue, into content: inout TokenizerContent) throws {
    if let type = model["type"], type != "BPE" {
      throw error("has a model of type \(type.described); BPE is supported")
    }
    if let dropout = model["dropout"], dropout != .null, dropout.number != 0 {
      throw error("has dropout \(dropout.described), which makes tokens random; set it to null")
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let value = model[key], value != .null, value != "" {
        throw error("has \(key) \(value.described), which is not supported")
      }
    }
    content.ignoresMerges = try flag("ignore_merges", of: model, "model")
    guard let vocabulary = model["vocab"]?.object?.fields else { throw error("model has no object \"vocab\"") }
    guard let merges = model["merges"]?.array else { throw error("model has no list \"merges\"") }

    let limit = 2 * vocabulary.count + TokenizerReader.extraIds
    var ids = ByteStringTable(capacity: vocabulary.count)
    var tokens: [String?] = []
    for field in vocabulary {
      guard let id = field.value.integer, id >= 0 else {
        throw error("the id of \(quoted(field.name)) is \(field.value.described), expected an integer from 0 on")
      }
      guard id < limit else {
        throw error("the id of \(quoted(field.name)) is \(id), too large for \(vocabulary.count) tokens")
      }
      if id >= tokens.count { tokens += Array(repeating: nil, count: id + 1 - tokens.count) }
      if let other = tokens[id] { throw error("\(quoted(other)) and \(quoted(field.name)) have the same id \(id)") }
      tokens[id] = field.name
      ids.insert(field.name.utf8, id)
    }
    content.tokens = tokens
    content.byteTokens = (0...255).map { byte in
      ids[ByteAlphabet.text(of: [byte]).utf8].map { Int32(truncatingIfNeeded: $0) } ?? -1
    }
    if content.byteTokens.contains(-1) {
      for key in ["unk_token", "byte_fallback"] {
        if let value = model[key], value != .null, value != false {
          throw error("has \(key) \(value.described) and no token for some bytes, which is not supported")
        }
      }
    }
    content.merges = try table(merges, ids)
  }

  private func table(_ merges: [JSONValue], _ ids: ByteStringTable) throws -> MergeTable {
    var table = MergeTable(capacity: merges.count)
    var rank: Int32 = 0
    for (index, merge) in merges.enumerated() {
      guard let (left, right) = parts(of: merge) else {
        if merge.string?.hasPrefix("#version") == true { continue }
        throw error("merge \(index) is \(merge.described), expected two tokens separated by a space, or a list of two")
      }
      func id(_ token: [UInt8]) throws -> Int32 {
        guard let id = ids[token] else {
          let text = String(decoding: token, as: UTF8.self)
          throw error("merge \(index) names \(quoted(text)), which is not in the vocabulary")
        }
        return Int32(truncatingIfNeeded: id)
      }
      table.insert(try id(left), try id(right), MergeTable.Merge(rank: rank, token: try id(left + right)))
      rank += 1
    }
    return table
  }

  private func parts(of merge: JSONValue) -> ([UInt8], [UInt8])? {
    if let text = merge.string {
      if text.utf8.starts(with: "#version".utf8) { return nil }
      let bytes = Array(text.utf8)
      guard let space = bytes.firstIndex(of: 0x20), !bytes[(space + 1)...].contains(0x20) else { return nil }
      return (Array(bytes[..<space]), Array(bytes[(space + 1)...]))
    }
    guard let pair = merge.array, pair.count == 2, let left = pair[0].string, let right = pair[1].string else {
      return nil
    }
    return (Array(left.utf8), Array(right.utf8))
  }

  /// Reads added tokens and checks that their ids are those that the `tokenizers` library assigns: the ids of the
  /// vocabulary, or the next ones after it.
  ///
  /// - Parameter tokens: the vocabulary; extended by a place for each added token.
  /// - Throws: `InvalidFileError`.
  func addedTokens(_ list: JSONValue?, _ tokens: inout [String?]) throws -> [AddedToken] {
    guard let list, list != .null else { return [] }
    guard let list = list.array else { throw error("added_tokens is \(list.described), expected a list") }
    var ids = ByteStringTable(capacity: tokens.count)
    for case (let id, let text?) in tokens.enumerated() { ids.insert(text.utf8, id) }
    let vocabularyCount = tokens.count { $0 != nil }
    var (seen, added): (Set<Int>, [AddedToken]) = ([], [])
    var largest: Int?
    for (index, entry) in list.enumerated() {
      let place = "added token \(index)"
      guard let content = entry["content"]?.string, let id = entry["id"]?.integer else {
        throw error("\(place) has no string \"content\" and number \"id\"")
      }
      // The library skips these.
      if content.isEmpty { continue }
      let next = largest.map { $0 >= vocabularyCount ? $0 + 1 : vocabularyCount } ?? vocabularyCount
      let expected = ids[content.utf8] ?? next
      guard id == expected else {
        throw error("\(place), \(quoted(content)), has the id \(id), expected \(expected), its place in the vocabulary")
      }
      guard seen.insert(id).inserted else { throw error("\(place), \(quoted(content)), occurs twice") }
      largest = max(largest ?? 0, id)
      if id >= tokens.count { tokens += Array(repeating: nil, count: id + 1 - tokens.count) }
      if let other = tokens[id], !other.utf8.elementsEqual(content.utf8) {
        throw error("\(place), \(quoted(content)), has the id \(id) of \(quoted(other))")
      }
      var token = AddedToken(id: id, content: content)
      token.isSpecial = try flag("special", of: entry, place)
      token.isNormalized = try flag("normalized", of: entry, place)
      token.stripsLeft = try flag("lstrip", of: entry, place)
      token.stripsRight = try flag("rstrip", of: entry, place)
      token.isSingleWord = try flag("single_word", of: entry, place)
      added.append(token)
    }
    return added
  }
}
