internal import Algorithms
internal import Foundation

/// A temporary file with records that do not fit into memory. It has no name, so that it vanishes with the process.
///
/// A record is the lengths of its key and its payload, four bytes each, and then both.
final class SpillFile {
    private let descriptor: Int32
    private var end = 0
    private static let blockSize = 1 << 18

    /// Creates a file in the folder for temporary files, readable for this user only.
    ///
    /// - Throws: ``DeadLetterError/Code/temporaryFile``.
    init() throws(DeadLetterError) {
        var path = Array("\(Self.folder)/claimctl.XXXXXX".utf8CString)
        descriptor = mkstemp(&path)
        guard descriptor >= 0 else { throw Self.error("created") }
        unlink(path)
    }

    deinit {
        close(descriptor)
    }

    /// Writes records, and returns where they are.
    func append(_ records: [RecordSorter.Record]) throws(DeadLetterError) -> Range<Int> {
        let start = end
        var block: [UInt8] = []
        block.reserveCapacity(Self.blockSize * 2)
        for record in records {
            for part in [record.key, record.payload] {
                withUnsafeBytes(of: UInt32(part.count).littleEndian) { block += $0 }
            }
            block += record.key
            block += record.payload
            if block.count >= Self.blockSize {
                try write(block)
                block.removeAll(keepingCapacity: true)
            }
        }
        try write(block)
        return start..<end
    }

    private func write(_ block: [UInt8]) throws(DeadLetterError) {
        var rest = block[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(end)) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw Self.error("written") }
            rest = rest.dropFirst(written)
            end += written
        }
    }

    /// Reads up to `count` bytes; fewer only at the end of the file.
    fileprivate func read(at offset: Int, count: Int) throws(DeadLetterError) -> [UInt8] {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
                if got < 0, errno == EINTR { continue }
                failed = got < 0
                guard got > 0 else { return }
                filled += got
            }
        }
        if failed { throw Self.error("read") }
        return bytes
    }

    private static var folder: String {
        let path = FileManager.default.temporaryDirectory.path
        return path.hasSuffix("/") ? String(path.dropLast()) : path
    }

    private static func error(_ participle: String) -> DeadLetterError {
        DeadLetterError(
            .temporaryFile,
            "a temporary file in \(folder) can't be \(participle): \(String(cString: strerror(errno)))",
            nextStep: "set TMPDIR to a folder with enough space for the selected messages")
    }
}

/// Reads the records of one run of a ``SpillFile``.
final class SpillReader {
    private let file: SpillFile
    private var offset: Int
    private let end: Int
    private var block: ArraySlice<UInt8> = []
    private static let blockSize = 1 << 16

    init(_ file: SpillFile, _ run: Range<Int>) {
        self.file = file
        offset = run.lowerBound
        end = run.upperBound
    }

    /// Returns the next record; nil at the end.
    func next() throws(DeadLetterError) -> RecordSorter.Record? {
        if block.isEmpty, offset == end { return nil }
        let lengths = try take(8).chunks(ofCount: 4).map { $0.reversed().reduce(0) { $0 << 8 | Int($1) } }
        return RecordSorter.Record(key: Array(try take(lengths[0])), payload: Array(try take(lengths[1])))
    }

    private func take(_ count: Int) throws(DeadLetterError) -> ArraySlice<UInt8> {
        if block.count < count {
            let wanted = min(max(Self.blockSize, count - block.count), end - offset)
            let more = try file.read(at: offset, count: wanted)
            offset += more.count
            block = (Array(block) + more)[...]
            guard block.count >= count else {
                throw DeadLetterError(.temporaryFile, "a temporary file is shorter than what was written to it")
            }
        }
        defer { block = block.dropFirst(count) }
        return block.prefix(count)
    }
}
