internal import Crypto
internal import Foundation
package import RuntimeSupport
package import Settings
internal import Synchronization

/// Issues claim ids and recognizes issued ones. All API processes share the secrets.
package final class ClaimIDIssuer: Sendable {
    private let keys: Keys
    /// Of earlier secrets, whose ids are still recognized.
    private let former: [Keys]
    private let firstDatedDay = Atomic(0)

    /// - Parameters:
    ///   - secret: issues ids. Its owner can issue ids.
    ///   - former: secrets that issued ids before, which are still recognized.
    package init(secret: String, former: [String] = []) {
        keys = Keys(secret)
        self.former = former.map(Keys.init)
    }

    /// The first day whose ids carry their day, in days since 1970. Requests of earlier days get ids of the first version,
    /// which API processes of earlier releases recognize too.
    package var datesIDsFrom: Int {
        get { firstDatedDay.load(ordering: .relaxed) }
        set { firstDatedDay.store(newValue, ordering: .relaxed) }
    }

    /// Returns the id of a user's request with this key.
    ///
    /// - Parameter time: when the request was first made.
    package func id(user: UserID, key: IdempotencyKey, at time: Timestamp) -> ClaimID {
        keys.id(keys.digest(user: user, key: key), day: datedDay(of: time))
    }

    /// Returns the id with a digest, as the present secret issues it.
    ///
    /// - Parameter time: when the request was first made.
    /// - Returns: nil if the text is no digest.
    package func id(digest text: some StringProtocol, at time: Timestamp) -> ClaimID? {
        guard let bytes = Base32Hex.decode(String(text)), bytes.count == ClaimID.digestBytes else { return nil }
        return keys.id(bytes, day: datedDay(of: time))
    }

    /// Returns the ids that the same request had with earlier secrets.
    package func formerIDs(user: UserID, key: IdempotencyKey, at time: Timestamp) -> [ClaimID] {
        former.map { $0.id($0.digest(user: user, key: key), day: datedDay(of: time)) }
    }

    /// Returns the id that the request of this id had at another time.
    package func id(_ id: ClaimID, at time: Timestamp) -> ClaimID {
        guard let bytes = Base32Hex.decode(id.description), let keys = issuer(of: bytes) else { return id }
        return keys.id(Array(bytes.prefix(ClaimID.digestBytes)), day: datedDay(of: time))
    }

    /// Reads an id that a client sent.
    ///
    /// - Returns: nil unless the id was issued with one of the secrets.
    package func issued(_ text: String) -> ClaimID? {
        guard let id = ClaimID(text), let bytes = Base32Hex.decode(id.description), issuer(of: bytes) != nil else {
            return nil
        }
        return id
    }

    /// Returns the day on which an id was issued, in days since 1970.
    ///
    /// - Returns: nil if the id does not carry its day, or was not issued with one of the secrets.
    package func day(of id: ClaimID) -> Int? {
        guard let bytes = Base32Hex.decode(id.description), ([keys] + former).contains(where: { $0.issuedDated(bytes) })
        else { return nil }
        return Int(bytes[Keys.dayOffset]) << 8 | Int(bytes[Keys.dayOffset + 1])
    }

    private func issuer(of bytes: [UInt8]) -> Keys? {
        if keys.issued(bytes) { return keys }
        return former.first { $0.issued(bytes) }
    }

    private func datedDay(of time: Timestamp) -> Int? {
        time.day >= datesIDsFrom ? time.day : nil
    }
}

extension ClaimIDIssuer {
    package static let setting = Setting(
        "CLAIMS_ID_SECRET", isSecret: true,
        help: """
            Secrets for claim ids, at least 32 characters each, separated by commas; the first issues ids, all are \
            accepted; the same for all API processes
            """)

    /// Reads `CLAIMS_ID_SECRET`.
    ///
    /// - Returns: the secrets, at least one. The first one issues ids, all are recognized.
    package static func secrets(_ reader: SettingReader) throws(SettingError) -> [String] {
        try reader.value(setting, mustBe: "at least 32 characters long") { text in
            let secrets = text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            return secrets.allSatisfy { $0.utf8.count >= 32 } ? secrets : nil
        }
    }

    /// Creates an issuer with these secrets, at least one.
    package convenience init(secrets: [String]) {
        self.init(secret: secrets[0], former: Array(secrets.dropFirst()))
    }
}

/// The keys that are derived from one secret.
private struct Keys: Sendable {
    private let digest: SymmetricKey
    private let proof: SymmetricKey
    private let undatedProof: SymmetricKey

    private static let version: UInt8 = 2
    private static let cell: UInt8 = 0
    static let dayOffset = ClaimID.digestBytes + 2
    private static let proofOffset = dayOffset + 2
    private static let proofBytes = 6
    private static let undatedProofBytes = 10

    init(_ secret: String) {
        let root = SymmetricKey(data: Data(secret.utf8))
        func derived(_ purpose: String) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(inputKeyMaterial: root, info: Data(purpose.utf8), outputByteCount: 32)
        }
        digest = derived("claim id: digest of user and idempotency key")
        proof = derived("claim id: proof of issue with version and day")
        undatedProof = derived("claim id: proof of issue")
    }

    func digest(user: UserID, key: IdempotencyKey) -> [UInt8] {
        var input: [UInt8] = []
        input.reserveCapacity(4 + user.description.utf8.count + key.value.utf8.count)
        // The length prefix distinguishes ("ab", "c") from ("a", "bc").
        withUnsafeBytes(of: UInt32(user.description.utf8.count).littleEndian) { input.append(contentsOf: $0) }
        input.append(contentsOf: user.description.utf8)
        input.append(contentsOf: key.value.utf8)
        return Self.code(input, with: digest, bytes: ClaimID.digestBytes)
    }

    /// - Parameter day: nil for an id of the first version.
    func id(_ digest: [UInt8], day: Int?) -> ClaimID {
        guard let day else {
            return ClaimID(bytes: digest + Self.code(digest, with: undatedProof, bytes: Self.undatedProofBytes))
        }
        let number = UInt16(clamping: day)
        let head = digest + [Self.version, Self.cell, UInt8(number >> 8), UInt8(number & 0xff)]
        return ClaimID(bytes: head + Self.code(head, with: proof, bytes: Self.proofBytes))
    }

    /// Returns whether an id was issued with this secret.
    func issued(_ bytes: [UInt8]) -> Bool {
        issuedDated(bytes)
            || Self.matches(bytes, from: ClaimID.digestBytes, key: undatedProof, bytes: Self.undatedProofBytes)
    }

    /// Returns whether an id that carries its day was issued with this secret.
    func issuedDated(_ bytes: [UInt8]) -> Bool {
        Self.matches(bytes, from: Self.proofOffset, key: proof, bytes: Self.proofBytes)
    }

    private static func matches(_ id: [UInt8], from offset: Int, key: SymmetricKey, bytes count: Int) -> Bool {
        let expected = code(id.prefix(offset), with: key, bytes: count)
        // Compares all bytes, so that the time taken does not reveal where they differ.
        return zip(id.dropFirst(offset), expected).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func code(_ input: some Sequence<UInt8>, with key: SymmetricKey, bytes count: Int) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(input), using: key).prefix(count))
    }
}
