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
