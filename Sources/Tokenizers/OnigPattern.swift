import COnig
import Storage

/// An arbitrary regular expression, matched by Oniguruma, the library that `tokenizers` uses too.
///
/// The `tokenizers` library has Oniguruma with Unicode 16, Debian has it with Unicode 14. Characters added between are
/// replaced by older ones of the same category before matching, so that classes such as `\p{L}` match the same text.
final class OnigPattern: @unchecked Sendable {
  /// Searches do not change it; each has its own region.
  private let regex: OpaquePointer?

  /// Runs once per process.
  private static let start: Void = { _ = phd_onig_start() }()

  /// - Throws: `InvalidFileError` if the pattern is invalid.
  init(_ pattern: String, path: String) throws {
    OnigPattern.start
    var regex: OnigRegex?
    var message = [CChar](repeating: 0, count: Int(ONIG_MAX_ERROR_MESSAGE_LEN))
    let bytes = Array(pattern.utf8)
    let status = phd_onig_compile(&regex, bytes, bytes.count, &message)
    guard status == ONIG_NORMAL else {
      let reason = String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw InvalidFileError(path, "the pattern \(pattern.debugDescription) cannot be used: \(reason)")
    }
    self.regex = OpaquePointer(regex)
  }

  deinit { onig_free(OnigRegex(regex)) }

  /// Calls `body` with each match, from left to right. Matches do not overlap, and an empty match directly after another is
  /// skipped.
  ///
  /// - Parameter text: UTF-8.
  /// - Throws: `InvalidFileError` if the pattern exceeds the backtracking limit.
  func forEachMatch(_ text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) throws {
    if let older = NewCharacters.replaced(in: text) {
      try older.withUnsafeBufferPointer { try search($0, body) }
    } else {
      try search(text, body)
    }
  }

  private func search(_ text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) throws {
    guard let base = text.baseAddress else { return }
    let region = onig_region_new()
    defer { onig_region_free(region, 1) }
    var (from, lastEnd) = (0, -1)
    while from <= text.count {
      var (begin, end) = (0, 0)
      let found = phd_onig_search(OnigRegex(regex), region, base, text.count, from, &begin, &end)
      if found == 0 { return }
      guard found > 0 else {
        throw InvalidFileError("a text", "exceeds the backtracking limit of the tokenizer's pattern")
      }
      if begin == end && end == lastEnd {
        from += from < text.count ? UTF8Text.character(text, at: from).length : 1
        continue
      }
      (from, lastEnd) = (end, end)
      body(begin..<end)
    }
  }
}

/// Replaces the characters of Unicode 15 and 16 by older ones.
enum NewCharacters {
  /// The text with new characters replaced by older ones of the same category and number of bytes; nil if it has none.
  static func replaced(in text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var result: [UInt8]?
    var position = 0
    while position < text.count {
      // None of them is below U+0800.
      if text[position] < 0xe0 {
        position += 1
        continue
      }
      let (scalar, length) = UTF8Text.character(text, at: position)
      if let older = standIn(scalar), older.utf8.count == length {
        var copy = result ?? Array(text)
        copy.replaceSubrange(position..<position + length, with: older.utf8)
        result = copy
      }
      position += length
    }
    return result
  }

  private static func standIn(_ scalar: UInt32) -> String? {
    guard let properties = Unicode.Scalar(scalar)?.properties, let age = properties.age else { return nil }
    guard age.major == 15 || age.major == 16 else { return nil }
    let isLong = scalar > 0xffff
    return switch properties.generalCategory {
    case .uppercaseLetter: isLong ? "\u{10400}" : "\u{1e00}"
    case .lowercaseLetter: isLong ? "\u{10428}" : "\u{1e01}"
    case .modifierLetter: isLong ? "\u{16f93}" : "\u{1d2c}"
    case .otherLetter: isLong ? "\u{10000}" : "\u{3041}"
    case .nonspacingMark: isLong ? "\u{101fd}" : "\u{1ab0}"
    case .spacingMark: isLong ? "\u{11000}" : "\u{903}"
    case .decimalNumber: isLong ? "\u{104a0}" : "\u{966}"
    case .letterNumber: isLong ? "\u{10140}" : "\u{2160}"
    case .otherNumber: isLong ? "\u{10107}" : "\u{2460}"
    case .dashPunctuation: isLong ? "\u{10ead}" : "\u{2010}"
    case .otherPunctuation: isLong ? "\u{10100}" : "\u{2016}"
    case .mathSymbol: isLong ? "\u{1d6c1}" : "\u{2044}"
    case .currencySymbol: isLong ? "\u{1e2ff}" : "\u{20a0}"
    case .modifierSymbol: isLong ? "\u{1f3fb}" : "\u{1fbd}"
    case .otherSymbol: isLong ? "\u{10137}" : "\u{2100}"
    case .format: isLong ? "\u{110bd}" : "\u{200b}"
    default: nil
    }
  }
}
