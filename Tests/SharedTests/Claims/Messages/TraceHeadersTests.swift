import Broker
import Claims
import Observability
import OrderedCollections
import RuntimeSupport
import Testing

@Suite struct TraceHeadersTests {
    private func trace(_ number: UInt64) -> TraceContext {
        TraceContext(traceID: TraceContext.TraceID(high: number, low: number), spanID: number, isSampled: true)
    }

    private func message(_ digit: Character, trace: TraceContext?) throws -> ClaimMessage {
        ClaimMessage(
            id: try #require(ClaimID(String(repeating: digit, count: 40))), userID: try #require(UserID("u1")),
            couponName: try #require(CouponName("SALE")), createdAt: Timestamp(milliseconds: 0), trace: trace)
    }

    @Test func aClaimThatIsNotTracedHasNoHeader() throws {
        let single = BrokerMessage.claims([try message("0", trace: nil)], encodedBy: .shared)
        let several = BrokerMessage.claims(
            [try message("0", trace: nil), try message("1", trace: nil)], encodedBy: .shared)
        #expect(single.properties.headers.isEmpty && several.properties.headers.isEmpty)
    }

    @Test func aSingleClaimHasATraceparent() throws {
        let headers = BrokerMessage.claims([try message("0", trace: trace(7))], encodedBy: .shared).properties.headers
        #expect(Array(headers.keys) == ["traceparent"])
        #expect(headers["traceparent"]?.string == trace(7).traceparent)
        #expect(TraceHeaders.trace(of: 0, among: 1, in: headers) == trace(7))
    }

    @Test func eachOfSeveralClaimsHasItsOwnTrace() throws {
        let traces = [nil, trace(7), nil, trace(8)]
        let messages = try zip("0123", traces).map { try message($0, trace: $1) }
        let sent = BrokerMessage.claims(messages, encodedBy: .shared)
        #expect(Array(sent.properties.headers.keys) == ["traceparents"])
        for (index, trace) in traces.enumerated() {
            #expect(TraceHeaders.trace(of: index, among: 4, in: sent.properties.headers) == trace)
        }
    }

    @Test func theBodyIsTheSameWithTracing() throws {
        for traces in [[trace(1)], [trace(1), trace(2)]] {
            let traced = try zip("01", traces).map { try message($0, trace: $1) }
            let others = try zip("01", traces).map { digit, _ in try message(digit, trace: nil) }
            #expect(
                BrokerMessage.claims(traced, encodedBy: .shared).body
                    == BrokerMessage.claims(others, encodedBy: .shared).body)
        }
    }

    @Test func aListOfAnotherLengthIsIgnored() {
        var headers: AMQPTable = [:]
        TraceHeaders.set([trace(1), trace(2)], in: &headers)
        #expect(TraceHeaders.trace(of: 0, among: 3, in: headers) == nil)
        // An earlier version has separated the claim and kept the list.
        #expect(TraceHeaders.trace(of: 0, among: 1, in: headers) == nil)
    }

    @Test func aSeparatedClaimKeepsItsOwnTrace() {
        var headers: AMQPTable = ["attempts": .int32(1)]
        TraceHeaders.set([trace(1), trace(2)], in: &headers)
        TraceHeaders.separate(trace(2), in: &headers)
        #expect(Array(headers.keys) == ["attempts", "traceparent"])
        #expect(TraceHeaders.trace(of: 0, among: 1, in: headers) == trace(2))
    }

    @Test func aHeaderThatAnotherProgramWroteIsIgnored() {
        for value in [AMQPValue.int64(1), .string("00-0-0-0"), .array([.int64(1)]), .void] {
            #expect(TraceHeaders.trace(of: 0, among: 1, in: ["traceparent": value]) == nil)
            #expect(TraceHeaders.trace(of: 0, among: 1, in: ["traceparents": .array([value])]) == nil)
        }
    }
}
