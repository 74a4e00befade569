import JSON

/// The TensorBoard scalars of the log's records, and their tags.
public enum LogScalars {
  /// The scalars of a record; empty for events without numbers to plot. Null is omitted. Texts such as `nan` are kept, so
  /// the curve has a gap.
  ///
  /// - Parameter event: the event's name in the log: `step`, `validation`, …
  public static func of(_ event: String, _ fields: JSONValue) -> [(tag: String, value: Float)] {
    switch event {
    case "step": numbers(fields, under: "training")
    case "skipped":
      fields["skipped"]?.number.map { [("training/skipped", Float($0))] } ?? []
    case "validation":
      if let set = fields["set"]?.string, let loss = number(fields["loss"]) {
        [("validation/\(set)", loss)]
      } else {
        []
      }
    case "task": fields["task"]?.string.map { numbers(fields, under: "task/\($0)") } ?? []
    default: []
    }
  }

  /// The tag of a number in a step's record.
  public static func tag(_ name: String) -> String { "training/\(name)" }

  private static func numbers(_ fields: JSONValue, under group: String) -> [(tag: String, value: Float)] {
    (fields.object?.fields ?? []).compactMap { field in
      field.name == "step" ? nil : number(field.value).map { ("\(group)/\(field.name)", $0) }
    }
  }

  /// A number, or a text such as `nan`.
  private static func number(_ value: JSONValue?) -> Float? {
    value?.number.map { Float($0) } ?? value?.string.flatMap { Float($0) }
  }
}
