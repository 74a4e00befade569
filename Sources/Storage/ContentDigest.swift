import CXXHash

/// XXH3-128 over bytes as they come, `xxh128sum`'s own number.
public final class ContentDigest {
  private let state: OpaquePointer

  public init() {
    // It returns nil only without memory for 576 bytes, when nothing else works either.
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

  /// The digest of what came so far: 32 lowercase hexadecimal digits.
  public var hexadecimal: String {
    let hash = XXH3_128bits_digest(state)
    return [hash.high64, hash.low64].map { half in
      let digits = String(half, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// XXH3-64 of bytes at once.
  public static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 { XXH3_64bits(bytes.baseAddress, bytes.count) }
}
