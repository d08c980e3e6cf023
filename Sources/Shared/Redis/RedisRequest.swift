/// Commands for Redis together with the way their replies are read, so that no reply is ever read by position elsewhere.
///
/// Requests compose: several travel in one round trip and each still reads its own replies.
package struct RedisRequest<Answer>: Sendable {
    /// The commands, sent in one pipeline.
    package let commands: [RedisCommand]
    private let read: @Sendable (ArraySlice<RedisReply>) throws(RedisError) -> Answer

    /// - Parameter read: is given one reply for each command, in order.
    package init(
        _ commands: [RedisCommand],
        read: @escaping @Sendable (ArraySlice<RedisReply>) throws(RedisError) -> Answer
    ) {
        self.commands = commands
        self.read = read
    }

    /// A request of a single command.
    package init(
        command: RedisCommand, read: @escaping @Sendable (RedisReply) throws(RedisError) -> Answer
    ) {
        self.init([command]) { replies throws(RedisError) in try read(replies[replies.startIndex]) }
    }

    /// Reads the replies to ``commands``.
    ///
    /// - Parameter replies: one for each command, in order.
    package func answer(_ replies: ArraySlice<RedisReply>) throws(RedisError) -> Answer {
        precondition(replies.count == commands.count, "a request reads one reply for each of its commands")
        return try read(replies)
    }

    /// This request and another one in one round trip.
    package func and<Other>(_ other: RedisRequest<Other>) -> RedisRequest<(Answer, Other)> {
        let count = commands.count
        return RedisRequest<(Answer, Other)>(commands + other.commands) { replies throws(RedisError) in
            (try answer(replies.prefix(count)), try other.answer(replies.dropFirst(count)))
        }
    }

    /// This request followed by one whose answer does not matter.
    package func followed(by other: RedisRequest<Void>) -> RedisRequest<Answer> {
        let count = commands.count
        return RedisRequest(commands + other.commands) { replies throws(RedisError) in
            try answer(replies.prefix(count))
        }
    }

    /// Several requests in one round trip, with their answers in order.
    package static func all<Part>(_ requests: [RedisRequest<Part>]) -> RedisRequest where Answer == [Part] {
        RedisRequest(requests.flatMap(\.commands)) { replies throws(RedisError) in
            var rest = replies
            var answers: [Part] = []
            answers.reserveCapacity(requests.count)
            for request in requests {
                answers.append(try request.answer(rest.prefix(request.commands.count)))
                rest = rest.dropFirst(request.commands.count)
            }
            return answers
        }
    }
}

extension RedisRequest where Answer == Void {
    /// Commands whose replies are not looked at.
    package init(_ commands: [RedisCommand]) {
        self.init(commands) { _ in }
    }

    /// Several requests in one round trip.
    package static func all(_ requests: [RedisRequest<Void>]) -> RedisRequest<Void> {
        RedisRequest(requests.flatMap(\.commands))
    }
}

extension RedisConnection {
    /// Sends a request: one round trip.
    ///
    /// - Throws: ``RedisError``; which commands were carried out is not known then.
    package func send<Answer>(_ request: RedisRequest<Answer>) throws(RedisError) -> Answer {
        guard !request.commands.isEmpty else { return try request.answer([]) }
        return try request.answer(try pipeline(request.commands)[...])
    }
}

extension RedisClient {
    /// Sends a request.
    ///
    /// - Throws: ``RedisError``.
    package func send<Answer>(_ request: RedisRequest<Answer>) async throws(RedisError) -> Answer {
        guard !request.commands.isEmpty else { return try request.answer([]) }
        return try request.answer(try await pipeline(request.commands)[...])
    }

    /// Sends a request whose answer nobody needs and that may be lost.
    package func sendWithoutReply(_ request: RedisRequest<Void>) {
        guard !request.commands.isEmpty else { return }
        post(request.commands)
    }
}
