import COneDNN

extension Processor {
  /// The properties of build and processor on which the bits of a result depend, as text: the instructions for which this
  /// module was compiled, and the code that multiplies matrices of the type. Equal texts mean equal bits.
  ///
  /// Checkpoints contain this text, so it must not be reworded.
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
