/// Finds the nearest valid name.
enum Spelling {
  /// The candidate with the fewest edits (insertions, deletions, replacements, swaps of neighbours) from a name.
  static func nearest(to name: String, among candidates: some Sequence<String>) -> String? {
    let name = Array(name.lowercased().unicodeScalars.prefix(100))
    return candidates.min { distance(name, Array($0.unicodeScalars)) < distance(name, Array($1.unicodeScalars)) }
  }

  /// The optimal string alignment distance. O(|a|·|b|).
  static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var best = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, beforeLast[j - 1] + 1) }
        row.append(best)
      }
      (beforeLast, last) = (last, row)
    }
    return last[b.count]
  }
}
