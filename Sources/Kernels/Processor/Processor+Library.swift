import COpenBLAS
import Host

extension Processor {
  /// The number of bytes of address space that OpenBLAS allocates for each thread that calls it. If the allocation fails, OpenBLAS
  /// retries forever.
  private static let libraryBytesOfThread = 129 << 20

  /// The number of bytes of address space that a team of threads needs in addition to the memory that the configuration plans.
  public static func addressSpace(ofThreads threads: Int) -> Int {
    threads * (libraryBytesOfThread + SystemThread.stackBytes)
  }

  /// Loads OpenBLAS. Call it before ``MatrixProduct/measureLibraryRate(of:seconds:)`` and ``blasKernel``.
  ///
  /// - Throws: `ResourceError` if it cannot be loaded.
  public static func loadLibrary() throws(ResourceError) {
    guard let problem = phd_openblas_problem() else { return }
    throw ResourceError(
      "OpenBLAS cannot be loaded: \(String(cString: problem)); install it (Debian's package libopenblas0), or raise a "
        + "limit on memory (ulimit -v)")
  }
}
