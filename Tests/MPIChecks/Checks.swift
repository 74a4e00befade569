import Communication
import Foundation
import Host

/// Runs named checks on all ranks and prints their results on rank 0.
final class Checks {
  let communicator: Communicator
  private var passed = 0
  private var failed = 0

  init(_ communicator: Communicator) {
    self.communicator = communicator
  }

  /// Prints `ok NAME`, or `FAILED NAME: …` if `body` threw on a rank.
  func check(_ name: String, _ body: (Communicator) throws -> Void) throws {
    do {
      try communicator.agreed { try body(communicator) }
      passed += 1
      report("ok \(name)")
    } catch let error as AgreedError {
      failed += 1
      report("FAILED \(name): rank \(error.rank): \(error.message)")
    }
  }

  /// Prints the number of checks and returns the exit status.
  func finish() throws -> Int32 {
    try communicator.barrier()
    report("\(passed) ok, \(failed) failed, \(communicator.size) ranks")
    return failed == 0 ? 0 : 1
  }

  private func report(_ line: String) {
    guard communicator.isRoot else { return }
    print(line)
    fflush(nil)
  }
}

struct Failure: Error, CustomStringConvertible {
  let description: String
}

func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws {
  guard condition else { throw Failure(description: message()) }
}

func expect<Value: Equatable>(_ value: Value, is expected: Value, _ what: String = "value") throws {
  guard value == expected else { throw Failure(description: "\(what) is \(value), not \(expected)") }
}

/// Reproducible random numbers (SplitMix64).
struct Random: RandomNumberGenerator {
  private var state: UInt64

  init(seed: Int) {
    state = UInt64(bitPattern: Int64(seed))
  }

  mutating func next() -> UInt64 {
    defer { state &+= SplitMix64.increment }
    return SplitMix64.mixed(state)
  }

  /// A number with a magnitude from a wide range, so that a different order of additions changes the bits of a sum.
  mutating func nextFloat() -> Float {
    let bits = next()
    let magnitude = Float(sign: .plus, exponent: Int(bits >> 60) - 8, significand: 1)
    return (Float(bits & 0xff_ffff) / 0x80_0000 - 1) * magnitude
  }
}
