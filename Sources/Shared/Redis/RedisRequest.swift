/// Commands and the decoder for their replies, so that no other code reads a reply by its position.
///
/// Requests compose: several share one round trip, and each decodes its own replies.
package struct RedisRequest<Answer>: Sendable {
    /// The commands, sent in one pipeline.
    package let commands: [RedisCommand]
    private let read: @Sendable (ArraySlice<RedisReply>) throws(RedisError) -> Answer

    /// Creates a request of several commands.
    ///
    /// - Parameters:
    ///   - commands: sent in one pipeline.
    ///   - read: decodes the replies: one per command, in order.
    package init(
        _ commands: [RedisCommand],
        read: @escaping @Sendable (ArraySlice<RedisReply>) throws(RedisError) -> Answer
    ) {
        self.commands = commands
        self.read = read
    }

    /// Creates a request of a single command.
    ///
    /// - Parameter read: decodes the reply.
    package init(
        command: RedisCommand, read: @escaping @Sendable (RedisReply) throws(RedisError) -> Answer
    ) {
        self.init([command]) { replies throws(RedisError) in try read(replies[replies.startIndex]) }
    }

    /// Decodes the replies to ``commands``.
    ///
    /// - Parameter replies: one per command, in order.
    /// - Throws: ``RedisError`` from the decoder.
    package func answer(_ replies: ArraySlice<RedisReply>) throws(RedisError) -> Answer {
        precondition(replies.count == commands.count, "a request needs one reply per command")
        return try read(replies)
    }

    /// Combines this request with another one, in one round trip.
    package func and<Other>(_ other: RedisRequest<Other>) -> RedisRequest<(Answer, Other)> {
        let count = commands.count
        return RedisRequest<(Answer, Other)>(commands + other.commands) { replies throws(RedisError) in
            (try answer(replies.prefix(count)), try other.answer(replies.dropFirst(count)))
        }
    }

    /// Combines several requests in one round trip; the answers are in the order of the requests.
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
    /// Creates a request that ignores the replies.
    package init(_ commands: [RedisCommand]) {
        self.init(commands) { _ in }
    }

    /// Combines several requests in one round trip.
    package static func all(_ requests: [RedisRequest<Void>]) -> RedisRequest<Void> {
        RedisRequest(requests.flatMap(\.commands))
    }
}

extension RedisConnection {
    /// Sends a request in one round trip and returns its answer.
    ///
    /// - Throws: ``RedisError``. Any of the commands may have been executed then.
    package func send<Answer>(_ request: RedisRequest<Answer>) throws(RedisError) -> Answer {
        guard !request.commands.isEmpty else { return try request.answer([]) }
        return try request.answer(try pipeline(request.commands)[...])
    }
}

extension RedisClient {
    /// Sends a request and returns its answer.
    ///
    /// - Throws: ``RedisError``, at once if there is no connection or the queue is full.
    package func send<Answer: Sendable>(_ request: RedisRequest<Answer>) async throws(RedisError) -> Answer {
        let result: Result<Answer, RedisError> = await withCheckedContinuation { caller in
            send(request) { caller.resume(returning: $0) }
        }
        return try result.get()
    }

    /// Sends a request and calls `completion` with its answer.
    ///
    /// - Parameter completion: runs on the client's thread, so it must not block. Without a connection, or with a full
    ///   queue, it is called at once, on the caller's thread.
    package func send<Answer>(
        _ request: RedisRequest<Answer>, completion: @escaping @Sendable (Result<Answer, RedisError>) -> Void
    ) {
        let read: Completion = { replies in
            completion(
                replies.flatMap { replies in
                    Result { () throws(RedisError) in try request.answer(replies) }
                })
        }
        if request.commands.isEmpty { return read(.success([])) }
        post(request.commands, completion: read)
    }

    /// Sends a request without waiting for the replies. It is dropped if Redis is unavailable.
    package func sendWithoutReply(_ request: RedisRequest<Void>) {
        guard !request.commands.isEmpty else { return }
        post(request.commands)
    }
}
