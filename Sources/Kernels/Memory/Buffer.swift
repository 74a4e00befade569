#if canImport(Glibc)
  import Glibc
#endif

/// Zeroed floats in one page-aligned allocation, which is freed with the object.
///
/// The system provides pages when they are first touched.
public final class Buffer: @unchecked Sendable {
  // Unchecked: the memory is shared by design. Callers must not access an element from two threads if one writes it.

  public let count: Int
  public let pointer: UnsafeMutablePointer<Float>

  private let bytes: Int

  /// - Precondition: the system has the address space. A run checks its configuration's memory before it allocates.
  public init(count: Int) {
    precondition(count >= 0, "a buffer of \(count) floats")
    self.count = count
    bytes = max(count, 1) * MemoryLayout<Float>.stride
    let address = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let address, address != MAP_FAILED else {
      preconditionFailure("no memory for a buffer of \(bytes) bytes")
    }
    #if os(Linux)
      // MADV_HUGEPAGE: a step reads these buffers from end to end.
      madvise(address, bytes, 14)
    #endif
    pointer = address.bindMemory(to: Float.self, capacity: count)
  }

  deinit { munmap(pointer, bytes) }

  /// The floats in `range`.
  public subscript(range: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) of a buffer of \(count)")
    return UnsafeMutableBufferPointer(start: pointer + range.lowerBound, count: range.count)
  }

  /// Sets all floats to zero.
  public func clear(on team: ThreadTeam) {
    let piece = 1 << 18
    team.forEach((count + piece - 1) / piece) { index, _ in
      (pointer + index * piece).update(repeating: 0, count: min(piece, count - index * piece))
    }
  }

  /// The sum of all floats. It is as fast as memory, so it also measures the memory's bandwidth.
  public func sum(on team: ThreadTeam) -> Double {
    let piece = 1 << 18
    let pieces = (count + piece - 1) / piece
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: pieces) { sums in
      let sums = sums
      team.forEach(pieces) { index, _ in
        let x = pointer + index &* piece
        var vectors = (Vector.zero, Vector.zero, Vector.zero, Vector.zero)
        var sum: Float = 0
        let length = min(piece, count &- index &* piece)
        let whole = length & -(4 &* vectorWidth)
        for start in stride(from: 0, to: whole, by: 4 &* vectorWidth) {
          vectors.0 += x.vector(at: start)
          vectors.1 += x.vector(at: start &+ vectorWidth)
          vectors.2 += x.vector(at: start &+ 2 &* vectorWidth)
          vectors.3 += x.vector(at: start &+ 3 &* vectorWidth)
        }
        for place in whole..<length { sum += x[place] }
        sums[index] = Double((vectors.0 + vectors.1 + vectors.2 + vectors.3).laneSum + sum)
      }
      return sums.reduce(0, +)
    }
  }

  /// The number of bytes that are resident in memory now. Pages that were never touched are not.
  public var residentBytes: Int {
    let page = sysconf(Int32(_SC_PAGESIZE))
    var resident = [UInt8](repeating: 0, count: (bytes + page - 1) / page)
    let status = mincore(pointer, bytes, &resident)
    precondition(status == 0, "mincore: error \(errno)")
    return resident.count { $0 & 1 == 1 } * page
  }

  /// All the floats.
  public var floats: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: pointer, count: count) }
}
