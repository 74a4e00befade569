import HeapModule

/// Applies BPE merges to a word: repeatedly merges the lowest-rank pair, the leftmost if several, until none can be
/// merged.
///
/// Short words are rescanned after each merge; longer ones use a heap, in O(n log n).
struct WordMerger {
  /// A scratch buffer for the tokens of the word.
  private var tokens: [Int32] = []
  private var merges: [MergeTable.Merge] = []
  private var links: [Link] = []
  /// Empty between words.
  private var heap: Heap<Candidate> = []

  /// A token of a long word and the indices of its current neighbours; −1 if there is none.
  private struct Link {
    /// −1 once it has been merged into the previous token.
    var token: Int32
    var previous: Int32
    var next: Int32
  }

  private struct Candidate: Comparable {
    var rank: Int32
    var position: Int32
    var left: Int32
    var right: Int32
    var token: Int32

    static func < (left: Candidate, right: Candidate) -> Bool {
      (left.rank, left.position) < (right.rank, right.position)
    }
  }

  /// Words of up to this many tokens are scanned.
  static let longestScanned = 48

  /// Appends the tokens of a word.
  ///
  /// - Parameter byteTokens: the token of each byte; −1 for a byte without one, which is skipped.
  mutating func merge(
    _ word: UnsafeBufferPointer<UInt8>, byteTokens: [Int32], _ table: MergeTable, into output: inout [UInt32]
  ) {
    tokens.removeAll(keepingCapacity: true)
    for byte in word {
      let token = byteTokens[Int(byte)]
      if token >= 0 { tokens.append(token) }
    }
    if tokens.count > WordMerger.longestScanned { mergeWithHeap(table) } else { mergeByScanning(table) }
    for token in tokens { output.append(UInt32(bitPattern: token)) }
  }

  private mutating func mergeByScanning(_ table: MergeTable) {
    guard tokens.count > 1 else { return }
    merges.removeAll(keepingCapacity: true)
    for index in 1..<tokens.count { merges.append(table.merge(tokens[index - 1], tokens[index])) }
    while true {
      var (best, rank) = (0, Int32.max)
      for (index, merge) in merges.enumerated() where merge.rank < rank { (best, rank) = (index, merge.rank) }
      if rank == .max { return }
      tokens[best] = merges[best].token
      tokens.remove(at: best + 1)
      merges.remove(at: best)
      if best > 0 { merges[best - 1] = table.merge(tokens[best - 1], tokens[best]) }
      if best < merges.count { merges[best] = table.merge(tokens[best], tokens[best + 1]) }
    }
  }

  private mutating func mergeWithHeap(_ table: MergeTable) {
    let count = Int32(truncatingIfNeeded: tokens.count)
    links.removeAll(keepingCapacity: true)
    for index in 0..<count {
      links.append(Link(token: tokens[Int(index)], previous: index - 1, next: index + 1 < count ? index + 1 : -1))
    }
    for index in 0..<count - 1 { consider(index, table) }
    while let candidate = heap.popMin() {
      let left = links[Int(candidate.position)]
      // Either token may have been merged since.
      guard left.token == candidate.left, left.next >= 0, links[Int(left.next)].token == candidate.right else {
        continue
      }
      let right = links[Int(left.next)]
      links[Int(left.next)].token = -1
      links[Int(candidate.position)].token = candidate.token
      links[Int(candidate.position)].next = right.next
      if right.next >= 0 { links[Int(right.next)].previous = candidate.position }
      if left.previous >= 0 { consider(left.previous, table) }
      consider(candidate.position, table)
    }
    tokens.removeAll(keepingCapacity: true)
    for link in links where link.token >= 0 { tokens.append(link.token) }
  }

  /// Pushes the pair at `position` onto the heap if it has a merge.
  private mutating func consider(_ position: Int32, _ table: MergeTable) {
    let link = links[Int(position)]
    guard link.next >= 0 else { return }
    let right = links[Int(link.next)].token
    let merge = table.merge(link.token, right)
    guard merge.rank != .max else { return }
    heap.insert(
      Candidate(rank: merge.rank, position: position, left: link.token, right: right, token: merge.token))
  }
}
