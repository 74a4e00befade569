import Foundation

/// File types that are recognized by their first bytes and refused, whatever the file's name is.
public enum FileSignature: Sendable, CaseIterable {
  /// The file that a clone without Git LFS has in place of a large one
  /// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
  case gitLFSPointer
  /// RFC 1952.
  case gzip
  /// RFC 8878; may begin with a skippable frame.
  case zstd
  case xz
  case bzip2

  /// The number of bytes needed to recognize them.
  static let byteCount = 64

  /// Recognizes a file by its first ``byteCount`` bytes, or all of a shorter one; nil for any other file.
  init?(_ start: some Collection<UInt8>) {
    let start = Array(start.prefix(FileSignature.byteCount))
    guard let found = FileSignature.allCases.first(where: { $0.isBeginning(of: start) }) else { return nil }
    self = found
  }

  private func isBeginning(of start: [UInt8]) -> Bool {
    switch self {
    case .gitLFSPointer: start.starts(with: Array("version https://git-lfs.github.com/spec/".utf8))
    // Tokens without a header may begin with any three bytes, so the fields for flags, compression level and system are
    // checked too.
    case .gzip:
      start.count >= 10 && start.starts(with: [0x1f, 0x8b, 8]) && start[3] & 0xe0 == 0 && [0, 2, 4].contains(start[8])
        && (start[9] <= 13 || start[9] == 255)
    case .zstd:
      start.starts(with: [0x28, 0xb5, 0x2f, 0xfd])
        || start.count >= 4 && start[0] & 0xf0 == 0x50 && start[1...].starts(with: [0x2a, 0x4d, 0x18])
    case .xz: start.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])
    case .bzip2:
      start.count >= 10 && start.starts(with: Array("BZh".utf8)) && (0x31...0x39).contains(start[3])
        && start[4...].starts(with: [0x31, 0x41, 0x59, 0x26, 0x53, 0x59])
    }
  }

  /// The error message, without the path.
  private var message: String {
    func compressed(_ name: String, _ program: String) -> String {
      "is compressed with \(name), which is not supported: decompress it first (\(program))"
    }
    switch self {
    case .gitLFSPointer:
      return "is a Git LFS pointer, not the file itself: fetch the file (git lfs pull)"
    case .gzip: return compressed("gzip", "gzip -d")
    case .zstd: return compressed("zstd", "zstd -d")
    case .xz: return compressed("xz", "xz -d")
    case .bzip2: return compressed("bzip2", "bzip2 -d")
    }
  }

  /// Throws if a file is recognized by its first bytes.
  ///
  /// - Throws: `StorageError.damaged`.
  static func refuse(_ path: String, beginning start: some Collection<UInt8>) throws {
    if let found = FileSignature(start) { throw StorageError(.damaged, path, found.message) }
  }

  /// Throws if the regular file at `path` is recognized.
  ///
  /// - Throws: `StorageError`: `.damaged`; `.missing` or `.failed` if it cannot be opened.
  static func refuse(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw StorageError.system(path, "cannot be opened", errno: errno) }
    defer { _ = close(descriptor) }
    try refuse(path, openedAs: descriptor)
  }

  /// Throws if an open regular file is recognized.
  ///
  /// - Throws: `StorageError.damaged`.
  static func refuse(_ path: String, openedAs descriptor: Int32) throws {
    var start = [UInt8](repeating: 0, count: byteCount)
    let count = pread(descriptor, &start, start.count, 0)
    if count > 0 { try refuse(path, beginning: start.prefix(count)) }
  }
}
