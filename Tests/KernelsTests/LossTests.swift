import Foundation
import Testing

@testable import Kernels

@Suite struct LossTests {
  private let team = ThreadTeam()

  /// Loss, logsumexp and gradient of one row.
  private func row(
    _ logits: [Float], target: Int, zWeight: Float?
  ) -> (loss: Float, logSumExp: Float, gradient: [Float]) {
    let memory = Buffer(count: logits.count)
    for (index, value) in logits.enumerated() { memory.pointer[index] = value }
    var (loss, logSumExp): (Float, Float) = (0, 0)
    var target = Int32(target)
    let logits = Matrix(memory.pointer, rows: 1, columns: logits.count)
    CrossEntropy.rows(
      logits, targets: &target, losses: &loss,
      logSumExps: &logSumExp, gradient: zWeight == nil ? nil : logits, zWeight: zWeight ?? 0, on: team)
    return (loss, logSumExp, Array(memory.floats))
  }

  @Test("Cross-entropy and its gradient in double precision", arguments: [1, 2, 15, 16, 17, 100, 257])
  func exact(_ count: Int) {
    let logits = (0..<count).map { Float(($0 * 37) % 23) / 3 - 2 }
    let target = count / 2
    let z = 1e-2
    let sum = logits.reduce(0.0) { $0 + exp(Double($1)) }
    let found = row(logits, target: target, zWeight: Float(z))
    #expect(abs(Double(found.logSumExp) - log(sum)) < 1e-6)
    #expect(abs(Double(found.loss) - (log(sum) - Double(logits[target]))) < 2e-6)
    for (index, logit) in logits.enumerated() {
      let p = exp(Double(logit)) / sum
      let expected = p * (1 + 2 * z * log(sum)) - (index == target ? 1 : 0)
      #expect(abs(Double(found.gradient[index]) - expected) < 1e-6)
    }
    #expect(row(logits, target: target, zWeight: nil).loss == found.loss)
    #expect(row(logits, target: target, zWeight: nil).gradient == logits)
  }

  @Test("Logits of any size give finite losses; broken ones give broken losses")
  func extremes() {
    #expect(abs(row([1e4, 0, -1e4], target: 0, zWeight: nil).loss) < 1e-6)
    #expect(abs(row([1e4, 0, -1e4], target: 2, zWeight: nil).loss - 2e4) < 1)
    #expect(abs(row([-300, -300], target: 1, zWeight: nil).loss - Float(log(2.0))) < 1e-6)
    #expect(row([0, .nan, 1], target: 0, zWeight: 0.1).loss.isNaN)
    #expect(!row([0, .infinity, 1], target: 0, zWeight: 0.1).loss.isFinite)
  }
}

@Suite struct OptimizerKernelTests {
  @Test("One update of AdamW in double precision, at several steps, with and without decay")
  func update() throws {
    let team = try ThreadTeam(count: 2)
    let count = 70_003
    let optimizer = AdamW(beta1: 0.9, beta2: 0.95, epsilon: 1e-8)
    let buffers = (0..<4).map { _ in Buffer(count: count) }
    for index in 0..<count {
      buffers[0].pointer[index] = Float(index % 101) / 50 - 1
      buffers[1].pointer[index] = Float(index % 89) / 40 - 1
      buffers[2].pointer[index] = Float(index % 7) / 100
      buffers[3].pointer[index] = Float(index % 11) / 1000
    }
    for (step, decay) in [(1, 0.1), (2, 0), (1000, 0.3)] {
      let before = buffers.map { Array($0.floats).map { Double($0) } }
      optimizer.update(
        buffers[0].floats, gradient: buffers[1].floats, average: buffers[2].floats, squareAverage: buffers[3].floats,
        scale: 0.5, learningRate: 0.01, decay: decay, step: step, on: team)
      for index in [0, 1, 15, 16, 65_535, 65_536, count - 4, count - 1] {
        let g = 0.5 * before[1][index]
        let m = 0.9 * before[2][index] + 0.1 * g
        let v = 0.95 * before[3][index] + 0.05 * g * g
        let corrected = (m / (1 - pow(0.9, Double(step)))) / ((v / (1 - pow(0.95, Double(step)))).squareRoot() + 1e-8)
        let p = before[0][index] - 0.01 * (corrected + decay * before[0][index])
        #expect(abs(Double(buffers[0].pointer[index]) - p) < 1e-6)
        #expect(abs(Double(buffers[2].pointer[index]) - m) < 1e-7)
        #expect(abs(Double(buffers[3].pointer[index]) - v) < 1e-7)
      }
    }
  }

  @Test("A flat norm is the same for any number of threads, and right")
  func norm() throws {
    let count = 200_001
    let buffer = Buffer(count: count)
    for index in 0..<count { buffer.pointer[index] = Float(index % 1000) / 1000 }
    let expected = buffer.floats.reduce(0.0) { $0 + Double($1) * Double($1) }
    let norm = FlatNorm(parts: [0..<70_001, 70_001..<count], granule: 1024)
    let one = norm.sumOfSquares(buffer.floats, on: ThreadTeam())
    #expect(abs(one - expected) < 1e-6 * expected)
    #expect(norm.sumOfSquares(buffer.floats, on: try ThreadTeam(count: 3)) == one)
    buffer.pointer[count - 1] = .nan
    #expect(norm.sumOfSquares(buffer.floats, on: ThreadTeam()).isNaN)
  }
}
