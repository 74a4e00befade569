import Foundation
import JSON
import NIOPosix
import Synchronization

/// The state that all connections share.
final class Service: Sendable {
  let model: ServedModel
  let engine: Engine
  let settings: ServerSettings
  /// Parses requests and encodes responses, which may take long.
  let pool: NIOThreadPool
  /// The number of threads in ``pool``.
  static let requestThreads = 2
  let memory: ByteBudget
  let connections = Atomic<Int>(0)
  /// The number of requests that have not been answered.
  let exchanges = Atomic<Int>(0)
  private let stopping = Atomic<Bool>(false)
  private let answers = Mutex<[Int: Int]>([:])
  private let started = Int(Date().timeIntervalSince1970)

  init(_ model: ServedModel, _ engine: Engine, _ settings: ServerSettings) {
    self.model = model
    self.engine = engine
    self.settings = settings
    memory = ByteBudget(settings.maximumInFlight)
    pool = NIOThreadPool(numberOfThreads: Service.requestThreads)
  }

  var isStopping: Bool { stopping.load(ordering: .relaxed) }

  func beginStopping() { stopping.store(true, ordering: .relaxed) }

  /// Parses and validates a request.
  ///
  /// - Throws: ``APIError``.
  func request(_ body: [UInt8]) throws(APIError) -> CompletionRequest {
    let value: JSONValue
    do {
      value = try JSONValue(parsing: body)
    } catch {
      throw APIError(400, "the body is not JSON: \(error)", code: "invalid_json")
    }
    return try CompletionRequest(value, for: model)
  }

  func countAnswer(_ status: Int) { answers.withLock { $0[status, default: 0] += 1 } }

  // MARK: - Information

  /// - Throws: ``APIError``: 404 for another model, 503 for the health of a stopping server.
  func describe(_ route: Route) throws(APIError) -> JSONValue {
    switch route {
    case .models: return ["object": "list", "data": [modelJSON]]
    case .model(let name):
      if name == model.name { return modelJSON }
      throw APIError(
        404, "the model \(quoted(name)) does not exist: use \(quoted(model.name))", parameter: "model",
        code: "model_not_found")
    default:
      if isStopping { throw .stopping }
      return ["status": "ok"]
    }
  }

  private var modelJSON: JSONValue {
    [
      "id": .string(model.name), "object": "model", "created": .integer(started), "owned_by": "phd",
      "max_model_len": .integer(model.maximumLength),
    ]
  }

  /// The metrics in Prometheus's text format.
  var metrics: String {
    let counts = engine.counts
    var lines = answers.withLock { answers in
      answers.sorted { $0.key < $1.key }.map { "phd_requests_total{status=\"\($0.key)\"} \($0.value)" }
    }
    lines.insert("# TYPE phd_requests_total counter", at: 0)
    for (name, kind, value) in [
      ("prompt_tokens_total", "counter", counts.promptTokens.load(ordering: .relaxed)),
      ("generated_tokens_total", "counter", counts.generatedTokens.load(ordering: .relaxed)),
      ("sequences_running", "gauge", counts.running.load(ordering: .relaxed)),
      ("sequences_waiting", "gauge", counts.waiting.load(ordering: .relaxed)),
      ("kv_cache_bytes", "gauge", counts.cacheBytes.load(ordering: .relaxed)),
      ("kv_cache_limit_bytes", "gauge", engine.limits.cacheBytes),
      ("in_flight_bytes", "gauge", memory.inUse),
      ("connections", "gauge", connections.load(ordering: .relaxed)),
    ] {
      lines += ["# TYPE phd_\(name) \(kind)", "phd_\(name) \(value)"]
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
