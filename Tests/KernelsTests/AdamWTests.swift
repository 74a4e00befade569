import Foundation
import Testing

@testable import Kernels

@Suite struct AdamWTests {
  @Test func `updates equal double precision`() throws {
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
}
