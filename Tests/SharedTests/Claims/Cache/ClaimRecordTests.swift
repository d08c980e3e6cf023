import RuntimeSupport
import Testing

@testable import Claims

@Suite struct ClaimRecordTests {
    private let id = String(repeating: "0", count: 40)

    private func message(user: String = "größe 1", coupon: String = "SALE") throws -> ClaimMessage {
        try ClaimMessage(
            id: #require(ClaimID(id)), userID: #require(UserID(user)), couponName: #require(CouponName(coupon)),
            createdAt: Timestamp(milliseconds: 1_795_368_454_123))
    }

    private func claim(_ status: ClaimStatus, reason: String? = nil) throws -> Claim {
        var claim = try message().pendingClaim
        claim.status = status
        claim.reason = reason
        claim.attempts = 12
        claim.decidedAt = status.isFinal ? Timestamp(milliseconds: 1_795_368_460_456) : nil
        return claim
    }

    /// Returns the record that Redis has after a worker stored the state of an accepted claim.
    private func record(_ state: ClaimState) throws -> ClaimRecord? {
        let header = String(decoding: ClaimRecord.header(.accepted, number: 7), as: UTF8.self)
        return try ClaimRecord(header + ClaimRecord.text(state), of: #require(ClaimID(id)))
    }

    @Test(arguments: ["u1", " u 1 ", "größe", "a  b", "SALE u1", "👩‍🚀"])
    func anyUserIDIsKept(_ user: String) throws {
        let message = try message(user: user)
        let noted = try #require(ClaimRecord(ClaimRecord.noted(message), of: message.id))
        #expect(
            noted
                == ClaimRecord(
                    mark: .noted, number: nil,
                    state: ClaimState(message.pendingClaim, at: message.createdAt, rank: .noted)))
        let stored = try record(ClaimState(message.pendingClaim))
        #expect(stored?.state?.claim == message.pendingClaim)
    }

    @Test(arguments: ClaimStatus.allCases, [nil, "größe: \"2\"", "two\nlines", ""])
    func everyStateIsReadBackUnchanged(_ status: ClaimStatus, reason: String?) throws {
        let state = ClaimState(try claim(status, reason: reason))
        #expect(try record(state) == ClaimRecord(mark: .accepted, number: 7, state: state))
    }

    @Test func theTimeOfTheDecisionMayDifferFromThatOfTheState() throws {
        let restored = ClaimState(try claim(.deadLettered), at: Timestamp(milliseconds: 1_795_368_470_000))
        #expect(try record(restored)?.state == restored)
    }

    @Test func missingValuesStayUnknown() throws {
        let state = ClaimState(Claim(id: try message().id, status: .deadLettered))
        #expect(try record(state)?.state == state)
    }

    @Test func theMarkAloneIsARecord() throws {
        let id = try message().id
        #expect(ClaimRecord("+----", of: id) == ClaimRecord(mark: .accepted, number: nil, state: nil))
        #expect(ClaimRecord("*000-", of: id)?.mark == .edited)
    }

    /// The scripts in Redis compare these bytes.
    @Test func theVersionFollowsTheHeader() throws {
        let early = Timestamp(milliseconds: 1000), late = Timestamp(milliseconds: 2000)
        let states = [
            ClaimState(try claim(.pending)), ClaimState(try claim(.deadLettered), at: early),
            ClaimState(try claim(.pending), at: late), ClaimState(try claim(.claimed), at: early),
            ClaimState(try claim(.cancelled), at: early),
        ]
        let versions = states.map { Array(ClaimRecord.text($0).utf8.prefix(8)) }
        #expect(versions == versions.sorted { $0.lexicographicallyPrecedes($1) })
        #expect(Set(versions).count == versions.count)
        let noted = Array(ClaimRecord.noted(try message()).utf8.dropFirst(5).prefix(8))
        #expect(noted.lexicographicallyPrecedes(versions[0]))
    }

    /// The allocator rounds up: 44 bytes and 60 bytes fill a size class of 64 and of 80 bytes, with Redis' own headers.
    @Test func aPendingClaimFitsIntoItsSizeClass() throws {
        #expect(try ClaimRecord.noted(message(user: "user-12345678", coupon: "FLASH_SALE")).utf8.count <= 44)
        let uuid = "7a16d696-2304-5e68-bfc2-101b5c79af27"
        #expect(try ClaimRecord.noted(message(user: uuid, coupon: "FLASH_SALE")).utf8.count <= 60)
    }

    @Test(arguments: [
        "", "x", "+", "?----", "+----4-------c1    u", "+----0", "+----0------", "+----0-------SALE", "+----2-------",
        "+----2-------q1    u", "+----2-------cx    u", "+----2-------c1  ",
    ])
    func otherTextIsNoRecord(_ text: String) throws {
        #expect(ClaimRecord(text, of: try message().id) == nil)
    }
}
