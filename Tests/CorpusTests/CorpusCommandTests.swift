import Foundation
import Storage
import TestSupport
import Testing

/// The output and the exit status of `phd corpus`.
@Suite struct CorpusCommandTests {
  private struct Outcome {
    var status: Int32
    var output: String
    var errors: String
  }

  /// Runs a shell command in `folder`. `phd` is the program of this build.
  private func run(_ command: String, in folder: String) throws -> Outcome {
    let built = URL(fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
      .deletingLastPathComponent().appending(path: "phd").path
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", "phd() { '\(built)' \"$@\"; }; \(command) >stdout 2>stderr"]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    try process.run()
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus,
      output: String(decoding: try bytes(of: folder + "/stdout"), as: UTF8.self),
      errors: String(decoding: try bytes(of: folder + "/stderr"), as: UTF8.self))
  }

  @Test func `a corpus is built, inspected and verified`() throws {
    try withTemporaryFolder { folder in
      try write(Array("one\n--\ntwo\n".utf8), to: folder + "/a.txt")
      let built = try run("phd corpus build a.txt --output a.h5 --tokenizer bytes --document-separator=--", in: folder)
      #expect(built.status == 0, "\(built.errors)")
      #expect(built.output.isEmpty)
      for separator in ["--", "---", "-", "a\u{c}b", "--- x", "-- x", "=-=", "<|endoftext|>"] {
        try write(Array("one\n\(separator)\ntwo\n".utf8), to: folder + "/b.txt")
        let built = try run(
          "phd corpus build b.txt --output b.h5 --tokenizer bytes --document-separator '\(separator)'", in: folder)
        #expect(built.status == 0 && built.errors.contains("10 tokens, 2 documents"), "\(built.errors)")
      }

      let inspected = try run("phd corpus inspect a.h5 --json", in: folder)
      let object = try JSONSerialization.jsonObject(with: Data(inspected.output.utf8)) as? [String: Any]
      #expect(object?["tokens"] as? Int == 10)
      #expect(object?["dtype"] as? String == "uint16")
      #expect(object?["documents"] as? Int == 2)
      #expect(object?["vocab_size"] as? Int == 257)
      #expect(object?["tokenizer"] as? String == "bytes")
      #expect(inspected.errors.isEmpty)

      let plain = try run("phd corpus inspect '\(fixture("plain-uint8.h5"))' --json", in: folder)
      let unknown = try JSONSerialization.jsonObject(with: Data(plain.output.utf8)) as? [String: Any]
      for key in ["documents", "vocab_size", "tokenizer"] { #expect(unknown?[key] is NSNull, "\(key)") }

      let verified = try run("phd corpus verify a.h5 --json", in: folder)
      #expect(verified.status == 0)
      #expect(verified.output.hasPrefix(#"{"valid":true,"#) && !verified.output.contains("warning"))

      let odd = try HDF5File.create(folder + "/odd.h5")
      try odd.write("tokens", [1, 2, 3] as [UInt16])
      try odd.setAttribute("vocab_size", to: 100_278)
      try odd.close()
      for command in ["inspect", "verify"] {
        let warned = try run("phd corpus \(command) odd.h5 --json", in: folder)
        #expect(warned.status == 0)
        #expect(warned.errors.hasPrefix("phd: warning: odd.h5: /tokens is uint16"), "\(warned.errors)")
        #expect(warned.output.contains(#""warning":"odd.h5: "#) == (command == "verify"), "\(warned.output)")
      }
    }
  }

  @Test(arguments: [
    ("phd corpus build a.txt --output b.h5 --tokenizer gpt2", 66, "gpt2"),
    ("phd corpus build a.txt --output b.h5 --tokenizer .", 66, "tokenizer.json"),
    ("phd corpus build a.txt --output b.h5 --tokenizer bad.jsonl", 65, "bad.jsonl"),
    ("phd corpus build a.txt --output b.h5 --tokenizer bytes --end-of-document x", 64, "--end-of-document"),
    ("phd corpus build a.txt --output b.h5 --tokenizer bytes --threads 0", 64, "--threads"),
    ("phd corpus train-tokenizer a.txt --output b.h5 --vocab-size 256", 64, "257"),
    ("phd corpus train-tokenizer a.txt --output b.h5 --vocab-size 300 --pattern p", 64, "cl100k"),
    ("phd corpus train-tokenizer none.txt --output b.h5 --vocab-size 300", 66, "none.txt"),
    ("phd corpus build a.txt --output b.h5 --tokenizer bytes --document-separator 'a\nb'", 64, "one line"),
    ("phd corpus build a.txt --output b.h5 --tokenizer bytes --document-separator \"$(printf '\\r')\"", 64, "one line"),
    ("phd corpus build --output b.h5 --tokenizer bytes", 64, "file"),
    ("phd corpus frobnicate", 64, "frobnicate"),
    ("phd corpus verify small.h5 --vocab-size none", 64, "none"),
    ("phd corpus inspect a.txt", 65, "a.txt"),
    ("phd corpus build bad.jsonl --output b.h5 --tokenizer bytes", 65, "line 1"),
    ("phd corpus verify small.h5 --vocab-size 20 --json", 65, "the vocabulary has 20"),
    ("phd corpus inspect none.h5", 66, "none.h5"),
    ("phd corpus build none.txt --output b.h5 --tokenizer bytes", 66, "none.txt"),
    ("phd corpus build a.txt --output no/folder/b.h5 --tokenizer bytes", 74, "folder"),
    ("trap '' XFSZ; ulimit -f 100; phd corpus build big.txt --output b.h5 --tokenizer bytes", 74, "File too large"),
    ("mkfifo pipe; phd corpus build a.txt --output pipe --tokenizer bytes", 74, "not a regular file"),
  ])
  func `errors are printed once and have their exit status`(command: String, status: Int32, reason: String) throws {
    try withTemporaryFolder { folder in
      try write(Array("text".utf8), to: folder + "/a.txt")
      try write([UInt8](repeating: 65, count: 1 << 20), to: folder + "/big.txt")
      try write(Array("nonsense".utf8), to: folder + "/bad.jsonl")
      try writeCorpus(0..<21, to: folder + "/small.h5")
      let outcome = try run(command, in: folder)
      #expect(outcome.status == status, "\(outcome.errors)")
      #expect(outcome.errors.hasPrefix("phd: "))
      #expect(outcome.errors.contains(reason), "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count <= 2, "\(outcome.errors)")
      #expect(outcome.output.isEmpty)
      let left = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("b.h5") }
      #expect(left.isEmpty)
    }
  }
}
