import Foundation
import Host
import Synchronization
import Testing

@Suite struct SystemThreadTests {
  /// Results that a thread stores for the test.
  private final class Note: Sendable {
    let text = Mutex("")
    let number = Mutex(0)
  }

  @Test func `a thread runs its body, has its name and can be joined`() throws {
    let note = Note()
    let thread = try SystemThread("a name of more than 15 bytes") {
      usleep(20_000)
      let name = (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? ""
      note.text.withLock { $0 = name }
    }
    thread.join()
    #expect(note.text.withLock { $0 } == "a name of more \n")
    // A second call returns immediately.
    thread.join()
  }

  @Test func `a thread has the signal mask of its creator`() throws {
    let note = Note()
    var (set, before) = (sigset_t(), sigset_t())
    sigemptyset(&set)
    sigaddset(&set, SIGUSR1)
    pthread_sigmask(SIG_BLOCK, &set, &before)
    let thread = try SystemThread("signals") {
      var mask = sigset_t()
      pthread_sigmask(SIG_BLOCK, nil, &mask)
      let isBlocked = sigismember(&mask, SIGUSR1) == 1
      note.number.withLock { $0 = isBlocked ? 1 : -1 }
    }
    pthread_sigmask(SIG_SETMASK, &before, nil)
    thread.join()
    #expect(note.number.withLock { $0 } == 1)
  }

  @Test func `threads that are not joined run to their end`() throws {
    let note = Note()
    for _ in 0..<100 { _ = try SystemThread("alone") { note.number.withLock { $0 += 1 } } }
    var retries = 2000
    while note.number.withLock({ $0 }) < 100 && retries > 0 {
      usleep(5_000)
      retries -= 1
    }
    #expect(note.number.withLock { $0 } == 100)
  }

  @Test func `a few threads can be started`() throws { try SystemThread.requireRoom(for: 5, "of a test") }
}

@Suite struct OpenFilesTests {
  @Test func `more files than the limit are an error with all numbers`() throws {
    try OpenFiles.require(1, for: "a file")
    let limit = OpenFiles.limit
    let error = #expect(throws: ResourceError.self) { try OpenFiles.require(limit, for: "a-*.h5 is many files") }
    let text = error?.description ?? ""
    for part in ["Too many open files", "a-*.h5 is many files", "the limit is \(limit)"] {
      #expect(text.contains(part), "\(text)")
    }
    #expect(!text.contains("\n"))
  }
}
