import Communication
import Host

private struct Refusal: StatusCarrying, CustomStringConvertible {
  let rank: Int
  var exitStatus: ExitStatus { .badData }
  var description: String { "rank \(rank) refuses, naïvely" }
}

/// Returns the `AgreedError` that `body` throws on all ranks.
private func agreedError(_ body: () throws -> Void) throws -> AgreedError {
  do {
    try body()
  } catch let error as AgreedError {
    return error
  }
  throw Failure(description: "nothing was thrown")
}

func checkAgreement(_ checks: Checks) throws {
  try checks.check("agreed: no rank fails") { all in
    try expect(all.agreed { all.rank * 2 }, is: all.rank * 2)
    try all.agreed {}
  }
  try checks.check("agreed: one rank fails") { all in
    for failing in 0..<all.size {
      let error = try agreedError {
        try all.agreed { if all.rank == failing { throw Refusal(rank: failing) } }
      }
      try expect(error, is: refused(by: failing))
    }
  }
  try checks.check("agreed: all ranks fail") { all in
    let error = try agreedError { try all.agreed { throw Refusal(rank: all.rank) } }
    try expect(error, is: refused(by: 0))
  }
  try checks.check("agreed: the upper ranks fail") { all in
    guard all.size > 1 else { return }
    let error = try agreedError {
      try all.agreed { if all.rank > 0 { throw Refusal(rank: all.rank) } }
    }
    try expect(error, is: refused(by: 1))
  }
  try checks.check("agreed inside agreed keeps the first error") { all in
    let failing = all.size - 1
    let error = try agreedError {
      try all.agreed {
        try all.agreed { if all.rank == failing { throw Refusal(rank: failing) } }
      }
    }
    try expect(error, is: refused(by: failing))
  }
  try checks.check("agreed: an error without a status has 70") { all in
    let plain = try agreedError { try all.agreed { throw Failure(description: "plain") } }
    try expect(plain.exitStatus, is: .brokenNumbers, "status")
    try expect(plain.message, is: "plain", "message")
  }
  try checks.check("root only: only rank 0 runs the work") { all in
    var runs: Int64 = 0
    try all.rootOnly { runs += 1 }
    try expect(all.allGather([runs]).map { $0[0] }, is: [1] + [Int64](repeating: 0, count: all.size - 1))
    let error = try agreedError { try all.rootOnly { throw Refusal(rank: 0) } }
    try expect(error, is: refused(by: 0))
  }
  try checks.check("root only: all ranks get the bytes") { all in
    for count in [0, 1, 100_000] {
      let expected = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      let bytes = try all.bytesFromRoot {
        try expect(all.isRoot, "run on rank \(all.rank)")
        return expected
      }
      try expect(bytes == expected, "\(count) bytes")
    }
    let error = try agreedError { _ = try all.bytesFromRoot { throw Refusal(rank: 0) } }
    try expect(error.exitStatus, is: .badData, "status")
  }
}

/// The error that `agreed` should throw if `rank` throws a `Refusal`.
private func refused(by rank: Int) -> AgreedError {
  AgreedError(rank: rank, message: Refusal(rank: rank).description, exitStatus: .badData)
}
