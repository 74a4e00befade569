import COpenBLAS
import SystemResources

extension Processor {
  /// Bytes of address space that OpenBLAS takes for each thread that calls it: it asks again and again, for ever, where
  /// it does not get them.
  private static let libraryBytesOfThread = 129 << 20

  /// Bytes of address space that a team of threads takes beside what the configuration plans.
  public static func addressSpace(ofThreads threads: Int) -> Int {
    threads * (libraryBytesOfThread + SystemThread.stackBytes)
  }

  /// Loads OpenBLAS. To be called before ``MatrixProduct/measureRate(of:seconds:)`` and ``blasKernel``.
  ///
  /// - Throws: `ResourceError` where it cannot be loaded.
  public static func loadLibrary() throws(ResourceError) {
    guard let problem = phd_openblas_problem() else { return }
    throw ResourceError(
      "OpenBLAS cannot be loaded: \(String(cString: problem)); install it (Debian's package libopenblas0), or raise a "
        + "limit on memory (ulimit -v)")
  }
}
