import Foundation
import TestSupport
import Testing

/// Corpora and checkpoints whose data are in other files or missing, which HDF5 reads as zeros.
@Suite(.serialized) struct ExternalDataTests {
  private static func path(_ name: String) -> String { fixtures.appending(path: name).path }

  @Test(arguments: [
    ("v.h5", ["virtual", "p0.h5", "p1.h5 (which is missing)", "h5repack -l tokens:CONTI"]),
    ("l.h5", ["/tokens is a link to /x of s.h5", "h5copy -f ext"]),
  ]) func `every reader refuses a corpus with external data`(name: String, words: [String]) throws {
    let workspace = try TestWorkspace()
    let corpus = ExternalDataTests.path("faults/\(name)")
    for command in ["verify", "inspect"] {
      try expectError(try workspace.phd("corpus", command, corpus), 65, naming: [name] + words)
    }
    for (key, ranks) in [("data.train", nil), ("data.train", 2), ("data.validation.short", nil)] as [(String, Int?)] {
      let outcome = try workspace.train(["--set", "\(key)=\(corpus)", "--set", "model.vocab_size=70000"], ranks: ranks)
      try expectError(outcome, 65, naming: [name] + words)
    }
    // A plan needs no corpora, but refuses corpora that the run would refuse.
    for ranks in [nil, 2] {
      try expectError(
        try workspace.train(["--dry-run", "--set", "data.train=\(corpus)"], ranks: ranks), 65, naming: [name] + words)
    }
  }

  /// The checkpoints of `make_checkpoints.py`: of the workspace's model, without a digest.
  @Test(arguments: [
    ("whole.h5", nil), ("model-is-a-link.h5", "/model is a link to /model of whole.h5"),
    ("tensor-is-a-link.h5", "/model/lm_head.weight is a link to"),
    ("tensor-is-virtual.h5", "lm_head.weight is virtual"),
    ("tensor-is-external.h5", "lm_head.weight has external storage"),
    ("tensor-was-not-written.h5", "lm_head.weight was not written completely"),
    ("chunk-was-not-written.h5", "lm_head.weight was not written completely"),
    ("tokenizer-is-a-link.h5", "/tokenizer is a link"),
  ]) func `every reader refuses weights with external or missing data`(
    name: String, reason: String?
  ) throws {
    let workspace = try TestWorkspace()
    let checkpoint = ExternalDataTests.path("checkpoints/\(name)")
    let outcomes = [
      try workspace.phd("checkpoint", "inspect", checkpoint), try workspace.phd("checkpoint", "verify", checkpoint),
      try workspace.phd("checkpoint", "export", checkpoint, "--to", "out"),
      try workspace.phd("generate", "--checkpoint", checkpoint, "--tokens", "1", "--max-new-tokens", "2"),
      try workspace.phd("evaluate", "loss", "--checkpoint", checkpoint, "--corpus", "short.h5"),
      try workspace.train(["--initialize-from", checkpoint, "--stop-after", "1"]),
      try workspace.train(["--initialize-from", checkpoint, "--dry-run"], ranks: 2),
    ]
    for outcome in outcomes {
      if let reason {
        try expectError(outcome, 65, naming: [name, reason])
      } else {
        #expect(outcome.status == 0, "\(outcome.error)")
      }
    }
  }
}
