/// Sorts records in bounded memory: what does not fit is in sorted runs in a temporary file.
///
/// Keys compare byte by byte. Records with equal keys are all kept.
final class RecordSorter {
    struct Record: Hashable, Sendable {
        let key: [UInt8]
        let payload: [UInt8]

        /// An estimate of the memory that it takes, with the heads of its two arrays.
        fileprivate var size: Int { key.count + payload.count + 96 }
    }

    /// Only this many of the lowest records are kept; nil for all.
    private let limit: Int?
    private let memoryLimit: Int
    private var buffer: [Record] = []
    /// The bytes of the records that are in memory.
    private(set) var bufferSize = 0
    /// No record above this key is among the lowest.
    private var cutoff: [UInt8]?
    private var file: SpillFile?
    private var runs: [Range<Int>] = []
    private var added = 0

    /// - Parameter memoryLimit: the bytes of records that are held in memory.
    init(limit: Int? = nil, memoryLimit: Int = 32 << 20) {
        self.limit = limit
        self.memoryLimit = memoryLimit
    }

    /// The number of records that ``sorted()`` yields.
    var count: Int { min(added, limit ?? .max) }

    /// Whether a record may be kept whose key begins with `prefix`. A caller can save the making of others.
    func accepts(_ prefix: [UInt8]) -> Bool {
        guard let cutoff else { return true }
        return !cutoff.lexicographicallyPrecedes(prefix)
    }

    /// Counts a record that ``accepts(_:)`` has refused.
    func skip() { added += 1 }

    /// - Throws: ``DeadLetterError/Code/temporaryFile``.
    func add(_ key: [UInt8], _ payload: [UInt8]) throws(DeadLetterError) {
        added += 1
        guard accepts(key) else { return }
        let record = Record(key: key, payload: payload)
        buffer.append(record)
        bufferSize += record.size
        if let limit, buffer.count > 2 * limit + 100 { keepLowest(limit) }
        if bufferSize > memoryLimit { try spill() }
    }

    /// Returns the records in order. Can be called several times, after all records were added.
    ///
    /// - Throws: ``DeadLetterError/Code/temporaryFile``.
    func sorted() throws(DeadLetterError) -> SortedRecords {
        sortBuffer()
        var sources = [RecordSource(buffer)]
        if let file { sources += runs.map { RecordSource(SpillReader(file, $0)) } }
        return try SortedRecords(sources, limit: limit ?? .max)
    }

    private func sortBuffer() {
        buffer.sort { $0.key.lexicographicallyPrecedes($1.key) }
    }

    private func keepLowest(_ limit: Int) {
        sortBuffer()
        buffer.removeLast(max(0, buffer.count - limit))
        bufferSize = buffer.reduce(0) { $0 + $1.size }
        if buffer.count == limit { cutoff = buffer.last?.key }
    }

    private func spill() throws(DeadLetterError) {
        if let limit {
            keepLowest(limit)
            if bufferSize <= memoryLimit / 2 { return }
        } else {
            sortBuffer()
        }
        if file == nil { file = try SpillFile() }
        if let run = try file?.append(buffer) { runs.append(run) }
        buffer = []
        bufferSize = 0
    }
}

/// Records in the order of their keys, merged from several sorted sources.
struct SortedRecords {
    /// The source with the lowest head is the last.
    private var sources: [RecordSource] = []
    private var left: Int

    fileprivate init(_ sources: [RecordSource], limit: Int) throws(DeadLetterError) {
        left = limit
        for source in sources { try insert(source) }
    }

    /// - Throws: ``DeadLetterError/Code/temporaryFile``.
    mutating func next() throws(DeadLetterError) -> RecordSorter.Record? {
        guard left > 0, let source = sources.popLast(), let record = source.head else { return nil }
        left -= 1
        try insert(source)
        return record
    }

    /// Advances a source and puts it in its place.
    private mutating func insert(_ source: RecordSource) throws(DeadLetterError) {
        guard try source.advance(), let key = source.head?.key else { return }
        var (low, high) = (0, sources.count)
        while low < high {
            let middle = (low + high) / 2
            if let other = sources[middle].head?.key, key.lexicographicallyPrecedes(other) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        sources.insert(source, at: low)
    }
}

/// Sorted records in memory or in a file.
private final class RecordSource {
    private var records: ArraySlice<RecordSorter.Record> = []
    private let reader: SpillReader?
    /// The first record that is left; nil before the first advance and at the end.
    private(set) var head: RecordSorter.Record?

    init(_ records: [RecordSorter.Record]) {
        self.records = records[...]
        reader = nil
    }

    init(_ reader: SpillReader) {
        self.reader = reader
    }

    /// - Returns: false at the end.
    func advance() throws(DeadLetterError) -> Bool {
        if let reader { head = try reader.next() } else { head = records.popFirst() }
        return head != nil
    }
}
