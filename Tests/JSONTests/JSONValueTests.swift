import Foundation
import JSON
import TestSupport
import Testing

@Suite struct JSONValueTests {
  @Test func `the order of fields and the kinds of numbers are kept`() throws {
    let value = try JSONValue(parsing: #" {"z": 1, "a": [1.0, -2e3, true, null, "x"], "m": {"b": {}, "a": []}} "#)
    #expect(
      value == ["z": 1, "a": [1.0, -2000.0, true, nil, "x"], "m": ["b": .object(JSONValue.Object()), "a": []]])
    #expect(value.object?.fields.map(\.name) == ["z", "a", "m"])
    #expect(value.compact == #"{"z":1,"a":[1.0,-2000.0,true,null,"x"],"m":{"b":{},"a":[]}}"#)
    #expect(value["a"]?.array?[1].integer == -2000)
    #expect(value["z"]?.number == 1)
    #expect(value["none"] == nil && value["z"]?["q"] == nil)
  }

  @Test func `names are compared by bytes`() throws {
    let value = try JSONValue(parsing: #"{"\u00e9": 1, "e\u0301": 2, "\u212a": 3, "K": 4}"#)
    #expect(value.object?.fields.count == 4)
    #expect(value["\u{e9}"] == 1 && value["e\u{301}"] == 2 && value["\u{212a}"] == 3 && value["K"] == 4)
  }

  @Test func `fields are replaced in place`() {
    var object = JSONValue.Object()
    object["b"] = 1
    object["a"] = 2
    object["b"] = 3
    object["c"] = nil
    #expect(JSONValue.object(object).compact == #"{"b":3,"a":2}"#)
    object["b"] = nil
    #expect(object.fields.map(\.name) == ["a"])
  }

  @Test func `strings are unescaped and escaped`() throws {
    let text = #""é\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t\u0000""#
    let value = try JSONValue(parsing: text)
    #expect(value.string == "éé😀\"\\/\u{8}\u{c}\n\r\t\0")
    #expect(value.compact == #""éé😀\"\\/\u0008\u000c\n\r\t\u0000""#)
    #expect(try JSONValue(parsing: value.compact) == value)
    #expect(try JSONValue(parsing: "\u{feff}1") == 1)
  }

  @Test func `integers and other numbers are distinguished`() throws {
    #expect(try JSONValue(parsing: "9223372036854775807") == .integer(.max))
    #expect(try JSONValue(parsing: "-9223372036854775808") == .integer(.min))
    #expect(try JSONValue(parsing: "9223372036854775808") == .number(0x1p63))
    #expect(try JSONValue(parsing: "1e-400") == .number(0))
    #expect(try JSONValue(parsing: "0.5E+1") == .number(5))
    #expect(JSONValue.number(0.5).integer == nil && JSONValue.number(1e300).integer == nil)
    #expect(JSONValue.number(.nan).compact == #""nan""#)
    #expect(JSONValue.array([.number(.infinity), .number(-.infinity)]).compact == #"["inf","-inf"]"#)
  }

  @Test func `numbers read back exactly`() throws {
    var random = SplitMix(state: 1)
    for _ in 0..<2000 {
      let number = Double(bitPattern: random.next())
      if !number.isFinite { continue }
      #expect(try JSONValue(parsing: JSONValue.number(number).compact) == .number(number))
    }
    for number in [.leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1, 1e16, 1e-5, -0.0, 100_000_000] {
      #expect(try JSONValue(parsing: JSONValue.number(number).compact) == .number(number))
    }
  }

  @Test func `the pretty form is indented and reads back`() throws {
    let value: JSONValue = ["a": ["b": 1.5, "c": []], "d": [1, 2], "e": [["p": "x"]]]
    let text = """
      {
        "a": {
          "b": 1.5,
          "c": []
        },
        "d": [1,2],
        "e": [
          {
            "p": "x"
          }
        ]
      }
      """
    #expect(value.pretty == text)
    #expect(try JSONValue(parsing: text) == value)
  }

  @Test(arguments: [
    ("", 1, 1, "expected a value, found the end of the text"),
    ("{\"a\": 1,}", 1, 9, "expected a name in quotes, found \"}\""),
    ("{\"a\": 1\n \"b\": 2}", 2, 2, "expected \",\" or \"}\" in an object, found \"\\\"\""),
    ("{\"a\" 1}", 1, 6, "expected \":\" after the name \"a\", found \"1\""),
    ("{\"é\": 1,\n\"b\": 2, \"é\": 3}", 2, 9, "the name \"é\" occurs twice in one object"),
    ("[1, 2", 1, 6, "expected \",\" or \"]\" in a list, found the end of the text"),
    ("[1, 2]]", 1, 7, "expected the end of the text, found \"]\""),
    ("01", 1, 2, "expected the end of the text, found \"1\""),
    ("1.", 1, 3, "expected a digit"),
    ("-", 1, 2, "expected a digit"),
    ("1e", 1, 3, "expected a digit"),
    ("+1", 1, 1, "expected a value, found \"+\""),
    ("nul", 1, 1, "expected a value, found \"n\""),
    ("NaN", 1, 1, "expected a value, found \"N\""),
    ("[1e999]", 1, 2, "beyond the range of a double"),
    ("\"abc", 1, 1, "no closing quote"),
    ("\"a\nb\"", 1, 3, "control character"),
    ("\"\\x\"", 1, 2, "an escape sequence that JSON does not have"),
    ("\"\\u12g4\"", 1, 2, "four hexadecimal digits"),
    ("\"\\ud800x\"", 1, 2, "half of a surrogate pair"),
    ("\"\\ud800\\u0041\"", 1, 2, "half of a surrogate pair"),
    ("\"\\", 1, 3, "the text ends within a string"),
    ("// hi\n1", 1, 1, "expected a value, found \"/\""),
  ])
  func `errors have a line and a column`(_ text: String, line: Int, column: Int, message: String) {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(error?.line == line && error?.column == column, "\(String(describing: error))")
    #expect(error?.message.contains(message) == true, "\(String(describing: error))")
  }

  @Test func `the Python dialect accepts NaN, and the last of two equal names counts`() throws {
    let text = "{\"a\": NaN, \"b\": [-Infinity, Infinity, -1], \"a\": 3, \"c\": 4, \"\\u0061\": 5}"
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    let value = try JSONValue(parsing: text, as: .python)
    #expect(value == ["a": 5, "b": [.number(-.infinity), .number(.infinity), -1], "c": 4])
    #expect(value.object?.fields.map(\.name) == ["a", "b", "c"])
    #expect(try JSONValue(parsing: "NaN", as: .python).number?.isNaN == true)
    for wrong in ["Nan", "-Inf", "nan", "{\"a\": 1,}"] {
      #expect(throws: JSONError.self) { try JSONValue(parsing: wrong, as: .python) }
    }
  }

  @Test func `deep nesting is an error`() throws {
    let deep = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    #expect(throws: Never.self) { try JSONValue(parsing: deep(128)) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: deep(200)) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: deep(1_000_000)) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: String(repeating: "{\"a\":", count: 1_000_000)) }
  }

  @Test func `bytes that are not UTF-8 are an error`() {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: [0x5b, 0x22, 0xff, 0x22, 0x5d]) }
    #expect(error?.description == #"line 1, column 3: the byte \xff is not UTF-8"#)
  }
}
