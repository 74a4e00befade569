import ArgumentParser
import Configuration
import Display
import Foundation
import HuggingFace
import RunFiles
import Storage
import Tokenizers
import Training
import Transformer

extension CheckpointCommand {
  /// Warns if weights are not finite. They are copied unchanged.
  private static func warn(of broken: NotFiniteWeights, in path: String) {
    guard broken.count > 0 else { return }
    ErrorReport.warn("\(path): \(broken); generate and evaluate will fail with status 70")
  }

  struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Convert a Hugging Face model to a checkpoint.",
      discussion: """
        Reads OLMo 2 and Llama models in fp32, bf16 or fp16: a folder with config.json and model.safetensors, or with \
        several safetensors files and their index. generate, serve, evaluate and phd-train --initialize-from accept \
        the checkpoint. Prints the model's sections of a run's configuration. To continue training as a \
        PHD-Transformer, change hidden_decoding there: hidden copies add no parameters. The checkpoint also contains \
        the folder's tokenizer.json, if there is one.
        """)

    @Argument(help: ArgumentHelp("The folder, or its .safetensors file.", valueName: "model"), completion: .file())
    var path: String

    @Option(help: ArgumentHelp("The checkpoint to write (HDF5).", valueName: "file"), completion: .file())
    var to: String

    func run() throws {
      let pretrained = try PretrainedModel(path)
      let name = URL(fileURLWithPath: to).deletingPathExtension().lastPathComponent
      let configuration = SavedModel.configuration(of: pretrained.description, name: name)
      let tokenizer = try tokenizer(of: pretrained)
      for note in pretrained.notes { ErrorReport.warn(note) }
      var line = ProgressLine(.millionParameters)
      defer { line.clear() }
      var done = 0
      var broken = NotFiniteWeights()
      try Checkpoint.writeWeights(
        pretrained.layout, configuration: configuration, tokenizer: tokenizer, to: to
      ) { tensor, floats in
        try pretrained.read(tensor, 0..<tensor.shape[0], into: floats)
        broken.scan(floats, of: tensor)
        done += tensor.range.count
        line.show(done: done, of: pretrained.layout.count)
      }
      line.clear()
      CheckpointCommand.warn(of: broken, in: path)
      ErrorReport.print(toStandardError: "\(to): \(pretrained.layout.count) parameters")
      print(configuration.pretty)
    }

    /// The folder's tokenizer. If it has none, or one that we cannot read, the checkpoint contains the weights only.
    private func tokenizer(of pretrained: PretrainedModel) throws -> TokenizerIdentity {
      let end = pretrained.description.metadata.endOfText.first
      guard try FileStatus.exists(pretrained.tokenizerPath) else { return TokenizerIdentity(endOfDocument: end) }
      do {
        let file = try TokenizerFile(reading: pretrained.tokenizerPath)
        _ = try BPETokenizer(file)
        return TokenizerIdentity(name: file.name, sha256: file.sha256, endOfDocument: end, file: file)
      } catch let error as InvalidFileError {
        ErrorReport.warn("the checkpoint will not contain the tokenizer: \(error)")
        return TokenizerIdentity(endOfDocument: end)
      }
    }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Convert a checkpoint to a folder that Hugging Face's transformers loads.",
      discussion: """
        A vanilla model becomes an Olmo2ForCausalLM or LlamaForCausalLM. For a model with hidden copies, the folder \
        also contains its code, modeling_phd.py: load it with \
        AutoModelForCausalLM.from_pretrained(FOLDER, trust_remote_code=True).
        """)

    @Argument(help: ArgumentHelp("The checkpoint.", valueName: "checkpoint"), completion: .file())
    var path: String

    @Option(help: ArgumentHelp("The folder to write.", valueName: "folder"), completion: .file())
    var to: String

    @Option(help: ArgumentHelp("Type of the stored weights: fp32 or bf16.", valueName: "type"))
    var dtype: ExportType = .fp32

    enum ExportType: String, ExpressibleByArgument, CaseIterable {
      case fp32
      case bf16
    }

    func run() throws {
      // The model's config.json would overwrite the run's.
      if try RunFolder(to).isInUse() { throw ValidationError("--to \(to): this is a run's folder: choose another") }
      let report = try CheckpointCommand.report(path)
      let layout = ParameterLayout(report.saved.model)
      let description = report.saved.exported(report.checkpoint.tokenizer)
      let leftovers = try PretrainedModel.leftovers(
        in: to, of: description, hasTokenizer: report.checkpoint.tokenizer.file != nil)
      if !leftovers.isEmpty {
        throw ConfigurationError(
          "--to \(to): the folder holds \(leftovers.joined(separator: ", ")), which transformers would load with the "
            + "exported model: choose a new folder, or remove these files")
      }
      var line = ProgressLine(.millionParameters)
      defer { line.clear() }
      var done = 0
      var broken = NotFiniteWeights()
      try report.checkpoint.withWeights(layout) { read in
        try PretrainedModel.write(
          description, tokenizer: report.checkpoint.tokenizer.file?.bytes, as: dtype == .fp32 ? .fp32 : .bf16, to: to
        ) { tensor, rows, floats in
          try read(tensor, rows, floats)
          broken.scan(floats, of: tensor, from: rows.lowerBound * (floats.count / max(1, rows.count)))
          done += floats.count
          line.show(done: done, of: report.parameters)
        }
      }
      line.clear()
      CheckpointCommand.warn(of: broken, in: path)
      ErrorReport.print(toStandardError: "\(to): \(report.parameters) parameters in \(dtype.rawValue)")
    }
  }
}
