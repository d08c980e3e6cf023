import Claims
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// A claim as a stream of server-sent events: as it stands, then as each change leaves it, until it is settled.
///
/// <https://html.spec.whatwg.org/multipage/server-sent-events.html>
struct ClaimEvents: Sendable {
    private let outcomes: OutcomeReader

    init(_ outcomes: OutcomeReader) {
        self.outcomes = outcomes
    }

    /// Whether a client takes events, by its `Accept` (RFC 9110, section 12.5.1).
    static func areAccepted(by field: String?) -> Bool {
        guard let field, !field.allSatisfy(\.isWhitespace) else { return true }
        // The most specific range decides.
        var weights: [String: Double] = [:]
        for range in field.split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            weights[parts.first ?? "", default: 0] = max(weights[parts.first ?? "", default: 0], weight)
        }
        return (weights["text/event-stream"] ?? weights["text/*"] ?? weights["*/*"] ?? 0) > 0
    }

    /// Names what a claim reads, for `Last-Event-ID`.
    static func id(of claim: Claim) -> String {
        "\(claim.status.rawValue)-\(claim.attempts)-\(claim.decidedAt?.milliseconds ?? 0)"
    }

    /// One event.
    static func event(_ claim: Claim) throws -> ByteBuffer {
        var buffer = ByteBuffer(string: "event: claim\nid: \(id(of: claim))\ndata: ")
        buffer.writeBytes(try JSON.encoder.encode(claim))
        buffer.writeStaticString("\n\n")
        return buffer
    }

    /// - Parameters:
    ///   - claim: as it stood when the request came.
    ///   - channel: the client's connection.
    func response(_ claim: Claim, on channel: any Channel) -> Response {
        let headers: HTTPFields = [
            .contentType: "text/event-stream", .cacheControl: "no-store",
            // nginx would gather the events.
            .accelBuffering: "no",
        ]
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                // Only who asks for the body listens; a HEAD does not. Listening starts before the next look, so that no
                // change falls between the two.
                let watch = outcomes.changes.watch(claim.id)
                defer { watch.end() }
                try await channel.withDeparture(noticedBy: watch.leave) {
                    try await follow(claim, watch, &writer)
                }
                try await writer.finish(nil)
            })
    }

    private func follow(_ first: Claim, _ watch: ClaimWatch, _ writer: inout any ResponseBodyWriter) async throws {
        var known = first
        var shown: Claim?
        var word = ClaimWatch.Word.changed
        while !watch.isOver {
            switch word {
            case .changed:
                // With no store that could tell, nothing has changed as far as anybody knows.
                if let claim = try? await outcomes.claim(first.id) { known = claim.completed(by: known) }
                known = await outcomes.placed(known)
            case .found(let claim):
                known = claim.completed(by: known)
            case .nothing:
                break
            }
            if known != shown {
                try await writer.write(Self.event(known))
                shown = known
            } else {
                // Every few seconds there is a word, so nobody on the way takes the silence for the end.
                try await writer.write(ByteBuffer(staticString: ": still pending\n\n"))
            }
            if known.status.isFinal { return }
            word = await watch.next()
        }
    }
}

extension HTTPField.Name {
    /// `X-Accel-Buffering`, a well-formed token.
    static let accelBuffering = Self("X-Accel-Buffering")!
}
