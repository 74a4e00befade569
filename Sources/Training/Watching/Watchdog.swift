import Communication
import Configuration
import Display
import Foundation
import Host
import RunFiles
import Synchronization

/// Ends a job of which a rank no longer answers, or whose step takes too long, and says what each rank was doing.
///
/// Each rank has one, with a thread of its own: when a rank is stuck, the others wait for it inside MPI and can do nothing.
/// The watchdogs tell rank 0's by UDP what their ranks are doing, and it answers. Where no message comes through at all, a
/// step that takes too long is still noticed by every rank itself.
///
/// Time is counted in the watchdog's own ticks: a job that is stopped as a whole, or a machine that stands still, does
/// not use it up.
final class Watchdog {
  private let post: WatchPost

  /// Starts watching; nil where the configuration wants none. Collective.
  ///
  /// - Parameters:
  ///   - log: the run's log, for rank 0's last record.
  /// - Throws: `AgreedError` where a rank cannot start its thread; `CommunicationError`.
  init?(_ configuration: RunConfiguration, _ activity: RankActivity, log: String, _ communicator: Communicator) throws {
    guard let limit = configuration.training.watchdogSeconds else { return nil }
    let socket = communicator.size > 1 ? DatagramSocket() : nil
    // Rank 0's job number, port and addresses.
    let own = [UInt64.random(in: 0 ... .max), UInt64(socket?.port ?? 0)]
    let root = try communicator.broadcast(own + DatagramSocket.hostAddresses().prefix(8).map { UInt64($0) })
    let hosts = try communicator.allGather(communicator.hostName)
    let (job, port) = (root[0], UInt16(truncatingIfNeeded: root[1]))
    let post = WatchPost(
      limit: limit, rank: communicator.rank, hosts: hosts, job: job, activity: activity, log: log, socket: socket,
      root: root.dropFirst(2).map { .init(host: UInt32(truncatingIfNeeded: $0), port: port) })
    self.post = post
    _ = try communicator.agreed { try SystemThread("watchdog") { post.watch() } }
  }

  /// Stops watching; the others are told.
  deinit { post.leave() }
}

/// Where one watchdog's thread stands.
private final class WatchPost: @unchecked Sendable {
  // Unchecked: all but `isLeaving`, an atomic, belongs to the watchdog's thread once that has started.

  /// What is known of a rank.
  private struct Sight {
    /// Of its last message; nil where none ever came.
    var last: Heartbeat?
    var ticksSince = 0
    var sender: DatagramSocket.Address?
  }

  private let limit: Double
  private let tick: Double
  private let rank: Int
  private let hosts: [String]
  private let job: UInt64
  private let activity: RankActivity
  private let log: String
  private let socket: DatagramSocket?
  /// Where rank 0's watchdog may be reached.
  private var root: [DatagramSocket.Address]
  /// Of each rank; of rank 0 alone where this is another one.
  private var sights: [Sight]
  /// Since this rank's step began, or since it did something outside of steps.
  private var ticks = 0
  private var before = RankActivity.Moment(phase: .starting, step: 0)
  private let isLeaving = Atomic<Bool>(false)

  init(
    limit: Double, rank: Int, hosts: [String], job: UInt64, activity: RankActivity, log: String,
    socket: DatagramSocket?, root: [DatagramSocket.Address]
  ) {
    self.limit = limit
    tick = max(0.05, min(1, limit / 20))
    self.rank = rank
    self.hosts = hosts
    self.job = job
    self.activity = activity
    self.log = log
    self.socket = socket
    self.root = root
    sights = Array(repeating: Sight(), count: rank == 0 ? hosts.count : 1)
  }

  func leave() { isLeaving.store(true, ordering: .relaxed) }

  func watch() {
    while true {
      let isLeaving = isLeaving.load(ordering: .relaxed)
      if isLeaving { activity.enter(.ending) }
      listen()
      count()
      tell()
      if isLeaving { return }
      if let problem { end(problem) }
    }
  }

  // MARK: messages

  /// Takes messages for one tick.
  private func listen() {
    let end = ContinuousClock.now + .seconds(tick)
    while true {
      let left = (end - ContinuousClock.now).inSeconds
      if left <= 0 { return }
      guard let (bytes, sender) = receive(seconds: left) else { continue }
      guard let beat = Heartbeat(bytes, job: job, ranks: hosts.count), rank == 0 || beat.rank == 0 else { continue }
      sights[beat.rank] = Sight(last: beat, sender: sender)
      // The address that works is enough.
      if rank != 0 { root = [sender] } else if beat.rank != 0 { socket?.send(own.bytes, to: sender) }
    }
  }

  private func receive(seconds: Double) -> (bytes: [UInt8], sender: DatagramSocket.Address)? {
    guard socket != nil else {
      usleep(UInt32(seconds * 1e6))
      return nil
    }
    return socket?.receive(capacity: Heartbeat.byteCount + 1, milliseconds: Int32(seconds * 1000) + 1)
  }

  private func tell() {
    if rank != 0 { for address in root { socket?.send(own.bytes, to: address) } }
  }

  private var own: Heartbeat {
    Heartbeat(job: job, rank: rank, moment: activity.now, seconds: Double(ticks) * tick)
  }

  private func count() {
    let now = activity.now
    let goesOn = now.phase.isOfStep ? before.phase.isOfStep && now.step == before.step : now == before
    ticks = goesOn ? ticks + 1 : 0
    before = now
    for index in sights.indices { sights[index].ticksSince += 1 }
  }

  // MARK: what is wrong

  /// Why the job is to end; nil while nothing is wrong, or another rank's watchdog is to speak first.
  private var problem: String? {
    // Rank 0 knows of all ranks; where it can no longer speak, the lowest that can.
    let patience = rank == 0 ? 0 : 3 + 0.25 * Double(min(rank, 40))
    if let silent = sights.indices.first(where: { isSilent($0, longerThan: limit + patience) }) {
      return "\(name(silent)) has given no sign of life for \(seconds(sights[silent].ticksSince))"
    }
    if before.phase.isOfStep, Double(ticks) * tick > limit + patience {
      return "step \(before.step) has taken longer than \(seconds(ticks))"
    }
    return nil
  }

  private func isSilent(_ index: Int, longerThan limit: Double) -> Bool {
    guard let last = sights[index].last, last.moment.phase != .ending else { return false }
    return Double(sights[index].ticksSince) * tick > limit
  }

  /// Ends this process, and so the job: `mpirun` ends all others when one fails.
  private func end(_ problem: String) -> Never {
    let text = "\(problem) (training.watchdog_seconds is \(limit.shortText)): the job is ended"
    let lines = ["phd-train: \(text); it goes on from its last checkpoint. What the ranks were doing:"] + states
    StandardStream.error.write(lines.joined(separator: "\n") + "\n")
    if rank == 0 { try? LossLog.appendEnd(to: log, step: max(0, before.step - 1), reason: "watchdog: \(text)") }
    _exit(ExitStatus.unavailable.rawValue)
  }

  /// What each rank was doing, those that did the same in one line.
  private var states: [String] {
    var groups: [(text: String, ranks: [Int])] = []
    for index in hosts.indices {
      let text = state(of: index)
      if let known = groups.firstIndex(where: { $0.text == text }) {
        groups[known].ranks.append(index)
      } else {
        groups.append((text, [index]))
      }
    }
    return groups.map { group in
      let named = group.ranks.prefix(8).map(name).joined(separator: ", ")
      return "  \(named)\(group.ranks.count > 8 ? " and \(group.ranks.count - 8) more" : ""): \(group.text)"
    }
  }

  private func state(of index: Int) -> String {
    if index == rank { return text(own) }
    guard index < sights.count else { return "not known" }
    let sight = sights[index]
    guard let last = sight.last else { return "not known: none of its messages came through" }
    if Double(sight.ticksSince) * tick < max(3, limit / 4) { return text(last) }
    return "no sign of life for \(seconds(sight.ticksSince)), before that \(text(last))"
  }

  private func text(_ beat: Heartbeat) -> String {
    beat.moment.phase.isOfStep
      ? "step \(beat.moment.step), \(beat.moment.phase.text)"
      : "\(beat.moment.phase.text) after step \(beat.moment.step)"
  }

  private func name(_ index: Int) -> String { "rank \(index) on \(hosts[index])" }

  private func seconds(_ ticks: Int) -> String { Quantity.duration((Double(ticks) * tick).rounded()) }
}

extension Double {
  fileprivate var shortText: String { self == rounded() && abs(self) < 1e15 ? String(Int(self)) : String(self) }
}
