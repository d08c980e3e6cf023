/// The result of discarding messages, as JSON.
package struct DiscardReport: Encodable, Hashable, Sendable {
    /// Messages that left the queue.
    package var discarded = 0
    /// Claims that are discarded now. Decided claims keep their outcome.
    package var claims = 0
    /// Selected messages that were no longer in the queue.
    package var gone = 0
}

/// The result of restoring discarded messages, as JSON.
package struct RestoreReport: Encodable, Hashable, Sendable {
    /// Messages that were put into the queue.
    package var restored = 0
    /// Messages that were in the queue already.
    package var present = 0
    /// Claims that are dead-lettered now. Decided claims keep their outcome.
    package var claims = 0
}

/// The result of importing messages, as JSON.
package struct ImportReport: Encodable, Hashable, Sendable {
    /// Messages that were put into the queue.
    package let imported: Int
    /// Messages that were in the queue already.
    package let present: Int
    /// Claims that are dead-lettered now. Decided claims keep their outcome.
    package let claims: Int

    init(_ report: RestoreReport) {
        imported = report.restored
        present = report.present
        claims = report.claims
    }
}

/// The result of an export to a file, as JSON.
package struct ExportReport: Encodable, Hashable, Sendable {
    package let exported: Int
    package let file: String

    package init(exported: Int, file: String) {
        self.exported = exported
        self.file = file
    }
}
