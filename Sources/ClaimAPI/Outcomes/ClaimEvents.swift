import Claims
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import RuntimeSupport

/// Streams a claim as server-sent events: its current state, then each change, until it is no longer pending.
///
/// <https://html.spec.whatwg.org/multipage/server-sent-events.html>
struct ClaimEvents: Sendable {
    private let outcomes: OutcomeReader

    init(_ outcomes: OutcomeReader) {
        self.outcomes = outcomes
    }

    /// Returns whether an `Accept` field admits `text/event-stream` (RFC 9110, section 12.5.1).
    static func areAccepted(by field: String?) -> Bool {
        guard let field, !field.allSatisfy(\.isWhitespace) else { return true }
        // The most specific media range applies.
        var weights: [String: Double] = [:]
        for range in field.split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            weights[parts.first ?? "", default: 0] = max(weights[parts.first ?? "", default: 0], weight)
        }
        return (weights["text/event-stream"] ?? weights["text/*"] ?? weights["*/*"] ?? 0) > 0
    }

    /// Returns the event id of a claim's state, which clients send back in `Last-Event-ID`.
    static func id(of claim: Claim) -> String {
        "\(claim.status.rawValue)-\(claim.attempts)-\(claim.decidedAt?.milliseconds ?? 0)"
    }

    /// Encodes a claim as one event.
    static func event(_ claim: Claim) throws -> ByteBuffer {
        var buffer = ByteBuffer(string: "event: claim\nid: \(id(of: claim))\ndata: ")
        buffer.writeBytes(try JSON.encoder.encode(claim))
        buffer.writeStaticString("\n\n")
        return buffer
    }

    /// Returns the response that streams the events.
    ///
    /// - Parameters:
    ///   - claim: the claim's state when the request arrived.
    ///   - caller: who follows the claim.
    ///   - channel: the client's connection.
    func response(_ claim: Claim, for caller: Caller, on channel: any Channel) -> Response {
        let headers: HTTPFields = [
            .contentType: "text/event-stream", .cacheControl: "no-store",
            // Keeps nginx from buffering the events.
            .accelBuffering: "no",
        ]
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                // The watch begins here because a HEAD request has no body, and before the next look-up, so that no
                // change is missed in between.
                let watch = outcomes.changes.watch(claim.id)
                defer { watch.end() }
                try await channel.withDisconnectHandler(watch.close) {
                    try await stream(claim, for: caller, watch, &writer)
                }
                try await writer.finish(nil)
            })
    }

    private func stream(
        _ first: Claim, for caller: Caller, _ watch: ClaimWatch, _ writer: inout any ResponseBodyWriter
    ) async throws {
        var current = first
        var sent: Claim?
        var update = ClaimWatch.Update.changed
        while !watch.isClosed {
            switch update {
            case .changed:
                // If no store can be reached, the last known state is kept.
                if let claim = try? await outcomes.claim(first.id) { current = claim.completed(by: current) }
                current = await outcomes.addingPosition(to: current)
            case .loaded(let claim):
                current = claim.completed(by: current)
            case .unchanged:
                break
            }
            // The user of the claim may have been unknown until now.
            guard caller.owns(current) else { return }
            if current != sent {
                try await writer.write(Self.event(current))
                sent = current
            } else {
                // A comment with every poll keeps proxies from closing an idle connection.
                try await writer.write(ByteBuffer(staticString: ": still pending\n\n"))
            }
            if current.status.isFinal { return }
            update = await watch.next()
        }
    }
}

extension HTTPField.Name {
    /// `X-Accel-Buffering`, a well-formed token.
    static let accelBuffering = Self("X-Accel-Buffering")!
}
