import Foundation
import Testing

@testable import Configuration

/// Example configurations and helpers to read them.
enum Example {
  /// Only the required keys.
  static let least = """
    {
      "model": {
        "vocab_size": 257, "hidden_size": 48, "intermediate_size": 96,
        "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2
      },
      "data": { "train": "train.h5", "sequence_length": 64 }
    }
    """

  /// The example in the specification of the interfaces, verbatim.
  static let full = """
    {
      "name": "phd-cswa",
      "seed": 0,
      "model": {
        "vocab_size": 8192, "hidden_size": 512, "intermediate_size": 1536,
        "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 2,
        "rope_theta": 500000, "rms_norm_eps": 1e-6,
        "initializer_range": 0.02, "tie_word_embeddings": false
      },
      "hidden_decoding": { "pattern": "cswa", "repeats": 2, "window": 16, "chunk": 32 },
      "data": {
        "train": [ { "path": "corpora/train.h5", "weight": 1.0 } ],
        "validation": { "books": "corpora/valid.h5" },
        "sequence_length": 1024
      },
      "training": {
        "steps": 1000, "global_batch_size": 32, "micro_batch_size": 4,
        "gradient_clip": 1.0, "z_loss": 1e-5, "precision": "fp32"
      },
      "optimizer": {
        "learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8,
        "weight_decay": 0.1, "no_weight_decay": ["model.embed_tokens.weight"]
      },
      "schedule": { "kind": "cosine", "warmup_steps": 100, "final_fraction": 0.1 },
      "checkpoint": { "directory": "checkpoints", "every_steps": 250, "keep": 3 },
      "validation": { "every_steps": 250, "sequences": 64 },
      "log": { "every_steps": 1 }
    }
    """

  /// `least` with overrides.
  static func read(_ overrides: String...) throws -> RunConfiguration {
    try RunConfiguration(text: least, file: "configs/tiny.json", overrides: overrides)
  }

  /// The message of the error that reading `text` throws.
  static func error(
    _ text: String = least, _ overrides: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
  ) -> String {
    do throws(ConfigurationError) {
      _ = try RunConfiguration(text: text, file: "configs/tiny.json", overrides: overrides)
      Issue.record("accepted: \(text) \(overrides)", sourceLocation: sourceLocation)
      return ""
    } catch {
      return error.message
    }
  }

  /// The package's folder.
  static let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
}
