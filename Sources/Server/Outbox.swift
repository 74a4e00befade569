import NIOCore
import NIOHTTP1
import Synchronization

/// The data that a connection has to send, and how much of it the client has received.
final class Outbox: Sendable {
  /// Bytes that have not been sent, including those that are still on the way from the engine's thread.
  private let unsent = Atomic<Int>(0)
  private let sent = Atomic<Int>(0)

  /// The maximum size of one write to the channel, bytes.
  private static let pieceBytes = 1 << 16

  /// Adds bytes that will be written.
  ///
  /// - Returns: the number of unsent bytes.
  func announce(_ bytes: Int) -> Int { unsent.wrappingAdd(bytes, ordering: .relaxed).newValue }

  /// Bytes that have been sent since the connection was opened.
  var sentBytes: Int { sent.load(ordering: .relaxed) }

  var isWaiting: Bool { unsent.load(ordering: .relaxed) > 0 }

  /// Writes announced bytes. Must be called on the channel's event loop.
  func write(_ context: ChannelHandlerContext, _ text: String) {
    var buffer = context.channel.allocator.buffer(string: text)
    while buffer.readableBytes > 0,
      let piece = buffer.readSlice(length: min(Outbox.pieceBytes, buffer.readableBytes))
    {
      let promise = context.eventLoop.makePromise(of: Void.self)
      let bytes = piece.readableBytes
      promise.futureResult.whenComplete { [self] _ in
        unsent.wrappingSubtract(bytes, ordering: .relaxed)
        sent.wrappingAdd(bytes, ordering: .relaxed)
      }
      context.write(NIOAny(HTTPServerResponsePart.body(.byteBuffer(piece))), promise: promise)
    }
    context.flush()
  }
}
