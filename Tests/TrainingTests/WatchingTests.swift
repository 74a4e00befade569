import Host
import Testing

@testable import Training

@Suite struct WatchingTests {
  @Test func `heartbeats survive the conversion to bytes, and other messages are refused`() throws {
    let beat = Heartbeat(
      job: 0xFEED_FACE_CAFE_BEEF, rank: 3, moment: .init(phase: .summing, step: 123_456), seconds: 12.5)
    #expect(Heartbeat(beat.bytes, job: beat.job, ranks: 4) == beat)
    #expect(Heartbeat(beat.bytes, job: beat.job, ranks: 3) == nil)
    #expect(Heartbeat(beat.bytes, job: beat.job ^ 1, ranks: 4) == nil)
    #expect(Heartbeat(beat.bytes + [0], job: beat.job, ranks: 4) == nil)
    #expect(Heartbeat([], job: beat.job, ranks: 4) == nil)
    let activity = RankActivity()
    activity.enter(.reading, step: 9)
    activity.enter(.computing)
    #expect(activity.now == .init(phase: .computing, step: 9))
  }

  @Test func `sockets exchange datagrams`() throws {
    let (one, other) = (try #require(DatagramSocket()), try #require(DatagramSocket()))
    let host = try #require(DatagramSocket.hostAddresses().first)
    one.send([1, 2, 3], to: .init(host: host, port: other.port))
    let (bytes, sender) = try #require(other.receive(capacity: 10, milliseconds: 5000))
    #expect(bytes == [1, 2, 3] && sender.port == one.port)
    other.send([4], to: sender)
    #expect(one.receive(capacity: 10, milliseconds: 5000)?.bytes == [4])
    #expect(one.receive(capacity: 10, milliseconds: 0) == nil)
  }
}
