import Kernels
import Testing

/// Computes with every kernel set that this processor can run, each with one and with three threads, and expects the same
/// bits from all of them.
///
/// - Returns: the common result.
func everyWay<Value: Equatable>(
  sourceLocation: SourceLocation = #_sourceLocation,
  _ compute: (_ kernels: any KernelSet, _ team: ThreadTeam) throws -> Value
) throws -> Value {
  let results = try everyArithmetic(.fp32, sourceLocation: sourceLocation, compute)
  return try #require(results.first)
}

/// The same for products of operands of a type. Kernel sets that multiply bf16 need not agree with those that widen it.
///
/// - Returns: the results of both kinds of kernel sets, or of the only kind that there is.
func everyArithmetic<Value: Equatable>(
  _ type: ElementType, sourceLocation: SourceLocation = #_sourceLocation,
  _ compute: (_ kernels: any KernelSet, _ team: ThreadTeam) throws -> Value
) throws -> [Value] {
  var results: [Bool: Value] = [:]
  for choice in KernelChoice.available {
    let kernels = choice.kernels
    for threads in [1, 3] {
      let value = try compute(kernels, try ThreadTeam(count: threads))
      let kind = type == .bf16 && kernels.multipliesBF16
      let isSame = results[kind].map { $0 == value } ?? true
      #expect(isSame, "\(choice), \(threads) threads: other bits", sourceLocation: sourceLocation)
      if results[kind] == nil { results[kind] = value }
    }
  }
  return Array(results.values)
}
