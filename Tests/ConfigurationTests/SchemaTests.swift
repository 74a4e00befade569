import Foundation
import JSON
import TestSupport
import Testing

@testable import Configuration

/// Compares `configs/schema.json`, as evaluated by `jsonschema`, with the reader.
@Suite(.enabled(if: Peers.python != nil, Comment(rawValue: Peers.missing)))
struct SchemaTests {
  /// Whether `jsonschema` accepts each configuration.
  private func verdicts(_ configurations: [JSONValue]) throws -> [Bool] {
    let folder = try TemporaryFolder()
    let cases = folder.path + "/cases.jsonl"
    try configurations.map { $0.compact + "\n" }.joined().write(toFile: cases, atomically: true, encoding: .utf8)
    let schema = Example.package.appending(path: "configs/schema.json").path
    return try Peers.run("schema.py", [schema, cases]).split(separator: "\n").map { $0 == "true" }
  }

  private func accepts(_ json: JSONValue) -> Bool { (try? RunConfiguration(json: json, file: "x.json")) != nil }

  @Test func `the schema accepts all shipped configurations, as they are and with defaults filled in`() throws {
    var all: [JSONValue] = []
    for folder in ["configs", "Benchmarks/configs"] {
      let path = Example.package.appending(path: folder)
      for name in try FileManager.default.contentsOfDirectory(atPath: path.path).sorted()
      where name.hasSuffix(".json") && name != "schema.json" {
        let text = try String(contentsOf: path.appending(path: name), encoding: .utf8)
        all.append(try JSONValue(parsing: text))
        all.append(try RunConfiguration(text: text, file: name).resolved)
      }
    }
    #expect(all.count > 20)
    #expect(try verdicts(all).allSatisfy { $0 })
  }

  @Test func `schema and reader agree on every rule for a single key`() throws {
    let full = try JSONValue(parsing: Example.full)
    let least = try JSONValue(parsing: Example.least)
    let values: [JSONValue] = [
      .null, true, 0, 1, 2, -1, 0.5, 1e300, "x", "", "cswa", "cosine", [], ["x"], [1, 2], [nil],
      [["path": "a", "weight": 2]], [["path": "a", "wait": 2]], [["path": "a", "weight": 0]],
      [["from_step": 5, "train": "b"]], [["from_step": 1, "train": "b"]], ["books": "b.h5"], ["books": 3], ["": "b"],
    ]
    var cases: [JSONValue] = [full, least]
    for key in ConfigurationReference.declarations.keys {
      let isConditional = key.condition != nil
      // The schema cannot know whether a conditional key is used, so it always accepts null there.
      for value in values where value != .null || !isConditional {
        cases.append(setting(key.path, to: value, in: isConditional ? full : least))
      }
      cases.append(setting(key.path, to: nil, in: least))
      cases.append(setting(key.path + "s_", to: 1, in: least))
    }
    cases += ["model", "data", "training", "nothing"].map { setting($0, to: nil, in: full) }
    cases += ["model", "training", "other"].map { setting($0, to: .null, in: full) }
    cases.append(setting("$schema", to: "schema.json", in: full))

    let verdicts = try verdicts(cases)
    try #require(verdicts.count == cases.count)
    for (json, isValid) in zip(cases, verdicts) where accepts(json) {
      #expect(isValid, "the schema refuses \(json.compact)")
    }
    // The schema checks single keys: it accepts only errors about combinations of keys.
    for (json, isValid) in zip(cases, verdicts) where isValid {
      guard let message = error(of: json) else { continue }
      let isOfSeveral = [
        "multiple of", "at most", "pattern \"vanilla\"", "is used only where", "needs a window", "matches",
        "must be even",
      ]
      .contains { message.contains($0) }
      let isOfOne = ["unknown key", "is missing", "is empty"].contains { message.contains($0) }
      #expect(isOfSeveral && !isOfOne, "the schema accepts \(json.compact): \(message)")
    }
    #expect(verdicts.count { $0 } > 100 && verdicts.count { !$0 } > 100)
  }

  private func error(of json: JSONValue) -> String? {
    do throws(ConfigurationError) {
      _ = try RunConfiguration(json: json, file: "x.json")
      return nil
    } catch {
      return error.message
    }
  }

  /// A configuration with one key set, or removed if `value` is nil.
  private func setting(_ path: String, to value: JSONValue?, in json: JSONValue) -> JSONValue {
    let parts = path.split(separator: ".").map(String.init)
    var root = json.object ?? JSONValue.Object()
    if parts.count == 1 {
      root[parts[0]] = value
    } else {
      var section = root[parts[0]]?.object ?? JSONValue.Object()
      section[parts[1]] = value
      root[parts[0]] = .object(section)
    }
    return .object(root)
  }
}
