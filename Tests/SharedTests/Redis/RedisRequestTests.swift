import Redis
import Testing

@Suite struct RedisRequestTests {
    /// A request for the text of a key.
    private func get(_ key: String) -> RedisRequest<String?> {
        RedisRequest(command: ["GET", key]) { reply throws(RedisError) in
            if case .error(let message) = reply { throw RedisError(message) }
            return reply.string
        }
    }

    /// A request of two commands, for the sum of two counters.
    private let sum = RedisRequest([["GET", "x"], ["GET", "y"]]) { replies throws(RedisError) in
        replies.compactMap(\.integer).reduce(0, +)
    }

    /// A request of two commands without an answer.
    private let reset = RedisRequest([["DEL", "x"], ["DEL", "y"]])

    private func integers(_ numbers: Int64...) -> [RedisReply] { numbers.map(RedisReply.integer) }

    @Test func aRequestOfOneCommandReadsItsReply() throws {
        #expect(get("a").commands == [["GET", "a"]])
        #expect(try get("a").answer([.string("1")]) == "1")
        #expect(try get("a").answer([.null]) == nil)
    }

    @Test func aRequestOfSeveralCommandsReadsAllReplies() throws {
        #expect(try sum.answer(integers(2, 3)[...]) == 5)
    }

    @Test func aRequestReadsASliceOfThePipelinesReplies() throws {
        let replies = integers(100, 2, 3, 100)
        #expect(try sum.answer(replies[1...2]) == 5)
        #expect(try get("a").answer(([.null, .string("1")] as [RedisReply])[1...]) == "1")
    }

    @Test func combinedRequestsReadTheirOwnReplies() throws {
        let both = sum.and(get("a"))
        #expect(both.commands == [["GET", "x"], ["GET", "y"], ["GET", "a"]])
        let (total, text) = try both.answer([.integer(2), .integer(3), .string("1")])
        #expect(total == 5)
        #expect(text == "1")
    }

    @Test func aListOfRequestsHasItsAnswersInOrder() throws {
        let all = RedisRequest.all([get("a"), get("b"), get("c")])
        #expect(all.commands == [["GET", "a"], ["GET", "b"], ["GET", "c"]])
        #expect(try all.answer([.string("1"), .null, .string("3")]) == ["1", nil, "3"])
    }

    @Test func aListOfRequestsMayHaveDifferentNumbersOfCommands() throws {
        let one = RedisRequest(command: ["GET", "z"]) { reply throws(RedisError) in Int64(reply.integer ?? 0) }
        let all = RedisRequest.all([sum, one, sum])
        #expect(all.commands.count == 5)
        #expect(try all.answer(integers(1, 2, 4, 8, 16)[...]) == [3, 4, 24])
    }

    @Test func anEmptyListNeedsNoCommand() throws {
        let none = RedisRequest.all([RedisRequest<String?>]())
        #expect(none.commands.isEmpty)
        #expect(try none.answer([]) == [])
    }

    @Test func requestsWithoutAnswersCombineIntoOne() throws {
        let all = RedisRequest<Void>.all([reset, RedisRequest([["PING"]])])
        #expect(all.commands == [["DEL", "x"], ["DEL", "y"], ["PING"]])
        try all.answer([.error("READONLY"), .integer(0), .string("PONG")])
    }

    @Test func combinationsNest() throws {
        let nested = RedisRequest.all([get("a"), get("b")]).and(sum).and(get("c"))
        #expect(
            nested.commands.map { $0.joined(separator: " ") } == [
                "GET a", "GET b", "GET x", "GET y", "GET c",
            ])
        let ((texts, total), last) = try nested.answer(
            [.string("1"), .string("2"), .integer(3), .integer(4), .string("5")])
        #expect(texts == ["1", "2"])
        #expect(total == 7)
        #expect(last == "5")
    }

    @Test func anErrorOfADecoderFailsTheWholeRequest() {
        let both = get("a").and(get("b"))
        #expect(throws: RedisError("WRONGTYPE")) { try both.answer([.string("1"), .error("WRONGTYPE")]) }
        #expect(throws: RedisError("WRONGTYPE")) {
            try RedisRequest.all([get("a"), get("b")]).answer([.error("WRONGTYPE"), .string("1")])
        }
    }
}
