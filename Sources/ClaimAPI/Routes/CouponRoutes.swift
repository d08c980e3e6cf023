import Foundation
import Hummingbird
import Shared

/// Making coupons and looking at them.
struct CouponRoutes: Sendable {
    let postgres: PostgresClient

    func add<Context: RequestContext>(to router: Router<Context>) {
        router.path(
            "/coupons",
            [.get: { request, _ in try await list(request) }, .post: { request, _ in try await create(request) }])
        router.path("/coupons/{name}", [.get: { _, context in try await show(context) }])
        router.path(
            "/coupons/{name}/claims", [.get: { request, context in try await claims(request, context) }])
    }

    private func create(_ request: Request) async throws -> Response {
        let (new, size) = try await request.json(NewCoupon.self, limit: BodyLimit.userList)
        guard size <= BodyLimit.usual || new.eligibleUsers != nil else {
            throw Problem.bodyTooLarge(limit: BodyLimit.usual)
        }
        if let flaw = new.flaw { throw Problem.invalidBody("\(flaw).") }
        let created = try await postgres.run { connection throws(PostgresError) in
            try CouponStore(connection).create(new)
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
        // What is left of a search in normal form is what can stand in a name; nothing left means nothing is found.
        let pattern = search.map { CouponName($0)?.description }
        if case .some(.none) = pattern { return try .json(Listing("coupons", [Coupon](), nextCursor: nil)) }
        let coupons = try await postgres.run { connection throws(PostgresError) in
            try CouponStore(connection).list(search: pattern ?? nil, after: page.after, limit: page.limit)
        }
        let cursor = page.nextCursor(count: coupons.count, last: coupons.last?.name.description)
        return try .json(Listing("coupons", coupons, nextCursor: cursor))
    }

    private func show(_ context: some RequestContext) async throws -> Response {
        let name = try couponName(context)
        let found = try await postgres.run { connection throws(PostgresError) in
            try CouponStore(connection).find(name)
        }
        guard let coupon = found else { throw Problem.couponNotFound }
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
        let found = try await postgres.run { connection throws(PostgresError) in
            try CouponStore(connection).claims(
                of: name, status: status, after: page.after.flatMap { Int($0) }, limit: page.limit)
        }
        guard let claims = found else { throw Problem.couponNotFound }
        let cursor = page.nextCursor(count: claims.count, last: claims.last.map { String($0.number) })
        return try .json(Listing("claims", claims.map(\.claim), nextCursor: cursor))
    }

    private func couponName(_ context: some RequestContext) throws -> CouponName {
        guard let name = CouponName(context.pathParameter("name")) else { throw Problem.couponNotFound }
        return name
    }
}
