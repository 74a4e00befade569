// swift-tools-version: 6.1
import PackageDescription

/// One source, `Sources/VectorKernels`, is the code of several targets, each compiled for a set of a processor's
/// instructions. The program chooses among them when it starts (`KernelChoice`), so it runs on every processor.
///
/// Several targets may contain the same function of the standard library, compiled differently. The linker keeps the first,
/// in the order of the targets' names. So the names start alike, with the set that every processor can run first.
#if arch(x86_64)
  // Inner loops start on a cache line: products whose loop lies across one more are up to a tenth slower.
  let loops = ["-Xllvm", "-x86-experimental-pref-innermost-loop-alignment=6"]
#else
  let loops: [String] = []
#endif

/// Compiles for a processor that has the set's instructions and no others.
func compiled(for processor: String? = nil) -> [SwiftSetting] {
  [.unsafeFlags((processor.map { ["-target-cpu", $0] } ?? []) + loops)]
}

let package = Package(
  name: "phd-transformer",
  products: [
    .executable(name: "phd-train", targets: ["phd-train"]),
    .executable(name: "phd", targets: ["phd"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.90.0"),
  ],
  targets: [
    .systemLibrary(name: "CProcessor"),
    .systemLibrary(name: "CFileSystem"),
    .systemLibrary(name: "COpenBLAS"),
    .systemLibrary(name: "COneDNN", providers: [.apt(["libdnnl-dev"])]),
    .systemLibrary(name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "COnig", pkgConfig: "oniguruma", providers: [.apt(["libonig-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

    // Threads, open files and limits: what the system gives to a process, and the errors where it gives no more.
    .target(name: "Host"),
    // Memory, the operands of kernels, and the operations that every set of kernels has.
    .target(name: "Tensors", dependencies: ["Host"]),
    .target(name: "VectorKernels", dependencies: ["Tensors", "CProcessor"], swiftSettings: compiled()),
    .target(
      name: "VectorKernelsAVX2", dependencies: ["Tensors", "CProcessor"], path: "Sources/KernelSets/AVX2",
      swiftSettings: compiled(for: "haswell")),
    .target(
      name: "VectorKernelsAVX512", dependencies: ["Tensors", "CProcessor"], path: "Sources/KernelSets/AVX512",
      swiftSettings: compiled(for: "skylake-avx512")),
    .target(
      name: "VectorKernelsAVX512BF16", dependencies: ["Tensors", "CProcessor"], path: "Sources/KernelSets/AVX512BF16",
      swiftSettings: compiled(for: "cooperlake")),
    .target(
      name: "Kernels",
      dependencies: [
        "Tensors", "Host", "COpenBLAS", "COneDNN", "CProcessor", "VectorKernels", "VectorKernelsAVX2",
        "VectorKernelsAVX512", "VectorKernelsAVX512BF16",
      ]),
    .target(name: "Text"),
    .target(name: "JSON", dependencies: ["Text"]),
    .target(name: "Storage", dependencies: ["Host", "CHDF5", "CXXHash", "CFileSystem", "JSON", "Text"]),
    .target(name: "Communication", dependencies: ["Host", "COpenMPI"]),
    .target(name: "Transformer", dependencies: ["Host", "Kernels"]),
    .target(name: "Charts"),
    .target(name: "Display"),
    .target(name: "TensorBoard", dependencies: ["JSON", "Storage"]),
    .target(name: "Inference", dependencies: ["Host", "Kernels", "Transformer"]),
    .target(
      name: "Tokenizers",
      dependencies: [
        "Text", "JSON", "Storage", "COnig", "CCrypto", .product(name: "HeapModule", package: "swift-collections"),
      ]),
    .target(name: "Corpus", dependencies: ["Host", "Text", "JSON", "Storage", "Tokenizers"]),
    .target(
      name: "Evaluation",
      dependencies: ["Host", "Kernels", "Inference", "JSON", "Storage", "Corpus", "Communication"]),
    // What `transformers` is given with a model is part of the program, and a file that can be read and tested.
    .target(
      name: "HuggingFace", dependencies: ["Transformer", "Storage", "JSON"],
      resources: [.embedInCode("modeling_phd.py")]),
    .target(name: "Optimization", dependencies: ["Kernels", "Transformer"]),
    .target(name: "Configuration", dependencies: ["Host", "JSON", "Kernels", "Optimization", "Transformer"]),
    // What a run leaves on the disk, and reading it again: no MPI.
    .target(
      name: "RunFiles",
      dependencies: [
        "Host", "Kernels", "Transformer", "Optimization", "Configuration", "HuggingFace", "JSON", "Storage",
        "Tokenizers", "Corpus", "Display", "TensorBoard",
      ]),
    .target(
      name: "Training",
      dependencies: [
        "Host", "Kernels", "Transformer", "Optimization", "Configuration", "RunFiles", "HuggingFace", "JSON", "Storage",
        "Tokenizers", "Corpus", "Communication", "Inference", "Evaluation", "Display", "TensorBoard",
      ]),
    // The page that a report is, is part of the program too.
    .target(
      name: "Reports",
      dependencies: ["Host", "RunFiles", "Charts", "Display", "TensorBoard", "JSON", "Storage"],
      resources: [.embedInCode("Page/report.css"), .embedInCode("Page/report.js")]),
    .target(
      name: "Inspection",
      dependencies: [
        "RunFiles", "Configuration", "Transformer", "Kernels", "Corpus", "JSON", "Charts", "Display", "Host",
      ]),
    .target(
      name: "Server",
      dependencies: [
        "Host", "Inference", "Kernels", "Corpus", "JSON", .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
      ]),

    // Options that both command lines have.
    .target(
      name: "CommandLineOptions",
      dependencies: [.product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .executableTarget(
      name: "phd-train",
      dependencies: [
        "CommandLineOptions", "Host", "Kernels", "Communication", "Storage", "Training", "Display",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "phd",
      dependencies: [
        "CommandLineOptions", "Host", "Configuration", "RunFiles", "Training", "Evaluation", "Inference", "Transformer",
        "HuggingFace", "Communication", "Corpus", "Tokenizers", "Storage", "JSON", "Kernels", "Charts", "Reports",
        "Server", "Inspection", "Display", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    // The oracle: optimised in debug builds too, and bounds-checked in all.
    .target(name: "Reference", path: "Tests/Reference", swiftSettings: [.unsafeFlags(["-O"])]),
    .target(name: "TestSupport", path: "Tests/TestSupport"),
    .systemLibrary(name: "CMalloc", path: "Tests/CMalloc"),
    .executableTarget(
      name: "mpi-checks", dependencies: ["Communication", "Host", "COpenMPI", "CMalloc"], path: "Tests/MPIChecks"),

    // In a target of its own: whoever links it has its allocations counted.
    .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
    .executableTarget(
      name: "allocation-checks",
      dependencies: ["Training", "Communication", "AllocationCounter", "CMalloc"],
      path: "Tests/AllocationChecks"),

    .executableTarget(
      name: "fault-checks",
      dependencies: ["Training", "Configuration", "Transformer", "Communication", "Host"], path: "Tests/FaultChecks"),

    .executableTarget(
      name: "optimizer-checks",
      dependencies: ["Training", "Configuration", "Optimization", "Transformer", "Kernels", "Communication"],
      path: "Tests/OptimizerChecks"),

    .testTarget(
      name: "EvaluationTests",
      dependencies: [
        "Evaluation", "Inference", "Transformer", "Kernels", "Corpus", "Tokenizers", "Storage", "JSON", "TestSupport",
        "phd",
      ]),
    .testTarget(name: "ReferenceTests", dependencies: ["Reference"]),
    .testTarget(name: "TransformerTests", dependencies: ["Transformer", "Kernels", "Reference", "Storage"]),
    .testTarget(name: "InferenceTests", dependencies: ["Inference", "Transformer", "Kernels"]),
    .testTarget(
      name: "HuggingFaceTests",
      dependencies: [
        "HuggingFace", "Training", "RunFiles", "Kernels", "Storage", "JSON", "TestSupport", "phd", "phd-train",
        "Transformer",
      ]),
    .testTarget(name: "TextTests", dependencies: ["Text", "TestSupport"]),
    .testTarget(name: "JSONTests", dependencies: ["JSON", "TestSupport"]),
    .testTarget(name: "ChartsTests", dependencies: ["Charts"]),
    .testTarget(name: "DocumentationTests", dependencies: ["TestSupport", "phd", "phd-train"]),
    .testTarget(name: "DisplayTests", dependencies: ["Display", "TestSupport"]),
    .testTarget(
      name: "InspectionTests",
      dependencies: [
        "Inspection", "Training", "Display", "Transformer", "Kernels", "Storage", "JSON", "Reference", "TestSupport",
        "phd",
      ]),
    .testTarget(
      name: "TensorBoardTests", dependencies: ["TensorBoard", "JSON", "Storage", "TestSupport"]),
    .testTarget(
      name: "ReportsTests",
      dependencies: ["Reports", "Training", "RunFiles", "Charts", "JSON", "TestSupport", "phd"]),
    .testTarget(name: "KernelsTests", dependencies: ["Kernels"]),
    .testTarget(
      name: "TokenizersTests", dependencies: ["Tokenizers", "Text", "JSON", "COnig", "TestSupport", "Storage"]),
    .testTarget(
      name: "ServerTests",
      dependencies: [
        "Server", "Inference", "Kernels", "Transformer", "Corpus", "Tokenizers", "HuggingFace", "Training", "RunFiles",
        "JSON", "TestSupport", "phd",
      ]),
    .testTarget(name: "StorageTests", dependencies: ["Storage", "TestSupport"]),
    .testTarget(
      name: "CorpusTests", dependencies: ["Corpus", "Storage", "JSON", "Tokenizers", "TestSupport", "phd"],
      exclude: ["make_fixtures.py"],
      resources: [.copy("Fixtures")]),
    .testTarget(name: "HostTests", dependencies: ["Host"]),
    .testTarget(name: "CommunicationTests", dependencies: ["Communication", "TestSupport", "mpi-checks"]),
    .testTarget(name: "LaunchTests", dependencies: ["TestSupport", "mpi-checks"]),
    .testTarget(
      name: "ConfigurationTests",
      dependencies: ["Configuration", "Optimization", "Transformer", "JSON", "TestSupport"]),
    .testTarget(name: "OptimizationTests", dependencies: ["Optimization", "Reference"]),
    .testTarget(name: "RunFilesTests", dependencies: ["RunFiles", "JSON", "TestSupport"]),
    .testTarget(
      name: "TrainingTests",
      dependencies: ["Host", "Training", "RunFiles", "Configuration"]),
    .testTarget(
      name: "RunTests",
      dependencies: [
        "Training", "Configuration", "Storage", "JSON", "Kernels", "Reference", "TestSupport", "phd-train", "phd",
        "allocation-checks", "fault-checks", "optimizer-checks",
      ]),
  ]
)

#if !arch(x86_64)
  let x86Sets: Set = ["VectorKernelsAVX2", "VectorKernelsAVX512", "VectorKernelsAVX512BF16"]
  package.targets.removeAll { x86Sets.contains($0.name) }
  for target in package.targets {
    target.dependencies.removeAll { dependency in
      if case .byNameItem(let name, _) = dependency { return x86Sets.contains(name) }
      return false
    }
  }
#endif
