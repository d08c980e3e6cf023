import Claims
import DeadLetters
import Hummingbird
import RuntimeSupport

extension DeadLetterFilter {
    /// Reads the filters of a query.
    ///
    /// - Throws: ``Problem`` `invalid_parameter`.
    init(_ request: Request) throws(Problem) {
        func span(_ name: String) throws(Problem) -> Int? {
            guard let text = request.queryParameter(name) else { return nil }
            guard let seconds = TimeSpan.seconds(text) else { throw .invalidParameter(name, Self.spanRule) }
            return seconds
        }
        var coupon: String?
        if let text = request.queryParameter("coupon_name") {
            guard let name = CouponName(text) else { throw .invalidParameter("coupon_name", "a coupon's name") }
            coupon = name.description
        }
        self.init(
            reason: request.queryParameter("reason"), couponName: coupon, userID: request.queryParameter("user_id"),
            olderThan: try span("older_than"), newerThan: try span("newer_than"))
    }

    fileprivate static let spanRule = "a time span such as 90s, 15m, 1h, 2d or 1h30m"
}

/// The messages that a plan is about, as the body of a request.
struct SelectionBody: Decodable, Sendable {
    struct Filter: Decodable, Sendable {
        let reason: String?
        let coupon_name: String?
        let user_id: String?
        let older_than: String?
        let newer_than: String?
    }

    let action: DeadLetterPlan.Action
    let ids: [String]?
    let filter: Filter?
    let all: Bool?

    /// The most ids.
    static let idLimit = 200

    /// - Throws: ``Problem`` `invalid_body`.
    func selection() throws(Problem) -> DeadLetterSelection {
        let ids = ids ?? []
        guard ids.count <= Self.idLimit else { throw .invalidBody("ids must have at most \(Self.idLimit) elements.") }
        let filter = try filter.map { filter throws(Problem) in try Self.filter(filter) } ?? DeadLetterFilter()
        do throws(DeadLetterError) {
            return try DeadLetterSelection(ids: ids, filter: filter, all: all == true, plan: nil)
        } catch {
            throw .invalidBody("Exactly one of ids, filter and all must select the messages.")
        }
    }

    private static func filter(_ body: Filter) throws(Problem) -> DeadLetterFilter {
        func span(_ text: String?, _ name: String) throws(Problem) -> Int? {
            guard let text else { return nil }
            guard let seconds = TimeSpan.seconds(text) else {
                throw .invalidBody("\(name) must be \(DeadLetterFilter.spanRule).")
            }
            return seconds
        }
        var coupon: String?
        if let text = body.coupon_name {
            guard let name = CouponName(text) else { throw .invalidBody("coupon_name \(CouponName.rule).") }
            coupon = name.description
        }
        return DeadLetterFilter(
            reason: body.reason, couponName: coupon, userID: body.user_id,
            olderThan: try span(body.older_than, "older_than"), newerThan: try span(body.newer_than, "newer_than"))
    }
}
