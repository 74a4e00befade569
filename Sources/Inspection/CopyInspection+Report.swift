import Display
import Foundation
import JSON

extension CopyInspection {
  public var json: JSONValue {
    [
      "checkpoint": .string(checkpoint), "step": .integer(step), "pattern": .string(decoding.name),
      "sequences": .integer(sequences), "tokens": .integer(tokens),
      "copies": .array(
        readings.enumerated().map { copy, reading in
          ["copy": .integer(copy + 1), "loss": .number(reading.loss), "entropy": .number(reading.entropy)]
        }),
      "layers": .array(
        layers.enumerated().map { layer, states in
          ["layer": .integer(layer), "copies": .array(states.enumerated().map(CopyInspection.json))]
        }),
    ]
  }

  private static func json(_ copy: Int, _ state: State) -> JSONValue {
    [
      "copy": .integer(copy + 1), "norm": .number(state.norm), "cosine": state.cosine.map { .number($0) } ?? .null,
      "change": state.change.map { .number($0) } ?? .null,
    ]
  }

  /// The report as text tables.
  public var text: String {
    var lines = [
      "\(checkpoint): \(decoding.name) at step \(step), \(tokens) target tokens of "
        + Quantity.count(sequences, "sample"), "",
      "The head's prediction from each copy (nats per token; the last copy's is the model's output):",
      "  copy       loss      gain   entropy",
    ]
    for (copy, reading) in readings.enumerated() {
      let gain = copy == 0 ? "" : fixed(readings[copy - 1].loss - reading.loss)
      lines.append(row(copy + 1, [fixed(reading.loss), gain, fixed(reading.entropy)]))
    }
    lines += [
      "", "Each copy after each layer: norm, cosine to the previous copy x′, and ‖x − x′‖ / ‖x′‖:",
      " layer  copy       norm    cosine    change",
    ]
    for (layer, states) in layers.enumerated() {
      for (copy, state) in states.enumerated() {
        let numbers = [fixed(state.norm), state.cosine.map(fixed) ?? "", state.change.map(fixed) ?? ""]
        lines.append(right(copy == 0 ? "\(layer)" : "", 6) + row(copy + 1, numbers))
      }
    }
    return lines.joined(separator: "\n")
  }

  private func row(_ copy: Int, _ numbers: [String]) -> String {
    let cells = zip([11, 10, 10], numbers).map { right($1, $0) }
    return (right("\(copy)", 6) + cells.joined()).replacing(#/ +$/#, with: "")
  }

  private func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private func fixed(_ value: Double) -> String { String(format: "%.4f", value) }
}
