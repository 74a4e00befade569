/// The layouts in which trainers keep tokens.
public enum TokenFileFormat: String, Sendable, CaseIterable {
  /// NumPy's own `.npy`: versions 1.0, 2.0 and 3.0, integers of any size and byte order, one dimension, or two in C
  /// order, whose rows are read one after another.
  case npy
  /// Little-endian integers and nothing else, as `numpy.memmap` and `tofile` write them. OLMo and Dolma call such files
  /// `.npy` as well.
  case memmap
  /// A memmap of uint16, `train.bin`.
  case nanogpt
  /// llm.c's `.bin`: a header of 256 int32, then uint16 (version 1) or uint32 (version 7).
  case llmc
  /// Megatron's pair of `.bin` and `.idx`.
  case megatron
  /// JSON lines: a list of tokens a line, or an object that has one.
  case tokenLines = "tokens-jsonl"

  /// Whether it says where documents start.
  var hasDocuments: Bool {
    self == .megatron || self == .tokenLines
  }
}
