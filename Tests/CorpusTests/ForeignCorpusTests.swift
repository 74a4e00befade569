import Foundation
import TestSupport
import Testing

/// Imports files that the original libraries wrote (Tests/Peers/foreign_corpora.py); NumPy and h5py check the result.
@Suite(.enabled(if: Peers.python != nil, Comment(rawValue: Peers.missing)))
struct ForeignCorpusTests {
  /// The arguments for each case of the script.
  private static let builds: [(name: String, arguments: String)] =
    ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"].flatMap { type in
      ["little", "big"].map { ("\(type)-\($0)", "\(type)-\($0).npy") }
    } + [
      ("version-1", "version-1.npy"),
      ("version-2", "version-2.npy"),
      ("version-3", "version-3.npy --format npy"),
      ("rows", "rows.npy"),
      ("blocks", "blocks.npy --vocab-size 50257 --eos-token-id 50256"),
      ("olmo", "olmo.npy --dtype uint32 --vocab-size 100278 --eos-token-id 100257"),
      ("nanogpt", "train.bin --format nanogpt --eos-token-id 50256"),
      ("nanogpt-without-end", "train.bin --dtype uint16"),
      (
        "llmc-gpt2",
        "gpt2_000000.bin gpt2_000001.bin gpt2_000002.bin --vocab-size 50257 --bos-token-id 50256 --eos-token-id 50256"
      ),
      ("llmc-llama3", "llama3.bin --bos-token-id 128000"),
      ("megatron-u16", "megatron-u16"),
      ("megatron-i32", "megatron-i32.idx megatron-i32.bin"),
      ("megatron-shuffled", "megatron-shuffled.bin"),
      ("megatron-modes", "megatron-modes.idx --format megatron"),
      ("lists", "lists.jsonl"),
      ("objects", "objects.jsonl"),
      ("named", "named.jsonl --tokens-field ids"),
      ("appended", "lists.jsonl --append-eos --eos-token-id 128001"),
      ("mixed", "blocks.npy rows.npy"),
    ]

  private static let exported = ["u1-little", "blocks", "olmo", "megatron-i32"]

  @Test func `every format is read and exported token for token`() throws {
    let folder = try TemporaryFolder()
    func phd(_ arguments: String) throws -> Outcome {
      try launch("phd", ["corpus"] + arguments.split(separator: " ").map(String.init), directory: folder.path)
    }
    try Peers.run("foreign_corpora.py", ["write", folder.path])
    for (name, arguments) in Self.builds {
      let built = try phd("build \(arguments) --output \(name).h5")
      #expect(built.status == 0, "\(name): \(built.error)")
      #expect(built.output.isEmpty)
    }
    for name in Self.exported {
      #expect(try phd("export \(name).h5 --output exported-\(name).npy").status == 0)
      #expect(try phd("export \(name).h5 --output exported-\(name).bin --raw").status == 0)
    }
    let checked = try Peers.run("foreign_corpora.py", ["check", folder.path])
    #expect(checked == "\(Self.builds.count) \(Self.exported.count)\n")

    // An exported file can be imported.
    let again = try phd("build exported-olmo.npy --output again.h5 --vocab-size 100278 --eos-token-id 100257")
    #expect(again.status == 0, "\(again.error)")
    #expect(try contentHash("again.h5", phd) == contentHash("olmo.h5", phd))

    // NumPy arrays that are not lists of tokens.
    for (arguments, reason) in [
      ("fortran.npy", "Fortran order"), ("float.npy", "type '<f4'"), ("scalar.npy", "0 dimensions"),
      ("cube.npy", "3 dimensions"), ("records.npy", "records"), ("negative.npy", "position 2 is -3"),
      ("large.npy", "position 1 is 4294967296"), ("olmo.npy --dtype uint32 --vocab-size 100257", "is 1002"),
      ("train.bin --format llmc", "not with llm.c's"), ("train.bin --dtype int16", "a token is 0 to"),
    ] {
      let refused = try phd("build \(arguments) --output refused.h5")
      #expect(refused.status == 65, "\(arguments): \(refused.error)")
      #expect(refused.error.contains(reason), "\(refused.error)")
      #expect(!FileManager.default.fileExists(atPath: folder.path + "/refused.h5"))
    }
  }

  private func contentHash(_ name: String, _ phd: (String) throws -> Outcome) throws -> String {
    let outcome = try phd("verify \(name) --json")
    #expect(outcome.status == 0, "\(outcome.error)")
    let report = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
    return try #require(report?["content_hash"] as? String)
  }
}
