import Broker
import Claims
import Foundation
import OrderedCollections
import RuntimeSupport
import SeededRandom

@testable import DeadLetters

extension FuzzTarget {
    /// Dead letters of any origin, and files that are imported.
    static let deadLetters: [FuzzTarget] = [deadLetter, exportedLine, importFile, editedBody, errorText]

    private static let deadLetter = FuzzTarget(name: "dead letter") { input in
        var message = BrokerMessage.random(using: &input.random)
        let made = BrokerMessage.made(headers: message.properties.headers)
        if input.random.oneIn(2) { message.properties.headers = made.properties.headers }
        message.body = input.bytes(from: bodies)
        let letter = DeadLetter(message)
        try input.expect(!letter.id.isEmpty, "no id")
        try input.expect(letter.matches(id: letter.id) && letter.names.contains(letter.id), "not found by its id")
        try input.expect((0..<7).contains(letter.lane(of: 7)), "lane")
        let document = DeadLetterDocument(letter, now: DeadLetter.end, Diagnosis.Circumstances())
        let json = try JSONEncoder().encode(document)
        try input.expect((try? JSONSerialization.jsonObject(with: json)) is [String: Any], "no JSON document")
        var statistics = DeadLetterStatistics()
        statistics.add(letter)
        _ = (letter.age(at: DeadLetter.end), letter.replays, letter.deadLetteredClaim, letter.error?.printable)
        var sorted = SortedEntries()
        let handle = DeadLetterQueue.Handle(connection: 1, channel: 2, tag: 3)
        try sorted.add(DeadLetterQueue.Entry(letter: letter, handle: handle))
        let read = try sorted.next()
        try input.expect(read?.letter.message.fingerprint == letter.message.fingerprint, "another message")
    }

    private static let exported: [[UInt8]] = [
        DeadLetter.made(1), .cancel(2),
        .stray("no JSON", messageID: "order-17", headers: ["n": .decimal(places: 2, value: 7)]),
    ].compactMap { try? Array(ExportedMessage($0).line.utf8) }

    private static let exportedLine = FuzzTarget(name: "exported line") { input in
        let text = String(decoding: input.bytes(from: exported), as: UTF8.self)
        guard let message = try? ExportedMessage(line: text) else { return }
        let again = try ExportedMessage(line: message.line)
        try input.expect(again.letter.message == message.letter.message, "read back as another message")
        let original = exported.compactMap { try? ExportedMessage(line: String(decoding: $0, as: UTF8.self)) }
        // The fingerprint protects the message, so only the fields for readers can differ.
        let known = original.contains { $0.letter.message.fingerprint == message.letter.message.fingerprint }
        try input.expect(known, "a damaged message is accepted")
    }

    private static let importFile = FuzzTarget(name: "import") { input in
        let file = Array(exported.joined(separator: [UInt8(ascii: "\n")]))
        let bytes = input.bytes(from: [file, file + [UInt8(ascii: "\n")]])
        guard let read = try? MessageImport(Data(bytes), publishedBy: ["claims"]) else { return }
        let lines = bytes.split(separator: UInt8(ascii: "\n")).count
        let letters = Array(read.letters)
        try input.expect(letters.count == lines, "\(letters.count) messages of \(lines) lines")
        try input.expect(letters.map(\.message.compactFingerprint) == read.fingerprints, "other fingerprints")
    }

    private static let editedBody = FuzzTarget(name: "edited body") { input in
        let bytes = input.bytes(from: bodies + [Array(#"{"user_id": "ann", "coupon_name": "sale"}"#.utf8)])
        guard let claim = try? EditedBody(bytes, of: .made(1)).claim else { return }
        try input.expect(claim.id == ClaimMessage.made(1).id, "another id")
        let read = try? ClaimMessageCoder.shared.decode(ClaimMessageCoder.shared.encode(claim))
        try input.expect(read == claim, "a worker can't read it")
    }

    private static let errorText = FuzzTarget(name: "error text") { input in
        let text = input.text(from: [
            "lock of \"SALE\" is held by w-12 for 1500 ms", "deadlock (SQLSTATE 40P01)", "at 127.0.0.1:5432, 12:30:01",
            "lock:SALE:9s7rbmh9d09d9djm", "‘a’ «b» `c` 'd'",
        ])
        let folded = ErrorGroup.folded(text)
        try input.expect(!folded.unicodeScalars.contains("\0") || text.unicodeScalars.contains("\0"), "made a NUL")
        let safe = text.printable
        try input.expect(
            safe.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }, "not printable: \(safe)")
    }
}
