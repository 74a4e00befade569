import JSON

/// A fast parser for `step` records of plain numbers: more than 5 million numbers per second. It leaves all other
/// lines, and any that may be invalid, to ``JSONValue``.
struct StepLineScanner {
  /// The names of a step record's fields, concatenated, `step` first, and the end of each.
  private let names: [UInt8]
  private let ends: [Int]
  private var bytes: [UInt8] = []
  private var position = 0
  private var end = 0
  /// The unknown names of this line. A name that occurs twice makes a line invalid.
  private var others: [Range<Int>] = []

  init() {
    var (names, ends): ([UInt8], [Int]) = ([], [])
    for name in ["step"] + StepMetric.allCases.map(\.name) {
      names += name.utf8
      ends.append(names.count)
    }
    (self.names, self.ends) = (names, ends)
  }

  /// The record in a line; nil if ``JSONValue`` must parse the line.
  mutating func record(_ bytes: [UInt8], _ line: Range<Int>) -> StepRecord? {
    self.bytes = bytes
    defer { self.bytes = [] }
    (position, end) = (line.lowerBound, line.upperBound)
    others.removeAll(keepingCapacity: true)
    var record = StepRecord(step: 0)
    var (isStep, seen, next) = (false, 0, 0)
    guard take("{") else { return nil }
    repeat {
      guard let name = plainString(), take(":") else { return nil }
      if isEvent(name) {
        guard !isStep, let value = plainString(), isField(0, value) else { return nil }
        isStep = true
      } else if let field = field(name, expecting: next) {
        guard seen & 1 << field == 0 else { return nil }
        seen |= 1 << field
        next = field + 1
        guard let number = number() else { return nil }
        if field == 0 {
          guard number.isInteger, number.value > 0 else { return nil }
          record.step = Int(number.value)
        } else if let metric = StepMetric(rawValue: field - 1) {
          record[metric] = number.value
        }
      } else {
        guard !others.contains(where: { self.bytes[$0] == self.bytes[name] }), number() != nil else { return nil }
        others.append(name)
      }
    } while take(",")
    guard isStep, record.step > 0, take("}") else { return nil }
    skipSpace()
    return position == end ? record : nil
  }

  /// Whether a name is `event`, whose value is the kind of the record.
  private func isEvent(_ name: Range<Int>) -> Bool {
    name.count == 5 && bytes[name.lowerBound] == UInt8(ascii: "e") && bytes[name].elementsEqual("event".utf8)
  }

  /// The index of the field with a name. Checks `next` first, because the order is nearly always the same.
  private func field(_ name: Range<Int>, expecting next: Int) -> Int? {
    if next < ends.count && isField(next, name) { return next }
    return ends.indices.first { isField($0, name) }
  }

  private func isField(_ field: Int, _ name: Range<Int>) -> Bool {
    let start = field == 0 ? 0 : ends[field - 1]
    guard ends[field] - start == name.count else { return false }
    for offset in 0..<name.count where names[start + offset] != bytes[name.lowerBound + offset] { return false }
    return true
  }

  /// The inside of a string of printable ASCII without escapes.
  private mutating func plainString() -> Range<Int>? {
    guard take("\"") else { return nil }
    let start = position
    while position < end {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        position += 1
        return start..<position - 1
      }
      if byte < 0x20 || byte >= 0x7f || byte == UInt8(ascii: "\\") { return nil }
      position += 1
    }
    return nil
  }

  /// A number of at most 19 digits, as JSON has it, and whether it is written as an integer.
  private mutating func number() -> (value: Double, isInteger: Bool)? {
    skipSpace()
    let isNegative = takeHere("-")
    var significand: UInt64 = 0
    var (isInteger, exponent) = (true, 0)
    let start = position
    guard var count = digits(into: &significand) else { return nil }
    // JSON allows no leading zeros.
    if position - start > 1 && bytes[start] == UInt8(ascii: "0") { return nil }
    if takeHere(".") {
      isInteger = false
      let start = position
      guard let more = digits(into: &significand) else { return nil }
      exponent = start - position
      count += more
    }
    guard count <= 19 else { return nil }
    if takeHere("e") || takeHere("E") {
      isInteger = false
      let isBelowOne = takeHere("-")
      if !isBelowOne { _ = takeHere("+") }
      var power: UInt64 = 0
      let start = position
      guard digits(into: &power) != nil, position - start <= 3 else { return nil }
      exponent += isBelowOne ? -Int(power) : Int(power)
    }
    guard let value = Double(significand: significand, exponent: exponent) else { return nil }
    // Beyond 2^53, a double may not represent the integer exactly.
    if isInteger && significand > 1 << 53 { return nil }
    return (isNegative ? -value : value, isInteger)
  }

  /// Appends one or more digits to those of `value`, with wraparound. Returns their number without leading zeros; nil
  /// if there is no digit.
  private mutating func digits(into value: inout UInt64) -> Int? {
    let start = position
    var first: Int?
    while position < end {
      let digit = bytes[position] &- UInt8(ascii: "0")
      if digit > 9 { break }
      if first == nil && value | UInt64(digit) != 0 { first = position }
      value = value &* 10 &+ UInt64(digit)
      position += 1
    }
    return position > start ? first.map { position - $0 } ?? 0 : nil
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    return takeHere(character)
  }

  private mutating func takeHere(_ character: Unicode.Scalar) -> Bool {
    guard position < end, bytes[position] == UInt8(truncatingIfNeeded: character.value) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while position < end, bytes[position] == 0x20 || bytes[position] == 0x09 || bytes[position] == 0x0d {
      position += 1
    }
  }
}
