/// The number of floats of the vectors that kernels compute with, whatever the width of the processor's registers.
@inlinable package var vectorWidth: Int { @inline(__always) get { 16 } }

/// log₂ e, the factor from natural to binary exponents.
@inlinable package var log2e: Float { @inline(__always) get { 1.442_695_040_888_963_4 } }

/// ln 2.
@inlinable package var ln2: Float { @inline(__always) get { 0.693_147_180_559_945_3 } }
