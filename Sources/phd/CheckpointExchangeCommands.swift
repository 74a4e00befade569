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
  /// Warns where weights are not finite; they are copied all the same.
  private static func warn(of broken: NotFiniteWeights, in path: String) {
    guard broken.count > 0 else { return }
    ErrorReport.print(
      toStandardError: "phd: warning: \(path): \(broken); generate and evaluate end with status 70 where they meet them"
    )
  }

  struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a checkpoint of a Hugging Face model.",
      discussion: """
        Reads OLMo 2 and Llama models: a folder with config.json and model.safetensors, or several such files and their \
        index; in fp32, bf16 or fp16. The checkpoint serves generate, evaluate and phd-train --initialize-from. Prints \
        the sections of a configuration that say what the model is; with another hidden_decoding it goes on as a \
        PHD-Transformer, since hidden copies add no parameter. A tokenizer.json in the folder comes along.
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
      for note in pretrained.notes { ErrorReport.print(toStandardError: "phd: warning: \(note)") }
      var line = ProgressLine(.millionParameters)
      defer { line.clear() }
      var done = 0
      var broken = NotFiniteWeights()
      try Checkpoint.writeWeights(
        pretrained.layout, configuration: configuration, tokenizer: tokenizer, to: to
      ) { tensor, floats in
        try pretrained.read(tensor, 0..<tensor.shape[0], into: floats)
        broken.look(at: floats, of: tensor)
        done += tensor.range.count
        line.show(done: done, of: pretrained.layout.count)
      }
      line.clear()
      CheckpointCommand.warn(of: broken, in: path)
      ErrorReport.print(toStandardError: "\(to): \(pretrained.layout.count) parameters")
      print(configuration.pretty)
    }

    /// The folder's tokenizer, where it has one of the kind that we read; one of another kind is no reason to leave the
    /// weights.
    private func tokenizer(of pretrained: PretrainedModel) throws -> TokenizerIdentity {
      let end = pretrained.description.metadata.endOfText.first
      guard try FileStatus.exists(pretrained.tokenizerPath) else { return TokenizerIdentity(endOfDocument: end) }
      do {
        let file = try TokenizerFile(reading: pretrained.tokenizerPath)
        _ = try BPETokenizer(file)
        return TokenizerIdentity(name: file.name, sha256: file.sha256, endOfDocument: end, file: file)
      } catch let error as InvalidFileError {
        ErrorReport.print(toStandardError: "phd: warning: the tokenizer is left out: \(error)")
        return TokenizerIdentity(endOfDocument: end)
      }
    }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a folder that Hugging Face's transformers loads.",
      discussion: """
        A vanilla model becomes an Olmo2ForCausalLM or LlamaForCausalLM. One with hidden copies comes with its own code, \
        modeling_phd.py: load it with AutoModelForCausalLM.from_pretrained(FOLDER, trust_remote_code=True).
        """)

    @Argument(help: ArgumentHelp("The checkpoint.", valueName: "checkpoint"), completion: .file())
    var path: String

    @Option(help: ArgumentHelp("The folder to write.", valueName: "folder"), completion: .file())
    var to: String

    @Option(help: ArgumentHelp("What weights are stored as: fp32 or bf16.", valueName: "type"))
    var dtype: ExportType = .fp32

    enum ExportType: String, ExpressibleByArgument, CaseIterable {
      case fp32
      case bf16
    }

    func run() throws {
      // A run's folder has a config.json of its own, which the model's would take the place of.
      if try RunFolder(to).isInUse() { throw ValidationError("--to \(to): this is a run's folder: name another") }
      let report = try CheckpointCommand.report(path)
      let layout = ParameterLayout(report.saved.model)
      let description = report.saved.exported(report.checkpoint.tokenizer)
      let leftovers = try PretrainedModel.leftovers(
        in: to, of: description, hasTokenizer: report.checkpoint.tokenizer.file != nil)
      if !leftovers.isEmpty {
        throw ConfigurationError(
          "--to \(to): the folder holds \(leftovers.joined(separator: ", ")), which would be taken for the exported "
            + "model's; name a new folder, or remove what is there")
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
          broken.look(at: floats, of: tensor, from: rows.lowerBound * (floats.count / max(1, rows.count)))
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
