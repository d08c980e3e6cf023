internal import Broker
internal import Claims
package import Foundation

/// A file of exported messages that was checked. Its messages are read again when they are put into the dead-letter
/// queue, so that only the file is in memory, or mapped into it.
package struct MessageImport: Sendable {
    private let lines: [Data]
    /// The messages' fingerprints, in the order of the lines.
    let fingerprints: [CompactID]
    private let users: Set<String>
    /// Errors of more lines are only counted.
    private static let errorLimit = 20

    /// Checks JSON lines as ``ExportedMessage/line`` writes them.
    ///
    /// - Parameter data: the lines; the last one may lack its newline.
    /// - Throws: ``DeadLetterError/Code/invalidImport``, naming each line that can't be imported.
    package init(_ data: Data, _ session: OperatorSession) throws(DeadLetterError) {
        try self.init(data, publishedBy: Set(session.stores.brokers.map(\.user)))
    }

    /// - Parameter users: the broker users that publish the messages.
    init(_ data: Data, publishedBy users: Set<String>) throws(DeadLetterError) {
        var valid: [Data] = []
        var fingerprints: [CompactID] = []
        var errors: [String] = []
        var errorCount = 0
        let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            // The last line ends with the file.
            if line.isEmpty, index > 0, line.endIndex == data.endIndex { continue }
            do throws(ExportedMessage.ValidationError) {
                fingerprints.append(try Self.letter(line, publishedBy: users).message.compactFingerprint)
                valid.append(line)
            } catch {
                errorCount += 1
                if errorCount <= Self.errorLimit { errors.append("\n  line \(index + 1): \(error)") }
            }
        }
        guard errors.isEmpty else {
            if errorCount > Self.errorLimit { errors.append("\n  … and \(errorCount - Self.errorLimit) more") }
            throw DeadLetterError(
                .invalidImport, "some lines are invalid; nothing was changed\(errors.joined())")
        }
        self.lines = valid
        self.fingerprints = fingerprints
        self.users = users
    }

    private static func letter(
        _ line: Data, publishedBy users: Set<String>
    ) throws(ExportedMessage.ValidationError) -> DeadLetter {
        guard let text = String(validating: line, as: UTF8.self) else {
            throw ExportedMessage.ValidationError(description: "the line is not UTF-8")
        }
        let letter = try ExportedMessage(line: text).letter
        if let user = letter.message.properties.userID, users != [user] {
            throw ExportedMessage.ValidationError(
                description: "the broker accepts messages of its user \(user) from that user only")
        }
        return letter
    }

    /// The messages, in the order of the lines. Each is read when it is needed.
    var letters: some Sequence<DeadLetter> {
        lines.lazy.compactMap { try? Self.letter($0, publishedBy: users) }
    }

    /// Puts the messages into the queue that are not there.
    ///
    /// - Throws: as ``Archive/putBack(_:)``.
    package func run(_ session: OperatorSession) throws -> ImportReport {
        ImportReport(try Archive(session).putBack(letters, fingerprints: fingerprints))
    }
}
