internal import RuntimeSupport

/// What one key in Redis says about a claim, as compact text.
///
/// ```
/// +0kZ0 2 Q7mZ3-1 c1 Q7mY_0t  FLASH_SALE ann     (without the first two spaces)
/// │└┬─┘ │ └──┬──┘ └┬───────────────────────┘
/// │ │   │    │     └ status letter, attempts, time of acceptance, time of decision, coupon, user, line break, reason
/// │ │   │    └ the time that orders states of one rank, in milliseconds
/// │ │   └ rank
/// │ └ the claim's number in its lane; ---- while it is unknown
/// └ mark
/// ```
/// The first five bytes belong to ClaimAPI; the script that stores a state keeps them. Bytes 5 to 12, the rank and the
/// time, are the version of the state, see ``ClaimState``. A request that no worker has received has rank 0 and the time
/// of its acceptance, followed by coupon and user only. The user's id may contain spaces, but no line break.
struct ClaimRecord: Hashable {
    /// What ClaimAPI knows about the request.
    enum Mark: UInt8 {
        /// Noted before the publish. It may have been lost on its way.
        case noted = 0x2d  // -
        /// The broker has confirmed it.
        case accepted = 0x2b  // +
        /// Accepted, and later replaced by an operator: its coupon may differ from the request's.
        case edited = 0x2a  // *
    }

    static let numberWidth = 4
    /// The mark and the number.
    static let headerWidth = 1 + numberWidth
    private static let timeWidth = 7
    private static let noNumber = [UInt8](repeating: 0x2d, count: numberWidth)

    var mark: Mark
    /// The claim's number in its lane, modulo 64^4; nil if it is unknown.
    var number: Int64?
    /// Nil if only the mark is known.
    var state: ClaimState?

    init(mark: Mark, number: Int64?, state: ClaimState?) {
        self.mark = mark
        self.number = number
        self.state = state
    }

    /// Returns the first five bytes.
    static func header(_ mark: Mark, number: Int64?) -> [UInt8] {
        [mark.rawValue] + (number.map { SortableDigits.encode($0, width: numberWidth) } ?? noNumber)
    }

    /// Returns the text of a request that is noted.
    static func noted(_ message: ClaimMessage, as mark: Mark = .noted) -> String {
        let version = [ClaimState.Rank.noted.rawValue] + digits(message.createdAt)
        return String(decoding: header(mark, number: nil) + version, as: UTF8.self)
            + "\(message.couponName) \(message.userID)"
    }

    /// Returns the version of a state: its rank and its time.
    static func version(_ state: ClaimState) -> String {
        String(decoding: [state.rank.rawValue] + digits(state.time), as: UTF8.self)
    }

    /// Returns the text of a state, from the rank on.
    static func text(_ state: ClaimState) -> String {
        let claim = state.claim
        var bytes = [state.rank.rawValue] + digits(state.time)
        bytes.append(letter(claim.status))
        bytes += String(claim.attempts).utf8
        bytes.append(space)
        if let createdAt = claim.createdAt { bytes += digits(createdAt) }
        bytes.append(space)
        if claim.status.isFinal, claim.decidedAt != state.time {
            bytes += claim.decidedAt.map(digits) ?? [unknownTime]
        }
        bytes.append(space)
        if let coupon = claim.couponName { bytes += coupon.description.utf8 }
        bytes.append(space)
        if let user = claim.userID { bytes += user.description.utf8 }
        if let reason = claim.reason {
            bytes.append(lineBreak)
            bytes += reason.utf8
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads a record; nil if the text is none.
    init?(_ text: String, of id: ClaimID) {
        let bytes = Array(text.utf8)
        guard bytes.count >= Self.headerWidth, let mark = Mark(rawValue: bytes[0]) else { return nil }
        self.mark = mark
        let number = SortableDigits.decode(bytes[1..<Self.headerWidth])
        self.number = number == 0 ? nil : number
        guard bytes.count > Self.headerWidth else { return }
        let body = Self.headerWidth + 1 + Self.timeWidth
        guard bytes.count > body, let rank = ClaimState.Rank(rawValue: bytes[Self.headerWidth]),
            let time = SortableDigits.decode(bytes[Self.headerWidth + 1..<body]).map(Timestamp.init),
            let claim = Self.claim(bytes[body...], of: id, rank: rank, time: time)
        else { return nil }
        state = ClaimState(claim, at: time, rank: rank)
    }

    private static func claim(
        _ body: ArraySlice<UInt8>, of id: ClaimID, rank: ClaimState.Rank, time: Timestamp
    ) -> Claim? {
        let parts = body.split(separator: space, maxSplits: rank == .noted ? 1 : 4, omittingEmptySubsequences: false)
        if rank == .noted {
            guard parts.count == 2 else { return nil }
            return Claim(
                id: id, userID: UserID(text(parts[1])), couponName: CouponName(text(parts[0])), createdAt: time)
        }
        guard parts.count == 5, let status = parts[0].first.flatMap(status),
            let attempts = Int(text(parts[0].dropFirst()))
        else { return nil }
        let last = parts[4].split(separator: lineBreak, maxSplits: 1, omittingEmptySubsequences: false)
        let decidedAt =
            parts[2].isEmpty ? time : SortableDigits.decode(parts[2].drop { $0 == unknownTime }).map(Timestamp.init)
        return Claim(
            id: id, status: status, reason: last.count > 1 ? text(last[1]) : nil, userID: UserID(text(last[0])),
            couponName: CouponName(text(parts[3])), attempts: attempts,
            createdAt: SortableDigits.decode(parts[1]).map(Timestamp.init), decidedAt: status.isFinal ? decidedAt : nil)
    }

    // MARK: Characters

    private static let space = UInt8(ascii: " ")
    private static let lineBreak = UInt8(ascii: "\n")
    private static let unknownTime = UInt8(ascii: "?")

    private static func digits(_ time: Timestamp) -> [UInt8] {
        SortableDigits.encode(time.milliseconds, width: timeWidth)
    }

    private static func text(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    private static func letter(_ status: ClaimStatus) -> UInt8 {
        switch status {
        case .pending: UInt8(ascii: "p")
        case .claimed: UInt8(ascii: "c")
        case .rejected: UInt8(ascii: "r")
        case .deadLettered: UInt8(ascii: "d")
        case .discarded: UInt8(ascii: "x")
        case .cancelled: UInt8(ascii: "b")
        }
    }

    private static func status(_ letter: UInt8) -> ClaimStatus? {
        ClaimStatus.allCases.first { Self.letter($0) == letter }
    }
}
