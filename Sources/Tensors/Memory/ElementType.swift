/// The type in which a matrix's elements are stored.
public enum ElementType: String, Sendable, CaseIterable {
  case fp32
  /// The upper 16 bits of an fp32: 8 bits of exponent, 8 of precision.
  case bf16

  /// The number of bytes of one element.
  public var bytes: Int { self == .fp32 ? 4 : 2 }
}
