import Inference
import JSON

/// An error response, in the form that OpenAI's clients expect.
public struct APIError: Error, Equatable, Sendable {
  /// The HTTP status.
  public let status: Int
  public let message: String
  /// The request's field that is invalid, if the error is about one.
  public let parameter: String?
  /// A machine-readable error code.
  public let code: String?

  public init(_ status: Int, _ message: String, parameter: String? = nil, code: String? = nil) {
    self.status = status
    self.message = message
    self.parameter = parameter
    self.code = code
  }

  /// The error for a field with an invalid value.
  static func invalid(_ parameter: String, _ message: String) -> APIError {
    APIError(400, "\(parameter): \(message)", parameter: parameter)
  }

  /// The error for more requests than the server accepts at a time.
  static func overloaded(_ message: String) -> APIError {
    APIError(429, "\(message); try again in a moment", code: "rate_limit_exceeded")
  }

  /// The model's logits are not finite.
  static let brokenNumbers = APIError(
    500, "the model's logits are not finite; \(InferenceError.brokenLogitsAdvice)", code: "not_finite")

  static let stopping = APIError(503, "the server is stopping", code: "server_stopping")

  /// OpenAI's name for the kind of error.
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
