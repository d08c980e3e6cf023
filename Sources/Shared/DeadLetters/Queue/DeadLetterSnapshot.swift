internal import Broker
package import RuntimeSupport
internal import Synchronization

/// The result of one reading of the dead-letter queue: the main fields of all messages in the order of death, and
/// statistics.
///
/// It takes little memory for any number of messages, because what does not fit is in a temporary file.
package final class DeadLetterSnapshot: Sendable {
    /// When the reading began.
    package let at: Timestamp
    package let statistics: DeadLetterStatistics
    /// Each line has the fields of ``Head``, then the message as JSON.
    private let lines: Mutex<SortedLines>

    /// The number of messages.
    package var count: Int { statistics.all.count }

    /// Reads the queue.
    ///
    /// - Parameter onMessage: receives each message as JSON as soon as it is read, in no particular order.
    /// - Throws: `BrokerError` or ``DeadLetterError/Code/temporaryFile``.
    package convenience init(_ session: OperatorSession, onMessage: @escaping (String) -> Void = { _ in }) throws {
        try self.init(onMessage: onMessage) { visit in try DeadLetterQueue.forEachLetter(session, visit) }
    }

    /// - Parameter letters: passes each message to its argument, in any order.
    package init(
        onMessage: @escaping (String) -> Void = { _ in },
        reading letters: (_ visit: (DeadLetter) throws -> Void) throws -> Void
    ) throws {
        let now = Timestamp.now()
        let encoder = OrderedJSONEncoder()
        let lines = Mutex(SortedLines())
        var statistics = DeadLetterStatistics()
        try letters { letter in
            statistics.add(letter)
            let message = String(decoding: try encoder.encode(DeadLetterLine(letter, now: now)), as: UTF8.self)
            onMessage(message)
            let line = Head(letter).text + message
            try lines.withLock { try $0.add(letter) { line } }
        }
        at = now
        self.statistics = statistics
        self.lines = lines
    }

    /// A part of the list.
    package struct Page: Sendable {
        /// Each message as JSON, see ``DeadLetterLine``.
        package fileprivate(set) var messages: [String] = []
        /// The messages that match, in all pages.
        package fileprivate(set) var matching = 0
        /// Where the next page begins; nil if this is the last one.
        package fileprivate(set) var next: String?
    }

    /// Returns the messages that match, the oldest first.
    ///
    /// - Parameters:
    ///   - place: ``Page/next`` of the page before. It is valid for later snapshots too.
    ///   - limit: the most messages.
    package func page(_ filter: DeadLetterFilter, after place: String?, limit: Int) throws -> Page {
        let now = Timestamp.now()
        var page = Page()
        var last: String?
        try lines.withLock { lines in
            try lines.forEach { line in
                guard let (head, message) = Head.split(line), filter.isEmpty || head.matches(filter, at: now) else {
                    return
                }
                page.matching += 1
                // Hexadecimal digits compare as the bytes do.
                if let place, head.place <= place { return }
                if page.messages.count < limit {
                    page.messages.append(message)
                    last = head.place
                } else {
                    page.next = last
                }
            }
        }
        return page
    }

    /// Whether a text can be the place of a message.
    package static func isPlace(_ text: String) -> Bool {
        !text.isEmpty && text.count <= 8192
            && text.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}

extension DeadLetterSnapshot {
    /// The fields by which a line is filtered and found, as text.
    private struct Head {
        /// The key of the order of death, in hexadecimal.
        let place: String
        let reason: String?
        let couponName: String?
        let userID: String?
        let diedAt: Timestamp?

        /// Between the fields. A field of a message may contain it, and does not match any more then.
        private static let separator = UInt8(0x1f)

        init(_ letter: DeadLetter) {
            let digits = Array("0123456789abcdef".utf8)
            place = String(
                decoding: letter.sortKey.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
            reason = letter.reason
            couponName = letter.couponName
            userID = letter.userID
            diedAt = letter.diedAt
        }

        var text: String {
            let separator = String(UnicodeScalar(Self.separator))
            func field(_ value: String?) -> String { value.map { "+" + $0.replacing(separator, with: "") } ?? "-" }
            let fields = [
                place, field(reason), field(couponName), field(userID), field(diedAt.map { String($0.milliseconds) }),
                "",
            ]
            return fields.joined(separator: separator)
        }

        private init(_ fields: [Substring]) {
            func value(_ field: Substring) -> String? { field.hasPrefix("+") ? String(field.dropFirst()) : nil }
            place = String(fields[0])
            reason = value(fields[1])
            couponName = value(fields[2])
            userID = value(fields[3])
            diedAt = value(fields[4]).flatMap { Int64($0) }.map(Timestamp.init(milliseconds:))
        }

        /// Returns the head of a line and the message after it.
        static func split(_ line: String) -> (Head, String)? {
            let fields = line.utf8.split(separator: separator, maxSplits: 5, omittingEmptySubsequences: false)
                .map { Substring($0) }
            return fields.count == 6 ? (Head(fields), String(fields[5])) : nil
        }

        func matches(_ filter: DeadLetterFilter, at now: Timestamp) -> Bool {
            filter.matches(reason: reason, couponName: couponName, userID: userID, diedAt: diedAt, at: now)
        }
    }
}
