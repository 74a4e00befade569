import Testing

@testable import Configuration

@Suite struct ConfigurationErrorTests {
  /// Overrides of a valid configuration, and what the message must contain.
  @Test(arguments: [
    // Unknown keys: the key, its section, the nearest key.
    ("training.step=5", [#"unknown key "step" in section "training""#, #"did you mean "training.steps"?"#]),
    ("trainin.steps=5", [#"unknown key "trainin" at the top level"#, #""training""#]),
    ("training.learning_rate=1", [#"unknown key "learning_rate" in section "training""#, "optimizer.learning_rate"]),
    ("steps=5", [#"unknown key "steps" at the top level"#, "training.steps"]),
    ("model.seed=1", [#"unknown key "seed" in section "model""#, #"did you mean "seed"?"#]),
    ("model.n_heads=5", [#""n_heads""#, #""model""#, "did you mean"]),
    ("training.steps.more=5", [#""training.steps" has no keys of its own"#]),
    ("name.first=5", [#""name" has no keys of its own"#]),
    ("data.train.path=x", [#""data.train" has no keys of its own"#]),
    ("=5", [#"unknown key """#]),
    (".=5", [#"unknown key """#]),
    ("samples.every_steps=5", [#"unknown key "samples""#]),
    // The form of an override.
    ("training.steps", ["expected KEY=VALUE"]),
    ("", ["expected KEY=VALUE"]),
    (#"hidden_decoding={"pattern":"phd""#, ["hidden_decoding", "not JSON", "line 1"]),
    // Wrong types and ranges: expected and got.
    ("training.steps=many", ["--set training.steps=many", "training.steps", "an integer", #"not the string "many""#]),
    ("training.steps=1.5", ["an integer", "not 1.5"]),
    ("training.steps=0", ["from 1 to 2147483647", "not 0"]),
    ("training.steps=-3", ["not -3"]),
    ("training.steps=3000000000", ["not 3000000000"]),
    ("training.steps=1e300", ["not 1e+300"]),
    (#"data.validation.nowhere=null"#, ["data.validation", "nowhere"]),
    ("data.train=null", ["data.train is missing"]), ("model.vocab_size=null", ["model.vocab_size is missing"]),
    ("training.steps=true", ["not true"]),
    ("training.steps=[5]", ["not a list"]),
    ("seed=-1", ["seed must be an integer from 0"]),
    ("seed=9223372036854775808", ["seed must be"]),
    ("optimizer.learning_rate=fast", ["a number", #"not the string "fast""#]),
    ("optimizer.learning_rate=NaN", [#"not the string "NaN""#]),
    ("optimizer.learning_rate=-1e-3", ["from 0 to 1000", "-0.001"]),
    ("optimizer.beta1=1", ["from 0 to below 1", "not 1"]),
    ("optimizer.epsilon=0", ["optimizer.epsilon", "not 0"]),
    ("training.gradient_clip=0", ["null or a number above 0"]),
    ("training.reproducible=1", ["true or false", "not 1"]),
    ("training.recompute=all", [#"one of "none", "block""#, #""all""#]),
    ("training.precision=fp16", [#"one of "fp32", "bf16""#, #""fp16""#]),
    ("training.threads=0", ["training.threads"]),
    ("optimizer.no_weight_decay=lm_head.weight", ["a list of strings", #"not the string "lm_head.weight""#]),
    ("optimizer.no_weight_decay=[1]", ["a list of strings"]),
    ("training=5", ["training must be an object, not 5"]),
    ("hidden_decoding=[]", ["hidden_decoding must be an object, not an empty list"]),
    ("name=a/b", ["name", "without", #""a/b""#]),
    ("name=..", [#"".."#]),
    ("name=", [#"not the string """#]),
    ("checkpoint.directory=", ["checkpoint.directory"]),
    ("checkpoint.keep=0", ["checkpoint.keep", "from 1"]),
    // Missing keys.
    ("model=null", ["configs/tiny.json: model.vocab_size is missing"]),
    ("data={}", ["configs/tiny.json: data.train is missing"]),
    (#"data={"train":"x"}"#, ["configs/tiny.json: data.sequence_length is missing"]),
    // The mixture and the validation sets.
    ("data.train=[]", ["data.train", "not an empty list"]),
    ("data.train=5.5e0", ["data.train must be a path", "not 5.5"]),
    (#"data.train=["a",{"path":"b","weight":0}]"#, ["data.train[1].weight", "not 0"]),
    (#"data.train=[{"path":"b","weight":1e10}]"#, ["data.train[0].weight"]),
    (#"data.train=[{"weight":1}]"#, ["data.train[0].path is missing"]),
    (#"data.train=[{"path":"b","wieght":1}]"#, ["data.train[0]", #""wieght""#, #"did you mean "weight"?"#]),
    (#"data.train=[""]"#, ["data.train[0]"]),
    ("data.stages=x", ["data.stages must be a list"]),
    (#"data.stages=["x"]"#, ["data.stages[0] must be an object", "from_step"]),
    (#"data.stages=[{"train":"a"}]"#, ["data.stages[0].from_step", "null"]),
    (#"data.stages=[{"from_step":1,"train":"a"}]"#, ["data.stages[0].from_step", "from 2", "not 1", "data.train"]),
    (#"data.stages=[{"from_step":9,"train":"a"},{"from_step":9,"train":"b"}]"#, ["data.stages[1].from_step is 9"]),
    (#"data.stages=[{"from_step":9,"trian":"a"}]"#, ["data.stages[0]", #""trian""#, #"did you mean "train"?"#]),
    (#"data.stages=[{"from_step":9,"train":[]}]"#, ["data.stages[0].train must be a path, or a list"]),
    (
      #"data.stages=[{"from_step":9,"train":["a",{"path":"b","weight":0}]}]"#,
      ["data.stages[0].train[1].weight", "not 0"]
    ),
    (#"data.train=[[]]"#, ["data.train[0]", "an empty list"]),
    (#"data.train=["a\u0000b"]"#, ["data.train[0]"]),
    ("data.validation=x.h5", ["data.validation must be an object"]),
    (#"data.validation={"books":5}"#, ["data.validation.books", "not 5"]),
    (#"data.validation={"":"x"}"#, ["a name that is empty"]),
    // Impossible combinations: keys and values.
    ("model.hidden_size=49", ["configs/tiny.json with --set: ", "hidden_size (49)", "num_attention_heads (6)"]),
    (
      "model.num_key_value_heads=4",
      ["configs/tiny.json with --set: ", "num_attention_heads (6)", "num_key_value_heads (4)"]
    ),
    ("model.num_attention_heads=16", ["configs/tiny.json with --set: ", "num_attention_heads"]),
    (
      "training.micro_batch_size=5",
      [
        "configs/tiny.json with --set: ", "training.global_batch_size (32)", "training.micro_batch_size (5)",
        "30 or 35",
      ]
    ),
    (
      "training.micro_batch_size=64", ["configs/tiny.json with --set: ", "global_batch_size (32)", "(64)", "choose 64"]
    ),
    (
      "optimizer.no_weight_decay=[\"lm_hed.weight\"]",
      ["configs/tiny.json with --set: ", #""lm_hed.weight" matches no parameter"#, #""lm_head.weight""#]
    ),
    ("optimizer.no_weight_decay=[\"*.bias\"]", ["configs/tiny.json with --set: ", #""*.bias" matches no parameter"#]),
    ("optimizer.no_weight_decay=[\"\"]", ["configs/tiny.json with --set: ", "matches no parameter"]),
    // Patterns.
    ("hidden_decoding.pattern=phdd", [#"one of "vanilla", "phd", "swa", "cswa", "naive""#, #""phdd""#]),
    ("hidden_decoding.repeats=2", ["vanilla", "repeats", "2"]),
    (#"hidden_decoding={"pattern":"phd","repeats":1}"#, ["phd", "at least 2", "1"]),
    (#"hidden_decoding={"pattern":"phd","window":16}"#, ["hidden_decoding.window", "swa", "remove it"]),
    (#"hidden_decoding={"pattern":"naive","chunk":16}"#, ["hidden_decoding.chunk", "cswa", "remove it"]),
    (#"hidden_decoding={"pattern":"swa","chunk":16}"#, ["hidden_decoding.chunk", "cswa"]),
    (#"hidden_decoding={"pattern":"swa","window":1}"#, ["window", "at least 2", "phd"]),
    (#"hidden_decoding={"pattern":"cswa","window":1}"#, ["window", "at least 2", "phd"]),
    (#"hidden_decoding={"pattern":"cswa","chunk":0}"#, ["hidden_decoding.chunk", "not 0"]),
    // Schedules.
    ("schedule.decay_steps=5", ["schedule.decay_steps", #"schedule.kind is "wsd""#, "remove it"]),
    (#"schedule={"kind":"constant","final_fraction":0.1}"#, ["schedule.final_fraction", "cosine", "wsd"]),
    (
      #"schedule={"kind":"wsd","decay_steps":950}"#,
      ["configs/tiny.json with --set: ", "warmup_steps (100)", "decay_steps (950)", "steps (1000)"]
    ),
    ("schedule.final_fraction=1.1", ["from 0 to 1", "1.1"]),
    // Sizes that overflow.
    ("model.num_hidden_layers=5000", ["from 1 to 4096"]),
    ("model.vocab_size=99999999999999999999", ["model.vocab_size"]),
    (
      #"model={"vocab_size":2147483647,"hidden_size":16777216,"intermediate_size":16777216,"num_hidden_layers":4096,"#
        + #""num_attention_heads":2,"num_key_value_heads":1}"#,
      ["configs/tiny.json with --set: ", "vocab_size (2147483647)", "2^42"]
    ),
    (
      #"training={"global_batch_size":2147483647,"micro_batch_size":2147483647}"#,
      ["configs/tiny.json with --set: ", "micro_batch_size (2147483647)", "sequence_length (64)"]
    ),
    (
      #"training={"steps":2147483647,"global_batch_size":2147483647,"micro_batch_size":1}"#,
      ["configs/tiny.json with --set: ", "training.steps (2147483647)", "64 bits"]
    ),
  ])
  func `every error says what is wrong and where`(_ override: String, _ parts: [String]) {
    let message = Example.error(Example.least, [override])
    for part in parts { #expect(message.contains(part), "\(message)") }
    #expect(message.split(separator: "\n").count <= 2)
    #expect(message.count < 500)
    // The source is the override, except for missing keys and invalid combinations.
    let isOverrides = !parts.contains { $0.hasPrefix("configs/tiny.json") }
    #expect(message.hasPrefix(isOverrides ? "--set " : parts[0]), "\(message)")
  }

  @Test func `an error in the file names the file`() {
    let text = Example.least.replacing("\"sequence_length\": 64", with: "\"sequence_lenght\": 64")
    #expect(
      Example.error(text)
        == #"configs/tiny.json: unknown key "sequence_lenght" in section "data": did you mean "data.sequence_length"?"#)
    let wrong = Example.least.replacing("\"vocab_size\": 257", with: "\"vocab_size\": \"257\"")
    #expect(
      Example.error(wrong)
        == #"configs/tiny.json: model.vocab_size must be an integer from 1 to 2147483647, not the string "257""#)
    let unfinished = String(Example.least.dropLast(2))
    #expect(Example.error(unfinished).hasPrefix("configs/tiny.json: not JSON, line 6, column "))
    #expect(Example.error("[]") == "configs/tiny.json: a configuration must be a JSON object, not an empty list")
    let twice = Example.least.replacing("\"vocab_size\": 257", with: "\"vocab_size\": 257, \"vocab_size\": 258")
    #expect(Example.error(twice).contains("line 3") && Example.error(twice).contains("\"vocab_size\" occurs twice"))
  }

  @Test func `an error in an override names the override that set the value`() {
    let message = Example.error(Example.least, ["checkpoint.directory=7", #"checkpoint={"directory":8}"#])
    #expect(message.hasPrefix("--set checkpoint=") && message.contains("checkpoint.directory must be"), "\(message)")
    #expect(message.hasSuffix("not 8"), "\(message)")
    let text = Example.least.replacing("\"train.h5\"", with: "[{\"path\": \"x\", \"weight\": -1}]")
    #expect(
      Example.error(text, ["data.sequence_length=9"]).hasPrefix("configs/tiny.json: data.train[0].weight must be"))
    let unlike = Example.least.replacing("\"hidden_size\": 48", with: "\"hidden_size\": 49")
    #expect(Example.error(unlike).hasPrefix("configs/tiny.json: model: hidden_size (49)"))
  }

  @Test func `an override into a section that is not an object is an error`() {
    let text = Example.least.replacing("\"data\"", with: "\"training\": 5, \"data\"")
    #expect(Example.error(text, ["training.steps=5"]).contains("training is not an object in the file, but 5"))
  }

  @Test func `the name is required if the file's name is not a valid folder name`() throws {
    let error = #expect(throws: ConfigurationError.self) { try RunConfiguration(text: Example.least, file: ".json") }
    #expect(error?.message.contains("name is missing") == true)
    #expect(try RunConfiguration(text: Example.least, file: "a/b.c.json").name == "b.c")
    #expect(try RunConfiguration(text: Example.least, file: "run").name == "run")
  }

  @Test func `messages shorten long texts`() {
    let long = String(repeating: "x\n", count: 100_000)
    let message = Example.error(Example.least, ["training.precision=" + long])
    #expect(message.count < 400 && !message.contains("\n"))
    #expect(Example.error(Example.least, ["training.\(String(repeating: "s", count: 100_000))=1"]).count < 400)
  }

  @Test func `a tied head has no weight of its own`() {
    let overrides = ["model.tie_word_embeddings=true", #"optimizer.no_weight_decay=["lm_head.weight"]"#]
    #expect(Example.error(Example.least, overrides).contains("matches no parameter"))
  }
}
