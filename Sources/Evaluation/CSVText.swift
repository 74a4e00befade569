/// Comma-separated values of RFC 4180: quoted fields may contain commas, newlines and doubled quotes.
enum CSVText {
  struct Record: Equatable {
    var fields: [String]
    /// The line on which the record begins, from 1.
    let line: Int
  }

  /// - Parameters:
  ///   - characters: UTF-8, without a byte-order mark.
  ///   - file: the file's path, for error messages.
  /// - Throws: ``EvaluationError`` if a quoted field does not end.
  static func records(_ characters: [UInt8], file: String) throws -> [Record] {
    var records: [Record] = []
    var (fields, field, line, start): ([String], [UInt8], Int, Int) = ([], [], 1, 1)
    var (isQuoted, isEmpty) = (false, true)
    func endField() {
      fields.append(String(decoding: field, as: UTF8.self))
      field.removeAll()
    }
    func endRecord() {
      endField()
      // Empty lines are skipped.
      if !isEmpty { records.append(Record(fields: fields, line: start)) }
      (fields, isEmpty) = ([], true)
    }
    var index = 0
    while index < characters.count {
      let character = characters[index]
      index += 1
      if character == UInt8(ascii: "\n") { line += 1 }
      switch character {
      case UInt8(ascii: "\"") where isQuoted:
        if index < characters.count && characters[index] == character {
          field.append(character)
          index += 1
        } else {
          isQuoted = false
        }
      case _ where isQuoted: field.append(character)
      case UInt8(ascii: "\"") where field.isEmpty: (isQuoted, isEmpty) = (true, false)
      case UInt8(ascii: ","):
        endField()
        isEmpty = false
      case UInt8(ascii: "\n"):
        endRecord()
        start = line
      case UInt8(ascii: "\r") where index == characters.count || characters[index] == UInt8(ascii: "\n"): continue
      default:
        field.append(character)
        isEmpty = false
      }
    }
    if isQuoted {
      throw EvaluationError(
        .badData, "\(file), line \(start): a quoted field does not end: the file is truncated or damaged")
    }
    if !isEmpty { endRecord() }
    return records
  }
}
