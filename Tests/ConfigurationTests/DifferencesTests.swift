import Testing

@testable import Configuration

@Suite struct DifferencesTests {
  private func differences(
    _ overrides: String..., base: [String] = []
  ) throws -> (forbidden: [RunConfiguration.Difference], allowed: [RunConfiguration.Difference]) {
    let old = try RunConfiguration(text: Example.full, file: "x.json", overrides: base)
    let new = try RunConfiguration(text: Example.full, file: "x.json", overrides: base + overrides)
    return new.differences(from: old)
  }

  @Test func `equal configurations have no differences`() throws {
    let (forbidden, allowed) = try differences()
    #expect(forbidden.isEmpty && allowed.isEmpty)
  }

  @Test(arguments: [
    ("model.hidden_size=256", "256", "512"), ("model.rope_theta=10000", "10000.0", "500000.0"),
    ("model.tie_word_embeddings=true", "true", "false"), ("seed=1", "1", "0"),
    ("hidden_decoding.repeats=3", "3", "2"), ("hidden_decoding.window=8", "8", "16"),
    ("data.sequence_length=512", "512", "1024"), ("data.document_mask=true", "true", "false"),
    ("training.global_batch_size=64", "64", "32"),
    ("training.micro_batch_size=2", "2", "4"), ("training.z_loss=0", "0.0", "1e-05"),
    ("training.gradient_clip=null", "null", "1.0"), ("optimizer.learning_rate=2e-3", "0.002", "0.001"),
    ("optimizer.no_weight_decay=[]", "[]", #"["model.embed_tokens.weight"]"#),
    ("schedule.warmup_steps=0", "0", "100"), ("schedule.final_fraction=0", "0.0", "0.1"),
  ])
  func `a changed locked key is forbidden`(_ override: String, value: String, other: String) throws {
    let (forbidden, allowed) = try differences(override)
    let key = String(override.prefix { $0 != "=" })
    #expect(forbidden == [RunConfiguration.Difference(key: key, value: value, other: other)])
    #expect(allowed.isEmpty)
    #expect(forbidden.first?.description == "\(key) is \(value), and was \(other)")
  }

  @Test(arguments: [
    "training.steps=2000", "training.threads=2", "training.recompute=block", "training.reproducible=false",
    "checkpoint.every_steps=1", "checkpoint.keep=1", "checkpoint.directory=x", "log.every_steps=5",
    "validation.every_steps=9", "validation.sequences=1", "name=other",
  ])
  func `a changed key without a lock is allowed`(_ override: String) throws {
    let (forbidden, allowed) = try differences(override)
    #expect(forbidden.isEmpty)
    #expect(allowed.map(\.key) == [String(override.prefix { $0 != "=" })])
  }

  @Test func `paths of corpora may change, weights and numbers may not`() throws {
    let base = [#"data.train=["a","b"]"#]
    var (forbidden, allowed) = try differences(#"data.train=["c",{"path":"b","weight":2}]"#, base: base)
    #expect(forbidden == [.init(key: "data.train[1].weight", value: "2.0", other: "1.0")])
    #expect(allowed == [.init(key: "data.train[0].path", value: #""c""#, other: #""a""#)])
    (forbidden, allowed) = try differences("data.train=a", base: base)
    #expect(forbidden.map(\.key) == ["data.train"] && allowed.isEmpty)
    #expect(forbidden[0].value == #"[{"path":"a","weight":1.0}]"#)
    (forbidden, allowed) = try differences("data.validation={}")
    #expect(forbidden.isEmpty && allowed.map(\.key) == ["data.validation"])
  }

  @Test func `only stages that have not started may change`() throws {
    func differences(_ new: String, _ old: String, after step: Int) throws -> ([String], [String]) {
      let configurations = try [new, old].map {
        try RunConfiguration(
          text: Example.full, file: "x.json", overrides: ["data.train=[\"a\",\"b\"]", "data.stages=\($0)"])
      }
      let (forbidden, allowed) = configurations[0].differences(from: configurations[1], after: step)
      return (forbidden.map(\.key), allowed.map(\.key))
    }
    let old = #"[{"from_step":10,"train":["b","c"]},{"from_step":20,"train":"d"}]"#
    for (step, new, forbidden, allowed) in [
      (9, #"[{"from_step":11,"train":"e"}]"#, [], ["data.stages"]),
      (9, #"[{"from_step":9,"train":"e"}]"#, ["data.stages"], ["data.stages"]),
      (10, #"[{"from_step":11,"train":"e"}]"#, ["data.stages"], ["data.stages"]),
      (19, #"[{"from_step":10,"train":["b","c"]},{"from_step":30,"train":"d"}]"#, [], ["data.stages"]),
      (
        19, #"[{"from_step":10,"train":["b","elsewhere"]},{"from_step":20,"train":"d"}]"#, [],
        ["data.stages[0].train[1].path"]
      ),
      (25, #"[{"from_step":10,"train":["b","c"]},{"from_step":21,"train":"d"}]"#, ["data.stages[1].from_step"], []),
      // b is the second corpus of data.train; with another path, it would be a new corpus.
      (19, #"[{"from_step":10,"train":["e","c"]},{"from_step":20,"train":"d"}]"#, ["data.stages[0].train"], []),
      (25, old, [], []),
    ] {
      let found = try differences(new, old, after: step)
      #expect(found == (forbidden, allowed), "after \(step): \(new)")
    }
  }

  @Test func `a key that only one of them has is a difference`() throws {
    let (forbidden, _) = try differences(#"hidden_decoding={"pattern":"phd"}"#)
    #expect(forbidden.map(\.key) == ["hidden_decoding.pattern", "hidden_decoding.window", "hidden_decoding.chunk"])
    #expect(forbidden[1].value == "absent" && forbidden[1].other == "16")
    let (more, _) = try differences("schedule.kind=wsd")
    #expect(more.map(\.key) == ["schedule.kind", "schedule.decay_steps"] && more[1].value == "100")
  }
}
