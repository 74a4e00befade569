import TestSupport

/// Difficult texts for tokenizers, the same in every run.
enum HostileText {
  static let words = [
    "'s", "'S", "'ſ", "'t", "'RE", "'re", "'vE", "'ll", "'Ll", "'lL", "'d", "'m", "'", "’s", "don't", "I'LL", "'K",
    "\u{0}", "\r\n", "\r", "\n", "\n\n\n", "\t", " ", "  ", "   ", "       ", "\u{a0}", "\u{85}", "\u{2003}",
    "\u{3000}",
    "\u{200b}", "\u{200d}", "\u{feff}", "\u{fffd}", "\u{d7ff}", "\u{e000}", "\u{10ffff}", "\u{ffff}", "\u{1d7d8}",
    "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "é", "e\u{301}", "e\u{327}\u{301}", "e\u{301}\u{327}", "\u{1100}\u{1161}\u{11a8}", "각", "ﬁ", "Å",
    "\u{212b}",
    "ß", "ſ", "İ", "ı", "K", "क्षि", "नमस्ते", "שָׁלוֹם", "مرحبا", "你好", "こんにちは", "ｶﾞ", "\u{f900}", "\u{2f800}",
    "\u{105d2}\u{307}", "\u{11935}\u{11930}", "\u{9c7}\u{9be}", "q\u{0dca}", "\u{8d3}\u{0334}", "a\u{345}\u{1df6}",
    "<|endoftext|>", " <|endoftext|> ", "<|endoftext|", "|||IP_ADDRESS|||", "<|im_start|>", "<|fim_prefix|>", "</s>",
    "<s>", "<mask>",
    "0", "12", "1234567", "٣٤٥", "½", "Ⅷ", "x²", "the", " The", "ing", "supercalifragilistic", "_", "__init__", "->",
    "!!!", "...",
    "http://a.b/c?d=e&f", "{\"a\": [1, 2]}", "#include <x>", "a", "B", "Ġ", "Ċ", "Ã©", "\u{ad}",
  ]

  /// All code points of the ranges with assigned ones, and every 61st of the others.
  static let codePoints: [Unicode.Scalar] =
    (Array(0..<0x32400) + Array(0xe0000..<0xe0200) + Array(stride(from: 0x32400, to: 0x110000, by: 61)))
    .compactMap { Unicode.Scalar(UInt32($0)) }

  /// Random sequences of words, code points of all planes, assigned or not, and repetitions.
  static func texts(_ count: Int, seed: UInt64) -> [String] {
    var random = SplitMix(state: seed)
    return (0..<count).map { _ in
      var text = ""
      for _ in 0..<Int.random(in: 0...12, using: &random) {
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5: text += words[Int.random(in: 0..<words.count, using: &random)]
        case 5: text.unicodeScalars.append(scalar(below: 0x110000, &random))
        case 6: text.unicodeScalars.append(scalar(below: 0x20000, &random))
        case 7:
          for _ in 0..<Int.random(in: 1...4, using: &random) {
            text.unicodeScalars.append(scalar(below: 0x3100, &random))
          }
        case 8:
          text += String(
            repeating: [" ", "\n", "a", "é", "1", "!", "\r\n"].randomElement(using: &random) ?? "",
            count: Int.random(in: 1...40, using: &random))
        default:
          let starts: [UInt32] = [0x300, 0x590, 0x900, 0xac00, 0x1100, 0x1e00, 0x2000, 0x1f600, 0x10400, 0x1d400]
          let start = starts.randomElement(using: &random) ?? 0
          for _ in 0..<Int.random(in: 1...6, using: &random) {
            text.unicodeScalars.append(Unicode.Scalar(start + UInt32.random(in: 0..<0x80, using: &random)) ?? "x")
          }
        }
      }
      return text
    }
  }

  private static func scalar(below limit: UInt32, _ random: inout SplitMix) -> Unicode.Scalar {
    while true {
      if let scalar = Unicode.Scalar(UInt32.random(in: 0..<limit, using: &random)) { return scalar }
    }
  }
}
