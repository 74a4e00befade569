import COneDNN

extension Processor {
  /// What a result's bits depend on beside the program and its configuration, in lanes: the instructions that this
  /// module was compiled to, and the code that multiplies matrices of the type. Equal lanes, equal bits.
  public static func arithmetic(_ type: ElementType) -> String {
    let instructions = builtWithAVX512 ? "AVX-512" : builtWithAVX2 ? "AVX2" : "no vector instructions beyond SSE"
    switch type {
    case .fp32: return "\(instructions), products by this program"
    case .bf16:
      switch BF16Product.Backend.preferred {
      case .panels where builtWithBF16: return "\(instructions) and AVX512-BF16, products by this program"
      case .panels: return "\(instructions), products by this program, operands widened"
      case .oneDNN: return "\(instructions), products by \(oneDNN)"
      }
    }
  }

  private static var oneDNN: String {
    guard let version = dnnl_version()?.pointee else { return "oneDNN" }
    return "oneDNN \(version.major).\(version.minor).\(version.patch)\(hasAMX ? " with AMX" : "")"
  }
}
