package import RuntimeSupport

/// A message that an operator discarded from the dead-letter queue, or replaced by an edited one.
package struct ArchivedMessage: Sendable {
    /// What the operator did. The words are those of the database.
    package enum Action: String, Hashable, Sendable {
        case discarded
        /// The message was replaced by one with an edited body.
        case edited = "mended"
    }

    package var action: Action
    package var id: String
    package var fingerprint: String
    /// The number of identical messages.
    package var copies: Int
    /// Why the operator discarded it.
    package var note: String?
    /// Set by the database.
    package var archivedAt: Timestamp?
    package var archivedBy: String
    /// The whole message as ``ExportedMessage/line`` writes it.
    var line: String
}

extension ArchivedMessage: Encodable {
    private enum CodingKeys: String, CodingKey {
        case id, fingerprint, copies, note
        case archivedAt = "discarded_at"
        case archivedBy = "discarded_by"
    }

    /// Encodes a discarded message for a list. Absent values are left out.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(fingerprint, forKey: .fingerprint)
        try container.encode(copies, forKey: .copies)
        try container.encodeIfPresent(note, forKey: .note)
        try container.encodeIfPresent(archivedAt, forKey: .archivedAt)
        try container.encode(archivedBy, forKey: .archivedBy)
    }
}
