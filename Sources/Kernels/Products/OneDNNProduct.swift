import COneDNN
import Tensors

/// One worker's bf16 products by oneDNN: a primitive for each form, and one scratchpad for all.
final class OneDNNProduct {
  private let engine: dnnl_engine_t
  private let stream: dnnl_stream_t
  private var primitives: [ProductForm: Primitive] = [:]
  private var scratchpad = Buffer(count: 0)

  init() {
    engine = create("dnnl_engine_create") { dnnl_engine_create(&$0, dnnl_cpu, 0) }
    let engine = engine
    stream = create("dnnl_stream_create") { dnnl_stream_create(&$0, engine, dnnl_stream_default_flags.rawValue) }
  }

  deinit {
    primitives = [:]
    dnnl_stream_destroy(stream)
    dnnl_engine_destroy(engine)
  }

  /// c ← a · b, plus c if the form accumulates.
  func multiply(
    _ c: UnsafeMutableRawPointer, _ a: UnsafePointer<UInt16>, _ b: UnsafePointer<UInt16>, _ form: ProductForm
  ) {
    // OpenMP stores this setting per thread, and different threads may act as this worker.
    omp_set_num_threads(1)
    let primitive = primitives[form] ?? prepare(form)
    primitive.execute(c, a, b, scratch: scratchpad.pointer, on: stream)
  }

  private func prepare(_ form: ProductForm) -> Primitive {
    let primitive = Primitive(form, on: engine)
    if scratchpad.count * MemoryLayout<Float>.stride < primitive.scratchpadBytes {
      scratchpad = Buffer(count: primitive.scratchpadBytes / MemoryLayout<Float>.stride + 1)
    }
    primitives[form] = primitive
    return primitive
  }
}

/// A compiled product of one form.
private final class Primitive {
  let scratchpadBytes: Int
  private let primitive: dnnl_primitive_t
  // The addresses of the memory objects are set before each call.
  private let a: dnnl_memory_t
  private let b: dnnl_memory_t
  private let c: dnnl_memory_t
  private let scratchpad: dnnl_memory_t
  private let arguments: [dnnl_exec_arg_t]

  init(_ form: ProductForm, on engine: dnnl_engine_t) {
    var aLayout = layout(form.rows, form.inner, dnnl_bf16, stride: form.aStride, transposed: form.aTransposed)
    var bLayout = layout(form.inner, form.columns, dnnl_bf16, stride: form.bStride, transposed: form.bTransposed)
    var cLayout = layout(
      form.rows, form.columns, form.cIsBF16 ? dnnl_bf16 : dnnl_f32, stride: form.cStride, transposed: false)
    var product = dnnl_matmul_desc_t()
    check(dnnl_matmul_desc_init(&product, &aLayout, &bLayout, nil, &cLayout), "dnnl_matmul_desc_init for \(form)")

    let attributes = create("dnnl_primitive_attr_create") { dnnl_primitive_attr_create(&$0) }
    defer { dnnl_primitive_attr_destroy(attributes) }
    check(
      dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user),
      "dnnl_primitive_attr_set_scratchpad_mode")
    if form.accumulating {
      let sum = create("dnnl_post_ops_create") { dnnl_post_ops_create(&$0) }
      defer { dnnl_post_ops_destroy(sum) }
      check(dnnl_post_ops_append_sum(sum, 1), "dnnl_post_ops_append_sum")
      check(dnnl_primitive_attr_set_post_ops(attributes, sum), "dnnl_primitive_attr_set_post_ops")
    }

    let description = create("dnnl_primitive_desc_create for \(form)") {
      dnnl_primitive_desc_create(&$0, &product, attributes, engine, nil)
    }
    defer { dnnl_primitive_desc_destroy(description) }
    primitive = create("dnnl_primitive_create for \(form)") { dnnl_primitive_create(&$0, description) }
    // The layout is empty if no scratchpad is needed.
    let scratchpadLayout = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0)
    scratchpadBytes = dnnl_memory_desc_get_size(scratchpadLayout)
    a = memory(&aLayout, on: engine)
    b = memory(&bLayout, on: engine)
    c = memory(&cLayout, on: engine)
    scratchpad = memory(scratchpadLayout, on: engine)
    arguments = [
      dnnl_exec_arg_t(arg: DNNL_ARG_SRC, memory: a), dnnl_exec_arg_t(arg: DNNL_ARG_WEIGHTS, memory: b),
      dnnl_exec_arg_t(arg: DNNL_ARG_DST, memory: c), dnnl_exec_arg_t(arg: DNNL_ARG_SCRATCHPAD, memory: scratchpad),
    ]
  }

  deinit {
    for object in [a, b, c, scratchpad] { dnnl_memory_destroy(object) }
    dnnl_primitive_destroy(primitive)
  }

  /// - Parameter scratch: at least ``scratchpadBytes`` bytes.
  func execute(
    _ cPointer: UnsafeMutableRawPointer, _ aPointer: UnsafePointer<UInt16>, _ bPointer: UnsafePointer<UInt16>,
    scratch: UnsafeMutableRawPointer, on stream: dnnl_stream_t
  ) {
    // oneDNN's interface takes mutable addresses, but it does not write to the operands.
    point(a, to: UnsafeMutableRawPointer(mutating: aPointer))
    point(b, to: UnsafeMutableRawPointer(mutating: bPointer))
    point(c, to: cPointer)
    point(scratchpad, to: scratch)
    check(dnnl_primitive_execute(primitive, stream, Int32(arguments.count), arguments), "dnnl_primitive_execute")
  }
}

/// The memory layout of a row-major matrix or of its transpose.
private func layout(
  _ rows: Int, _ columns: Int, _ type: dnnl_data_type_t, stride: Int, transposed: Bool
) -> dnnl_memory_desc_t {
  var layout = dnnl_memory_desc_t()
  let sizes = [dnnl_dim_t(rows), dnnl_dim_t(columns)]
  let strides = transposed ? [1, dnnl_dim_t(stride)] : [dnnl_dim_t(stride), 1]
  check(
    dnnl_memory_desc_init_by_strides(&layout, 2, sizes, type, strides),
    "dnnl_memory_desc_init_by_strides of \(rows) × \(columns), stride \(stride)")
  return layout
}

/// A memory object without an address.
private func memory(_ layout: UnsafePointer<dnnl_memory_desc_t>?, on engine: dnnl_engine_t) -> dnnl_memory_t {
  create("dnnl_memory_create") { dnnl_memory_create(&$0, layout, engine, nil) }
}

@inline(__always)
private func point(_ memory: dnnl_memory_t, to address: UnsafeMutableRawPointer) {
  check(dnnl_memory_set_data_handle(memory, address), "dnnl_memory_set_data_handle")
}

/// Returns the object that a call of oneDNN creates.
private func create(
  _ call: @autoclosure () -> String, _ body: (inout OpaquePointer?) -> dnnl_status_t
) -> OpaquePointer {
  var object: OpaquePointer?
  check(body(&object), call())
  guard let object else { preconditionFailure("oneDNN: \(call()) returned no object") }
  return object
}

/// Checks the status of a call. oneDNN supports every product that a ``ProductForm`` can describe, so a failure is a
/// bug.
@inline(__always)
private func check(_ status: dnnl_status_t, _ call: @autoclosure () -> String) {
  if status == dnnl_success { return }
  preconditionFailure("oneDNN: \(call()) failed: \(String(cString: dnnl_status2str(status)))")
}
