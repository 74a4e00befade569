/// Unicode properties of code points, of the versions that the `tokenizers` library (0.23) uses. They are stored here
/// because the ids must not depend on the Unicode version of the standard library.
///
/// Each table is a list of ascending ranges of code points, in hexadecimal: the distance from the end of the range before
/// and, if the range has several code points, `+` and the number of further ones. Tests compare all code points with the
/// library.
enum UnicodeTables {
  /// General category L, of Unicode 16.
  static let letters = """
    41+19 6+19 2f a 4 5+16 1+1e 1+1c9 4+b e+4 7 1 81+4 1+1 2+3 1 6 1+2 1 1+13 1+52 1+8a 8+a5 1+25 2 6+28 47+1a 4+3 \
    2d+2a 23+1 1+62 1 f+1 7+1 a+2 2 10 1+1d 1d+58 b 18+20 9+1 4 5+15 4 9 3 17+18 7+a 5+17 1+5 11+29 3a+35 3 12 7+9 \
    f+f 4+7 2+1 2+15 1+6 1 3+3 3 10 d+1 1+2 e+1 a 8+5 4+1 2+15 1+6 1+1 1+1 1+1 1f+3 1 13+2 10+8 1+2 1+15 1+6 1+1 1+4 \
    3 12 f+1 17 b+7 2+1 2+15 1+6 1+1 1+4 3 1e+1 1+2 f 11 1+5 3+2 1+3 3+1 1 1+1 3+1 3+2 3+b 16 34+7 1+2 1+16 1+f 3 \
    1a+2 2 2+1 1e 4+7 1+2 1+16 1+9 1+4 3 1f+1 1+1 f+1 11+8 1+2 1+28 2 10 5+2 8+2 18+5 5+11 3+17 1+8 1 2+6 3a+2f 1+1 \
    c+6 3a+1 1 1+4 1+17 1 1+9 1+1 9 2+4 1 15+3 20 3f+7 1+23 1b+4 73+2a 14 10+5 4+3 3 3+1 7+2 4+c c 11+25 1 5 2+2a \
    1+14c 1+3 2+6 1 1+3 2+28 1+3 2+20 1+3 2+6 1 1+3 2+e 1+38 1+3 2+42 25+f 10+55 2+5 3+26b 2+10 1+19 5+4a 6+7 7+11 \
    d+12 e+11 e+c 1+2 f+33 23 4 43+58 7+4 2+21 1 5+45 a+1e 31+1d 2+4 b+2b 4+19 36+16 9+34 52 5d+2e 11+7 36+1d d+1 \
    a+2b 1a+23 29+2 a+23 2+a 5+2a 2+2 29+3 1+5 1+1 3 5+bf 40+115 2+5 2+25 2+5 2+7 1 1 1 1+1e 2+34 1+6 1 3+2 1+6 3+3 \
    2+5 4+c 5+2 1+6 74 d 10+c 65 4 2+9 1 3+4 6 1 1 1+3 1+a 2+3 5+4 4 34+1 a7b+e4 6+3 3+1 c+25 1 5 2+37 7 10+16 9+6 \
    1+6 1+6 1+6 1+6 1+6 1+6 1+6 50 1d5+1 2a+4 5+1 4+55 6+2 1+59 1+3 5+2a 1+5d 11+1f 30+f 200+19bf 40+568c 43+2d \
    2+10c 3+f a+1 14+2e 10+1e 2+45 31+8 2+66 2+42 2+1 1 1+7 15+f 1+2 1+3 1+16 1d+33 e+31 3e+5 3 1+1 b+1b a+16 19+1c \
    7+2e 1c 10+4 1+9 a+4 1+28 17+2 1+7 14+16 3 3+31 1 3+1 2+4 2 1 18+2 2+a 7+2 c+5 2+5 2+5 9+6 1+6 1+2a 1+d 6+72 \
    1d+2ba3 c+16 4+30 2104+16d 2+69 26+6 c+4 5 1+9 1+c 1+4 1 1+1 1+1 1+6b 21+16a 12+3f 2+35 28+b 74+4 1+86 24+19 \
    6+19 b+58 3+5 2+5 2+5 2+2 23+b 1+19 1+12 1+1 1+e 2+d 22+7a 185+1c 3+30 2f+1f d+13 1+7 6+25 a+1d 2+23 4+7 30+9d \
    12+23 4+23 4+27 8+33 c+a 1+e 1+6 1+1 1+a 1+e 1+6 1+1 3+33 c+136 9+15 a+7 18+5 1+29 1+8 45+5 2 1+2b 1+1 3 2+16 \
    a+16 9+1e 41+12 1+1 a+15 a+19 46+37 6+1 40 f+3 1+2 1+1c 2a+1c 3+1c 23+7 1+1b 1b+35 a+15 a+12 d+11 6e+48 37+32 \
    d+32 d+23 26+1b 9+16 fa+29 6+1 10+2 3b+1c a 8+15 2a+11 2e+14 1b+16 c+34 39+1 2 d+2c 20+18 1a+23 1d 2 8+22 3 c+2f \
    e+3 15 1 23+11 1+18 13+1 3f+6 1 1+3 1+e 1+9 7+2e 26+7 2+1 2+15 1+6 1+1 1+4 3 12 c+4 1e+9 1 2 1+25 1 19 1 2c+34 \
    12+3 14+2 1e+2f 14+1 1 b8+2e 29+3 24+2f 14 3b+2a d 47+1a 25+6 b9+2b 74+3f 1f+7 2 2+7 1+1 1+17 f 1 5e+7 2+26 10 1 \
    1c a+27 7 15 b+2d 13 12+48 c7+20 1f+8 1+24 11 31+1d 70+6 1+1 1+25 15 19+5 1+1 1+1f e 147+12 f 1+c 1+21 7c 4f+399 \
    e6+c3 a4c+60 f+42f 11+5 19+f9a 5+246 1ab9+1d 6e2+238 7+1e 11+4e 11+1d 12+2f 10+3 1f+14 5+12 1b0+2c d3+3f 80+4a 5 \
    42+c 40+1 1 1c+17f7 8+4d5 29+9 22e7+3 1+6 1+1 1+122 f 1d+2 2 e+3 8+18b 904+6a 5+c 3+8 7+9 1766+54 1+46 1+1 2 2+1 \
    2+3 1+b 1 1+6 1+40 1+3 2+7 1+6 1+1b 1+3 1+4 1 3+6 1+153 2+18 1+18 1+1e 1+18 1+1e 1+18 1+1e 1+18 1+1e 1+18 1+7 \
    734+1e 6+5 105+3d 92+2c a+6 10 141+1d 12+2b 1e4+1b e4+1d 2 1ef+6 1+3 1+1 1+e 1+c4 3b+43 7 4b4+3 1+1a 1+1 1 2 1+9 \
    1+3 1 1 6 4 1 1 1+2 1+1 1 2 1 1 1 1 1+1 1 2+3 1+6 1+3 1+3 1 1+9 1+10 5+2 1+4 1+10 1144+a6df 20+1039 6+dd 2+1681 \
    e+1d30 f+26d 9a2+21d 5e2+134a 5+105f
    """

  /// General category N, of Unicode 16.
  static let numbers = """
    30+9 78+1 5 2+2 5a1+9 86+9 c6+9 19c+9 76+9 4+5 6c+9 76+9 76+9 2+5 6e+c 73+9 8+6 67+9 68+6 7+12 6d+9 60+9 76+9 \
    46+13 10c+9 46+9 2cf+13 371+2 ef+9 6+9 16+9 12c+9 80+a a5+9 6+9 b6+9 56+9 86+9 6+9 416 3+5 6+9 c6+32 2+4 2d6+3b \
    4e+15 276+1d 569 309 19+8 e+2 157+3 8a+9 1e+7 1+e 20+9 27+e 7360+9 bc+9 140+5 9a+9 26+9 c6+9 16+9 56+9 196+9 \
    5316+9 1ed+2c c+38 11+1 155+1a 24+3 1d 8 86+4 ca+9 3ae+7 19+6 27+8 4b+4 16+5 a0+1 2+f 2+2d 40+8 34+1 1e+2 4b+4 \
    68+7 18+7 29+6 14a+5 30+9 6+9 116+1e 9e+9 2a+3 70+6 86+1d 80+9 3c+9 90+9 7+13 fb+9 156+9 76+9 176+9 66+9 6+13 \
    4c+b 1a4+12 5d+9 296+9 56+1c e3+9 46+9 1a6+9 66+14 42b+6e 3cc1+9 926+9 56+9 86+9 1+6 20e+9 106+16 5e59+9 5c6+13 \
    c+13 6c+18 455+31 940+9 1a6+9 1f6+9 f7+9 2cc+8 80+9 317+3a 1+2 1+3 4c+2c 1+e 3c2+c ae3+9
    """

  /// The numbers of Unicode 17, which the pre-tokenizer `Digits` matches in addition to ``numbers``.
  static let newNumbers = "11de0+9 520a+2"

  /// The code points that the normal form C may change or join with the character before, of Unicode 9: those with a
  /// combining class, those that are not their own normal form, and the second parts of compositions. All others are
  /// starters.
  static let joining = """
    300+4e 1+1f 4 9 8 fb+4 109+2c 1 1+1 1+1 1 48+a 30+14 10 65+6 2+5 2+1 1+3 23 1e+1a a0+8 22+3 1+8 1+2 1+4 2b+2 \
    78+d 1+1c 3c 10 3+3 3+7 5c 1 e 9 4+1 1 53 2 5 10 b+2 2 5d 10 6e 1 e 8+1 4+1 60 e 9 75 7+1 65 5 a 7+1 67 e 9 72 4 \
    f 58+2 d+3 6c+1 e+3 4c+1 1b 1 1 9 9 4 4 4 c 7+5 1 1+3 2+4 1+1 b 9 4 4 4 c c 67 8 1+1 52 d3+14 32+1a 19a+2 3b4 1f \
    9d a cb 8f+2 db+1 47 14+7 2 30+d 76+1 e 26+8 36+1 3a b+1 43 98+2 1+c 1+6 4 6 3+1 c6+35 5+4 171 1 1 1 1 1 1 3d 2 \
    a 1 7 7 7 7 2+1 9 1 1 2+1 ce+c 4 3+b 35 3+1 1fd+1 7b1 212+2 8d 60+1f 22a+5 69+1 75d4 4+9 20+1 50+1 114 bd 1b+11 \
    39+2 25 5f c ef 1+2 2+1 5+1 1 34 f6 4d12+10d 2 1 2+9 1 1 2+1 3+43 2+69 43+2 a+c 1+4 1 1+1 1+1 1+8 2d1+f 3cd e2 \
    95+4 692 1 28+2 4 a5+1 55f 38 39+1 45+2 24 b+1 3e 4c 9 6a+1 b2+1 51 1 e 9 e+6 3+4 cd 3 69 9 2 4+1 eb f+1 7e 76+1 \
    73 513 4eb0+4 3b+6 5167 14bf+b 3+5 8+7 2+6 1e+3 d+5 81+2 dbb+6 1+10 2+6 1+1 1+4 8a5+6 6d+6 10eb5+21d
    """

  /// White_Space.
  static let spaces: [ClosedRange<UInt32>] = [
    0x9...0xd, 0x20...0x20, 0x85...0x85, 0xa0...0xa0, 0x1680...0x1680, 0x2000...0x200a, 0x2028...0x2029,
    0x202f...0x202f, 0x205f...0x205f, 0x3000...0x3000,
  ]

  /// Parses a table.
  static func ranges(_ text: String) -> [ClosedRange<UInt32>] {
    var next: UInt32 = 0
    return text.split(separator: " ").map { word in
      let parts = word.split(separator: "+").map { UInt32($0, radix: 16) ?? 0 }
      let first = next + (parts.first ?? 0)
      let last = first + (parts.count > 1 ? parts[1] : 0)
      next = last + 1
      return first...last
    }
  }
}
