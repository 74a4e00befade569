import Inference
import JSON

/// What is wrong with a request, as OpenAI's clients expect to hear it.
public struct APIError: Error, Equatable, Sendable {
  /// The HTTP status.
  public let status: Int
  public let message: String
  /// The field of the request that is wrong, where it is one.
  public let parameter: String?
  /// A word that programs can look for.
  public let code: String?

  public init(_ status: Int, _ message: String, parameter: String? = nil, code: String? = nil) {
    self.status = status
    self.message = message
    self.parameter = parameter
    self.code = code
  }

  /// A field's value that cannot be used.
  static func invalid(_ parameter: String, _ message: String) -> APIError {
    APIError(400, "\(parameter): \(message)", parameter: parameter)
  }

  /// More than the server takes on at one time.
  static func overloaded(_ message: String) -> APIError {
    APIError(429, "\(message); try again in a moment", code: "rate_limit_exceeded")
  }

  /// The model's logits are not finite.
  static let brokenNumbers = APIError(
    500, "the model's logits are not finite; \(InferenceError.brokenLogitsAdvice)", code: "not_finite")

  static let stopping = APIError(503, "the server is stopping", code: "server_stopping")

  /// The kind of error, in OpenAI's words.
  var type: String {
    switch status {
    case 429: "rate_limit_error"
    case 500...: "server_error"
    default: "invalid_request_error"
    }
  }

  var json: JSONValue {
    [
      "error": [
        "message": .string(message), "type": .string(type), "param": parameter.map { .string($0) } ?? .null,
        "code": code.map { .string($0) } ?? .null,
      ]
    ]
  }
}
