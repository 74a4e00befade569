import Tensors

/// The implementation of ``SwiGLUKernel``.
enum SwiGLU: SwiGLUKernel {
  static func forward(_ activation: Matrix, _ gateUp: Matrix, on team: ThreadTeam) {
    let width = activation.columns
    precondition(
      gateUp.columns == 2 * width && gateUp.rows == activation.rows && gateUp.type == activation.type,
      "\(gateUp), \(activation)")
    switch gateUp.type {
    case .fp32: forward(FloatRow.self, activation, gateUp, team)
    case .bf16: forward(BF16Row.self, activation, gateUp, team)
    }
  }

  @inline(__always)
  private static func forward<Row: MatrixRow>(
    _: Row.Type, _ activation: Matrix, _ gateUp: Matrix, _ team: ThreadTeam
  ) {
    let width = activation.columns
    team.forEach(Rows.pieces(gateUp.rows)) { piece, _ in
      for row in Rows.range(piece, of: gateUp.rows) {
        let gate = Row(gateUp, row)
        let up = gate.advanced(by: width)
        let out = Row(activation, row)
        overVectors(width) { column in
          let value = gate.vector(at: column)
          out.store(value * sigmoid(value) * up.vector(at: column), at: column)
        } tail: { column in
          let value = gate[column]
          out[column] = value * sigmoid(Vector(repeating: value))[0] * up[column]
        }
      }
    }
  }

  static func backward(gateUp: Matrix, gradient: Matrix, on team: ThreadTeam) {
    let width = gradient.columns
    precondition(
      gateUp.columns == 2 * width && gateUp.rows == gradient.rows && gateUp.type == gradient.type,
      "\(gateUp), \(gradient)")
    switch gateUp.type {
    case .fp32: backward(FloatRow.self, gateUp, gradient, team)
    case .bf16: backward(BF16Row.self, gateUp, gradient, team)
    }
  }

  @inline(__always)
  private static func backward<Row: MatrixRow>(
    _: Row.Type, _ gateUp: Matrix, _ gradient: Matrix, _ team: ThreadTeam
  ) {
    let width = gradient.columns
    team.forEach(Rows.pieces(gateUp.rows)) { piece, _ in
      for row in Rows.range(piece, of: gateUp.rows) {
        let gates = Row(gateUp, row)
        let ups = gates.advanced(by: width)
        let gradients = Row(gradient, row)
        overVectors(width) { column in
          let back = backward(
            gate: gates.vector(at: column), up: ups.vector(at: column), gradient: gradients.vector(at: column))
          gates.store(back.gate, at: column)
          ups.store(back.up, at: column)
          gradients.store(back.activation, at: column)
        } tail: { column in
          let back = backward(
            gate: Vector(repeating: gates[column]), up: Vector(repeating: ups[column]),
            gradient: Vector(repeating: gradients[column]))
          gates[column] = back.gate[0]
          ups[column] = back.up[0]
          gradients[column] = back.activation[0]
        }
      }
    }
  }

  /// With s = σ(gate): d(gate·s)/d(gate) = s·(1 + gate·(1 − s)).
  @inline(__always)
  private static func backward(
    gate: Vector, up: Vector, gradient: Vector
  ) -> (gate: Vector, up: Vector, activation: Vector) {
    let s = sigmoid(gate)
    let silu = gate * s
    let slope = s.adding(silu, times: 1 - s)
    return (gradient * up * slope, gradient * silu, silu * up)
  }

  @inline(__always)
  private static func sigmoid(_ x: Vector) -> Vector { 1 / (1 + powerOfTwo(x * -log2e)) }
}
