import Foundation

/// HDF5 files sealed with a checksum that reveals any changed, missing or added byte.
///
/// The seal is in the first 512 bytes, HDF5's user block: a line of text, then zeros. The line is
/// `phd-checkpoint xxh3-128 <32 hexadecimal digits> <bytes of the whole file>`. The digest covers everything after the
/// 512 bytes: `tail -c +513 FILE | xxh128sum` computes it.
public enum SealedFile {
  /// The user-block size that a file must be created with to be sealed later.
  public static let userBlockBytes = 512

  /// The result of `verify`.
  public enum Finding: Sendable {
    /// The file has a seal, and no byte has changed since.
    case sealed
    /// An HDF5 file without a seal, such as other programs write. Its bytes cannot be verified.
    case unsealed
  }

  /// Receives the number of bytes of a file read so far and its size.
  public typealias Progress = (_ done: Int, _ of: Int) -> Void

  /// Seals a closed HDF5 file that was created with `userBlockBytes`.
  ///
  /// - Throws: `StorageError`.
  public static func seal(_ path: String) throws {
    let block = try expectedBlock(path).block
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StorageError.system(path, "cannot be sealed", errno: errno) }
    defer { _ = close(descriptor) }
    try block.withUnsafeBytes { try WholeFile.writeAll($0, to: descriptor, at: 0, path) }
    guard fsync(descriptor) == 0 else { throw StorageError.system(path, "cannot be sealed", errno: errno) }
  }

  /// Reads the whole file, with constant memory, and compares it with its seal.
  ///
  /// - Returns: `.unsealed` only for a file that starts as an HDF5 file and has no user block.
  /// - Throws: `StorageError`, `.damaged` if a byte was changed.
  public static func verify(_ path: String, progress: Progress = { _, _ in }) throws -> Finding {
    _ = try FileStatus.ofContent(path)
    let head = try firstBlock(path)
    if head.starts(with: signature) {
      guard hasBaseAddressZero(head) else {
        throw StorageError(.damaged, path, "its first \(userBlockBytes) bytes or more are missing")
      }
      return .unsealed
    }
    guard let text = line(of: head) else {
      throw StorageError(.damaged, path, "is neither an HDF5 file nor a sealed checkpoint")
    }
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    let (expected, size) = try expectedBlock(path, progress: progress)
    if words.count == 4, let sealedSize = Int(words[3]), sealedSize != size {
      throw StorageError(
        .damaged, path, "has \(size) bytes, but \(sealedSize) according to its seal: it was cut short or extended")
    }
    guard head == expected else {
      let expectedWords = line(of: expected)?.split(separator: " ") ?? []
      if words.count == 4, expectedWords.count == 4, words[2] != expectedWords[2] {
        throw StorageError(
          .damaged, path,
          "has the digest \(expectedWords[2]), but \(words[2]) according to its seal: bytes in it were changed")
      }
      throw StorageError(.damaged, path, "its seal, the first \(userBlockBytes) bytes, was changed")
    }
    return .sealed
  }

  /// The XXH3-128 of a file in hexadecimal digits. For a sealed file, the digest in its seal, which covers everything after
  /// the seal; for other files, the digest of all bytes.
  ///
  /// - Throws: `StorageError`.
  public static func digest(of path: String) throws -> String {
    if let words = line(of: try firstBlock(path))?.split(separator: " "), words.count == 4 { return String(words[2]) }
    return try digest(of: [path])
  }

  /// The XXH3-128 of the concatenated files.
  ///
  /// - Throws: `StorageError`.
  public static func digest(of paths: [String]) throws -> String {
    let digest = ContentDigest()
    for path in paths { try BlockReader(path).forEachBlock { digest.update($0) } }
    return digest.hexadecimal
  }

  private static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]

  /// The user block that would seal the current content, and the size of the file.
  private static func expectedBlock(
    _ path: String, progress: Progress = { _, _ in }
  ) throws -> (block: [UInt8], size: Int) {
    let reader = try BlockReader(path)
    let total = try FileStatus(path).size
    let digest = ContentDigest()
    var size = 0
    try reader.forEachBlock { block in
      let skipped = max(0, min(userBlockBytes - size, block.count))
      digest.update(UnsafeRawBufferPointer(rebasing: block[skipped...]))
      size += block.count
      progress(size, total)
    }
    guard size > userBlockBytes else {
      throw StorageError(.damaged, path, "has only \(size) bytes: it was cut short")
    }
    var block = Array("phd-checkpoint xxh3-128 \(digest.hexadecimal) \(size)\n".utf8)
    block.append(contentsOf: repeatElement(0, count: userBlockBytes - block.count))
    return (block, size)
  }

  private static func firstBlock(_ path: String) throws -> [UInt8] {
    let reader = try ByteReader(path)
    return try [UInt8](unsafeUninitializedCapacity: userBlockBytes) { buffer, initialized in
      initialized = try reader.read(into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  /// The line of the seal, without its newline; nil if the block does not start like a seal.
  private static func line(of block: [UInt8]) -> String? {
    guard block.starts(with: Array("phd-".utf8)), let end = block.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
    return String(validating: block[..<end], as: UTF8.self)
  }

  /// Whether the HDF5 superblock at the beginning has base address 0. If the user block was cut off, the superblock
  /// still holds the old, nonzero base address. HDF5 file format specification, III, disk format level 0A.
  private static func hasBaseAddressZero(_ head: [UInt8]) -> Bool {
    guard head.count >= 48 else { return false }
    let addressAt =
      switch head[8] {
      case 0: 24
      case 1: 28
      default: 12
      }
    return head[addressAt..<addressAt + 8].allSatisfy { $0 == 0 }
  }
}
