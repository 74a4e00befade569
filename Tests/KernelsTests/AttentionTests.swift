import Testing

@testable import Kernels

/// ``AttentionKernel`` against a double-precision loop over all pairs of a query and a key that it sees.
@Suite struct AttentionTests {
  /// One group of copies, as keys and as queries. Queries see the keys of all earlier groups and of their own.
  struct Group {
    /// Keys at each position.
    var copies = 1
    /// The copies that query; nil for all.
    var queryCopies: Range<Int>?
    /// The first position that is visible from a position of a sequence; nil for no limit.
    var firstVisible: (@Sendable (_ sequence: Int, _ position: Int) -> Int)?
    /// The largest number of positions that a query sees; nil for no limit.
    var window: Int?

    static func windowed(_ window: Int, copies: Int, queryCopies: Range<Int>? = nil) -> Group {
      Group(copies: copies, queryCopies: queryCopies, firstVisible: { max(0, $1 - window + 1) }, window: window)
    }

    /// Chunks of `chunk` positions: a query sees a window that never reaches beyond its chunk.
    static func chunked(_ window: Int, chunk: Int, copies: Int) -> Group {
      Group(copies: copies, firstVisible: { max($1 / chunk * chunk, $1 - window + 1) }, window: window)
    }

    /// Documents of different lengths in each sequence.
    static func documents(copies: Int) -> Group {
      Group(copies: copies, firstVisible: { sequence, position in position / (7 + 4 * sequence) * (7 + 4 * sequence) })
    }
  }

  struct Case: CustomTestStringConvertible {
    let testDescription: String
    var sequences = 1
    let positions: Int
    let heads: HeadShape
    let groups: [Group]

    init(
      _ name: String, sequences: Int = 1, positions: Int, queryHeads: Int, keyValueHeads: Int, headSize: Int,
      _ groups: [Group]
    ) {
      testDescription = name
      self.sequences = sequences
      self.positions = positions
      heads = HeadShape(queryHeads: queryHeads, keyValueHeads: keyValueHeads, headSize: headSize)
      self.groups = groups
    }
  }

  static let cases = [
    Case("one position", positions: 1, queryHeads: 1, keyValueHeads: 1, headSize: 2, [Group()]),
    Case("grouped heads", sequences: 2, positions: 5, queryHeads: 3, keyValueHeads: 1, headSize: 6, [Group()]),
    Case("vectors and a tail", positions: 37, queryHeads: 4, keyValueHeads: 2, headSize: 20, [Group()]),
    Case(
      "copies that see all", sequences: 2, positions: 19, queryHeads: 6, keyValueHeads: 2, headSize: 18,
      [Group(), Group(copies: 3)]),
    Case("copies in one group", positions: 33, queryHeads: 2, keyValueHeads: 2, headSize: 16, [Group(copies: 2)]),
    Case(
      "a window", sequences: 2, positions: 45, queryHeads: 6, keyValueHeads: 2, headSize: 10,
      [Group(), .windowed(9, copies: 3)]),
    Case(
      "a window of one position", positions: 21, queryHeads: 3, keyValueHeads: 3, headSize: 34,
      [Group(), .windowed(1, copies: 2)]),
    Case(
      "chunks", sequences: 2, positions: 40, queryHeads: 2, keyValueHeads: 1, headSize: 12,
      [Group(), .chunked(9, chunk: 13, copies: 2)]),
    Case(
      "documents", sequences: 2, positions: 31, queryHeads: 3, keyValueHeads: 1, headSize: 14,
      [.documents(copies: 1), .documents(copies: 2)]),
    Case(
      "queries of the last copy", positions: 23, queryHeads: 4, keyValueHeads: 1, headSize: 8,
      [Group(queryCopies: 0..<0), .windowed(6, copies: 3, queryCopies: 2..<3)]),
    Case(
      "several tiles of keys", positions: 290, queryHeads: 3, keyValueHeads: 1, headSize: 4,
      [Group(), Group(copies: 2)]),
  ]

  @Test(arguments: cases, ElementType.allCases)
  func `outputs equal a double precision loop`(_ shape: Case, _ type: ElementType) throws {
    for output in ElementType.allCases {
      let subject = Subject(shape, type, output: output)
      let tolerance = max(type.tolerance, output.tolerance)
      let expected = subject.expectedOutputs()
      for found in try everyArithmetic(type, { kernels, team in subject.forward(kernels, team) }) {
        for (index, group) in expected.enumerated() {
          let outputError = largestError(found[index].output, group.output)
          #expect(outputError < tolerance, "\(output) output of group \(index): \(outputError)")
          let sumError = largestError(found[index].logSumExps, group.logSumExps)
          #expect(sumError < type.tolerance, "logsumexps of group \(index): \(sumError)")
        }
      }
    }
  }

  @Test(arguments: cases, ElementType.allCases)
  func `gradients equal a double precision loop`(_ shape: Case, _ type: ElementType) throws {
    for output in ElementType.allCases {
      let subject = Subject(shape, type, output: output)
      let tolerance = 2 * max(type.tolerance, output.tolerance)
      let expected = subject.expectedGradients()
      for gradients in try everyArithmetic(type, { kernels, team in subject.backward(kernels, team) }) {
        for index in shape.groups.indices {
          for (name, gradient) in [("queries", \Gradients.queries), ("keys", \.keys), ("values", \.values)] {
            let found = gradients[index][keyPath: gradient]
            // With one visible key the gradients cancel to zero, so errors are relative to at least a tenth.
            let scale = expected.flatMap { $0[keyPath: gradient] }.reduce(0.1) { max($0, abs($1)) }
            let error = largestError(found + [scale], expected[index][keyPath: gradient] + [scale])
            #expect(error < tolerance, "\(output) gradient of the \(name) of group \(index): \(error)")
          }
        }
      }
    }
  }

  struct Outputs: Equatable {
    let output: [Double]
    let logSumExps: [Double]
  }

  struct Gradients: Equatable {
    /// [rows, e] each, in head-major order.
    var queries: [Double]
    var keys: [Double]
    var values: [Double]
  }

  /// A case's operands, and its results by ``AttentionKernel`` and by the oracle.
  private struct Subject {
    let shape: Case
    let type: ElementType
    let attentionShape: AttentionShape
    let tensors: [Tensors]

    /// One group's operands and results.
    struct Tensors {
      let group: Group
      let queryCopies: Range<Int>
      let queries, keys, values: TestMatrix
      let output, outputGradient: TestMatrix
      let queryGradients, keyGradients, valueGradients: TestMatrix
      let logSumExps: Buffer
      let keyPanels, valuePanels, interleaved: Buffer
      /// [sequences][positions].
      let firstVisible: UnsafeMutablePointer<Int32>?
      private let visibleMemory: Buffer
      let panels: KeyPanels

      init(_ group: Group, _ index: Int, _ shape: AttentionShape, _ type: ElementType, output outputType: ElementType) {
        let (heads, size) = (shape.heads, shape.paddedHeadSize)
        let seed = UInt64(10 * index)
        self.group = group
        queryCopies = group.queryCopies ?? 0..<group.copies
        let queryRows = shape.rowsPerCopy * queryCopies.count * heads.queryHeads
        let keyRows = shape.rowsPerCopy * group.copies * heads.keyValueHeads
        queries = TestMatrix(type, rows: queryRows, columns: size, filled: heads.headSize, seed: seed + 1)
        keys = TestMatrix(type, rows: keyRows, columns: size, filled: heads.headSize, seed: seed + 2)
        values = TestMatrix(type, rows: keyRows, columns: size, filled: heads.headSize, seed: seed + 3)
        let (rows, columns) = (shape.rowsPerCopy * queryCopies.count, heads.queryHeads * heads.headSize)
        output = TestMatrix(outputType, rows: rows, columns: columns)
        outputGradient = TestMatrix(outputType, rows: rows, columns: columns, seed: seed + 4)
        // Sevens, which the backward pass must overwrite.
        queryGradients = TestMatrix(.fp32, rows: queryRows, columns: size, repeating: 7)
        keyGradients = TestMatrix(.fp32, rows: keyRows, columns: size, repeating: 7)
        valueGradients = TestMatrix(.fp32, rows: keyRows, columns: size, repeating: 7)
        logSumExps = Buffer(count: queryRows)
        panels = KeyPanels(shape, type, copies: group.copies)
        keyPanels = Buffer(count: panels.count)
        valuePanels = Buffer(count: panels.count)
        interleaved = Buffer(count: panels.interleavedCount)
        visibleMemory = Buffer(count: shape.rowsPerCopy)
        guard let visible = group.firstVisible else {
          firstVisible = nil
          return
        }
        let memory = UnsafeMutableRawPointer(visibleMemory.pointer).bindMemory(
          to: Int32.self, capacity: shape.rowsPerCopy)
        for sequence in 0..<shape.sequences {
          for position in 0..<shape.positions {
            memory[sequence * shape.positions + position] = Int32(visible(sequence, position))
          }
        }
        firstVisible = memory
      }
    }

    init(_ shape: Case, _ type: ElementType, output: ElementType) {
      self.shape = shape
      self.type = type
      let attentionShape = AttentionShape(
        sequences: shape.sequences, positions: shape.positions, heads: shape.heads)
      self.attentionShape = attentionShape
      tensors = shape.groups.enumerated().map { Tensors($1, $0, attentionShape, type, output: output) }
    }

    /// The groups that query.
    private var querying: [Int] { tensors.indices.filter { !tensors[$0].queryCopies.isEmpty } }

    private func queries() -> [AttentionQueries] {
      querying.map { index in
        let own = tensors[index]
        let keys = tensors[...index].enumerated().map { other, tensors in
          AttentionKeys(
            keys: tensors.keys.base, values: tensors.values.base,
            keyPanels: UnsafeMutableRawPointer(tensors.keyPanels.pointer),
            valuePanels: UnsafeMutableRawPointer(tensors.valuePanels.pointer),
            interleaved: UnsafeMutableRawPointer(tensors.interleaved.pointer),
            keyGradients: tensors.keyGradients.floats, valueGradients: tensors.valueGradients.floats,
            copies: tensors.group.copies, firstVisible: tensors.firstVisible.map { UnsafePointer($0) },
            window: tensors.group.window ?? shape.positions, own: other == index)
        }
        return AttentionQueries(
          queries: own.queries.base, queryGradients: own.queryGradients.floats, copies: own.queryCopies.count,
          firstCopy: own.queryCopies.lowerBound, keys: keys, output: own.output.matrix,
          logSumExps: own.logSumExps.pointer)
      }
    }

    private func attention(_ kernels: any KernelSet, _ team: ThreadTeam) -> any AttentionKernel {
      kernels.attention(attentionShape, type, copies: tensors.map(\.queryCopies.count).max() ?? 1, on: team)
    }

    func forward(_ kernels: any KernelSet, _ team: ThreadTeam) -> [Outputs] {
      attention(kernels, team).forward(queries(), on: team)
      return tensors.map { Outputs(output: $0.output.values, logSumExps: $0.logSumExps.floats.map { Double($0) }) }
    }

    func backward(_ kernels: any KernelSet, _ team: ThreadTeam) -> [Gradients] {
      let attention = attention(kernels, team)
      attention.forward(queries(), on: team)
      attention.backward(
        queries(), outputGradients: querying.map { tensors[$0].outputGradient.matrix }, on: team)
      let columns = 0..<shape.heads.headSize
      func rows(_ matrix: TestMatrix) -> [Double] { (0..<matrix.matrix.rows).flatMap { matrix.row($0, columns) } }
      return tensors.map {
        Gradients(queries: rows($0.queryGradients), keys: rows($0.keyGradients), values: rows($0.valueGradients))
      }
    }

    // MARK: - Oracle

    /// A query's place: in head-major order, in its group's output, and the keys that it sees.
    private struct Query {
      let group: Int
      let row: Int
      let outputRow: Int
      let outputColumns: Range<Int>
      /// Group and row of each visible key.
      var keys: [(group: Int, row: Int)] = []
    }

    private func eachQuery(_ body: (Query) -> Void) {
      let (heads, positions) = (shape.heads, shape.positions)
      let headsPerKey = heads.queryHeads / heads.keyValueHeads
      for index in querying {
        let copies = tensors[index].queryCopies
        for sequence in 0..<shape.sequences {
          for head in 0..<heads.queryHeads {
            let kvHead = head / headsPerKey
            let sequenceHead = sequence * heads.keyValueHeads + kvHead
            for position in 0..<positions {
              for copy in copies {
                let place = (sequenceHead * positions + position) * copies.count + copy - copies.lowerBound
                let start = head * heads.headSize
                var query = Query(
                  group: index, row: place * headsPerKey + head % headsPerKey,
                  outputRow: ((copy - copies.lowerBound) * shape.sequences + sequence) * positions + position,
                  outputColumns: start..<start + heads.headSize)
                for (other, group) in shape.groups[...index].enumerated() {
                  for key in (group.firstVisible?(sequence, position) ?? 0)...position {
                    for keyCopy in 0..<group.copies where other != index || key < position || keyCopy <= copy {
                      query.keys.append((other, (sequenceHead * positions + key) * group.copies + keyCopy))
                    }
                  }
                }
                body(query)
              }
            }
          }
        }
      }
    }

    private func rows(_ query: Query) -> (query: [Double], keys: [[Double]], values: [[Double]]) {
      let columns = 0..<shape.heads.headSize
      return (
        tensors[query.group].queries.row(query.row, columns),
        query.keys.map { tensors[$0.group].keys.row($0.row, columns) },
        query.keys.map { tensors[$0.group].values.row($0.row, columns) }
      )
    }

    func expectedOutputs() -> [(output: [Double], logSumExps: [Double])] {
      var outputs = tensors.map { [Double](repeating: 0, count: $0.output.values.count) }
      var sums = tensors.map { [Double](repeating: 0, count: $0.logSumExps.count) }
      let columns = shape.heads.queryHeads * shape.heads.headSize
      eachQuery { query in
        let rows = rows(query)
        let output = AttentionOracle.output(rows.query, keys: rows.keys, values: rows.values)
        for (column, value) in zip(query.outputColumns, output) {
          outputs[query.group][query.outputRow * columns + column] = value
        }
        sums[query.group][query.row] = AttentionOracle.probabilities(rows.query, keys: rows.keys).logSumExp
      }
      return zip(outputs, sums).map { ($0, $1) }
    }

    func expectedGradients() -> [Gradients] {
      let size = shape.heads.headSize
      let scale = Double(shape.heads.queryScale)
      var gradients = tensors.map { tensors in
        Gradients(
          queries: [Double](repeating: 0, count: tensors.queries.matrix.rows * size),
          keys: [Double](repeating: 0, count: tensors.keys.matrix.rows * size),
          values: [Double](repeating: 0, count: tensors.values.matrix.rows * size))
      }
      func add(_ row: [Double], to target: inout [Double], at index: Int) {
        for (column, value) in row.enumerated() { target[index * size + column] += value }
      }
      eachQuery { query in
        let rows = rows(query)
        let result = AttentionOracle.backward(
          rows.query, keys: rows.keys, values: rows.values,
          outputGradient: tensors[query.group].outputGradient.row(query.outputRow, query.outputColumns))
        add(result.query.map { $0 * scale }, to: &gradients[query.group].queries, at: query.row)
        for (index, key) in query.keys.enumerated() {
          add(result.keys[index], to: &gradients[key.group].keys, at: key.row)
          add(result.values[index], to: &gradients[key.group].values, at: key.row)
        }
      }
      return gradients
    }
  }
}
