import Storage

/// Computes the distance of each token of a sample from the start of its document or of the sample, whichever is later.
///
/// Document starts are read from `/documents`; without it, documents start after each `eos_token_id`. `/documents` may
/// be larger than memory, so at most `landmarkCount` entries spread over it and one window are kept. To be used by one
/// thread at a time.
final class DocumentPositions {
  /// The number of entries kept for the first steps of a search.
  private static let landmarkCount = 1024
  /// The number of entries of a window, and of the range that is searched within one.
  private static let (windowCount, searchedCount) = (2048, 1024)
  private static let unread: Int64 = -1

  private let file: TokenFile
  /// Every `stride`-th entry, or `unread`.
  private var landmarks: [Int64] = []
  private let stride: Int
  /// Consecutive entries from `windowStart` on, ascending.
  private var window: [Int64] = []
  private var windowStart = 0

  /// The number of entries of `/documents`.
  private let count: Int

  init(_ file: TokenFile) {
    self.file = file
    count = file.documents?.elementCount ?? 0
    stride = max(1, (count + Self.landmarkCount - 1) / Self.landmarkCount)
    landmarks = Array(repeating: Self.unread, count: (count + stride - 1) / stride)
    window.reserveCapacity(min(count, Self.windowCount))
  }

  /// Computes the positions of consecutive tokens; the first is 0.
  ///
  /// - Parameters:
  ///   - positions: one for each token.
  ///   - tokens: the corpus's tokens from `offset` on.
  /// - Throws: `InvalidFileError` if the entries of `/documents` around these tokens do not ascend or are outside the
  ///   corpus, and if the corpus does not record where documents start; `StorageError`.
  func fill(
    _ positions: UnsafeMutableBufferPointer<Int32>, for tokens: UnsafeBufferPointer<Int32>, at offset: Int
  ) throws {
    precondition(positions.count == tokens.count)
    if file.documents != nil {
      try fillFromStarts(positions, at: offset)
    } else if let end = file.endOfDocument {
      var position: Int32 = 0
      for index in positions.indices {
        positions[index] = position
        position = Int(tokens[index]) == end ? 0 : position + 1
      }
    } else {
      throw file.documentsUnknown
    }
  }

  private func fillFromStarts(_ positions: UnsafeMutableBufferPointer<Int32>, at offset: Int) throws {
    var document = try firstDocument(after: offset)
    guard document > 0 else { throw try firstIsWrong }
    var next = document < count ? try start(of: document) : .max
    var position: Int32 = 0
    for index in positions.indices {
      if next == offset + index { position = 0 }
      // Empty documents start at the same position as the next one.
      while next == offset + index {
        document += 1
        next = document < count ? try start(of: document) : .max
      }
      positions[index] = position
      position += 1
    }
  }

  /// The indices of the documents that tokens belong to.
  ///
  /// - Parameter offsets: positions in the corpus, ascending.
  /// - Precondition: the corpus has `/documents`.
  /// - Throws: the errors of ``fill``.
  func documents(at offsets: [Int]) throws -> [Int] {
    precondition(file.documents != nil, "the corpus has no /documents")
    return try offsets.map { offset in
      let next = try firstDocument(after: offset)
      guard next > 0 else { throw try firstIsWrong }
      return next - 1
    }
  }

  private var firstIsWrong: InvalidFileError {
    get throws {
      let first = count > 0 ? "document 0 starts at position \(try start(of: 0)), expected 0" : "/documents is empty"
      return InvalidFileError(file.path, "\(first); \(TokenFile.documentsAdvice)")
    }
  }

  // MARK: Search

  /// The index of the first document that starts after `offset`; the number of documents if none does.
  private func firstDocument(after offset: Int) throws -> Int {
    let offset = Int64(offset)
    var (low, high) = (0, count)
    if let known = windowRange(around: offset) {
      (low, high) = known
    } else {
      var (lowMark, highMark) = (0, landmarks.count)
      while lowMark < highMark {
        let middle = (lowMark + highMark) / 2
        if try landmark(middle) > offset { highMark = middle } else { lowMark = middle + 1 }
      }
      low = lowMark == 0 ? 0 : (lowMark - 1) * stride + 1
      high = lowMark == landmarks.count ? count : lowMark * stride
      while high - low > Self.searchedCount {
        let middle = (low + high) / 2
        if try entry(middle) > offset { high = middle } else { low = middle + 1 }
      }
      try readWindow(from: low - 2)
    }
    while low < high {
      let middle = (low + high) / 2
      if try start(of: middle) > offset { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// The range of documents in the window that contains the first one after `offset`; nil if the window may not.
  private func windowRange(around offset: Int64) -> (low: Int, high: Int)? {
    let windowEnd = windowStart + window.count
    let low = windowStart == 0 ? 0 : windowStart + 2
    let high = windowEnd == count ? count : windowEnd - 2
    guard low < high, low == 0 || window[low - 1 - windowStart] <= offset,
      high == count || window[high - windowStart] > offset
    else { return nil }
    return (low, high)
  }

  /// The start of a document, from a window that also has the two entries before it and the one after it.
  private func start(of document: Int) throws -> Int {
    let (low, high) = (max(0, document - 2), min(count, document + 2))
    if low < windowStart || high > windowStart + window.count { try readWindow(from: low) }
    return Int(window[document - windowStart])
  }

  private func landmark(_ index: Int) throws -> Int64 {
    if landmarks[index] == Self.unread { landmarks[index] = try entry(index * stride) }
    return landmarks[index]
  }

  // MARK: Reading

  private func entry(_ document: Int) throws -> Int64 {
    var entry: Int64 = 0
    try withUnsafeMutablePointer(to: &entry) {
      try file.documents?.read(from: document, into: UnsafeMutableBufferPointer(start: $0, count: 1))
    }
    return try checked(entry, document)
  }

  private func readWindow(from first: Int) throws {
    let first = max(0, min(first, count - Self.windowCount))
    let length = min(Self.windowCount, count - first)
    if window.count != length { window = Array(repeating: 0, count: length) }
    windowStart = first
    do {
      try window.withUnsafeMutableBufferPointer { try file.documents?.read(from: first, into: $0) }
      for (index, entry) in window.enumerated() {
        let before = index > 0 ? window[index - 1] : 0
        guard try checked(entry, first + index) >= before else {
          throw InvalidFileError(
            file.path,
            "document \(first + index) starts at position \(entry), before the previous one at \(before); "
              + TokenFile.documentsAdvice
          )
        }
      }
    } catch {
      window = []
      throw error
    }
  }

  private func checked(_ entry: Int64, _ document: Int) throws -> Int64 {
    guard 0...Int64(file.tokenCount) ~= entry else {
      throw InvalidFileError(
        file.path,
        "document \(document) starts at position \(entry), the corpus has \(file.tokenCount) tokens; "
          + TokenFile.documentsAdvice)
    }
    return entry
  }
}

extension TokenFile {
  static let documentsAdvice = "write /documents again, or set data.document_mask to false"

  /// Checks that the corpus records where documents start, by `/documents` or `eos_token_id`.
  ///
  /// - Throws: `InvalidFileError` if it does not; `StorageError`.
  public func requireDocuments() throws {
    guard let documents else {
      guard let end = endOfDocument else { throw documentsUnknown }
      guard end < elementType.tokenCapacity else {
        throw InvalidFileError(
          path,
          "/tokens is \(elementType.rawValue), which cannot hold eos_token_id \(end), and there is no /documents, so the "
            + "starts of documents are unknown; \(Self.documentsAdvice)")
      }
      return
    }
    guard documents.elementCount > 0 else {
      throw InvalidFileError(path, "/documents is empty; \(Self.documentsAdvice)")
    }
  }

  var documentsUnknown: InvalidFileError {
    InvalidFileError(
      path,
      "does not record where its documents start: add the dataset /documents or the attribute eos_token_id, or set "
        + "data.document_mask to false")
  }
}
