import Foundation
import Synchronization

/// A thread of this process. This package starts all its threads with this type.
///
/// Foundation's `Thread` ignores a failure of `pthread_create`, after which the caller would wait for the thread
/// forever. The thread inherits its creator's signal mask.
public final class SystemThread: Sendable {
  /// The size of a thread's stack in bytes, independent of `ulimit -s`. Memory is allocated only when it is used.
  public static let stackBytes = 8 << 20

  private let thread: pthread_t
  private let isJoined = Atomic<Bool>(false)

  /// Starts a thread.
  ///
  /// - Parameters:
  ///   - name: the purpose of the thread, for the error message. System tools show its first 15 bytes.
  ///   - body: the code that the thread runs.
  /// - Throws: `ResourceError` if the system cannot start a thread. Then `body` is not called.
  public init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(ResourceError) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, SystemThread.stackBytes)
    let start = Unmanaged.passRetained(Start(name, body))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, start.toOpaque())
    guard status == 0 else {
      start.release()
      throw .thread(name, errno: status)
    }
    self.thread = thread
  }

  deinit { if !isJoined.load(ordering: .relaxed) { pthread_detach(thread) } }

  /// Waits for the end of the thread. Further calls return immediately.
  public func join() {
    if !isJoined.exchange(true, ordering: .relaxed) { pthread_join(thread, nil) }
  }

  /// Checks that `count` threads can be started, by starting and ending them.
  ///
  /// For libraries that abort or hang if they cannot start their own threads.
  ///
  /// - Parameter name: the purpose of the threads.
  /// - Throws: `ResourceError` if the system cannot start that many.
  public static func requireRoom(for count: Int, _ name: String) throws(ResourceError) {
    let gate = Gate()
    var threads: [SystemThread] = []
    defer {
      gate.open()
      for thread in threads { thread.join() }
    }
    for _ in 0..<count { threads.append(try SystemThread(name) { gate.wait() }) }
  }

  /// The argument of a thread's start function.
  private final class Start: Sendable {
    private let name: String
    private let body: @Sendable () -> Void

    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }

    func run() {
      // Linux limits a thread's name to 15 bytes.
      try? FileHandle(forWritingAtPath: "/proc/thread-self/comm")?.write(contentsOf: Data(name.utf8.prefix(15)))
      body()
    }
  }

  /// Blocks threads until it is opened.
  private final class Gate: @unchecked Sendable {
    // Unchecked: `isOpen` is guarded by the condition.
    private let condition = NSCondition()
    private var isOpen = false

    func wait() {
      condition.lock()
      while !isOpen { condition.wait() }
      condition.unlock()
    }

    func open() {
      condition.lock()
      isOpen = true
      condition.broadcast()
      condition.unlock()
    }
  }
}
