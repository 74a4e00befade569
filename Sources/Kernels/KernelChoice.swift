import Foundation
import Host
@_exported import Tensors
import VectorKernels

#if arch(x86_64)
  import VectorKernelsAVX2
  import VectorKernelsAVX512
  import VectorKernelsAVX512BF16
#endif

/// A set of a processor's instructions for which this program has kernels.
public enum KernelChoice: String, CaseIterable, Sendable {
  /// The instructions that every processor of the family has.
  case portable
  /// AVX2 and FMA.
  case avx2
  /// AVX-512 (F, CD, BW, DQ, VL).
  case avx512
  /// AVX-512 and its multiplication of bf16 (AVX512-BF16).
  case avx512bf16
  /// The same; oneDNN multiplies large bf16 matrices, with AMX.
  case amx

  /// The environment variable that forces a set.
  public static let variable = "PHD_KERNELS"

  /// The sets that this processor can run, the best last.
  public static let available = allCases.filter { $0.isAvailable }

  /// Whether this processor has the instructions.
  public var isAvailable: Bool {
    switch self {
    case .portable: true
    case .avx2: Processor.hasAVX2
    case .avx512: Processor.hasAVX2 && Processor.hasAVX512
    case .avx512bf16: Processor.hasAVX2 && Processor.hasBF16
    case .amx: Processor.hasAVX2 && Processor.hasBF16 && Processor.hasAMX
    }
  }

  /// The set that the environment asks for; the best one if it asks for none.
  ///
  /// - Throws: ``KernelChoiceError`` if there is no such set, or the processor cannot run it.
  public static func choose(
    _ name: String? = ProcessInfo.processInfo.environment[variable]
  ) throws(KernelChoiceError) -> KernelChoice {
    guard let name, !name.isEmpty else { return available.last ?? .portable }
    guard let choice = KernelChoice(rawValue: name) else {
      throw KernelChoiceError(
        "\(variable)=\(name): there are the kernel sets " + allCases.map(\.rawValue).joined(separator: ", "))
    }
    guard choice.isAvailable else {
      throw KernelChoiceError(
        "\(variable)=\(name): this processor can run " + available.map(\.rawValue).joined(separator: ", "))
    }
    return choice
  }

  /// The set of this process. Programs call ``choose(_:)`` before, because an invalid choice stops the process here.
  public static let current: KernelChoice = {
    do { return try choose() } catch { preconditionFailure("\(error)") }
  }()

  /// The kernels of the set.
  public var kernels: any KernelSet {
    precondition(isAvailable, "this processor cannot run \(rawValue)")
    #if arch(x86_64)
      switch self {
      case .portable: return VectorKernels.CompiledKernels()
      case .avx2: return VectorKernelsAVX2.CompiledKernels()
      case .avx512: return VectorKernelsAVX512.CompiledKernels()
      case .avx512bf16, .amx: return VectorKernelsAVX512BF16.CompiledKernels()
      }
    #else
      return VectorKernels.CompiledKernels()
    #endif
  }
}

/// A kernel set was asked for that does not exist or cannot run.
public struct KernelChoiceError: StatusCarrying, CustomStringConvertible {
  public let description: String
  public var exitStatus: ExitStatus { .usage }

  init(_ description: String) { self.description = description }
}

/// The kernels of this process.
public let kernels = KernelChoice.current.kernels
