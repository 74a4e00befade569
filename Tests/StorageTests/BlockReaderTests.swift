import Storage
import TestSupport
import Testing

@Suite struct BlockReaderTests {
  @Test(arguments: [0, 1, BlockReader.blockBytes, BlockReader.blockBytes + 1, 2 * BlockReader.blockBytes])
  func `all blocks are read after the first was examined`(count: Int) throws {
    try withTemporaryFolder { folder in
      let path = folder + "/a"
      let expected = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 >> 3) }
      try write(expected, to: path)
      let reader = try BlockReader(path)
      #expect(Array(reader.firstBlock) == Array(expected.prefix(BlockReader.blockBytes)))
      var (read, sizes): ([UInt8], [Int]) = ([], [])
      try reader.forEachBlock { block in
        read += block
        sizes.append(block.count)
      }
      #expect(read == expected)
      #expect(sizes.dropLast().allSatisfy { $0 == BlockReader.blockBytes } && !sizes.contains(0))
      #expect(try ByteReader.contents(of: path) == expected)
    }
  }
}
