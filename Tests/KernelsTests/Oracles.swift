import Foundation

/// RMSNorm in double precision.
enum RMSNormOracle {
  static func inverseRMS(_ x: [Double], epsilon: Double) -> Double {
    1 / (x.reduce(0) { $0 + $1 * $1 } / Double(x.count) + epsilon).squareRoot()
  }

  static func forward(_ x: [Double], weight: [Double], epsilon: Double) -> [Double] {
    let scale = inverseRMS(x, epsilon: epsilon)
    return zip(x, weight).map { $0 * scale * $1 }
  }

  /// The gradients of x and of the weight, from the derivative of each output by each input.
  static func backward(
    _ x: [Double], weight: [Double], epsilon: Double, dy: [Double]
  ) -> (x: [Double], weight: [Double]) {
    let scale = inverseRMS(x, epsilon: epsilon)
    let n = Double(x.count)
    let dx = x.indices.map { j in
      x.indices.reduce(0.0) { sum, i in
        let derivative = weight[i] * ((i == j ? scale : 0) - x[i] * x[j] * scale * scale * scale / n)
        return sum + dy[i] * derivative
      }
    }
    return (dx, x.indices.map { dy[$0] * x[$0] * scale })
  }
}

/// Rotary embedding in double precision: column c rotates with column c + e/2 by n · θ^(−2c/e).
enum RotaryOracle {
  static func rotate(_ x: [Double], position: Int, theta: Double, backward: Bool = false) -> [Double] {
    let half = x.count / 2
    var result = x
    for column in 0..<half {
      let angle = Double(position) * pow(theta, -2 * Double(column) / Double(x.count)) * (backward ? -1 : 1)
      result[column] = x[column] * cos(angle) - x[half + column] * sin(angle)
      result[half + column] = x[half + column] * cos(angle) + x[column] * sin(angle)
    }
    return result
  }
}

/// Attention of one query to the keys that it sees, in double precision; scores are powers of two.
enum AttentionOracle {
  static func probabilities(
    _ query: [Double], keys: [[Double]]
  ) -> (probabilities: [Double], logSumExp: Double) {
    let scores = keys.map { key in zip(query, key).reduce(0) { $0 + $1.0 * $1.1 } }
    let highest = scores.max() ?? 0
    let sum = scores.reduce(0) { $0 + exp2($1 - highest) }
    return (scores.map { exp2($0 - highest) / sum }, highest + log2(sum))
  }

  static func output(_ query: [Double], keys: [[Double]], values: [[Double]]) -> [Double] {
    weightedSum(values, probabilities(query, keys: keys).probabilities)
  }

  static func backward(
    _ query: [Double], keys: [[Double]], values: [[Double]], outputGradient: [Double]
  ) -> (query: [Double], keys: [[Double]], values: [[Double]]) {
    let p = probabilities(query, keys: keys).probabilities
    let upstream = values.map { value in zip(outputGradient, value).reduce(0) { $0 + $1.0 * $1.1 } }
    let mean = zip(p, upstream).reduce(0) { $0 + $1.0 * $1.1 }
    let scoreGradients = zip(p, upstream).map { log(2) * $0 * ($1 - mean) }
    return (
      weightedSum(keys, scoreGradients), scoreGradients.map { gradient in query.map { $0 * gradient } },
      p.map { p in outputGradient.map { $0 * p } }
    )
  }

  private static func weightedSum(_ rows: [[Double]], _ weights: [Double]) -> [Double] {
    (0..<rows[0].count).map { column in zip(rows, weights).reduce(0) { $0 + $1.0[column] * $1.1 } }
  }
}
