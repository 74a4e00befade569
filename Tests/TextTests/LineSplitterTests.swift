import TestSupport
import Testing
import Text

/// Lines of texts that arrive in blocks.
@Suite struct LineSplitterTests {
  private struct Found: Equatable {
    var text: [UInt8]
    var number: Int
    var offset: Int
  }

  private func lines(_ text: [UInt8], blockBytes: Int) -> [Found] {
    var splitter = LineSplitter()
    var found: [Found] = []
    func add(_ line: LineSplitter.Line) {
      found.append(Found(text: Array(line.bytes), number: line.number, offset: line.offset))
    }
    for start in stride(from: 0, to: text.count, by: blockBytes) {
      text[start..<min(text.count, start + blockBytes)].withUnsafeBytes { splitter.read($0, add) }
    }
    splitter.finish(add)
    return found
  }

  /// A simple implementation, byte by byte.
  private func expected(_ text: [UInt8]) -> [Found] {
    let mark: [UInt8] = [0xef, 0xbb, 0xbf]
    var (found, line, start): ([Found], [UInt8], Int) = ([], [], 0)
    if text.starts(with: mark) { start = 3 }
    for index in text.indices.dropFirst(start) {
      if text[index] == 10 {
        found.append(Found(text: line.last == 13 ? line.dropLast() : line, number: found.count + 1, offset: start))
        (line, start) = ([], index + 1)
      } else {
        line.append(text[index])
      }
    }
    if !line.isEmpty {
      found.append(Found(text: line.last == 13 ? line.dropLast() : line, number: found.count + 1, offset: start))
    }
    return found
  }

  @Test func `lines end with LF and CR LF, wherever a block ends`() {
    var random = SplitMix(state: 9)
    let pieces = ["\n", "\r\n", "\r", "a", "é", "\u{301}", "\u{feff}", "\n\n", "two words", "\u{2028}", "\u{85}", "\0"]
    for _ in 0..<500 {
      let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
      let bytes = Array(text.joined().utf8)
      for size in [1, 2, 3, 100] { #expect(lines(bytes, blockBytes: size) == expected(bytes), "\(text)") }
    }
  }

  @Test func `a text with a byte-order mark and CR LF has the right lines`() {
    let text = Array("\u{feff}one\r\ntwo\r\nthree\r\n".utf8)
    #expect(lines(text, blockBytes: 4).map { String(decoding: $0.text, as: UTF8.self) } == ["one", "two", "three"])
    #expect(lines(text, blockBytes: 4).map(\.offset) == [3, 8, 13])
    #expect(lines(Array("\u{feff}".utf8), blockBytes: 1) == [])
    #expect(lines(Array("\n".utf8), blockBytes: 1) == [Found(text: [], number: 1, offset: 0)])
  }

  @Test func `bytes that are not UTF-8 are shown as escapes`() {
    #expect(escaped([0x63, 0x61, 0x66, 0xe9]) == "caf\\xe9")
    #expect(escaped(Array("é".utf8) + [0xff, 0x0a, 0xc3]) == "é\\xff\n\\xc3")
    #expect(escaped([]) == "")
  }
}
