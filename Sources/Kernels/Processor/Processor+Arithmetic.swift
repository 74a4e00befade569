import COneDNN

extension Processor {
  /// What the bits of this process's results depend on, as text: the instructions of its kernel set, and the code that
  /// multiplies matrices of the type.
  ///
  /// Checkpoints contain this text, so it must not be reworded. ``givesSameBits(_:_:)`` compares two.
  public static func arithmetic(_ type: ElementType) -> String {
    let choice = KernelChoice.current
    let instructions =
      switch choice {
      case .portable: baseInstructions
      case .avx2: "AVX2"
      case .avx512, .avx512bf16, .amx: "AVX-512"
      }
    switch (type, choice) {
    case (.fp32, _): return "\(instructions), products by this program"
    case (.bf16, .portable), (.bf16, .avx2), (.bf16, .avx512):
      return "\(instructions), products by this program, operands widened"
    case (.bf16, .avx512bf16): return "\(instructions) and AVX512-BF16, products by this program"
    case (.bf16, .amx): return "\(instructions), products by \(oneDNN)"
    }
  }

  /// Whether two runs with these arithmetics give the same bits. In fp32, and in bf16 with widened operands, all kernel
  /// sets do.
  public static func givesSameBits(_ arithmetic: String, _ other: String) -> Bool {
    func kind(_ text: String) -> String {
      if text.hasSuffix("products by this program, operands widened") { return "widened" }
      let multipliesBF16 = text.contains("AVX512-BF16") || text.contains("oneDNN")
      return multipliesBF16 || !text.hasSuffix("products by this program") ? text : "fp32"
    }
    return kind(arithmetic) == kind(other)
  }

  /// The instructions of the set that every processor of the family can run.
  private static var baseInstructions: String {
    #if arch(x86_64)
      "no vector instructions beyond SSE"
    #else
      "the vector instructions of every processor of this family"
    #endif
  }

  private static var oneDNN: String {
    guard let version = dnnl_version()?.pointee else { return "oneDNN" }
    return "oneDNN \(version.major).\(version.minor).\(version.patch)\(hasAMX ? " with AMX" : "")"
  }
}
