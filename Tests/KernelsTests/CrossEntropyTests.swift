import Foundation
import Testing

@testable import Kernels

@Suite struct CrossEntropyTests {
  /// Loss, logsumexp and gradient of one row.
  private func row(
    _ logits: [Float], target: Int, zWeight: Float?
  ) throws -> (loss: Float, logSumExp: Float, gradient: [Float]) {
    let bits = try everyWay { kernels, team in
      let memory = Buffer(count: logits.count)
      for (index, value) in logits.enumerated() { memory.pointer[index] = value }
      var (loss, logSumExp): (Float, Float) = (0, 0)
      var target = Int32(target)
      let logits = Matrix(memory.pointer, rows: 1, columns: logits.count)
      kernels.crossEntropy.rows(
        logits, targets: &target, losses: &loss,
        logSumExps: &logSumExp, gradient: zWeight == nil ? nil : logits, zWeight: zWeight ?? 0, on: team)
      return ([loss, logSumExp] + memory.floats).map(\.bitPattern)
    }
    let floats = bits.map { Float(bitPattern: $0) }
    return (floats[0], floats[1], Array(floats.dropFirst(2)))
  }

  @Test(arguments: [1, 2, 15, 16, 17, 100, 257])
  func `losses and gradients equal double precision`(_ count: Int) throws {
    let logits = (0..<count).map { Float(($0 * 37) % 23) / 3 - 2 }
    let target = count / 2
    let z = 1e-2
    let sum = logits.reduce(0.0) { $0 + exp(Double($1)) }
    let found = try row(logits, target: target, zWeight: Float(z))
    #expect(abs(Double(found.logSumExp) - log(sum)) < 1e-6)
    #expect(abs(Double(found.loss) - (log(sum) - Double(logits[target]))) < 2e-6)
    for (index, logit) in logits.enumerated() {
      let p = exp(Double(logit)) / sum
      let expected = p * (1 + 2 * z * log(sum)) - (index == target ? 1 : 0)
      #expect(abs(Double(found.gradient[index]) - expected) < 1e-6)
    }
    #expect(try row(logits, target: target, zWeight: nil).loss == found.loss)
    #expect(try row(logits, target: target, zWeight: nil).gradient == logits)
  }

  @Test func `finite logits give finite losses and others do not`() throws {
    #expect(try abs(row([1e4, 0, -1e4], target: 0, zWeight: nil).loss) < 1e-6)
    #expect(try abs(row([1e4, 0, -1e4], target: 2, zWeight: nil).loss - 2e4) < 1)
    #expect(try abs(row([-300, -300], target: 1, zWeight: nil).loss - Float(log(2.0))) < 1e-6)
    #expect(try row([0, .nan, 1], target: 0, zWeight: 0.1).loss.isNaN)
    #expect(try !row([0, .infinity, 1], target: 0, zWeight: 0.1).loss.isFinite)
  }
}
