import Testing

@testable import Host

@Suite struct ControlGroupTests {
  @Test(arguments: [("max 100000\n", nil), ("200000 100000\n", 2.0), ("50000 100000", 0.5), ("", nil), ("1 0", nil)])
  func `cpu.max limits the processors of a control group`(text: String, processors: Double?) {
    #expect(ControlGroup.processors(max: text) == processors)
  }
}
