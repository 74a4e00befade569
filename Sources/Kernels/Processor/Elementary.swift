#if canImport(Glibc)
  import Glibc
#endif

// The C library's functions under names that do not collide with the vector forms of this module.

func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
func cosine(_ angle: Double) -> Double { cos(angle) }
func sine(_ angle: Double) -> Double { sin(angle) }
func binaryLogarithm(_ x: Float) -> Float { log2(x) }
