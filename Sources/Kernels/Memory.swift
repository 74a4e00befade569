import Tensors

extension Buffer {
  /// The sum of all floats. It is as fast as memory, so it also measures the memory's bandwidth.
  public func sum(on team: ThreadTeam) -> Double {
    let piece = 1 << 18
    let pieces = (count + piece - 1) / piece
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: pieces) { sums in
      let sums = sums
      team.forEach(pieces) { index, _ in
        sums[index] = Double(kernels.vectors.sum(pointer + index * piece, count: min(piece, count - index * piece)))
      }
      return sums.reduce(0, +)
    }
  }
}

extension Matrix {
  /// Copies all elements of another matrix of the same shape, widened or rounded if the types differ.
  public func copy(from other: Matrix, on team: ThreadTeam) {
    precondition(rows == other.rows && columns == other.columns, "\(self) from \(other)")
    team.forEach(Rows.pieces(rows)) { piece, _ in
      for index in Rows.range(piece, of: rows) {
        switch (type, other.type) {
        case (.fp32, .fp32): row(index).update(from: other.row(index), count: columns)
        case (.fp32, .bf16): kernels.vectors.widen(row(index), other.bf16Row(index), count: columns)
        case (.bf16, .fp32): kernels.vectors.round(bf16Row(index), other.row(index), count: columns)
        case (.bf16, .bf16): bf16Row(index).update(from: other.bf16Row(index), count: columns)
        }
      }
    }
  }
}

extension PackedMatrix {
  /// Weights for the kernel set of this process.
  ///
  /// - Parameter base: memory for ``bytes(rows:columns:_:)``, zeroed.
  public init(_ base: UnsafeMutableRawPointer, _ type: ElementType, rows: Int, columns: Int) {
    self.init(base, type, rows: rows, columns: columns, panelRows: kernels.packing.panelRows)
  }

  /// The number of bytes of packed weights [rows, columns].
  public static func bytes(rows: Int, columns: Int, _ type: ElementType) -> Int {
    bytes(rows: rows, columns: columns, type, panelRows: kernels.packing.panelRows)
  }
}
