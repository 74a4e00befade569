import Foundation
import Testing

@testable import Display

@Suite struct PaintTests {
  @Test func `colours follow TERM and NO_COLOR`() {
    #expect(Terminal.wantsColours(["TERM": "xterm-256color"]))
    #expect(Terminal.wantsColours(["TERM": "xterm", "NO_COLOR": ""]))
    #expect(!Terminal.wantsColours(["TERM": "xterm", "NO_COLOR": "1"]))
    #expect(!Terminal.wantsColours(["TERM": "dumb"]))
    #expect(!Terminal.wantsColours([:]))
  }

  @Test func `a pipe and a file are not terminals`() throws {
    let pipe = Pipe()
    #expect(Terminal(pipe.fileHandleForWriting.fileDescriptor) == nil)
    #expect(!Paint(for: nil).isOn)
  }

  @Test func `without colours a text is unchanged`() {
    let plain = Paint(isOn: false)
    #expect(plain("loss", colour: 32) == "loss" && plain.bold("loss") == "loss" && plain.faint("loss") == "loss")
    let colours = Paint(isOn: true)
    #expect(colours("loss", colour: 32) == "\u{1B}[38;5;32mloss\u{1B}[0m")
    #expect(colours.bold("") == "")
  }
}
