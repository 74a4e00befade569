import Communication
import Configuration
import Display
import Foundation
import Host
import RunFiles
import Synchronization

/// Ends a job if a rank no longer responds or a step takes too long, and prints what each rank was doing.
///
/// Each rank runs one on its own thread, because when one rank hangs, the others' training threads block inside MPI.
/// The watchdogs report to rank 0's watchdog over UDP; it replies with its own state. If no messages arrive, each
/// watchdog still detects a step of its own rank that takes too long.
///
/// Time is counted in ticks of the watchdog's thread, so the time while a job or machine is suspended does not count.
final class Watchdog {
  private let loop: WatchdogLoop

  /// Starts watching; nil if `training.watchdog_seconds` is not set. Collective.
  ///
  /// - Parameter log: path of the run's log, for rank 0's last record.
  /// - Throws: `AgreedError` if a rank cannot start its thread; `CommunicationError`.
  init?(_ configuration: RunConfiguration, _ activity: RankActivity, log: String, _ communicator: Communicator) throws {
    guard let limit = configuration.training.watchdogSeconds else { return nil }
    let socket = communicator.size > 1 ? DatagramSocket() : nil
    // This rank's job number, port and addresses; only rank 0's are broadcast.
    let own = [UInt64.random(in: 0 ... .max), UInt64(socket?.port ?? 0)]
    let root = try communicator.broadcast(own + DatagramSocket.hostAddresses().prefix(8).map { UInt64($0) })
    let hosts = try communicator.allGather(communicator.hostName)
    let (job, port) = (root[0], UInt16(truncatingIfNeeded: root[1]))
    let loop = WatchdogLoop(
      limit: limit, rank: communicator.rank, hosts: hosts, job: job, activity: activity, log: log, socket: socket,
      root: root.dropFirst(2).map { .init(host: UInt32(truncatingIfNeeded: $0), port: port) })
    self.loop = loop
    _ = try communicator.agreed { try SystemThread("watchdog") { loop.run() } }
  }

  /// Stops watching and notifies the other ranks.
  deinit { loop.stop() }
}

/// The loop of one watchdog's thread, and its state.
private final class WatchdogLoop: @unchecked Sendable {
  // Unchecked: after the thread has started, only that thread uses the properties, except `isStopping`, which is
  // atomic.

  /// What a watchdog knows about a rank.
  private struct PeerState {
    /// Its last message; nil if none has arrived.
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
  /// The addresses of rank 0's watchdog.
  private var root: [DatagramSocket.Address]
  /// On rank 0 all ranks, on other ranks only rank 0.
  private var peers: [PeerState]
  /// Ticks since this rank's step began, or since it entered a phase outside of steps.
  private var ticks = 0
  private var previous = RankActivity.Moment(phase: .starting, step: 0)
  private let isStopping = Atomic<Bool>(false)

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
    peers = Array(repeating: PeerState(), count: rank == 0 ? hosts.count : 1)
  }

  func stop() { isStopping.store(true, ordering: .relaxed) }

  func run() {
    while true {
      let isStopping = isStopping.load(ordering: .relaxed)
      if isStopping { activity.enter(.ending) }
      listen()
      advanceTicks()
      report()
      if isStopping { return }
      if let problem { end(problem) }
    }
  }

  // MARK: messages

  /// Receives messages for one tick.
  private func listen() {
    let end = ContinuousClock.now + .seconds(tick)
    while true {
      let left = (end - ContinuousClock.now).inSeconds
      if left <= 0 { return }
      guard let (bytes, sender) = receive(seconds: left) else { continue }
      guard let beat = Heartbeat(bytes, job: job, ranks: hosts.count), rank == 0 || beat.rank == 0 else { continue }
      peers[beat.rank] = PeerState(last: beat, sender: sender)
      // From now on, use only the address that works.
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

  private func report() {
    if rank != 0 { for address in root { socket?.send(own.bytes, to: address) } }
  }

  private var own: Heartbeat {
    Heartbeat(job: job, rank: rank, moment: activity.now, seconds: Double(ticks) * tick)
  }

  private func advanceTicks() {
    let now = activity.now
    let isSame = now.phase.isOfStep ? previous.phase.isOfStep && now.step == previous.step : now == previous
    ticks = isSame ? ticks + 1 : 0
    previous = now
    for index in peers.indices { peers[index].ticksSince += 1 }
  }

  // MARK: problems

  /// The reason to end the job, if this rank should end it now.
  private var problem: String? {
    // Rank 0 knows the state of all ranks. If it cannot act, the lowest rank that can does.
    let patience = rank == 0 ? 0 : 3 + 0.25 * Double(min(rank, 40))
    if let silent = peers.indices.first(where: { isSilent($0, longerThan: limit + patience) }) {
      return "\(name(silent)) has given no sign of life for \(seconds(peers[silent].ticksSince))"
    }
    if previous.phase.isOfStep, Double(ticks) * tick > limit + patience {
      return "step \(previous.step) has taken longer than \(seconds(ticks))"
    }
    return nil
  }

  private func isSilent(_ index: Int, longerThan limit: Double) -> Bool {
    guard let last = peers[index].last, last.moment.phase != .ending else { return false }
    return Double(peers[index].ticksSince) * tick > limit
  }

  /// Ends this process and with it the job: `mpirun` ends all processes when one fails.
  private func end(_ problem: String) -> Never {
    let text = "\(problem) (training.watchdog_seconds is \(limit.shortText)): the job is ended"
    let lines = ["phd-train: \(text); start it again to resume from its last checkpoint. The ranks' activity:"] + states
    StandardStream.error.write(lines.joined(separator: "\n") + "\n")
    if rank == 0 { try? LossLog.appendEnd(to: log, step: max(0, previous.step - 1), reason: "watchdog: \(text)") }
    _exit(ExitStatus.unavailable.rawValue)
  }

  /// The activity of each rank; ranks with the same activity share a line.
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
    guard index < peers.count else { return "unknown" }
    let peer = peers[index]
    guard let last = peer.last else { return "unknown: none of its messages arrived" }
    if Double(peer.ticksSince) * tick < max(3, limit / 4) { return text(last) }
    return "no sign of life for \(seconds(peer.ticksSince)), before that \(text(last))"
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
