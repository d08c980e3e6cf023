internal import Broker
internal import OrderedCollections
package import RuntimeSupport

/// A failed attempt at a claim, as recorded in the history of its message.
package struct FailedAttempt: Codable, Hashable, Sendable {
    /// The number of the attempt, from 1.
    package var attempt: Int
    package var at: Timestamp
    /// The id of the worker.
    package var worker: String
    /// A stable code, see ``FailureCode``.
    package var code: String
    /// The error message of the server or the parser.
    package var message: String

    package init(attempt: Int, at: Timestamp, worker: String, code: String, message: String) {
        self.attempt = attempt
        self.at = at
        self.worker = worker
        self.code = code
        self.message = Self.cut(message)
    }

    /// Cuts a message to 1,000 bytes of whole characters, so that a history of many attempts fits into one frame.
    private static func cut(_ message: String) -> String {
        var cut = message.prefix(1000)
        while cut.utf8.count > 1000 { cut.removeLast() }
        return String(cut)
    }
}

extension FailedAttempt {
    /// The attempt as a table in the header ``ClaimHeaders/errors``.
    var headerValue: AMQPValue {
        .table([
            "attempt": .int32(Int32(clamping: attempt)),
            "at": .string(at.description),
            "worker": .string(worker),
            "code": .string(code),
            "message": .string(message),
        ])
    }

    /// Reads a ``headerValue``; nil if it is malformed.
    init?(_ value: AMQPValue) {
        guard let table = value.table, let attempt = table["attempt"]?.integer,
            let at = table["at"]?.string.flatMap(Timestamp.init), let code = table["code"]?.string
        else { return nil }
        self.init(
            attempt: Int(attempt), at: at, worker: table["worker"]?.string ?? "", code: code,
            message: table["message"]?.string ?? "")
    }
}
