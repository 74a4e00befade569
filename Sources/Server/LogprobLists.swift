import Foundation
import JSON

/// The lists under a choice's `logprobs`, or a piece of them in a stream.
struct LogprobLists {
  private var tokens: [JSONValue] = []
  private var logProbabilities: [JSONValue] = []
  private var likeliest: [JSONValue] = []
  private var offsets: [JSONValue] = []

  /// - Parameters:
  ///   - score: nil for a text's first token, which nothing comes before.
  ///   - offset: where it begins in the choice's text, in characters.
  mutating func append(_ token: Int32, _ score: TokenScore?, offset: Int, _ model: ServedModel) {
    tokens.append(.string(model.name(of: token)))
    logProbabilities.append(score.map { LogprobLists.number($0.logProbability) } ?? .null)
    likeliest.append(score.map { LogprobLists.object(token, $0, model) } ?? .null)
    offsets.append(.integer(offset))
  }

  var json: JSONValue {
    [
      "tokens": .array(tokens), "token_logprobs": .array(logProbabilities), "top_logprobs": .array(likeliest),
      "text_offset": .array(offsets),
    ]
  }

  /// The likeliest tokens by their names, and the token itself where it is none of them. Of two tokens with one name,
  /// which vocabularies have, the less likely one is called by its number: names must differ.
  private static func object(_ token: Int32, _ score: TokenScore, _ model: ServedModel) -> JSONValue {
    var candidates = score.likeliest
    if !candidates.contains(where: { $0.token == token }) {
      candidates.append(TokenScore.Candidate(token: token, logProbability: score.logProbability))
    }
    var names: Set<[UInt8]> = []
    let fields = candidates.map { candidate in
      var name = model.name(of: candidate.token)
      if !names.insert(Array(name.utf8)).inserted {
        name = ServedModel.numbered(candidate.token)
        // A vocabulary may hold that very text.
        while !names.insert(Array(name.utf8)).inserted { name += "'" }
      }
      return JSONValue.Field(name: name, value: number(candidate.logProbability))
    }
    return .object(JSONValue.Object(distinct: fields))
  }

  /// In the fewest digits that are this float and no other. JSON knows no infinity: clients expect −9999 in its place.
  private static func number(_ value: Float) -> JSONValue {
    .number(value.isFinite ? Double(value.description) ?? Double(value) : -9999)
  }
}
