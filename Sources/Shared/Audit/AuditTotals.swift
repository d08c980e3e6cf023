internal import Postgres

/// A table that the audit reads whole.
enum AuditedTable: String, CaseIterable {
    case claims
    case userClaims = "user_claims"

    /// Adds up the rows of a range of pages by coupon. $1 and $2 are its first and last row identifier, as text.
    ///
    /// A coupon's checksums of both tables are equal if exactly its claimed claims hold it, each for its own user. So the
    /// tables need no join unless a checksum differs.
    var statement: String {
        switch self {
        case .claims:
            """
            select coupon_name, count(*), count(*) filter (where status = 'claimed'),
                coalesce(bit_xor(hashtextextended(id || ' ' || user_id, 0)) filter (where status = 'claimed'), 0),
                string_agg(id, e'\\n') filter (where status = 'dead_lettered')
            from claims where ctid >= $1::text::tid and ctid < $2::text::tid group by coupon_name
            """
        case .userClaims:
            """
            select coupon_id, count(*), bit_xor(hashtextextended(claim_id || ' ' || user_id, 0)), max(slot),
                count(*) filter (where case when slot > 1 then not exists (
                    select from user_claims below where below.coupon_id = u.coupon_id and below.user_id = u.user_id
                        and below.slot = u.slot - 1) end)
            from user_claims u where ctid >= $1::text::tid and ctid < $2::text::tid group by coupon_id
            """
        }
    }
}

/// What the rows of the large tables add up to, by coupon. Pure.
struct AuditTotals {
    /// The claimed claims of one coupon.
    struct Claimed: Hashable {
        var count = 0
        /// The exclusive or of a hash of each claim's id and user.
        var checksum = 0
    }

    /// The rows of `user_claims` of one coupon.
    struct Held: Hashable {
        var count = 0
        var checksum = 0
        var highestSlot = 0
        /// The number of rows whose user has no row in the slot below.
        var gaps = 0
    }

    /// The number of all claims.
    var claims = 0
    /// By the coupon's name.
    var claimed: [String: Claimed] = [:]
    /// By the coupon's id.
    var held: [Int: Held] = [:]
    /// The ids of all dead-lettered claims.
    var deadLettered: Set<String> = []

    /// Adds the result of a table's statement.
    mutating func add(_ rows: PostgresRows, of table: AuditedTable) {
        for row in 0..<rows.count {
            let count = rows.integer(row, 1) ?? 0
            switch table {
            case .claims:
                claims += count
                deadLettered.formUnion(rows.text(row, 4)?.split(separator: "\n").map(String.init) ?? [])
                guard let name = rows.text(row, 0), let claimedCount = rows.integer(row, 2), claimedCount > 0 else {
                    continue
                }
                add(Claimed(count: claimedCount, checksum: rows.integer(row, 3) ?? 0), of: name)
            case .userClaims:
                let part = Held(
                    count: count, checksum: rows.integer(row, 2) ?? 0, highestSlot: rows.integer(row, 3) ?? 0,
                    gaps: rows.integer(row, 4) ?? 0)
                add(part, of: rows.integer(row, 0) ?? 0)
            }
        }
    }

    /// Adds what other pages add up to.
    mutating func add(_ other: AuditTotals) {
        claims += other.claims
        deadLettered.formUnion(other.deadLettered)
        for (name, part) in other.claimed { add(part, of: name) }
        for (coupon, part) in other.held { add(part, of: coupon) }
    }

    private mutating func add(_ part: Claimed, of name: String) {
        claimed[name, default: Claimed()].count += part.count
        claimed[name, default: Claimed()].checksum ^= part.checksum
    }

    private mutating func add(_ part: Held, of coupon: Int) {
        var sum = held[coupon, default: Held()]
        sum.count += part.count
        sum.checksum ^= part.checksum
        sum.highestSlot = max(sum.highestSlot, part.highestSlot)
        sum.gaps += part.gaps
        held[coupon] = sum
    }
}
