import Reference
import Testing

@testable import Transformer

@Suite struct CostTests {
  @Test(arguments: Case.all)
  func `visible pairs are counted as in the dense mask`(_ shape: Case) {
    let mask = shape.model().mask(positions: shape.positions)
    let decoding = shape.pattern.hiddenDecoding
    let all = mask.reduce(0) { $0 + $1.filter { $0 }.count }
    #expect(decoding.visiblePairs(positions: shape.positions, lastCopyOnly: false) == all)
    let last = mask.suffix(shape.positions).reduce(0) { $0 + $1.filter { $0 }.count }
    #expect(decoding.visiblePairs(positions: shape.positions, lastCopyOnly: true) == last)
  }

  @Test func `the operations of a small vanilla model equal a count by hand`() {
    let model = ModelConfiguration(
      vocabularySize: 11, hiddenSize: 8, intermediateSize: 12, layers: 2, queryHeads: 4, keyValueHeads: 2)
    let perLayer = 3 * (2 * 8 * 8 * 2 + 2 * 8 * 4 * 2 + 2 * 8 * 12 * 3) + 4 * 8 * 6
    let cost = ModelCost(model, .vanilla, positions: 3)
    #expect(cost.forward == 2 * perLayer + 2 * 3 * 8 * 11)
    #expect(cost.training == 3 * cost.forward)
  }

  @Test func `the paper's 1.2B model has the expected parameters, without gaps or overlaps`() {
    let model = ModelConfiguration(
      vocabularySize: 100_278, hiddenSize: 2048, intermediateSize: 8192, layers: 16, queryHeads: 32,
      keyValueHeads: 8)
    let layout = ParameterLayout(model)
    #expect(layout.count == 2 * 100_278 * 2048 + 2048 + 16 * (2048 * (2048 * 2 + 1024 + 3 * 8192 + 3) + 512))
    var end = 0
    for tensor in layout.tensors {
      #expect(tensor.range.lowerBound == end)
      #expect(tensor.range.count == tensor.shape.reduce(1, *))
      end = tensor.range.upperBound
    }
    #expect(end == layout.count)
    #expect(layout.buckets.map(\.count).reduce(0, +) == layout.count)
    #expect(Set(layout.buckets.flatMap { [$0.lowerBound] }).count == layout.buckets.count)
  }

  @Test func `initial weights are truncated at 3 σ, have the right variance and depend on the seed only`() {
    let layout = ParameterLayout(
      ModelConfiguration(
        vocabularySize: 300, hiddenSize: 64, intermediateSize: 96, layers: 1, queryHeads: 4, keyValueHeads: 2))
    var first = [Float](repeating: .nan, count: layout.count)
    var again = first
    var other = first
    first.withUnsafeMutableBufferPointer { layout.initialize($0, seed: 5) }
    again.withUnsafeMutableBufferPointer { layout.initialize($0, seed: 5) }
    other.withUnsafeMutableBufferPointer { layout.initialize($0, seed: 6) }
    #expect(first == again)
    for tensor in layout.tensors {
      let values = first[tensor.range]
      if tensor.isNorm {
        #expect(values.allSatisfy { $0 == 1 })
        continue
      }
      #expect(values.allSatisfy { abs($0) <= 0.0600001 })
      #expect(first[tensor.range] != other[tensor.range])
      // A normal's variance cut at 3 σ is 0.9733 σ².
      let variance = values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)
      #expect(abs(variance / (0.0004 * 0.9733) - 1) < 0.15, "\(tensor.name)")
    }
  }
}
