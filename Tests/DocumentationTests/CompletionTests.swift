import Foundation
import TestSupport
import Testing

/// Generated completion scripts and manual pages.
@Suite struct CompletionTests {
  @Test(arguments: ["phd", "phd-train"]) func `completion scripts and the manual page are generated`(program: String)
    throws
  {
    for (shell, named) in [("bash", "complete -"), ("zsh", "#compdef \(program)"), ("fish", "complete -c")] {
      let outcome = try launch(program, ["--generate-completion-script", shell])
      #expect(outcome.status == 0 && outcome.error == "" && outcome.output.contains(named), "\(shell)")
    }
    let page = try launch(program, ["--experimental-dump-help"])
    #expect(page.status == 0 && page.output.contains("\"commandName\" : \"\(program)\""))
  }

  @Test func `bash completes subcommands`() throws {
    let folder = try TemporaryFolder()
    let file = folder.path + "/phd.bash"
    try launch("phd", ["--generate-completion-script", "bash"]).output.write(
      toFile: file, atomically: true, encoding: .utf8)
    let typed = """
      source \(file)
      COMP_WORDS=(phd inspect pat) COMP_CWORD=2 COMP_LINE='phd inspect pat' COMP_POINT=15 COMP_TYPE=9
      _phd phd pat inspect
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    let outcome = try launch("/bin/bash", ["-c", typed])
    #expect(outcome.output == "patterns\n", "\(outcome.error)")
  }
}
