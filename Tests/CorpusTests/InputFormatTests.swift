import Storage
import TestSupport
import Testing

@testable import Corpus

/// The lists of input formats and the choice between them.
@Suite struct InputFormatTests {
  private typealias Samples = TokenFileSamples

  @Test func `the values of --format are those of the registered formats`() {
    #expect(DocumentFormats.options == ["text"])
    #expect(TokenFormats.options == ["npy", "memmap", "nanogpt", "llmc", "megatron", "tokens-jsonl"])
    for name in TokenFormats.options { #expect(TokenFormats.named(name)?.name == name) }
    #expect(TokenFormats.named("parquet") == nil)
  }

  @Test func `of several formats the one with the surest recognition is chosen`() throws {
    let array = Samples.npy("{'descr': '<u2', 'fortran_order': False, 'shape': (12,), }", Samples.tokens)
    let shard = Samples.llmc(count: 12, Samples.tokens)
    try withTemporaryFolder { folder in
      try write(Samples.index, to: folder + "/a.idx")
      for (name, bytes, format) in [
        ("a.bin", array, "npy"), ("a.bin", shard, "megatron"), ("b.bin", shard, "llmc"), ("c.jsonl", array, "npy"),
        ("d.npy", shard, "llmc"), ("e.json", Samples.index, "megatron"),
      ] {
        try write(bytes, to: folder + "/" + name)
        let recognized = try TokenFormats.recognized(folder + "/" + name)?.name
        #expect(recognized == format, "\(name)")
      }
    }
  }

  @Test func `a plain text file may have any name`() throws {
    for (name, format) in [("a.txt", "plain"), ("a", "plain"), ("a.jsonl", "lines"), ("a.NDJSON", "lines")] {
      let input = TextInput(path: name, documentSeparator: nil, needsUTF8: true)
      let found = try Array("text\n".utf8).withUnsafeBytes { try DocumentFormats.format(of: input, start: $0) }
      #expect((found is PlainTextFormat) == (format == "plain") && (found is JSONLinesFormat) == (format == "lines"))
    }
  }
}
