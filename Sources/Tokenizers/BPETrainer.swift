/// Learns the merges of a byte-level BPE: the pair of neighbours that occurs most often becomes a token, again and
/// again. Of pairs that occur equally often, the one with the smaller ids, the left one first.
///
/// The same merges as the `tokenizers` library's `BpeTrainer` with its byte alphabet and no least frequency makes of the
/// same words.
public struct BPETrainer: Sendable {
  public let vocabularySize: Int
  public let specialTokens: [String]

  /// - Parameters:
  ///   - vocabularySize: special tokens and the 256 bytes included.
  ///   - specialTokens: get the first ids.
  /// - Precondition: the vocabulary has room for them; none is empty or there twice.
  public init(vocabularySize: Int, specialTokens: [String]) {
    precondition(vocabularySize >= 256 + specialTokens.count)
    self.vocabularySize = vocabularySize
    self.specialTokens = specialTokens
  }

  /// What was learnt: texts of tokens by id, and merges in their order.
  struct Result {
    var tokens: [String] = []
    var merges: [(left: Int32, right: Int32)] = []
  }

  /// Learns from words, as far as there are pairs to merge.
  func train(_ counts: WordCounts, report: (_ tokens: Int) -> Void) -> Result {
    var result = Result()
    var ids = ByteStringTable(capacity: vocabularySize)
    func id(of token: String) -> Int32 {
      let id = ids.insert(token.utf8, result.tokens.count)
      if id == result.tokens.count { result.tokens.append(token) }
      return Int32(truncatingIfNeeded: id)
    }
    for token in specialTokens { _ = id(of: token) }
    let ordered = ByteAlphabet.ordered.map { ($0, id(of: ByteAlphabet.text(of: [$0]))) }
    var byteTokens = [Int32](repeating: 0, count: 256)
    for (byte, id) in ordered { byteTokens[Int(byte)] = id }

    var words = TrainingWords(counts, byteTokens)
    while result.tokens.count < vocabularySize, let (left, right) = words.mostFrequentPair() {
      let token = id(of: result.tokens[Int(left)] + result.tokens[Int(right)])
      result.merges.append((left, right))
      words.merge(left, right, into: token)
      if result.tokens.count % 256 == 0 { report(result.tokens.count) }
    }
    // A pair may come up again where two pairs make the same token; then its last place counts.
    var later: Set<UInt64> = []
    result.merges = result.merges.reversed().filter { later.insert(MergeTable.key($0.left, $0.right)).inserted }
      .reversed()
    return result
  }
}

/// Words as tokens, and the pairs of neighbours in them with where and how often they occur.
private struct TrainingWords {
  /// A pair, how often it occurred when it was put on the heap, and the words to look for it in.
  private struct Candidate {
    var count: Int
    var pair: UInt64
    var words: [Int32]

    func precedes(_ other: Candidate) -> Bool {
      count != other.count ? count > other.count : pair < other.pair
    }
  }

  private var words: [[Int32]] = []
  private var counts: [Int] = []
  private var pairCounts: [UInt64: Int] = [:]
  private var heap: [Candidate] = []

  init(_ counts: WordCounts, _ byteTokens: [Int32]) {
    var places: [UInt64: [Int32]] = [:]
    counts.visit { bytes, count in
      let word = bytes.map { byteTokens[Int($0)] }
      let number = Int32(truncatingIfNeeded: words.count)
      for (left, right) in zip(word, word.dropFirst()) {
        let pair = MergeTable.key(left, right)
        pairCounts[pair, default: 0] += count
        if places[pair]?.last != number { places[pair, default: []].append(number) }
      }
      words.append(word)
      self.counts.append(count)
    }
    for (pair, words) in places { push(Candidate(count: pairCounts[pair] ?? 0, pair: pair, words: words)) }
  }

  /// The words of the pair that ``mostFrequentPair()`` found.
  private var found: [Int32] = []

  /// The pair that occurs most often; nil where none does.
  mutating func mostFrequentPair() -> (Int32, Int32)? {
    while var top = pop() {
      let count = pairCounts[top.pair] ?? 0
      if count != top.count {
        top.count = count
        push(top)
        continue
      }
      if count < 1 { return nil }
      found = top.words
      return (Int32(truncatingIfNeeded: top.pair >> 32), Int32(truncatingIfNeeded: top.pair & 0xffff_ffff))
    }
    return nil
  }

  /// Makes one token of the pair that was found, in all its words.
  mutating func merge(_ left: Int32, _ right: Int32, into token: Int32) {
    var places: [UInt64: [Int32]] = [:]
    for number in found {
      let count = counts[Int(number)]
      func change(_ first: Int32, _ second: Int32, by sign: Int) {
        let pair = MergeTable.key(first, second)
        pairCounts[pair, default: 0] += sign * count
        if sign > 0 && places[pair]?.last != number { places[pair, default: []].append(number) }
      }
      var merged: [Int32] = []
      let word = words[Int(number)]
      var index = 0
      while index < word.count {
        guard word[index] == left, index + 1 < word.count, word[index + 1] == right else {
          merged.append(word[index])
          index += 1
          continue
        }
        if let previous = merged.last {
          change(previous, left, by: -1)
          change(previous, token, by: 1)
        }
        if index + 2 < word.count {
          change(right, word[index + 2], by: -1)
          change(token, word[index + 2], by: 1)
        }
        merged.append(token)
        index += 2
      }
      words[Int(number)] = merged
    }
    found = []
    for (pair, words) in places {
      let count = pairCounts[pair] ?? 0
      if count > 0 { push(Candidate(count: count, pair: pair, words: words)) }
    }
  }

  private mutating func push(_ candidate: Candidate) {
    heap.append(candidate)
    var child = heap.count - 1
    while child > 0, heap[child].precedes(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  private mutating func pop() -> Candidate? {
    guard !heap.isEmpty else { return nil }
    heap.swapAt(0, heap.count - 1)
    let top = heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].precedes(heap[least]) {
        least = child
      }
      if least == parent { return top }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
