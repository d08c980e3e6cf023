import Claims
import Foundation
import Hummingbird
import Postgres
import RuntimeSupport

/// The routes for coupons: creating, changing, listing and explaining eligibility.
struct CouponRoutes: Sendable {
    /// For reading.
    let postgres: PostgresClient
    /// For changes, which may take long.
    let changes: PostgresClient

    var endpoints: [Endpoint] {
        [
            Endpoint(
                "/coupons",
                [
                    .get: { request, _ in try await list(request) },
                    .post: { request, context in try await create(request, context) },
                ]),
            Endpoint(
                "/coupons/{name}",
                [
                    .get: { _, context in try await show(context) },
                    .patch: { request, context in try await change(request, context) },
                ]),
            Endpoint("/coupons/{name}/claims", [.get: { request, context in try await claims(request, context) }]),
            Endpoint(
                "/coupons/{name}/eligibility", [.get: { request, context in try await explain(request, context) }]),
            Endpoint(
                "/coupons/{name}/eligible-users",
                [
                    .put: { request, context in try await list(.replace, request, context) },
                    .post: { request, context in try await list(.add, request, context) },
                    .delete: { request, context in try await list(try Self.removal(request), request, context) },
                ]),
        ]
    }

    private func create(_ request: Request, _ context: APIContext) async throws -> Response {
        let new = try await request.json(NewCoupon.self, list: NewCoupon.CodingKeys.eligibleUsers.rawValue)
        if let validationError = new.validationError { throw Problem.invalidBody("\(validationError).") }
        let operatorName = context.caller.operatorName
        let created = try await changes.run { connection throws(PostgresError) in
            try CouponStore(connection).create(new, by: operatorName)
        }
        guard var coupon = created else { throw Problem.couponExists }
        coupon.claimedBy = []
        var response = try Response.json(coupon, status: .created)
        response.headers[.location] = "/coupons/\(coupon.name)"
        return response
    }

    private func list(_ request: Request) async throws -> Response {
        let page = try Page(request) { CouponName($0)?.description == $0 }
        let search = request.queryParameter("search").flatMap { $0.isEmpty ? nil : $0 }
        // The search is normalised like a name. If nothing is left of it, no name can match.
        let pattern = search.map { CouponName($0)?.description }
        if case .some(.none) = pattern { return try .json(Listing("coupons", [Coupon](), nextCursor: nil)) }
        let coupons = try await postgres.run { connection throws(PostgresError) in
            try CouponStore(connection).list(search: pattern ?? nil, after: page.after, limit: page.limit + 1)
        }
        return try .json(page.listing("coupons", of: coupons, cursor: \.name.description, as: \.self))
    }

    private func show(_ context: APIContext) async throws -> Response {
        let name = try couponName(context)
        let found = try await postgres.run { connection throws(PostgresError) in
            try CouponStore(connection).find(name)
        }
        guard var coupon = found else { throw Problem.couponNotFound }
        // Users must not see who else holds the coupon.
        if context.caller.user != nil { coupon.claimedBy = nil }
        return try .json(coupon)
    }

    private func claims(_ request: Request, _ context: some RequestContext) async throws -> Response {
        let page = try Page(request) { Int($0) != nil }
        let status = try request.queryParameter("status").map { text in
            guard let status = ClaimStatus(rawValue: text) else {
                throw Problem.invalidParameter(
                    "status", "one of " + ClaimStatus.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return status
        }
        let name = try couponName(context)
        if let text = request.queryParameter("user_id") {
            guard let user = UserID(text) else { throw Problem.invalidUserID }
            let found = try await postgres.run { connection throws(PostgresError) in
                try CouponStore(connection).claims(of: name, by: user)
            }
            guard let claims = found else { throw Problem.couponNotFound }
            let matching = claims.map(\.claim).filter { status == nil || $0.status == status }
            return try .json(Listing("claims", matching, nextCursor: nil))
        }
        let found = try await postgres.run { connection throws(PostgresError) in
            try CouponStore(connection).claims(
                of: name, status: status, after: page.after.flatMap { Int($0) }, limit: page.limit + 1)
        }
        guard let claims = found else { throw Problem.couponNotFound }
        return try .json(page.listing("claims", of: claims, cursor: { String($0.number) }, as: \.claim))
    }

    private func change(_ request: Request, _ context: APIContext) async throws -> Response {
        let name = try couponName(context)
        let change = try await request.json(
            CouponChange.self, types: ["application/json", "application/merge-patch+json"])
        if let validationError = change.validationError { throw Problem.invalidBody("\(validationError).") }
        let operatorName = context.caller.operatorName
        let outcome = try await changes.run { connection throws(PostgresError) in
            try CouponStore(connection).change(name, change, by: operatorName)
        }
        switch outcome {
        case .changed(let coupon): return try .json(coupon)
        case .noSuchCoupon: throw Problem.couponNotFound
        case .amountBelowClaimed(let claimed): throw Problem.amountBelowClaimed(claimed)
        case .endsBeforeStart: throw Problem.invalidBody("ends_at must be after starts_at.")
        }
    }

    private struct Explanation: Encodable {
        let eligible: Bool
        let reasons: [Rejection]
    }

    /// Returns whether a claim of this user would succeed, by the same rules as the workers decide.
    private func explain(_ request: Request, _ context: APIContext) async throws -> Response {
        let name = try couponName(context)
        let named = request.queryParameter("user_id")
        guard let user = try context.caller.subject(named: named.flatMap(UserID.init)),
            named == nil || UserID(named ?? "") != nil
        else { throw Problem.invalidUserID }
        let found = try await postgres.run { connection throws(PostgresError) in
            try CouponStore(connection).rejections(of: user, claiming: name, at: .now())
        }
        guard let reasons = found else { throw Problem.couponNotFound }
        return try .json(Explanation(eligible: reasons.isEmpty, reasons: reasons))
    }

    /// Returns the change that a DELETE requests. The whole list is removed only with `all=true`, never because a body is
    /// missing.
    private static func removal(_ request: Request) throws -> EligibleUsersChange {
        switch request.queryParameter("all") {
        case nil, "false": .remove
        case "true": .lift
        default: throw Problem.invalidParameter("all", "true or false")
        }
    }

    private func list(
        _ change: EligibleUsersChange, _ request: Request, _ context: APIContext
    ) async throws -> Response {
        let name = try couponName(context)
        let users = change == .lift ? [] : try await request.userIDs()
        let operatorName = context.caller.operatorName
        let changed = try await changes.run { connection throws(PostgresError) in
            try CouponStore(connection).changeEligibleUsers(of: name, change, users, by: operatorName)
        }
        guard let list = changed else { throw Problem.couponNotFound }
        return try .json(list)
    }

    private func couponName(_ context: some RequestContext) throws -> CouponName {
        guard let name = CouponName(context.pathParameter("name")) else { throw Problem.couponNotFound }
        return name
    }
}
