import Storage

/// Megatron's pair of files: sequences in the order of the index, documents as the index has them.
struct MegatronTokens: TokenSource {
  private static let blockBytes = 1 << 20

  private let index: MegatronIndex
  private let file: RandomAccessFile

  var numbers: TokenNumbers? { index.numbers }

  /// - Parameter path: of one file of the pair, or of both without their endings.
  /// - Throws: `InvalidFileError`, `StorageError`.
  init(_ path: String) throws {
    let pair = Self.pair(path)
    index = try MegatronIndex(pair.index)
    file = try RandomAccessFile(pair.tokens)
  }

  /// The names of both files, of which one, or what both have in common, is given.
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
        // A length has 32 bits.
        let bytes = length * numberBytes
        guard length >= 0, pointer >= 0, bytes <= file.size, pointer <= file.size - bytes else {
          throw InvalidFileError(
            index.file.path,
            "sequence \(sequence - 1) is \(length) tokens from byte \(pointer) on, and \(file.path) has \(file.size) bytes"
          )
        }
        coverage.add(pointer, pointer + bytes)
        guard coverage.bytes <= file.size else {
          throw InvalidFileError(
            index.file.path,
            "its first \(sequence) sequences are more than the \(file.size) bytes of \(file.path): they overlap")
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

  /// Makes sure that the index's sequences are all of the `.bin`: tokens that are in none, such as end-of-document tokens
  /// that the lengths do not count, shift every sequence behind them.
  private func requireWhole(_ coverage: Coverage) throws {
    guard coverage.bytes == file.size else {
      let numberBytes = index.numbers.byteCount
      throw InvalidFileError(
        index.file.path,
        "its \(index.sequenceCount) sequences are \(coverage.bytes / numberBytes) tokens of \(index.numbers.kind), "
          + "\(coverage.bytes) bytes, and \(file.path) has \(file.size) bytes: one of both was cut short or changed, or "
          + "the lengths do not count every token; make the pair again")
    }
    guard coverage.isTiling(file.size) else {
      throw InvalidFileError(
        index.file.path,
        "its sequences add up to the \(file.size) bytes of \(file.path), but overlap and leave gaps; make the pair "
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

/// What ranges of a file cover, in constant memory.
private struct Coverage {
  /// Of all ranges together.
  private(set) var bytes = 0
  /// Σ hash(start) − Σ hash(end).
  private var balance: UInt64 = 0

  mutating func add(_ start: Int, _ end: Int) {
    bytes += end - start
    balance &+= Self.hash(start) &- Self.hash(end)
  }

  /// Whether the ranges are, in some order, the file from 0 to `size`, each byte once.
  ///
  /// That is so where every start but 0 is as often a start as an end, and `size` is an end only: ranges lead forward, so
  /// they then make one path from 0 to `size`. Equal sums of hashes stand for equal numbers of starts and ends.
  func isTiling(_ size: Int) -> Bool { balance == Self.hash(0) &- Self.hash(size) }

  /// SplitMix64's output function.
  private static func hash(_ position: Int) -> UInt64 {
    var value = UInt64(bitPattern: Int64(position)) &+ 0x9e37_79b9_7f4a_7c15
    value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
    value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
    return value ^ value >> 31
  }
}

/// Sequences that lie together in the `.bin`, so that they are read together.
private struct SequenceRun {
  /// In bytes.
  let start: Int
  var tokens = 0
  /// The number of the run's tokens before each end of a document.
  var documentEnds: [Int] = []

  /// Whether it is time to read it: nothing may grow with the file.
  var isLong: Bool { tokens >= 1 << 22 || documentEnds.count >= 1 << 16 }
}

/// The boundaries of an index, checked as they are passed.
private struct DocumentBoundaries {
  private let index: MegatronIndex
  private var column: IndexColumn<Int64>
  private var taken = 0
  /// The next, the first that was not taken; nil behind the last.
  private var next: Int?
  private var last = 0

  init(_ index: MegatronIndex) {
    self.index = index
    column = index.boundaries
  }

  /// The first is no document's end.
  mutating func first() throws {
    let first = try column.next()
    guard first == 0 else { throw wrong("the first is \(first), expected 0") }
    taken = 1
    try advance()
  }

  /// Whether a document ends after that many sequences; asked again until none does.
  mutating func take(after sequences: Int) throws -> Bool {
    guard next == sequences else { return false }
    taken += 1
    try advance()
    return true
  }

  /// All sequences have been passed.
  func finish() throws {
    if let next { throw wrong("boundary \(taken) is \(next), and there are \(index.sequenceCount) sequences") }
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
