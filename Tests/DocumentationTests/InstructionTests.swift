import Foundation
import TestSupport
import Testing

/// The programs run on every processor of their family: only code of a kernel set has the instructions of that set.
@Suite struct InstructionTests {
  #if arch(x86_64)
    @Test(
      .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/objdump"), "objdump is not installed"),
      arguments: ["phd-train", "phd"])
    func `only kernel sets have vector instructions beyond SSE`(program: String) throws {
      let outcome = try launch(
        "/usr/bin/objdump", ["-d", "--no-show-raw-insn", "\(buildDirectory)/\(program)"], timeout: 120)
      try #require(outcome.status == 0, "\(outcome.error)")
      var (function, sets): (Substring, Set<String>) = ("", [])
      var strangers: Set<Substring> = []
      for line in outcome.output.split(separator: "\n") {
        if line.hasSuffix(">:") {
          function = line.drop { $0 != "<" }
          continue
        }
        // After the address and a tab comes the instruction. Those of AVX and later start with v.
        guard let instruction = line.split(separator: "\t").last, instruction.first == "v", instruction.contains("mm")
        else { continue }
        if let set = function.firstMatch(of: /VectorKernels(AVX2|AVX512BF16|AVX512)/) {
          sets.insert(String(set.1))
        } else if !function.hasPrefix("<phd_") && !function.hasPrefix("<_stdlib_") {
          // The exceptions are inline functions of C, of which each file has its own.
          strangers.insert(function)
        }
      }
      #expect(sets == ["AVX2", "AVX512", "AVX512BF16"])
      #expect(strangers.isEmpty, "\(strangers.sorted().prefix(5))")
    }
  #endif
}
