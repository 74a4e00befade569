import Testing
import Transformer

@testable import Configuration

@Suite struct ConfigurationReadingTests {
  @Test func `the specification's example is read`() throws {
    let configuration = try RunConfiguration(text: Example.full, file: "example.json")
    #expect(configuration.name == "phd-cswa" && configuration.seed == 0)
    #expect(configuration.runFolder == "checkpoints/phd-cswa")
    #expect(
      configuration.model
        == ModelConfiguration(
          vocabularySize: 8192, hiddenSize: 512, intermediateSize: 1536, layers: 8, queryHeads: 8, keyValueHeads: 2))
    #expect(configuration.hiddenDecoding == HiddenDecoding(pattern: .cswa, repeats: 2, window: 16, chunk: 32))
    #expect(configuration.data.train == [.init(path: "corpora/train.h5", weight: 1)])
    #expect(configuration.data.validation == [.init(name: "books", path: "corpora/valid.h5")])
    #expect(configuration.data.sequenceLength == 1024)
    #expect(configuration.training.gradientClip == 1 && configuration.training.zLoss == 1e-5)
    #expect(configuration.training.threads == nil && configuration.training.reproducible)
    #expect(configuration.optimizer.noWeightDecay == ["model.embed_tokens.weight"])
    #expect(configuration.warnings.isEmpty)
  }

  /// The example has the default values, except sizes, paths, the pattern and the name.
  @Test func `missing keys have their defaults`() throws {
    let full = try RunConfiguration(text: Example.full, file: "example.json")
    let least = try Example.read()
    #expect(least.name == "tiny" && least.hiddenDecoding == .vanilla && least.data.validation.isEmpty)
    #expect(least.training == full.training && least.optimizer == full.optimizer)
    #expect(least.schedule == full.schedule && least.checkpoint == full.checkpoint)
    #expect(least.validation == full.validation && least.log == full.log && least.seed == full.seed)
    #expect(least.model.ropeTheta == 500_000 && least.model.rmsNormEpsilon == 1e-6)
    let cswa = try Example.read("hidden_decoding.pattern=cswa")
    #expect(cswa.hiddenDecoding == full.hiddenDecoding)
    #expect(try Example.read("hidden_decoding.pattern=naive").hiddenDecoding.repeats == 2)
  }

  @Test(arguments: [
    [], ["hidden_decoding.pattern=cswa"], ["hidden_decoding.pattern=swa", "hidden_decoding.window=100000"],
    ["hidden_decoding={\"pattern\":\"phd\",\"repeats\":5}"], ["hidden_decoding.pattern=naive"],
    ["schedule.kind=wsd"], ["schedule.kind=constant"], ["training.gradient_clip=null", "training.threads=3"],
    [#"data.stages=[{"from_step":30,"train":"a.h5"},{"from_step":50,"train":["b.h5",{"path":"c.h5","weight":2}]}]"#],
    ["data.train=[\"a.h5\",{\"path\":\"b*.h5\",\"weight\":0.3}]", "data.validation={\"z\":\"1\",\"a.b\":\"2\"}"],
    ["optimizer.no_weight_decay=[\"*norm.weight\",\"lm_head.*\"]", "optimizer.learning_rate=1e-300"],
    ["training.recompute=block", "training.reproducible=false", "name=5", "seed=9223372036854775807"],
    ["model.tie_word_embeddings=true", "model.rope_theta=12345.678"],
  ])
  func `reading the resolved configuration returns an equal one`(_ overrides: [String]) throws {
    let configuration = try RunConfiguration(text: Example.least, file: "configs/tiny.json", overrides: overrides)
    let compact = try RunConfiguration(text: configuration.resolved.compact, file: "checkpoint")
    let pretty = try RunConfiguration(text: configuration.resolved.pretty, file: "config.json")
    let json = try RunConfiguration(json: configuration.resolved, file: "step-00000001.h5")
    #expect(compact == configuration && pretty == configuration && json == configuration)
    #expect(compact.resolved.compact == configuration.resolved.compact)
  }

  @Test func `the resolved configuration has every key that applies, in order`() throws {
    let least = try Example.read("schedule.kind=wsd", "hidden_decoding.pattern=cswa")
    let object = try #require(least.resolved.object)
    #expect(
      object.fields.map(\.name) == [
        "name", "seed", "model", "hidden_decoding", "data", "training", "optimizer", "schedule", "checkpoint",
        "validation", "log",
      ])
    #expect(
      least.resolved["schedule"]?.compact
        == #"{"kind":"wsd","warmup_steps":100,"final_fraction":0.1,"decay_steps":100}"#)
    #expect(
      least.resolved["training"]?.object?.fields.map(\.name) == [
        "steps", "global_batch_size", "micro_batch_size", "gradient_clip", "z_loss", "precision", "threads",
        "recompute", "reproducible", "on_not_finite", "max_skipped", "spike_guard", "compare_weights_every_steps",
        "time_limit",
        "watchdog_seconds",
      ])
    #expect(try Example.read().resolved["hidden_decoding"]?.compact == #"{"pattern":"vanilla","repeats":1}"#)
    #expect(
      try Example.read("schedule.kind=constant").resolved["schedule"]?.compact
        == #"{"kind":"constant","warmup_steps":100}"#)
  }

  @Test func `overrides set values`() throws {
    #expect(try Example.read("training.steps=50").training.steps == 50)
    #expect(try Example.read("training.steps=50", "training.steps=60").training.steps == 60)
    #expect(try Example.read("training.steps=1e3").training.steps == 1000)
    #expect(try Example.read(#"data.stages=[{"from_step":1e3,"train":"b"}]"#).data.stages.map(\.fromStep) == [1000])
    #expect(try Example.read("name=a=b").name == "a=b")
    #expect(try Example.read("name=007").name == "007" && Example.read("name=1.50").name == "1.50")
    #expect(try Example.read("name=\"quoted\"").name == "quoted")
    #expect(try Example.read("checkpoint.directory=/tmp/x/").runFolder == "/tmp/x/tiny")
    #expect(try Example.read("data.train=other.h5").data.train == [.init(path: "other.h5", weight: 1)])
    #expect(try Example.read("data.train=[ab]*.h5").data.train == [.init(path: "[ab]*.h5", weight: 1)])
    #expect(
      try Example.read("data.validation.books=b.h5", "data.validation.web.en=w.h5").data.validation
        == [.init(name: "books", path: "b.h5"), .init(name: "web.en", path: "w.h5")])
    #expect(try Example.read("hidden_decoding=null").hiddenDecoding == .vanilla)
    #expect(try Example.read("training={\"steps\":7}", "training.micro_batch_size=2").training.steps == 7)
  }

  /// Null removes a key that the new pattern does not use.
  @Test func `overrides can change the pattern`() throws {
    let configuration = try RunConfiguration(
      text: Example.full, file: "x.json",
      overrides: ["hidden_decoding.pattern=swa", "hidden_decoding.chunk=null", "hidden_decoding.repeats=3"])
    #expect(configuration.hiddenDecoding == HiddenDecoding(pattern: .swa, repeats: 3, window: 16))
    let vanilla = try RunConfiguration(
      text: Example.full, file: "x.json", overrides: [#"hidden_decoding={"pattern":"vanilla"}"#])
    #expect(vanilla.hiddenDecoding == .vanilla)
  }

  @Test func `a null override removes any key, and any name that the user has chosen`() throws {
    let names = ConfigurationReference.declarations.keys.map(\.path)
    #expect(names.count > 50)
    let least = try Example.read()
    for name in names {
      do {
        let configuration = try Example.read("\(name)=null")
        // For a key that accepts null, null is the value.
        let isValue = ["training.gradient_clip", "training.compare_weights_every_steps"].contains(name)
        #expect((configuration.resolved == least.resolved) != isValue, "\(name)")
      } catch let error as ConfigurationError {
        #expect(error.message.contains("--set \(name)=null: \(name) is missing:"))
      }
    }
    let full = ["data.validation=null", "data.stages=null", "seed=null"]
    let without = try RunConfiguration(text: Example.full, file: "x.json", overrides: full)
    #expect(without.data.validation.isEmpty && without.data.stages.isEmpty)
    let renamed = ["data.validation.books=null", "data.validation.web=w.h5"]
    #expect(
      try RunConfiguration(text: Example.full, file: "x.json", overrides: renamed).data.validation
        == [.init(name: "web", path: "w.h5")])
  }

  @Test func `no_weight_decay selects parameters by name and glob`() throws {
    let configuration = try Example.read(#"optimizer.no_weight_decay=["model.embed_tokens.weight","*norm.weight"]"#)
    let decaying = ParameterLayout(configuration.model).tensors.map(\.name).filter(configuration.decays)
    #expect(decaying.contains("lm_head.weight") && decaying.contains("model.layers.1.mlp.up_proj.weight"))
    #expect(!decaying.contains { $0.hasSuffix("norm.weight") })
    #expect(decaying.count == ParameterLayout(configuration.model).tensors.count - 2 - 2 * 4)
    #expect(!configuration.decays("model.norm.weight") && !configuration.decays("model.embed_tokens.weight"))
    let standard = try Example.read()
    #expect(standard.decays("model.norm.weight") && !standard.decays("model.embed_tokens.weight"))
  }

  @Test(arguments: [
    ("*", "", true), ("*", "a.b", true), ("a*c", "abc", true), ("a*c", "abcd", false), ("?", "", false),
    ("a?c", "abc", true), ("*a*b*", "xaxbx", true), ("*ab", "aab", true), ("", "", true), ("", "a", false),
    ("a[b]", "ab", false), ("**x", "yx", true), ("model.layers.?.*", "model.layers.12.mlp", false),
  ])
  func `globs match names`(_ pattern: String, _ name: String, _ matches: Bool) {
    #expect(Glob(pattern).matches(name) == matches)
  }

  @Test func `matching a glob takes no exponential time`() {
    let pattern = String(repeating: "*a", count: 200) + "b"
    #expect(!Glob(pattern).matches(String(repeating: "a", count: 2000)))
  }

  @Test func `the batch must be divisible among the ranks`() throws {
    let configuration = try Example.read()
    for ranks in [1, 2, 4, 8] { #expect(configuration.validationError(ranks: ranks) == nil) }
    #expect(
      configuration.validationError(ranks: 3)
        == "training.global_batch_size (32) must be a multiple of training.micro_batch_size (4) × ranks (3): choose 24 or 36"
    )
    #expect(configuration.validationError(ranks: 16)?.contains("choose 64") == true)
    #expect(configuration.validationError(ranks: .max)?.contains("make them smaller") == true)
  }
}

extension RunConfiguration {
  fileprivate func decays(_ parameter: String) -> Bool { !parametersWithoutDecay.contains(parameter) }
}
