import ArgumentParser
import Claims
import Foundation
import RuntimeSupport

extension CouponCommand {
    struct Set: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change a coupon, for all claims that are decided afterwards.",
            discussion: """
                Example: claimctl coupon set FLASH_SALE --amount 200 --ends-at none
                The amount can't be less than the number of claimed coupons. Users who hold more than a lowered limit keep \
                their coupons.
                """)

        @Argument(help: "The coupon's name.")
        var name: String

        @Option(name: .long, help: "The number of coupons, 0 to \(Int32.max).")
        var amount: Int?

        @Option(name: .long, help: "The number that one user may hold.")
        var perUserLimit: Int?

        @Option(name: .long, help: "Reject claims before this time as not_started (RFC 3339, or none).")
        var startsAt: String?

        @Option(name: .long, help: "Reject claims from this time on as expired (RFC 3339, or none).")
        var endsAt: String?

        @OptionGroup var output: OutputOptions

        func run() throws {
            let name = try couponName(name)
            let change = CouponChange(
                amount: amount, perUserLimit: perUserLimit,
                startsAt: try startsAt.map { $0 == "none" ? nil : try couponTime($0, "--starts-at") },
                endsAt: try endsAt.map { $0 == "none" ? nil : try couponTime($0, "--ends-at") })
            guard change != CouponChange() else { throw Failure.usage("give at least one change") }
            if let validationError = change.validationError { throw Failure.usage(validationError) }
            switch try couponStore().change(name, change, by: Terminal.userName) {
            case .changed(let coupon): try showCoupon(coupon, output)
            case .noSuchCoupon: throw Failure.nothingMatched("no coupon \(name)")
            case .amountBelowClaimed(let claimed):
                throw Failure.failed(
                    "the amount can't be less than the \(claimed) claimed coupons of \(name); nothing was changed")
            case .endsBeforeStart:
                throw Failure.failed("\(name) would end before it starts; nothing was changed")
            }
        }
    }

    struct Eligible: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change the list of users who may claim a coupon.",
            discussion: """
                Example: claimctl coupon eligible VIP_DINNER --only users.txt
                FILE has one user id per line; - is standard input. Up to \(EligibleUsersChange.limit) ids at once.
                """)

        @Argument(help: "The coupon's name.")
        var name: String

        @Option(name: .long, help: ArgumentHelp("Replace the list.", valueName: "FILE"))
        var only: String?

        @Option(name: .long, help: ArgumentHelp("Add users to the list.", valueName: "FILE"))
        var add: String?

        @Option(name: .long, help: ArgumentHelp("Remove users from the list.", valueName: "FILE"))
        var remove: String?

        @Flag(name: .long, help: "Remove the list, so that every user may claim.")
        var everybody = false

        @OptionGroup var output: OutputOptions

        func run() throws {
            let changes: [(EligibleUsersChange, String?)] =
                [only.map { (.replace, $0) }, add.map { (.add, $0) }, remove.map { (.remove, $0) }].compactMap(\.self)
                + (everybody ? [(.lift, nil)] : [])
            guard changes.count == 1 else {
                throw Failure.usage("give exactly one of: --only, --add, --remove, --everybody")
            }
            let name = try couponName(name)
            let users = try changes[0].1.map(Self.users) ?? []
            guard
                let list = try couponStore().changeEligibleUsers(
                    of: name, changes[0].0, users, by: Terminal.userName)
            else {
                throw Failure.nothingMatched("no coupon \(name)")
            }
            if output.json { return try Output.document(list) }
            Output.fields([
                ("name", list.couponName.description), ("may claim", list.isRestricted ? "listed users" : "everybody"),
                ("listed", "\(list.count)"),
            ])
        }

        private static func users(_ path: String) throws -> [UserID] {
            let data = try InputFile.read(path)
            do throws(UserListError) {
                return try UserList.lines(data)
            } catch {
                throw Failure.failed("\(path): \(error.detail)")
            }
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show whether a user can claim a coupon now, with all reasons if not.")

        @Argument(help: "The coupon's name.")
        var name: String

        @Argument(help: "The user's id.")
        var user: String

        @OptionGroup var output: OutputOptions

        func run() throws {
            struct Explanation: Encodable {
                let eligible: Bool
                let reasons: [Rejection]
            }
            let name = try couponName(name)
            guard let user = UserID(user) else { throw Failure.usage("the user's id \(UserID.rule)") }
            guard let reasons = try couponStore().rejections(of: user, claiming: name, at: .now()) else {
                throw Failure.nothingMatched("no coupon \(name)")
            }
            if output.json { return try Output.document(Explanation(eligible: reasons.isEmpty, reasons: reasons)) }
            Output.fields([
                ("eligible", reasons.isEmpty ? "yes" : "no"),
                ("reasons", reasons.isEmpty ? "-" : reasons.map(\.rawValue).joined(separator: " ")),
            ])
        }
    }
}
