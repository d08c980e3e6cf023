import ArgumentParser
import Claims
import Foundation
import Postgres
import RuntimeSupport
import Settings

/// `claimctl coupon`
struct CouponCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coupon", abstract: "Create, change and show coupons.",
        subcommands: [Create.self, Show.self, List.self, Set.self, Eligible.self, Check.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a coupon.", discussion: "Example: claimctl coupon create FLASH_SALE 100")

        @Argument(help: "The coupon's name; \"flash sale!\" is the same as FLASH_SALE.")
        var name: String

        @Argument(help: "The number of coupons, 0 to \(Int32.max).")
        var amount: Int

        @Option(name: .long, help: "The number that one user may hold. (default: 1)")
        var perUserLimit: Int?

        @Option(name: .long, help: "Reject claims before this time as not_started (RFC 3339).")
        var startsAt: String?

        @Option(name: .long, help: "Reject claims from this time on as expired (RFC 3339).")
        var endsAt: String?

        @OptionGroup var output: OutputOptions

        func run() throws {
            let new = NewCoupon(
                name: try couponName(name), amount: amount, perUserLimit: perUserLimit,
                startsAt: try startsAt.map { try couponTime($0, "--starts-at") },
                endsAt: try endsAt.map { try couponTime($0, "--ends-at") })
            if let validationError = new.validationError { throw Failure.usage(validationError) }
            guard var coupon = try couponStore().create(new, by: Terminal.userName) else {
                throw Failure.failed("the coupon \(new.name) exists already; nothing was changed")
            }
            coupon.claimedBy = []
            try showCoupon(coupon, output)
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a coupon and the first \(CouponStore.claimedByLimit) users who hold it.")

        @Argument(help: "The coupon's name.")
        var name: String

        @OptionGroup var output: OutputOptions

        func run() throws {
            let name = try couponName(name)
            guard let coupon = try couponStore().find(name) else { throw Failure.nothingMatched("no coupon \(name)") }
            try showCoupon(coupon, output)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List coupons by name.")

        @Option(name: .long, help: "Only names that contain this text.")
        var search: String?

        @Option(name: .long, help: "Show this many at most.")
        var limit = 1000

        @OptionGroup var output: OutputOptions

        func run() throws {
            guard limit > 0 else { throw Failure.usage("--limit must be at least 1") }
            let pattern = search.map { CouponName($0)?.description ?? "\u{0}" }
            let coupons =
                pattern == "\u{0}" ? [] : try couponStore().list(search: pattern, after: nil, limit: limit)
            if output.json { return try coupons.forEach(Output.document) }
            Output.table(
                ["NAME", "AMOUNT", "REMAINING", "CREATED"],
                coupons.map {
                    [$0.name.description, "\($0.amount)", "\($0.remainingAmount)", $0.createdAt.description]
                })
        }
    }
}

func couponStore() throws -> CouponStore {
    let connection = try PostgresConnection(try StoreSettings.database(SettingReader()), name: "claimctl coupon")
    try Schema.check(connection)
    return CouponStore(connection)
}

func couponTime(_ text: String, _ option: String) throws -> Timestamp {
    guard let time = Timestamp(text) else {
        throw Failure.usage("\(option) must be a time like 2026-11-27T00:00:00Z")
    }
    return time
}

func couponName(_ text: String) throws -> CouponName {
    guard let name = CouponName(text) else { throw Failure.usage("the coupon's name \(CouponName.rule)") }
    return name
}

func showCoupon(_ coupon: Coupon, _ output: OutputOptions) throws {
    if output.json { return try Output.document(coupon) }
    let holders = coupon.claimedBy ?? []
    Output.fields([
        ("name", coupon.name.description), ("amount", "\(coupon.amount)"), ("remaining", "\(coupon.remainingAmount)"),
        ("per user", "\(coupon.perUserLimit)"), ("starts", coupon.startsAt?.description ?? "-"),
        ("ends", coupon.endsAt?.description ?? "-"), ("created", coupon.createdAt.description),
        ("claimed by", holders.isEmpty ? "-" : holders.joined(separator: " ")),
    ])
}
