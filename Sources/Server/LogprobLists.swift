import Foundation
import JSON

/// The lists in a choice's `logprobs`; in a stream, those of the new tokens.
struct LogprobLists {
  private var tokens: [JSONValue] = []
  private var logProbabilities: [JSONValue] = []
  private var likeliest: [JSONValue] = []
  private var offsets: [JSONValue] = []

  /// - Parameters:
  ///   - score: nil for the first token, which is not predicted.
  ///   - offset: the token's start in the choice's text, in characters.
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

  /// The most likely tokens by name, and the token itself. Names must be unique, so if two tokens have the same name,
  /// which occurs in vocabularies, the less likely one is named by its number.
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
        // The vocabulary may contain this text too.
        while !names.insert(Array(name.utf8)).inserted { name += "'" }
      }
      return JSONValue.Field(name: name, value: number(candidate.logProbability))
    }
    return .object(JSONValue.Object(distinct: fields))
  }

  /// The shortest decimal that identifies the float. JSON has no infinity; clients expect −9999 instead.
  private static func number(_ value: Float) -> JSONValue {
    .number(value.isFinite ? Double(value.description) ?? Double(value) : -9999)
  }
}
