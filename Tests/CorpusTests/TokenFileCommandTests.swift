import Foundation
import TestSupport
import Testing

/// Token files on the command line: the errors for wrong options and for invalid files.
@Suite struct TokenFileCommandTests {
  @Test(arguments: [
    // Text or tokens.
    ("build a.txt", 64, "--tokenizer"), ("build train.bin", 64, "--dtype uint16"),
    ("build olmo.npy", 64, "--dtype uint16"),
    ("build array.npy --tokenizer bytes", 64, "already contains tokens (npy)"),
    ("build m.bin --tokenizer bytes", 64, "already contains tokens (megatron)"),
    ("build array.npy --dtype uint16 --format memmap", 64, "has the header of npy"),
    ("build shard.bin --format nanogpt", 64, "shard.bin: has the header of llmc"),
    ("build cut.bin --format nanogpt", 64, "cut.bin: has the header of llmc"),
    ("build cut.bin --format memmap --dtype uint16", 64, "cut.bin: has the header of llmc"),
    (
      "train-tokenizer array.npy --vocab-size 300", 64,
      "array.npy: already contains tokens (npy): a tokenizer is trained"
    ),
    ("train-tokenizer a.txt small.h5 --vocab-size 300", 64, "small.h5: is an HDF5 file"),
    ("train-tokenizer a.parquet --vocab-size 300", 64, "is Parquet"),
    ("train-tokenizer object.txt --vocab-size 300", 64, "name the file .jsonl to read it as JSON lines\n"),
    ("build m.idx --dtype uint16 --format memmap", 64, "has the header of megatron"),
    ("build small.h5 --dtype uint16", 64, "is an HDF5 file"), ("build small.h5 --tokenizer bytes", 64, "is an HDF5"),
    ("build parquet.bin --dtype uint16", 64, "is Parquet"), ("build parquet.bin --tokenizer bytes", 64, "is Parquet"),
    ("build a.parquet", 64, "Parquet"), ("build a.parquet --tokenizer bytes", 64, "Parquet"),
    ("build array.npy a.txt", 64, "a.txt: is not recognized"),
    // Options that do not belong together.
    ("build a.txt --tokenizer bytes --vocab-size 5", 64, "--vocab-size is for token files"),
    ("build a.txt --tokenizer bytes --format npy", 64, "--format npy is for token files"),
    ("build array.npy --format text", 64, "needs --tokenizer"), ("build array.npy --format numpy", 64, "numpy"),
    ("build array.npy --document-separator x", 64, "is for text"),
    ("build array.npy --append-eos", 64, "--eos-token-id"),
    ("build array.npy --dtype uint16", 64, "is npy: --dtype is for files without a header"),
    ("build array.npy --tokens-field a", 64, "is for JSON lines"), ("build olmo.npy --dtype float", 64, "float"),
    ("build array.npy --vocab-size 0", 64, "1 to 2^32"), ("build array.npy --eos-token-id -1", 64, "eos-token-id"),
    ("build array.npy --vocab-size 50 --eos-token-id 50", 64, "expected 0 to 49"),
    ("build array.npy --bos-token-id 4294967296", 64, "expected 0 to 4294967295"),
    // Number types that are too small.
    ("build olmo.npy --dtype uint16 --vocab-size 100278", 64, "olmo.npy: is read as uint16, which ends at 65535"),
    ("build olmo.npy --dtype int16 --vocab-size 50257", 64, "ends at 32767, too small for the vocabulary of 50257"),
    ("build olmo.npy --dtype uint8 --vocab-size 257", 64, "ends at 255"),
    ("build train.bin --format nanogpt --vocab-size 65537", 64, "train.bin: is read as uint16"),
    ("build array.npy --vocab-size 100278", 64, "array.npy: contains uint16"),
    ("build m --vocab-size 100278", 64, "; write it again with a wider type, or pass --vocab-size without padding"),
    ("build olmo.npy --dtype uint16 --vocab-size 100278", 64, "; correct --dtype, or pass --vocab-size without"),
    ("build m --vocab-size 100278", 64, "m: contains uint16"), ("build shard.bin --vocab-size 100278", 64, "uint16"),
    ("build olmo.npy --dtype uint16 --eos-token-id 100257", 64, "cannot contain --eos-token-id 100257"),
    ("build array.npy --bos-token-id 65536", 64, "cannot contain --bos-token-id 65536"),
    // Missing and invalid files.
    ("build none.npy", 66, "none.npy"), ("build none --format megatron", 66, "none.idx"),
    ("build lonely.idx", 66, "lonely.bin"), ("build .", 74, "is a folder"), ("export none.h5", 66, "none.h5"),
    ("build array.npy --vocab-size 12", 65, "array.npy: the token at position 11 is 12, the vocabulary has 12"),
    ("build array.npy --format llmc", 65, "array.npy: "),
    ("build cut.npy", 65, "cut.npy: declares 12 numbers"),
    ("build odd.npy --dtype uint16", 65, "odd.npy: has 3 bytes"), ("build empty.npy --dtype uint16", 65, "no tokens"),
    ("build lost.idx", 65, "lost.idx: its 3 sequences have 12 tokens of uint16, 24 bytes, but lost.bin has 26 bytes"),
    ("build packed.npy", 65, "is compressed with gzip"), ("build pointer.npy", 65, "is a Git LFS pointer"),
    ("build packed.npy --dtype uint16", 65, "is compressed with gzip"),
    ("build pointer.jsonl", 65, "is a Git LFS pointer"), ("export pointer.h5", 65, "is a Git LFS pointer"),
    ("build bad.jsonl", 65, "bad.jsonl: line 2, column 2"), ("export array.npy", 65, "not an HDF5 file"),
  ])
  func `errors have their exit status and one line`(arguments: String, status: Int32, reason: String) throws {
    try withFiles { folder in
      let before = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      let outcome = try phd("\(arguments) --output out.h5", in: folder)
      #expect(outcome.status == status, "\(outcome.error)")
      #expect(outcome.error.hasPrefix("phd: ") && outcome.error.contains(reason), "\(outcome.error)")
      #expect(outcome.error.split(separator: "\n").count <= 2 && outcome.output.isEmpty, "\(outcome.error)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before)
    }
  }

  @Test(arguments: [
    ("build array.npy m olmo.npy train.bin --dtype uint16", 48, 5),
    ("build array.npy --tokenizer bytes --format text", 94, 1),
    ("build m.idx m.bin --eos-token-id 3", 12, 2), ("build train.bin --format nanogpt --eos-token-id 4", 12, 2),
    ("build list.jsonl", 3, 2), ("build list.ndjson", 4, 2),
    // Vocabularies of exactly the type's capacity, and an appended token beyond it.
    ("build olmo.npy --dtype uint16 --vocab-size 65536", 12, 1), ("build m --vocab-size 65536", 12, 2),
    ("build olmo.npy --dtype uint16 --eos-token-id 70000 --append-eos", 13, 1),
  ])
  func `token files are built to corpora`(arguments: String, tokens: Int, documents: Int) throws {
    try withFiles { folder in
      let outcome = try phd("\(arguments) --output out.h5", in: folder)
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(outcome.error.contains("\(tokens) tokens, \(documents) document"), "\(outcome.error)")
      #expect(outcome.output.isEmpty)
    }
  }

  @Test func `token lines are read from a pipe`() throws {
    try withFiles { folder in
      let command =
        "mkfifo pipe && { cat list.jsonl >pipe & '\(buildDirectory)/phd' corpus build pipe --format tokens-jsonl --output a.h5; }"
      let outcome = try launch("/bin/sh", ["-c", command], directory: folder)
      #expect(outcome.status == 0 && outcome.error.contains("3 tokens, 2 documents"), "\(outcome.error)")
      // Other formats need random access.
      let refused = try phd("build pipe --dtype uint16 --format memmap --output b.h5", in: folder)
      #expect(refused.status == 74 && refused.error.contains("not a regular file"), "\(refused.error)")
    }
  }

  @Test func `exported tokens can be imported again`() throws {
    try withFiles { folder in
      #expect(try phd("build array.npy --output a.h5", in: folder).status == 0)
      let exported = try phd("export a.h5 --output b.npy", in: folder)
      #expect(exported.status == 0 && exported.output.isEmpty && exported.error == "b.npy: 12 tokens, uint16\n")
      #expect(try phd("export a.h5 --output b.bin --raw", in: folder).status == 0)
      #expect(try bytes(of: folder + "/b.bin") == TokenFileSamples.tokens)
      let header = try bytes(of: folder + "/b.npy").dropLast(24)
      #expect(header.count == 128 && Array(header.suffix(1)) == [10])
      #expect(try phd("build b.npy --output c.h5", in: folder).status == 0)
      #expect(try phd("export a.h5 --output no/such/b.npy", in: folder).status == 74)
      #expect(try phd("export a.h5 --output a.h5", in: folder).status == 74)
      #expect(try phd("verify a.h5", in: folder).status == 0)
    }
  }

  private func phd(_ arguments: String, in folder: String) throws -> Outcome {
    try launch("phd", ["corpus"] + arguments.split(separator: " ").map(String.init), directory: folder)
  }

  /// Runs `body` in a folder of small files of every kind. The tokens are 1 to 12, uint16.
  private func withFiles(_ body: (String) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let array = TokenFileSamples.npy(
        "{'descr': '<u2', 'fortran_order': False, 'shape': (12,), }", TokenFileSamples.tokens)
      let pointer = Array("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n".utf8)
      let lists = Array("[1, 2]\n{\"input_ids\": [3]}\n".utf8)
      for (name, bytes) in [
        ("a.txt", Array("text".utf8)), ("a.parquet", Array("PAR1".utf8)), ("array.npy", array),
        ("cut.npy", Array(array.dropLast())), ("olmo.npy", TokenFileSamples.tokens),
        ("train.bin", TokenFileSamples.tokens),
        ("odd.npy", [1, 0, 2]), ("empty.npy", []), ("m.idx", TokenFileSamples.index),
        ("m.bin", TokenFileSamples.tokens),
        ("lonely.idx", TokenFileSamples.index), ("list.jsonl", lists), ("bad.jsonl", Array("[1]\n[-1]\n".utf8)),
        ("list.ndjson", Array("\u{feff}[1, 2]\r\n{\"x\": NaN, \"tokens\": [5], \"tokens\": [3, 4]}\r\n".utf8)),
        ("lost.idx", TokenFileSamples.index), ("lost.bin", TokenFileSamples.tokens + [13, 0]),
        ("shard.bin", TokenFileSamples.llmc(count: 12, TokenFileSamples.tokens)),
        ("cut.bin", Array(TokenFileSamples.llmc(count: 12, TokenFileSamples.tokens).prefix(512))),
        ("object.txt", Array("{\"body\": \"a\"}\n".utf8)),
        ("packed.npy", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2]), ("pointer.npy", pointer), ("pointer.h5", pointer),
        ("pointer.jsonl", pointer), ("parquet.bin", Array("PAR1xxxxPAR1".utf8)),
      ] { try write(bytes, to: folder + "/" + name) }
      try writeCorpus(0..<9, to: folder + "/small.h5")
      try body(folder)
    }
  }
}
