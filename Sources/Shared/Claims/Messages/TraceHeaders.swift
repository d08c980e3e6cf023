package import Broker
package import Observability
internal import OrderedCollections

/// The headers with the trace contexts of a message's claims. A message without a traced claim has none of them.
///
/// A message with one claim has the W3C header `traceparent`. A message with several has an array of such values, one for
/// each claim in order, empty for a claim that is not traced. Only sampled traces are passed on. Programs that do not know
/// the headers ignore them.
package enum TraceHeaders {
    /// The header of a message with one claim.
    package static let single = "traceparent"
    /// The header of a message with several claims.
    package static let list = "traceparents"

    /// Sets the header of a message with one claim.
    package static func set(_ trace: TraceContext, in table: inout AMQPTable) {
        table[single] = .string(trace.traceparent)
    }

    /// Sets the header of a message with several claims.
    package static func set(_ traces: [TraceContext?], in table: inout AMQPTable) {
        table[list] = .array(traces.map { .string($0?.traceparent ?? "") })
    }

    /// Reads the trace context of a claim.
    ///
    /// - Parameters:
    ///   - index: the place of the claim in the message.
    ///   - count: the number of claims of the message. A list of another length belongs to another message, from which an
    ///     earlier version has separated this one.
    package static func trace(of index: Int, among count: Int, in table: AMQPTable) -> TraceContext? {
        if count == 1 { return table[single]?.string.flatMap(TraceContext.init(traceparent:)) }
        guard let values = table[list]?.array, values.count == count else { return nil }
        return values[index].string.flatMap(TraceContext.init(traceparent:))
    }

    /// Replaces the headers of a message by that of one of its claims, which becomes a message of its own.
    package static func separate(_ trace: TraceContext?, in table: inout AMQPTable) {
        table[list] = nil
        table[single] = trace.map { .string($0.traceparent) }
    }
}
