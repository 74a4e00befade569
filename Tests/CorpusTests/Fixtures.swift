import Corpus
import Foundation
import Storage

/// A file of Fixtures/, written by `make_fixtures.py`.
func fixture(_ name: String) -> String {
  Bundle.module.bundlePath + "/Fixtures/" + name
}

/// The tokens of most fixtures.
let fixtureTokens = (0..<300).map { Int32($0 * 7 % 251) }

/// Writes a corpus with only these tokens.
func writeCorpus(_ tokens: some Sequence<Int>, to path: String) throws {
  let file = try HDF5File.create(path)
  try file.write("tokens", tokens.map { UInt16($0) })
  try file.close()
}

extension TokenFile {
  /// All tokens.
  func allTokens() throws -> [Int32] {
    var tokens = [Int32](repeating: 0, count: tokenCount)
    try tokens.withUnsafeMutableBufferPointer { try readTokens(at: 0, into: $0) }
    return tokens
  }
}
