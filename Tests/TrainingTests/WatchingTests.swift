import SystemResources
import Testing

@testable import Training

@Suite struct RunTimeTests {
  @Test(arguments: [
    ("90", nil), ("1:30", 90.0), ("2:01:30", 7290), ("1-02:03:04", 93784), ("0-00:00:10", 10), ("-1:00", nil),
    ("1-30", nil),
    ("1:2:3:4", nil), ("", nil), ("1-2:03", nil), ("a:10", nil), ("1:", nil), ("0x10:00", nil), ("٣:٠٠", nil),
  ]) func `durations as schedulers write them`(text: String, seconds: Double?) {
    #expect(RunTime.seconds(text) == seconds)
  }

  @Test(arguments: [("max 100000\n", nil), ("200000 100000\n", 2.0), ("50000 100000", 0.5), ("", nil), ("1 0", nil)])
  func `what a control group's cpu.max allows`(text: String, processors: Double?) {
    #expect(ControlGroup.processors(max: text) == processors)
  }

  @Test func `heartbeats come through whole, and others' are not taken for them`() throws {
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

  @Test func `datagrams find their way`() throws {
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
