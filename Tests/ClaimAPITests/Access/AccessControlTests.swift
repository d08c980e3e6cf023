import Claims
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Postgres
import RuntimeSupport
import Testing

@testable import ClaimAPI

@Suite struct AccessControlTests {
    private let fixture: AccessFixture

    init() async throws {
        fixture = try await AccessFixture(failures: RatePolicy(name: "failures", count: 5, seconds: 60))
    }

    @Test func aTicketOpensTheEventsOfItsClaimOnly() async throws {
        let endpoints = try OpenAPITests.endpoints()
        let id = try #require(ClaimID(fixture.ownClaim))
        let (ticket, end) = fixture.tickets.ticket(for: id, now: .now())
        #expect(end > .now())
        let fixture = fixture
        let other = String(id.description.reversed())
        let expected = [
            // 503: the claim is looked up, and there is no database.
            ("/claims/\(id)/events?ticket=\(ticket)", 503), ("/claims/\(id)?ticket=\(ticket)", 401),
            ("/claims/\(id)/events?ticket=\(ticket)x", 401), ("/claims/\(other)/events?ticket=\(ticket)", 401),
            ("/metrics?ticket=\(ticket)", 401),
        ]
        try await fixture.test(endpoints) { client in
            for (path, code) in expected {
                let answer = try await client.execute(uri: path, method: .get)
                #expect(answer.status.code == code, "\(path)")
            }
        }
    }

    @Test func aTicketExpiresAndIsAcceptedUnderAnEarlierSecret() throws {
        let id = try #require(ClaimID(fixture.ownClaim))
        let now = Timestamp.now()
        let old = ClaimTickets(secrets: [OpenAPITests.secret])
        let new = ClaimTickets(secrets: [String(repeating: "n", count: 32), OpenAPITests.secret])
        let (ticket, _) = old.ticket(for: id, now: now)
        #expect(old.claim(ticket, now: now) == id && new.claim(ticket, now: now) == id)
        #expect(old.claim(new.ticket(for: id, now: now).text, now: now) == nil)
        let late = Timestamp(milliseconds: now.milliseconds + Int64(ClaimTickets.lifetime) * 1000)
        #expect(old.claim(ticket, now: late) == nil)
        let later = ticket.replacing(/\.[0-9]+\./, with: ".9999999999.")
        #expect(old.claim(later, now: now) == nil, "the end is part of what is signed")
    }

    @Test func anAddressWithManyRefusedTokensIsLimitedAndKnownTokensAreNot() async throws {
        let endpoints = try OpenAPITests.endpoints()
        let fixture = fixture
        try await fixture.test(endpoints) { client in
            func answer(_ caller: AccessFixture.Caller) async throws -> TestResponse {
                try await client.execute(uri: "/coupons/A", method: .get, headers: fixture.headers(of: caller))
            }
            #expect(try await answer(.user).status.code == 503, "the database is away")
            for _ in 0..<5 { #expect(try await answer(.unknownKey).status.code == 401) }
            for caller in [AccessFixture.Caller.unknownKey, .forgedToken, .expiredToken] {
                let limited = try await answer(caller)
                #expect(limited.status.code == 429)
                #expect(Int(limited.headers[.retryAfter] ?? "") ?? 0 > 0)
            }
            #expect(try await answer(.user).status.code == 503)
            #expect(try await answer(.service(.couponsRead)).status.code == 503)
            #expect(try await answer(.service(.couponsWrite)).status.code == 403)
            #expect(try await answer(.nobody).status.code == 401)
        }
    }

    @Test func manyWrongKeysTakeNoMemory() async throws {
        let fixture = try await AccessFixture(failures: nil)
        for _ in 0..<10_000 {
            #expect(throws: TokenFailure.unknownKey) { try fixture.keys.service(APIKeyToken().text, now: .now()) }
        }
    }

    @Test func tokensCannotBeCheckedBeforeTheKeysAreLoaded() async throws {
        let address = try #require(PostgresAddress(url: "postgres://127.0.0.1:1"))
        let keys = APIKeyDirectory(address, name: "test", logger: .quiet)
        let access = AccessControl(
            keys: keys, tokens: nil, tickets: fixture.tickets, failures: FailureLimit(nil))
        #expect(access.unavailableReason != nil)
        let endpoints = try OpenAPITests.endpoints(access: access)
        let router = Router(context: APIContext.self)
        router.add(middleware: ProblemMiddleware(endpoints: endpoints, logger: .quiet))
        for endpoint in endpoints { router.add(endpoint, behind: Gate(access: access)) }
        let headers = fixture.headers(of: .service(.couponsRead))
        try await Application(router: router, logger: .quiet).test(.router) { client in
            let answer = try await client.execute(uri: "/coupons", method: .get, headers: headers)
            #expect(answer.status == .serviceUnavailable)
            #expect(answer.headers[.retryAfter] == "1")
            #expect(try await client.execute(uri: "/coupons", method: .get).status == .unauthorized, "no token")
            #expect(try await client.execute(uri: "/healthz", method: .get).status == .ok)
        }
    }

    @Test(arguments: [
        ("Bearer abc", "abc"), ("bearer abc", "abc"), ("BEARER abc.def", "abc.def"), ("Bearer  abc", nil),
        ("Bearer", nil), ("Bearer ", nil), ("Basic abc", nil), ("Bearer a b", nil), ("Bearer a, Bearer b", nil),
        ("", nil), ("Bearerabc", nil), ("Bearer \u{e4}", nil),
    ])
    func aBearerTokenIsRead(_ field: String, _ token: String?) {
        #expect(BearerToken.read([.authorization: field]).map(String.init) == token)
    }

    @Test func aTokenHasALongestLength() {
        let longest = String(repeating: "a", count: BearerToken.longest - 7)
        #expect(BearerToken.read([.authorization: "Bearer \(longest)"]) != nil)
        #expect(BearerToken.read([.authorization: "Bearer \(longest)a"]) == nil)
        #expect(BearerToken.read([:]) == nil)
    }

    // MARK: Users

    @Test func aUserIsLimitedToWhatIsTheirs() throws {
        let (own, other) = (try #require(UserID("u1")), try #require(UserID("u2")))
        let user = Caller.user(own)
        #expect(try user.subject(named: nil) == own)
        #expect(try user.subject(named: own) == own)
        #expect(throws: Problem.self) { try user.subject(named: other) }
        #expect(try Caller.anyone.subject(named: nil) == nil)
        #expect(try Caller.anyone.subject(named: other) == other)
        let id = try #require(ClaimID(fixture.ownClaim))
        #expect(user.owns(Claim(id: id, userID: own)))
        #expect(!user.owns(Claim(id: id, userID: other)))
        #expect(user.owns(Claim(id: id)), "not known yet")
        #expect(Caller.anyone.owns(Claim(id: id, userID: other)))
    }

    @Test func aUserMayLeaveOutTheirIDAndNotUseAnothers() async throws {
        let endpoints = try OpenAPITests.endpoints()
        let fixture = fixture
        try await fixture.test(endpoints) { client in
            func claim(_ body: String, _ caller: AccessFixture.Caller) async throws -> (Int, String) {
                let answer = try await client.execute(
                    uri: "/claims", method: .post, headers: fixture.headers(of: caller), body: .init(string: body))
                return (answer.status.code, String(buffer: answer.body))
            }
            // 503: the claim would be published, and there is no broker.
            #expect(try await claim(#"{"coupon_name": "A"}"#, .user).0 == 503)
            #expect(try await claim(#"{"user_id": "u1", "coupon_name": "A"}"#, .user).0 == 503)
            let other = try await claim(#"{"user_id": "u2", "coupon_name": "A"}"#, .user)
            #expect(other.0 == 403 && other.1.contains("forbidden_user"))
            #expect(try await claim(#"{"user_id": "u2", "coupon_name": "A"}"#, .service(.claimsWrite)).0 == 503)
            #expect(try await claim(#"{"coupon_name": "A"}"#, .service(.claimsWrite)).0 == 422)

            func eligibility(_ query: String) async throws -> Int {
                try await client.execute(
                    uri: "/coupons/A/eligibility\(query)", method: .get, headers: fixture.headers(of: .user)
                ).status.code
            }
            #expect(try await eligibility("") == 503)
            #expect(try await eligibility("?user_id=u1") == 503)
            #expect(try await eligibility("?user_id=u2") == 403)
            #expect(try await eligibility("?user_id=") == 400)
        }
    }
}
