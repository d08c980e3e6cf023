internal import CHiredis
internal import Foundation
internal import RuntimeSupport

/// A blocking connection to Redis through hiredis. It is not `Sendable`: one thread uses it at a time.
///
/// Discard the connection after an error: a late reply would be read as the reply to the next command.
package final class RedisConnection {
    private let context: UnsafeMutablePointer<redisContext>
    private let timeout: Duration
    /// The commands that are being appended. Kept, so that its memory is used again.
    private var encoded: [UInt8] = []

    /// Connects, authenticates and selects the database.
    ///
    /// - Parameter timeout: the limit for connecting, and for each later read and write.
    /// - Throws: ``RedisError``, also if the server is older than version 7.
    package init(_ address: RedisAddress, timeout: Duration) throws(RedisError) {
        let limit = timeval(
            tv_sec: Int(timeout.components.seconds),
            tv_usec: Int(timeout.components.attoseconds / 1_000_000_000_000))
        guard let context = redisConnectWithTimeout(address.host, Int32(address.port), limit) else {
            throw RedisError("connecting to \(address): out of memory")
        }
        self.context = context
        self.timeout = timeout
        guard context.pointee.err == 0 else { throw failure("connecting to \(address)") }
        redisSetTimeout(context, limit)

        var setup: [RedisCommand] = []
        if let password = address.password { setup.append(["AUTH"] + [address.user, password].compactMap(\.self)) }
        if address.database != 0 { setup.append(["SELECT", String(address.database)]) }
        let replies = try pipeline(setup + [["INFO", "server"]])
        for case .error(let message) in replies.dropLast() {
            throw RedisError("logging in to \(address): \(message)")
        }
        // A user may lack the permission for INFO. The version is then unknown and not checked.
        let version = (replies.last?.string).flatMap(Self.version(inInfo:))
        if let refusal = version?.refusal(of: "Redis", before: ServerVersion(7)) {
            throw RedisError(refusal, isMismatch: true)
        }
    }

    deinit {
        redisFree(context)
    }

    private static func version(inInfo info: String) -> ServerVersion? {
        let field = "redis_version:"
        return info.split(whereSeparator: \.isNewline).first { $0.hasPrefix(field) }
            .flatMap { ServerVersion(String($0.dropFirst(field.count))) }
    }

    /// Sends all commands, then reads all replies: one round trip.
    ///
    /// - Returns: one reply per command, in order. A refused command has an ``RedisReply/error(_:)`` as its reply.
    /// - Throws: ``RedisError``. Any of the commands may have been executed then.
    package func pipeline(_ commands: [RedisCommand]) throws(RedisError) -> [RedisReply] {
        append(commands)
        var replies: [RedisReply] = []
        replies.reserveCapacity(commands.count)
        for _ in commands { replies.append(try nextReply()) }
        return replies
    }

    /// Sends one command and returns its reply.
    ///
    /// - Throws: ``RedisError``, also if Redis refuses the command.
    package func send(_ command: RedisCommand) throws(RedisError) -> RedisReply {
        let reply = try pipeline([command])[0]
        if case .error(let message) = reply { throw RedisError("\(command.first ?? ""): \(message)") }
        return reply
    }

    /// Sends a command without waiting for its reply, which ``messages(orSignal:atMost:)`` returns.
    func sendAhead(_ command: RedisCommand) throws(RedisError) {
        append([command])
        var isDone: Int32 = 0
        while isDone == 0 {
            guard redisBufferWrite(context, &isDone) == REDIS_OK else { throw failure("sending a command") }
        }
    }

    /// Waits for messages of the subscribed channels.
    ///
    /// - Returns: the messages that have arrived; empty if the signal was raised or the time was up first.
    /// - Throws: ``RedisError`` if the connection is lost.
    func messages(orSignal signal: WakeSignal, atMost time: Duration) throws(RedisError) -> [RedisReply] {
        signal.wait(orSockets: [context.pointee.fd], atMost: time)
        var socket = pollfd(fd: context.pointee.fd, events: Int16(POLLIN), revents: 0)
        guard poll(&socket, 1, 0) > 0 else { return [] }
        guard redisBufferRead(context) == REDIS_OK else { throw failure("reading messages") }
        var messages: [RedisReply] = []
        while let message = try bufferedReply() { messages.append(message) }
        return messages
    }

    /// Appends commands to the output buffer, in one piece: hiredis would allocate and copy for each argument.
    ///
    /// <https://redis.io/docs/latest/develop/reference/protocol-spec/#sending-commands-to-a-redis-server>
    private func append(_ commands: [RedisCommand]) {
        guard !commands.isEmpty else { return }
        encoded.removeAll(keepingCapacity: true)
        for command in commands {
            appendLine("*", command.count)
            for argument in command {
                appendLine("$", argument.utf8.count)
                encoded.append(contentsOf: argument.utf8)
                encoded.append(contentsOf: Self.lineEnd)
            }
        }
        encoded.withUnsafeBytes { bytes in
            _ = redisAppendFormattedCommand(context, bytes.baseAddress, bytes.count)
        }
    }

    private func appendLine(_ kind: Unicode.Scalar, _ number: Int) {
        encoded.append(UInt8(ascii: kind))
        encoded.append(contentsOf: String(number).utf8)
        encoded.append(contentsOf: Self.lineEnd)
    }

    private static let lineEnd = Array("\r\n".utf8)

    private func nextReply() throws(RedisError) -> RedisReply {
        var raw: UnsafeMutableRawPointer?
        guard redisGetReply(context, &raw) == REDIS_OK, let raw else { throw failure("reading a reply") }
        defer { freeReplyObject(raw) }
        return RedisReply(raw.assumingMemoryBound(to: redisReply.self).pointee)
    }

    private func bufferedReply() throws(RedisError) -> RedisReply? {
        var raw: UnsafeMutableRawPointer?
        guard redisGetReplyFromReader(context, &raw) == REDIS_OK else { throw failure("reading a reply") }
        guard let raw else { return nil }
        defer { freeReplyObject(raw) }
        return RedisReply(raw.assumingMemoryBound(to: redisReply.self).pointee)
    }

    private func failure(_ operation: String) -> RedisError {
        let isTimeout = context.pointee.err == REDIS_ERR_IO && (errno == EAGAIN || errno == EINPROGRESS)
        let text = withUnsafeBytes(of: context.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return RedisError("\(operation): \(isTimeout ? "no response within \(timeout)" : text)")
    }
}

extension RedisReply {
    /// Copies a reply out of hiredis's memory.
    fileprivate init(_ reply: redisReply) {
        switch reply.type {
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS:
            self = .string(Self.text(reply))
        case REDIS_REPLY_INTEGER:
            self = .integer(reply.integer)
        case REDIS_REPLY_ARRAY:
            self = .array(
                (0..<reply.elements).map { index in
                    reply.element[index].map { RedisReply($0.pointee) } ?? .null
                })
        case REDIS_REPLY_ERROR:
            self = .error(Self.text(reply))
        default:
            self = .null
        }
    }

    private static func text(_ reply: redisReply) -> String {
        guard let start = reply.str else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: start, count: reply.len), as: UTF8.self)
    }
}
