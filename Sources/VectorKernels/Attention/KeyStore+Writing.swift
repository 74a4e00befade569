import Tensors

extension KeyStore {
  /// A slot ← a head's key [padded e, zero beyond e] and value [e], rounded if the store is bf16.
  @inline(__always)
  func put<Source: LaneSource<Float>>(
    _: Source.Type, slot: Int, head: Int, key: UnsafePointer<Float>, value: UnsafePointer<Float>
  ) {
    let perLane = Source.Lane.elements
    let lanes = address(ofKey: slot, head)
    for lane in 0..<heads.paddedHeadSize / perLane {
      lanes[lane &* KeyPanels.width] = Source.oneLane(key + lane &* perLane, count: perLane)
    }
    let elements = Source.Lane.Row(address(ofValue: slot, head))
    for column in 0..<heads.headSize { elements[column &* perLane] = value[column] }
  }
}
