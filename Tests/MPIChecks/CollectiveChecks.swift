import Communication

func checkCollectives(_ checks: Checks) throws {
  try checks.check("ranks are numbered") { all in
    try expect(all.allGather([Int64(all.rank)]).map { $0[0] }, is: (0..<Int64(all.size)).map { $0 })
    try expect(all.isRoot, is: all.rank == 0)
  }
  try checks.check("one node holds all ranks here") { all in
    try expect(all.nodeSize, is: all.size, "nodeSize")
    try expect(all.nodeRank, is: all.rank, "nodeRank")
    let names = try all.allGather(all.hostName)
    try expect(Set(names).count, is: 1, "number of host names")
    try expect(!all.hostName.isEmpty, "the host has no name")
  }
  try checks.check("library version is one line") { _ in
    try expect(Communicator.libraryVersion.contains("MPI"), Communicator.libraryVersion)
    try expect(!Communicator.libraryVersion.contains("\n"), "the version has more than one line")
  }
  try checks.check("a second start is an error") { _ in
    do {
      _ = try Communicator.initialize()
      throw Failure(description: "the second start did not fail")
    } catch let error as CommunicationError {
      try expect(error.exitStatus, is: .inputOutput, "status")
    }
  }
  try checks.check("an MPI error is thrown") { all in
    guard all.size > 1 else { return }
    do {
      _ = try all.broadcast(Int64(1), from: all.size)
      throw Failure(description: "a broadcast from a nonexistent rank did not fail")
    } catch let error as CommunicationError {
      try expect(error.operation, is: "MPI_Bcast", "operation")
      try expect(error.message.contains("MPI_ERR_ROOT"), error.message)
    }
  }
  try checks.check("broadcast from each rank") { all in
    for root in 0..<all.size {
      try expect(all.broadcast(Int64(all.rank + 100), from: root), is: Int64(root + 100))
      let text = String(repeating: "né", count: all.rank * 5)
      try expect(all.broadcast(text, from: root), is: String(repeating: "né", count: root * 5))
    }
  }
  try checks.check("broadcast of many sizes") { all in
    for count in [0, 1, 7, 4096, 1_000_003] {
      let expected = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      try expect(all.broadcast(all.isRoot ? expected : [1, 2, 3]) == expected, "broadcast of \(count) bytes")
      var room = all.isRoot ? expected : [UInt8](repeating: 0, count: count)
      try room.withUnsafeMutableBytes { try all.broadcast($0) }
      try expect(room == expected, "broadcast in place of \(count) bytes")
    }
  }
  try checks.check("all-gather") { all in
    let doubles = try all.allGather([Double(all.rank), 0.5])
    try expect(doubles, is: (0..<all.size).map { [Double($0), 0.5] })
    try expect(all.allGather([Int64]()), is: [[Int64]](repeating: [], count: all.size))
    let strings = try all.allGather(String(repeating: "x", count: all.rank))
    try expect(strings, is: (0..<all.size).map { String(repeating: "x", count: $0) })
  }
  try checks.check("minimum, maximum, bitwise or, integer sum") { all in
    let last = Int64(all.size - 1)
    try expect(all.minimum(Int64(all.rank) - 3), is: -3)
    try expect(all.maximum(Int64(all.rank) - 3), is: last - 3)
    try expect(all.maximum(-Double(all.rank)), is: 0)
    try expect(all.bitwiseOr(1 << UInt64(all.rank)), is: 1 << UInt64(all.size) - 1)
    try expect(all.sum(Int64(all.rank)), is: last * (last + 1) / 2)
  }
  try checks.check("maximum does not lose a NaN") { all in
    for source in 0..<all.size {
      try expect(all.maximum(all.rank == source ? Double.nan : 1).isNaN, "NaN of rank \(source) was lost")
    }
  }
  try checks.check("sum of doubles in rank order") { all in
    var random = (0..<all.size).map { Random(seed: $0) }
    for count in [0, 1, 2, 1000] {
      let terms = random.indices.map { rank in (0..<count).map { _ in Double(random[rank].nextFloat()) / 3 } }
      let expected = (0..<count).map { index in terms.dropFirst().reduce(terms[0][index]) { $0 + $1[index] } }
      try expect(all.sum(terms[all.rank]).map(\.bitPattern), is: expected.map(\.bitPattern), "sum of \(count)")
      if count == 1 { try expect(all.sum(terms[all.rank][0]), is: expected[0]) }
    }
  }
}
