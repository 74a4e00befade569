import ArgumentParser
import Foundation
import HuggingFace
import Storage
import Tokenizers
import Training
import Transformer

extension CheckpointCommand {
  struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a checkpoint of a Hugging Face model.",
      discussion: """
        Reads OLMo 2 and Llama models: a folder with config.json and model.safetensors, or several such files and their \
        index; in fp32, bf16 or fp16. The checkpoint serves generate, evaluate and phd-train --initialize-from. Prints \
        the sections of a configuration that say what the model is; with another hidden_decoding it goes on as a \
        PHD-Transformer, since hidden copies add no parameter. A tokenizer.json in the folder comes along.
        """)

    @Argument(help: ArgumentHelp("The folder, or its .safetensors file.", valueName: "model"))
    var path: String

    @Option(help: ArgumentHelp("The checkpoint to write (HDF5).", valueName: "file"))
    var to: String

    func run() throws {
      let pretrained = try PretrainedModel(path)
      let name = URL(fileURLWithPath: to).deletingPathExtension().lastPathComponent
      let configuration = SavedModel.configuration(of: pretrained.description, name: name)
      let tokenizer = try tokenizer(of: pretrained)
      try Checkpoint.writeWeights(
        pretrained.layout, configuration: configuration, tokenizer: tokenizer, to: to
      ) { tensor, floats in
        try pretrained.read(tensor, 0..<tensor.shape[0], into: floats)
      }
      ErrorReport.print(toStandardError: "\(to): \(pretrained.layout.count) parameters")
      print(configuration.pretty)
    }

    /// The folder's tokenizer, where it has one of the kind that we read; one of another kind is no reason to leave the
    /// weights.
    private func tokenizer(of pretrained: PretrainedModel) throws -> TokenizerIdentity {
      let end = pretrained.description.metadata.endOfText.first
      guard FileStatus.exists(pretrained.tokenizerPath) else { return TokenizerIdentity(endOfDocument: end) }
      do {
        let file = try TokenizerFile(reading: pretrained.tokenizerPath)
        _ = try BPETokenizer(file)
        return TokenizerIdentity(name: file.name, sha256: file.sha256, endOfDocument: end, file: file)
      } catch let error as TokenizerError {
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

    @Argument(help: ArgumentHelp("The checkpoint.", valueName: "checkpoint"))
    var path: String

    @Option(help: ArgumentHelp("The folder to write.", valueName: "folder"))
    var to: String

    @Option(help: ArgumentHelp("What weights are stored as: fp32 or bf16.", valueName: "type"))
    var dtype: ExportType = .fp32

    enum ExportType: String, ExpressibleByArgument, CaseIterable {
      case fp32
      case bf16
    }

    func run() throws {
      let report = try CheckpointReport(path)
      let layout = ParameterLayout(report.saved.model)
      let description = report.saved.exported(report.checkpoint.tokenizer)
      try report.checkpoint.withWeights(layout) { read in
        try PretrainedModel.write(
          description, tokenizer: report.checkpoint.tokenizer.file?.bytes, as: dtype == .fp32 ? .fp32 : .bf16, to: to,
          read: read)
      }
      ErrorReport.print(toStandardError: "\(to): \(report.parameters) parameters in \(dtype.rawValue)")
    }
  }
}
