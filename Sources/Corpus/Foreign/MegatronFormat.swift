import Host
import Storage

/// Megatron's pair of `.bin` and `.idx`. An input names either file, or both without their extensions.
struct MegatronFormat: TokenFormat {
  let name = "megatron"
  var hasDocuments: Bool { true }

  func recognition(of file: TokenFileStart) throws -> Recognition? {
    if hasHeader(file.bytes) { return .header }
    let pair = MegatronTokens.pair(file.path)
    return try file.isRegularFile && file.path == pair.tokens && isIndex(pair.index) ? .companion : nil
  }

  func hasHeader(_ start: [UInt8]) -> Bool { start.starts(with: MegatronIndex.magic) }

  func files(of path: String) -> [String] {
    let pair = MegatronTokens.pair(path)
    return [pair.tokens, pair.index]
  }

  func namesFiles(_ path: String) throws -> Bool { try FileStatus.exists(MegatronTokens.pair(path).index) }

  /// A shell's `data*` names both files.
  func isPart(_ path: String, ofInputIn paths: [String]) -> Bool {
    path.hasSuffix(".idx") && paths.contains(MegatronTokens.pair(path).tokens)
  }

  func open(_ path: String, _ options: TokenImporter.Options) throws -> any TokenSource { try MegatronTokens(path) }

  private func isIndex(_ path: String) throws -> Bool {
    guard try FileStatus.exists(path), try FileStatus(path).isRegularFile else { return false }
    return hasHeader(try TokenFileStart.bytes(of: RandomAccessFile(path)))
  }
}

/// Reads a pair of files: the sequences in the order of the index, and its document boundaries.
struct MegatronTokens: TokenSource {
  private static let blockBytes = 1 << 20

  private let index: MegatronIndex
  private let file: RandomAccessFile

  var numbers: TokenNumbers? { index.numbers }

  /// - Parameter path: one file of the pair, or both without their extensions.
  /// - Throws: `InvalidFileError`, `StorageError`.
  init(_ path: String) throws {
    let pair = Self.pair(path)
    index = try MegatronIndex(pair.index)
    file = try RandomAccessFile(pair.tokens)
  }

  /// The paths of both files, given one of them or both without their extensions.
  static func pair(_ path: String) -> (tokens: String, index: String) {
    let prefix = path.hasSuffix(".idx") || path.hasSuffix(".bin") ? String(path.dropLast(4)) : path
    return (prefix + ".bin", prefix + ".idx")
  }

  func read(into consumer: some TokenConsumer, report: (Int) throws -> Void) throws {
    let numberBytes = index.numbers.byteCount
    let reader = TokenRangeReader(file, index.numbers, blockTokens: Self.blockBytes / numberBytes)
    defer { reader.deallocate() }
    try report(index.file.size)

    var (lengths, pointers) = (index.lengths, index.pointers)
    var boundaries = DocumentBoundaries(index)
    var run = SequenceRun(start: 0)
    var coverage = Coverage()
    try boundaries.first()
    for sequence in 0...index.sequenceCount {
      if sequence > 0 {
        let (length, pointer) = (try lengths.next(), try pointers.next())
        // Does not overflow, because a length has 32 bits.
        let bytes = length * numberBytes
        guard length >= 0, pointer >= 0, bytes <= file.size, pointer <= file.size - bytes else {
          throw InvalidFileError(
            index.file.path,
            "sequence \(sequence - 1) has \(length) tokens from byte \(pointer) on, but \(file.path) has \(file.size) "
              + "bytes")
        }
        coverage.add(pointer, pointer + bytes)
        guard coverage.bytes <= file.size else {
          throw InvalidFileError(
            index.file.path,
            "its first \(sequence) sequences have more than the \(file.size) bytes of \(file.path): they overlap")
        }
        if pointer != run.start + run.tokens * numberBytes || run.isLong {
          try read(run, with: reader, into: consumer, report)
          run = SequenceRun(start: pointer)
        }
        run.tokens += length
      }
      while try boundaries.take(after: sequence) {
        if run.isLong {
          try read(run, with: reader, into: consumer, report)
          run = SequenceRun(start: run.start + run.tokens * numberBytes)
        }
        run.documentEnds.append(run.tokens)
      }
    }
    try read(run, with: reader, into: consumer, report)
    try boundaries.finish()
    try requireWhole(coverage)
  }

  /// Checks that the sequences cover the whole `.bin`. Tokens outside all sequences, such as end-of-document tokens that
  /// the lengths do not count, would shift every later sequence.
  private func requireWhole(_ coverage: Coverage) throws {
    guard coverage.bytes == file.size else {
      let numberBytes = index.numbers.byteCount
      throw InvalidFileError(
        index.file.path,
        "its \(index.sequenceCount) sequences have \(coverage.bytes / numberBytes) tokens of \(index.numbers.kind), "
          + "\(coverage.bytes) bytes, but \(file.path) has \(file.size) bytes: one of the two was cut short or changed, or "
          + "the lengths do not count every token; create the pair again")
    }
    guard coverage.isTiling(file.size) else {
      throw InvalidFileError(
        index.file.path,
        "its sequences add up to the \(file.size) bytes of \(file.path), but overlap and leave gaps; create the pair "
          + "again")
    }
  }

  private func read(
    _ run: SequenceRun, with reader: TokenRangeReader, into consumer: some TokenConsumer,
    _ report: (Int) throws -> Void
  ) throws {
    let numberBytes = index.numbers.byteCount
    var ended = 0
    for start in stride(from: 0, to: run.tokens, by: reader.blockTokens) {
      let count = min(reader.blockTokens, run.tokens - start)
      let offset = run.start + start * numberBytes
      let tokens = try reader.tokens(at: offset, count: count) { offset / numberBytes + $0 }
      var used = 0
      func append(upTo end: Int) throws {
        let (part, position) = (UnsafeBufferPointer(rebasing: tokens[used..<end]), offset / numberBytes + used)
        try consumer.append(part, of: file.path) { "position \(position + $0)" }
        used = end
      }
      while ended < run.documentEnds.count, run.documentEnds[ended] <= start + count {
        try append(upTo: run.documentEnds[ended] - start)
        try consumer.endDocument()
        ended += 1
      }
      try append(upTo: count)
      try report(count * numberBytes)
    }
    for _ in ended..<run.documentEnds.count { try consumer.endDocument() }
  }
}

/// Checks that ranges cover a file exactly once, in constant memory.
private struct Coverage {
  /// The total length of the ranges.
  private(set) var bytes = 0
  /// Σ hash(start) − Σ hash(end).
  private var balance: UInt64 = 0

  mutating func add(_ start: Int, _ end: Int) {
    bytes += end - start
    balance &+= Self.hash(start) &- Self.hash(end)
  }

  /// Whether the ranges, in some order, cover each byte from 0 to `size` once.
  ///
  /// They do if every position other than 0 and `size` is as often a start as an end, 0 is a start only and `size` an end
  /// only, because the ranges then form one path from 0 to `size`. Sums of hashes are compared instead of counts.
  func isTiling(_ size: Int) -> Bool { balance == Self.hash(0) &- Self.hash(size) }

  private static func hash(_ position: Int) -> UInt64 { SplitMix64.mixed(UInt64(bitPattern: Int64(position))) }
}

/// Sequences that are adjacent in the `.bin` and are read together.
private struct SequenceRun {
  /// The byte offset.
  let start: Int
  var tokens = 0
  /// For each document end in the run, the number of the run's tokens before it.
  var documentEnds: [Int] = []

  /// Whether the run must be read before it grows further, so that memory does not grow with the file.
  var isLong: Bool { tokens >= 1 << 22 || documentEnds.count >= 1 << 16 }
}

/// The document boundaries of an index, checked as they are read.
private struct DocumentBoundaries {
  private let index: MegatronIndex
  private var column: IndexColumn<Int64>
  private var taken = 0
  /// The next boundary; nil after the last.
  private var next: Int?
  private var last = 0

  init(_ index: MegatronIndex) {
    self.index = index
    column = index.boundaries
  }

  /// Reads the first boundary, which ends no document.
  mutating func first() throws {
    let first = try column.next()
    guard first == 0 else { throw wrong("the first is \(first), expected 0") }
    taken = 1
    try advance()
  }

  /// Whether a document ends after `sequences` sequences. Call repeatedly until it returns false, because documents can
  /// be empty.
  mutating func take(after sequences: Int) throws -> Bool {
    guard next == sequences else { return false }
    taken += 1
    try advance()
    return true
  }

  /// Checks the last boundary, after all sequences.
  func finish() throws {
    if let next { throw wrong("boundary \(taken) is \(next), but there are \(index.sequenceCount) sequences") }
    guard last == index.sequenceCount else {
      throw wrong("the last is \(last), expected the number of sequences, \(index.sequenceCount)")
    }
  }

  private mutating func advance() throws {
    guard taken < index.boundaryCount else {
      next = nil
      return
    }
    let value = try column.next()
    guard value >= last else { throw wrong("boundary \(taken) is \(value), after \(last)") }
    (next, last) = (value, value)
  }

  private func wrong(_ message: String) -> InvalidFileError {
    InvalidFileError(index.file.path, "its document boundaries are wrong: \(message)")
  }
}
