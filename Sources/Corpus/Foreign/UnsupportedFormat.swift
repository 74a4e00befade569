import Storage

/// Formats that are neither text nor tokens here, and are refused by their first bytes or their name.
enum UnsupportedFormat {
  /// - Throws: `InputFormatError` with what to do instead; `StorageError`.
  static func refuse(_ path: String) throws {
    if path.lowercased().hasSuffix(".parquet") { throw parquet(path) }
    if let status = try? FileStatus(path), status.isRegularFile { try refuse(RandomAccessFile(path)) }
  }

  /// - Throws: `InputFormatError` with what to do instead; `StorageError`.
  static func refuse(_ file: RandomAccessFile) throws {
    let start = try file.bytes(at: 0, count: min(file.size, 8))
    if start == [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] {
      throw InputFormatError(
        file.path, "is an HDF5 file, which is neither text nor a file of tokens; name a finished corpus in data.train")
    }
    let magic = Array("PAR1".utf8)
    if file.size >= 12 && start.starts(with: magic), try file.bytes(at: file.size - 4, count: 4) == magic {
      throw parquet(file.path)
    }
  }

  private static func parquet(_ path: String) -> InputFormatError {
    InputFormatError(
      path,
      "is Parquet, which is not supported; write its texts or token lists as JSON lines, for example with Python's pandas "
        + "(to_json(orient=\"records\", lines=True))")
  }
}
