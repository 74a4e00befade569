import Communication
import Foundation

/// Runs named checks on all ranks and prints, on rank 0, how each of them went.
final class Checks {
  let communicator: Communicator
  private var passed = 0
  private var failed = 0

  init(_ communicator: Communicator) {
    self.communicator = communicator
  }

  /// Prints `ok NAME`, or `FAILED NAME: …` where `body` threw on some rank.
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

  /// Prints the count; the exit status.
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

/// Reproducible numbers: SplitMix64, Vigna 2015.
struct Random: RandomNumberGenerator {
  private var state: UInt64

  init(seed: Int) {
    state = UInt64(bitPattern: Int64(seed))
  }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Of widely different magnitudes, so that another order of addition shows in the bits.
  mutating func nextFloat() -> Float {
    let bits = next()
    let magnitude = Float(sign: .plus, exponent: Int(bits >> 60) - 8, significand: 1)
    return (Float(bits & 0xff_ffff) / 0x80_0000 - 1) * magnitude
  }
}
