/// Shows bytes in a message: bytes that are not UTF-8 as escapes, such as `\xe9`.
public func escaped(_ bytes: some Sequence<UInt8>) -> String {
  var rest = Array(bytes)[...]
  var text = ""
  while !rest.isEmpty {
    let valid = UTF8Check.firstInvalid(in: rest) ?? rest.count
    text += String(decoding: rest.prefix(valid), as: UTF8.self)
    rest = rest.dropFirst(valid)
    if let byte = rest.popFirst() {
      let digits = String(byte, radix: 16)
      text += "\\x" + (digits.count < 2 ? "0" : "") + digits
    }
  }
  return text
}
