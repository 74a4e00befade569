import Foundation
import Host
import Storage
import Text

/// One entry of `data.train`: a corpus, or the corpora that match a glob, as one sequence of samples.
public struct DataSource: Sendable {
  /// The given path or glob.
  public let pattern: String
  /// Sorted by path.
  public let files: [TokenFile]
  /// Target tokens per sample.
  public let sequenceLength: Int
  /// The number of samples in all files.
  public let sampleCount: Int
  /// The index of each file's first sample.
  private let firstSamples: [Int]

  /// Opens the corpora.
  ///
  /// - Parameter pattern: a path or a glob (`corpora/books-*.h5`); a file with exactly that name takes precedence.
  /// - Throws: `StorageError`, `.missing` if the file does not exist or the glob matches nothing; `InvalidFileError` if a
  ///   file is not a corpus or has too few tokens for one sample; `ResourceError` if the files, which stay open, exceed
  ///   the limit on open files.
  public init(_ pattern: String, sequenceLength: Int) throws {
    let paths = try Self.paths(matching: pattern)
    try OpenFiles.require(paths.count, for: "\(pattern) is \(paths.count == 1 ? "a file" : "\(paths.count) files")")
    try self.init(pattern, paths.map { try TokenFile($0) }, sequenceLength: sequenceLength)
  }

  /// - Throws: `InvalidFileError` if a file has too few tokens for one sample.
  init(_ pattern: String, _ files: [TokenFile], sequenceLength: Int) throws {
    precondition(sequenceLength > 0)
    self.pattern = pattern
    self.sequenceLength = sequenceLength
    self.files = files
    var (count, firsts): (Int, [Int]) = (0, [])
    for file in files {
      guard file.tokenCount > sequenceLength else {
        throw InvalidFileError(
          file.path,
          "holds \(file.tokenCount) tokens, one sample is sequence_length + 1 = \(sequenceLength + 1); "
            + "lower data.sequence_length or remove this file")
      }
      firsts.append(count)
      count += file.sampleCount(sequenceLength: sequenceLength)
    }
    (sampleCount, firstSamples) = (count, firsts)
  }

  /// The file of a sample, and the position of the sample's first token in it.
  public func location(of sample: Int) -> (file: TokenFile, offset: Int) {
    let (number, offset) = place(of: sample)
    return (files[number], offset)
  }

  /// Checks that every file records where its documents start.
  ///
  /// - Throws: `InvalidFileError` for a file that does not; `StorageError`.
  public func requireDocuments() throws {
    for file in files { try file.requireDocuments() }
  }

  /// The index in ``files`` of a sample's file, and the position of the sample's first token in it.
  func place(of sample: Int) -> (file: Int, offset: Int) {
    var (low, high) = (0, firstSamples.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if firstSamples[middle] <= sample { low = middle } else { high = middle }
    }
    return (low, (sample - firstSamples[low]) * sequenceLength)
  }

  /// The files that match a path or a glob, sorted. A plain path is returned unchanged.
  ///
  /// - Throws: `StorageError`: `.missing` if a glob matches nothing, `.failed` if it matches a name that is not UTF-8.
  public static func paths(matching pattern: String) throws -> [String] {
    if !pattern.contains(where: { "*?[".contains($0) }) { return [pattern] }
    if try FileStatus.exists(pattern) { return [pattern] }
    var matches = glob_t()
    defer { globfree(&matches) }
    // Without the callback, glob treats an unreadable folder as empty.
    let status = glob(pattern, 0, { _, reason in reason == ENOENT || reason == ENOTDIR ? 0 : 1 }, &matches)
    let reason = errno
    guard status == 0 || status == GLOB_NOMATCH else {
      throw StorageError(
        .failed, pattern, "the folders of this pattern cannot be searched: \(String(cString: strerror(reason)))")
    }
    let paths = try (0..<Int(matches.gl_pathc)).compactMap { matches.gl_pathv[$0] }.map { match in
      guard let path = String(validatingCString: match) else {
        let bytes = UnsafeBufferPointer(start: match, count: strlen(match)).lazy.map { UInt8(bitPattern: $0) }
        throw StorageError(
          .failed, pattern, "matches a file whose name is not UTF-8, \"\(escaped(bytes))\"; rename it")
      }
      return path
    }
    guard !paths.isEmpty else {
      throw StorageError(.missing, pattern, "no file matches this pattern; \(TokenFile.buildHint)")
    }
    return paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
