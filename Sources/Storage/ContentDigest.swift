import CXXHash

/// XXH3-128 of a stream of bytes, as `xxh128sum` computes it.
public final class ContentDigest {
  private let state: OpaquePointer

  public init() {
    // Returns nil only if there is no memory for 576 bytes.
    guard let state = XXH3_createState() else { preconditionFailure("no memory for a digest") }
    XXH3_128bits_reset(state)
    self.state = state
  }

  deinit {
    XXH3_freeState(state)
  }

  public func update(_ bytes: UnsafeRawBufferPointer) {
    guard !bytes.isEmpty else { return }
    XXH3_128bits_update(state, bytes.baseAddress, bytes.count)
  }

  public func update(_ text: String) {
    var text = text
    text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
  }

  /// The digest of the bytes so far: 32 lowercase hexadecimal digits.
  public var hexadecimal: String {
    let hash = XXH3_128bits_digest(state)
    return [hash.high64, hash.low64].map { half in
      let digits = String(half, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// XXH3-64 of the bytes.
  public static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 { XXH3_64bits(bytes.baseAddress, bytes.count) }
}
