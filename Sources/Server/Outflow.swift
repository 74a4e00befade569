import NIOCore
import NIOHTTP1
import Synchronization

/// What a connection has been given to send and its client has not taken yet.
final class Outflow: Sendable {
  /// Bytes that wait, also those that are still on their way from the engine's thread.
  private let unread = Atomic<Int>(0)
  private let allTaken = Atomic<Int>(0)

  /// Bytes that are given to the channel at one time.
  private static let pieceBytes = 1 << 16

  /// Counts bytes that will be written.
  ///
  /// - Returns: how many wait now.
  func announce(_ bytes: Int) -> Int { unread.wrappingAdd(bytes, ordering: .relaxed).newValue }

  /// Bytes that the client has taken since it connected.
  var taken: Int { allTaken.load(ordering: .relaxed) }

  var isWaiting: Bool { unread.load(ordering: .relaxed) > 0 }

  /// Writes bytes that have been announced. To be called on the channel's event loop.
  func write(_ context: ChannelHandlerContext, _ text: String) {
    var buffer = context.channel.allocator.buffer(string: text)
    while buffer.readableBytes > 0,
      let piece = buffer.readSlice(length: min(Outflow.pieceBytes, buffer.readableBytes))
    {
      let sent = context.eventLoop.makePromise(of: Void.self)
      let bytes = piece.readableBytes
      sent.futureResult.whenComplete { [self] _ in
        unread.wrappingSubtract(bytes, ordering: .relaxed)
        allTaken.wrappingAdd(bytes, ordering: .relaxed)
      }
      context.write(NIOAny(HTTPServerResponsePart.body(.byteBuffer(piece))), promise: sent)
    }
    context.flush()
  }
}
