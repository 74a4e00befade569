import Foundation
import NIOHTTP1

/// What a request's method and path ask for.
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
      throw APIError(404, "there is no chat here: the server completes texts, at /v1/completions", code: "not_found")
    default: throw APIError(404, "there is no \(path.prefix(200)); there is /v1/completions", code: "not_found")
    }
    // HEAD asks for a GET's head alone: the response then has no body, see `Connection`.
    if head.method != route.method && !(head.method == .HEAD && route.method == .GET) {
      throw APIError(405, "\(path.prefix(200)) takes \(route.method.rawValue), not \(head.method.rawValue)")
    }
    self = route
  }

  /// The one that it takes.
  var method: HTTPMethod { self == .completions ? .POST : .GET }
}

extension HTTPRequestHead {
  /// Bytes of its body; nil where that is not said.
  var bodyBytes: Int? {
    if headers.contains(name: "transfer-encoding") { return nil }
    guard let length = headers.first(name: "content-length") else { return 0 }
    return Int(length)
  }

  /// Whether the body is said to be JSON. Any page on the web may make a browser send other types to a server on its
  /// user's machine, but not this one.
  var isJSON: Bool {
    let type = headers.first(name: "content-type")?.split(separator: ";").first ?? ""
    return type.trimmingCharacters(in: .whitespaces).lowercased() == "application/json"
  }
}
