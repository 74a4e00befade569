import JSON

/// What TensorBoard is shown of a record of the loss log, and under which tags.
public enum LogScalars {
  /// The scalars of a record; none of a record of an event that has no numbers to draw. Null is left out; a text such
  /// as `nan` is kept: a curve that breaks off is what it should look like.
  ///
  /// - Parameter event: `step`, `validation`, …, as the log has it.
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

  /// The tag of a number of a step.
  public static func tag(_ name: String) -> String { "training/\(name)" }

  private static func numbers(_ fields: JSONValue, under group: String) -> [(tag: String, value: Float)] {
    (fields.object?.fields ?? []).compactMap { field in
      field.name == "step" ? nil : number(field.value).map { ("\(group)/\(field.name)", $0) }
    }
  }

  /// Also of a text such as `nan`.
  private static func number(_ value: JSONValue?) -> Float? {
    value?.number.map { Float($0) } ?? value?.string.flatMap { Float($0) }
  }
}
