internal import Broker

/// Unacknowledged messages of the queue in the order of death, in bounded memory.
struct SortedEntries {
    private let sorter = RecordSorter()
    private var records: SortedRecords?

    /// The number of messages.
    var count: Int { sorter.count }

    /// - Throws: ``DeadLetterError/Code/temporaryFile``.
    func add(_ entry: DeadLetterQueue.Entry) throws {
        var payload: [UInt8] = []
        withUnsafeBytes(of: entry.handle.connection.littleEndian) { payload += $0 }
        withUnsafeBytes(of: entry.handle.channel.littleEndian) { payload += $0 }
        withUnsafeBytes(of: entry.handle.tag.littleEndian) { payload += $0 }
        payload += try ExportedMessage(entry.letter).line.utf8
        try sorter.add(entry.letter.sortKey, payload)
    }

    /// Returns the next message; nil at the end. All messages must have been added.
    ///
    /// - Throws: ``DeadLetterError/Code/temporaryFile``.
    mutating func next() throws -> DeadLetterQueue.Entry? {
        var records = try records ?? sorter.sorted()
        defer { self.records = records }
        guard let payload = try records.next()?.payload else { return nil }
        func number(_ bytes: Range<Int>) -> UInt64 { payload[bytes].reversed().reduce(0) { $0 << 8 | UInt64($1) } }
        return DeadLetterQueue.Entry(
            letter: try ExportedMessage(line: String(decoding: payload[12...], as: UTF8.self)).letter,
            handle: DeadLetterQueue.Handle(
                connection: UInt16(number(0..<2)), channel: UInt16(number(2..<4)), tag: number(4..<12)))
    }

    /// Returns the next messages, up to `limit`; none at the end.
    mutating func next(_ limit: Int) throws -> [DeadLetterQueue.Entry] {
        var entries: [DeadLetterQueue.Entry] = []
        while entries.count < limit, let entry = try next() { entries.append(entry) }
        return entries
    }
}

extension DeadLetterQueue {
    /// Reads the queue, and returns its messages with these fingerprints.
    func entries(_ wanted: Set<CompactID>) throws -> SortedEntries {
        let entries = SortedEntries()
        try read { entry in
            if wanted.contains(entry.letter.message.compactFingerprint) { try entries.add(entry) }
        }
        return entries
    }
}
