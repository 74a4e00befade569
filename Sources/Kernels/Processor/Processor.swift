import COpenBLAS
import CProcessor

/// The instructions that this processor has, and the kernels that OpenBLAS chose.
public enum Processor {
  /// Whether this processor has the AVX-512 instructions (F, CD, BW, DQ, VL) and the system saves their registers.
  public static var hasAVX512: Bool { phd_has_avx512() }

  /// Whether this processor has AVX2 and FMA.
  public static var hasAVX2: Bool { phd_has_avx2() }

  /// Whether this processor multiplies bf16 matrices (AVX512-BF16).
  public static var hasBF16: Bool { phd_has_avx512_bf16() }

  /// Whether this processor multiplies tiles of bf16 matrices (AMX).
  static var hasAMX: Bool { phd_has_amx_bf16() }

  /// The library with whose products the speed of a run is compared.
  public static func library(of type: ElementType) -> String {
    type == .bf16 && kernels.multipliesBF16 ? "oneDNN" : "OpenBLAS \(blasKernel)"
  }

  /// The family of kernels that OpenBLAS chose when it was loaded, `SkylakeX` or `Haswell` for example.
  public static var blasKernel: String { String(cString: openblas_get_corename()) }

  /// A warning about bf16 on this processor, or with the chosen kernel set; nil if there is nothing to warn about.
  public static var bf16Warning: String? {
    if kernels.multipliesBF16 { return nil }
    let place =
      hasBF16
      ? "with the kernel set \(KernelChoice.current.rawValue), which has no"
      : "on a processor without"
    return "precision bf16 \(place) bf16 arithmetic (AVX512-BF16): operands are widened for each product, so training "
      + "saves memory, but no time"
  }

  /// A warning if OpenBLAS uses kernels that are slow on this processor; nil if it does not.
  public static func blasWarning(environment: [String: String]) -> String? {
    let slow: Set<String> = ["Haswell", "Zen", "Sandybridge", "Nehalem", "Prescott", "Core2"]
    let kernel = blasKernel
    // OpenBLAS is only measured. A run's products are this module's own.
    let effect = "at about half its speed, and the rate that this run's speed is compared with is too low"
    guard hasAVX512, slow.contains(where: { $0.lowercased() == kernel.lowercased() }) else { return nil }
    if let forced = environment["OPENBLAS_CORETYPE"] {
      return "OPENBLAS_CORETYPE=\(forced) makes OpenBLAS use its \(kernel) kernels on a processor with AVX-512, "
        + "\(effect): unset OPENBLAS_CORETYPE"
    }
    return "OpenBLAS uses its \(kernel) kernels on a processor with AVX-512, \(effect): "
      + "install an OpenBLAS built with DYNAMIC_ARCH (Debian's libopenblas0-pthread is)"
  }
}
