import Foundation
import Synchronization

/// A thread of this process. All threads of this package are started here.
///
/// Foundation's `Thread` ignores a failed `pthread_create`: whoever then waits for the thread's work waits for ever.
/// The thread starts with its creator's signal mask.
public final class SystemThread: Sendable {
  /// Bytes of a thread's stack, whatever `ulimit -s` says. Only address space is taken until they are used.
  public static let stackBytes = 8 << 20

  private let thread: pthread_t
  private let isJoined = Atomic<Bool>(false)

  /// Starts a thread.
  ///
  /// - Parameters:
  ///   - name: what it is for, shown by the system's tools (its first 15 bytes) and in the error.
  ///   - body: what it does; the thread ends when it returns.
  /// - Throws: `ResourceError` where the system starts no thread. Then `body` is never called.
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

  /// Waits for the thread's end. Further calls return at once.
  public func join() {
    if !isJoined.exchange(true, ordering: .relaxed) { pthread_join(thread, nil) }
  }

  /// Checks that `count` threads can be started now, by starting and ending them.
  ///
  /// For libraries that start threads of their own and abort, or hang, where they get none.
  /// - Parameter name: what the threads are for.
  /// - Throws: `ResourceError` where the system does not start so many.
  public static func requireRoom(for count: Int, _ name: String) throws(ResourceError) {
    let gate = Gate()
    var threads: [SystemThread] = []
    defer {
      gate.open()
      for thread in threads { thread.join() }
    }
    for _ in 0..<count { threads.append(try SystemThread(name) { gate.wait() }) }
  }

  /// What a thread is started with.
  private final class Start: Sendable {
    private let name: String
    private let body: @Sendable () -> Void

    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }

    func run() {
      // Linux keeps 15 bytes of it.
      try? FileHandle(forWritingAtPath: "/proc/thread-self/comm")?.write(contentsOf: Data(name.utf8.prefix(15)))
      body()
    }
  }

  /// Where threads wait until all are let go.
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
