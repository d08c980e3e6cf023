internal import Broker
internal import Claims
package import Foundation

/// Exported messages that were read and checked, and can be put into the dead-letter queue.
package struct MessageImport: Sendable {
    package let letters: [DeadLetter]
    /// Errors of more lines are only counted.
    private static let errorLimit = 20

    /// Reads JSON lines as ``ExportedMessage/line`` writes them.
    ///
    /// - Parameter data: the lines; the last one may lack its newline.
    /// - Throws: ``DeadLetterError/Code/invalidImport``, naming each line that can't be imported.
    package init(_ data: Data, _ session: OperatorSession) throws(DeadLetterError) {
        try self.init(data, publishedBy: Set(session.stores.brokers.map(\.user)))
    }

    /// - Parameter users: the broker users that publish the messages.
    init(_ data: Data, publishedBy users: Set<String>) throws(DeadLetterError) {
        var letters: [DeadLetter] = []
        var errors: [String] = []
        let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            // The last line ends with the file.
            if line.isEmpty, index > 0, line.endIndex == data.endIndex { continue }
            do throws(ExportedMessage.ValidationError) {
                letters.append(try Self.letter(line, publishedBy: users))
            } catch {
                errors.append("line \(index + 1): \(error)")
            }
        }
        guard errors.isEmpty else {
            var shown = errors.prefix(Self.errorLimit).map { "\n  \($0)" }.joined()
            if errors.count > Self.errorLimit { shown += "\n  … and \(errors.count - Self.errorLimit) more" }
            throw DeadLetterError(.invalidImport, "some lines are invalid; nothing was changed\(shown)")
        }
        self.letters = letters
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

    /// Puts the messages into the queue that are not there.
    ///
    /// - Throws: as ``Archive/putBack(_:)``.
    package func run(_ session: OperatorSession) throws -> ImportReport {
        ImportReport(try Archive(session).putBack(letters))
    }
}
