internal import Broker
internal import OrderedCollections
package import RuntimeSupport

/// One attempt at a claim that failed, as it stands in the message's history.
package struct FailedAttempt: Codable, Hashable, Sendable {
    /// Which try it was, from 1.
    package var attempt: Int
    package var at: Timestamp
    /// The worker that tried.
    package var worker: String
    /// A stable word: `lock_held`, `database_error`, `unreadable` …
    package var code: String
    /// What the server or the parser said.
    package var message: String

    package init(attempt: Int, at: Timestamp, worker: String, code: String, message: String) {
        self.attempt = attempt
        self.at = at
        self.worker = worker
        self.code = code
        self.message = Self.cut(message)
    }

    /// Keeps a history of many attempts well below a frame's size: 1,000 bytes, and no half of a character.
    private static func cut(_ message: String) -> String {
        var cut = message.prefix(1000)
        while cut.utf8.count > 1000 { cut.removeLast() }
        return String(cut)
    }
}

extension FailedAttempt {
    /// As a table in the header ``ClaimHeaders/errors``.
    var headerValue: AMQPValue {
        .table([
            "attempt": .int32(Int32(clamping: attempt)),
            "at": .string(at.description),
            "worker": .string(worker),
            "code": .string(code),
            "message": .string(message),
        ])
    }

    /// Reads what ``headerValue`` wrote; nil if it is something else.
    init?(_ value: AMQPValue) {
        guard let table = value.table, let attempt = table["attempt"]?.integer,
            let at = table["at"]?.string.flatMap(Timestamp.init), let code = table["code"]?.string
        else { return nil }
        self.init(
            attempt: Int(attempt), at: at, worker: table["worker"]?.string ?? "", code: code,
            message: table["message"]?.string ?? "")
    }
}
