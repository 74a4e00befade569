import Foundation
import NIOHTTP1

/// The endpoint for a request's method and path.
enum Route: Equatable {
  case completions
  case models
  case model(String)
  case health
  case metrics

  /// - Throws: ``APIError``: 404 and 405.
  init(_ head: HTTPRequestHead) throws(APIError) {
    let path = String(head.uri.prefix { $0 != "?" && $0 != "#" })
    let route: Route
    switch path {
    case "/v1/completions": route = .completions
    case "/v1/models": route = .models
    case "/health": route = .health
    case "/metrics": route = .metrics
    case _ where path.hasPrefix("/v1/models/"):
      route = .model(path.dropFirst("/v1/models/".count).removingPercentEncoding ?? "")
    case "/v1/chat/completions":
      throw APIError(404, "chat is not supported: use /v1/completions", code: "not_found")
    default: throw APIError(404, "\(path.prefix(200)) does not exist: use /v1/completions", code: "not_found")
    }
    // HEAD is answered like GET without the body, see `Connection`.
    if head.method != route.method && !(head.method == .HEAD && route.method == .GET) {
      throw APIError(405, "\(path.prefix(200)) needs \(route.method.rawValue), not \(head.method.rawValue)")
    }
    self = route
  }

  /// The endpoint's method.
  var method: HTTPMethod { self == .completions ? .POST : .GET }
}

extension HTTPRequestHead {
  /// The size of the body; nil if it is unknown.
  var bodyBytes: Int? {
    if headers.contains(name: "transfer-encoding") { return nil }
    guard let length = headers.first(name: "content-length") else { return 0 }
    return Int(length)
  }

  /// Whether the content type is JSON. A web page can make a browser send requests of other types to servers on the user's
  /// machine, but not of this type.
  var isJSON: Bool {
    let type = headers.first(name: "content-type")?.split(separator: ";").first ?? ""
    return type.trimmingCharacters(in: .whitespaces).lowercased() == "application/json"
  }
}
