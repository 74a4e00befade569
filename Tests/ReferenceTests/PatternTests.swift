import Reference
import Testing

@Suite struct PatternTests {
  /// Drawn by hand. Rows are queries and columns are keys, both ordered [copy][position].
  @Test(arguments: [
    (
      ReferencePattern.phd(repeats: 2), 3,
      """
      x.. ...
      xx. ...
      xxx ...
      x.. x..
      xx. .x.
      xxx ..x
      """
    ),
    (
      .phd(repeats: 3), 2,
      """
      x. .. ..
      xx .. ..
      x. x. ..
      xx .x ..
      x. x. x.
      xx .x .x
      """
    ),
    (
      .swa(repeats: 2, window: 2), 4,
      """
      x... ....
      xx.. ....
      xxx. ....
      xxxx ....
      x... x...
      xx.. xx..
      xxx. .xx.
      xxxx ..xx
      """
    ),
    (
      .swa(repeats: 3, window: 2), 3,
      """
      x.. ... ...
      xx. ... ...
      xxx ... ...
      x.. x.. ...
      xx. xx. x..
      xxx .xx .x.
      x.. x.. x..
      xx. xx. xx.
      xxx .xx .xx
      """
    ),
    (
      .cswa(repeats: 2, window: 3, chunk: 2), 5,
      """
      x.... .....
      xx... .....
      xxx.. .....
      xxxx. .....
      xxxxx .....
      x.... x....
      xx... xx...
      xxx.. ..x..
      xxxx. ..xx.
      xxxxx ....x
      """
    ),
    (
      .naive(repeats: 2), 3,
      """
      x.. ...
      xx. x..
      xxx xx.
      x.. x..
      xx. xx.
      xxx xxx
      """
    ),
  ])
  func `masks equal the drawings`(pattern: ReferencePattern, positions: Int, drawing: String) {
    let dimensions = ReferenceModel.Dimensions(
      vocabularySize: 3, hiddenSize: 4, intermediateSize: 3, layers: 1, heads: 1, keyValueHeads: 1)
    let mask = ReferenceModel.random(seed: 1, dimensions: dimensions, pattern: pattern).mask(positions: positions)
    let drawn = drawing.split(separator: "\n").map { $0.filter { $0 != " " }.map { $0 == "x" } }
    #expect(mask == drawn)
  }

  @Test(arguments: Case.all)
  func `a query sees no later position and all originals up to its own`(of testCase: Case) {
    forEachPair(copies: testCase.pattern.repeats, positions: 14) { query, key in
      let visible = testCase.pattern.visible(query: query, key: key)
      if key.m > query.n { #expect(!visible) }
      if key.m == query.n && key.i > query.j { #expect(!visible) }
      if key.i == 1 && key.m <= query.n { #expect(visible) }
    }
  }

  @Test(arguments: Case.hiddenDecoding)
  func `originals see only originals`(of testCase: Case) {
    forEachPair(copies: testCase.pattern.repeats, positions: 14) { query, key in
      if query.j == 1 && key.i > 1 { #expect(!testCase.pattern.visible(query: query, key: key)) }
    }
  }

  /// W = 1 equals PHD; C ≥ T equals no chunks; W ≥ T equals an unlimited window; W greater than C is limited by C.
  @Test(arguments: [
    (ReferencePattern.swa(repeats: 3, window: 1), ReferencePattern.phd(repeats: 3)),
    (.cswa(repeats: 3, window: 1, chunk: 4), .phd(repeats: 3)),
    (.cswa(repeats: 3, window: 4, chunk: 1), .phd(repeats: 3)),
    (.cswa(repeats: 3, window: 4, chunk: 14), .swa(repeats: 3, window: 4)),
    (.swa(repeats: 3, window: 14), .swa(repeats: 3, window: 1000)),
    (.cswa(repeats: 3, window: 5, chunk: 5), .cswa(repeats: 3, window: 1000, chunk: 5)),
  ])
  func `patterns are equal in their limiting cases`(one: ReferencePattern, other: ReferencePattern) {
    forEachPair(copies: 3, positions: 14) { query, key in
      #expect(one.visible(query: query, key: key) == other.visible(query: query, key: key))
    }
  }

  @Test(arguments: oneCopy)
  func `one copy is vanilla`(pattern: ReferencePattern) {
    forEachPair(copies: 1, positions: 14) { query, key in
      #expect(pattern.visible(query: query, key: key) == (key.m <= query.n))
    }
  }

  private func forEachPair(
    copies: Int, positions: Int, _ body: (_ query: (n: Int, j: Int), _ key: (m: Int, i: Int)) -> Void
  ) {
    for j in 1...copies {
      for i in 1...copies {
        for n in 0..<positions {
          for m in 0..<positions { body((n, j), (m, i)) }
        }
      }
    }
  }
}
