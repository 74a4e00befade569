import ArgumentParser
import Host
import Kernels

/// The options for a model that a command loads for inference.
struct ModelOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The checkpoint.", valueName: "file"), completion: .file())
  var checkpoint: String

  @Option(
    help: ArgumentHelp(
      "The tokenizer: bytes, a tokenizer.json, or a folder with one; default: the checkpoint's.",
      valueName: "bytes|path"),
    completion: .file())
  var tokenizer: String?

  @Option(
    help: ArgumentHelp("Type of the weights and the KV cache: fp32, or bf16 for half the memory.", valueName: "type"))
  var precision = ElementType.fp32

  @Option(
    help: ArgumentHelp(
      "Threads per process; default: all available processors, divided among the ranks of a node.", valueName: "n"))
  var threads: Int?

  func validate() throws { try require(("threads", threads, threadRange)) }

  /// The model without its weights.
  ///
  /// - Throws: errors of `LoadedModel.init`.
  func load() throws -> LoadedModel { try LoadedModel(checkpoint, tokenizer: tokenizer) }

  /// Prints a warning if this processor is slow at the chosen precision.
  func warnAboutPrecision() {
    if precision == .bf16, let warning = Processor.bf16Warning { ErrorReport.warn(warning) }
  }
}
