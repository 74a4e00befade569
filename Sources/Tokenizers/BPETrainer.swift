import HeapModule

/// Learns the merges of a byte-level BPE: repeatedly, the most frequent pair of adjacent tokens becomes a token. Of equally
/// frequent pairs, the one with the smaller ids is chosen, comparing the left id first.
///
/// The merges are those of the `tokenizers` library's `BpeTrainer` with its byte alphabet and without a minimum frequency.
public struct BPETrainer: Sendable {
  public let vocabularySize: Int
  public let specialTokens: [String]

  /// - Parameters:
  ///   - vocabularySize: includes the special tokens and the 256 bytes.
  ///   - specialTokens: they get the first ids.
  /// - Precondition: the vocabulary has room for the special tokens, which are distinct and not empty.
  public init(vocabularySize: Int, specialTokens: [String]) {
    precondition(vocabularySize >= 256 + specialTokens.count)
    self.vocabularySize = vocabularySize
    self.specialTokens = specialTokens
  }

  /// The texts of the tokens by id, and the merges in order.
  struct Result {
    var tokens: [String] = []
    var merges: [(left: Int32, right: Int32)] = []
  }

  /// Trains on words until the vocabulary is full or no pair is left.
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
    // A pair can be merged again if two pairs make the same token; its last position counts.
    var later: Set<UInt64> = []
    result.merges = result.merges.reversed().filter { later.insert(MergeTable.key($0.left, $0.right)).inserted }
      .reversed()
    return result
  }
}

/// The words as tokens, and the frequency and the words of each pair of adjacent tokens.
private struct TrainingWords {
  /// A pair, its frequency when it was inserted into the heap, and the words that may contain it.
  private struct Candidate: Comparable {
    var count: Int
    var pair: UInt64
    var words: [Int32]

    /// The pair to merge first is the smallest.
    static func < (left: Candidate, right: Candidate) -> Bool {
      left.count != right.count ? left.count > right.count : left.pair < right.pair
    }

    static func == (left: Candidate, right: Candidate) -> Bool { left.count == right.count && left.pair == right.pair }
  }

  private var words: [[Int32]] = []
  private var counts: [Int] = []
  private var pairCounts: [UInt64: Int] = [:]
  private var heap: Heap<Candidate> = []

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
    for (pair, words) in places { heap.insert(Candidate(count: pairCounts[pair] ?? 0, pair: pair, words: words)) }
  }

  /// The words that may contain the pair of the last ``mostFrequentPair()``.
  private var found: [Int32] = []

  /// The most frequent pair; nil if there is none.
  mutating func mostFrequentPair() -> (Int32, Int32)? {
    while var top = heap.popMin() {
      let count = pairCounts[top.pair] ?? 0
      if count != top.count {
        top.count = count
        heap.insert(top)
        continue
      }
      if count < 1 { return nil }
      found = top.words
      return (Int32(truncatingIfNeeded: top.pair >> 32), Int32(truncatingIfNeeded: top.pair & 0xffff_ffff))
    }
    return nil
  }

  /// Replaces the pair of the last ``mostFrequentPair()`` by one token in all words.
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
      if count > 0 { heap.insert(Candidate(count: count, pair: pair, words: words)) }
    }
  }
}
