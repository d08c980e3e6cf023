internal import CRabbitMQ
internal import Foundation
internal import OrderedCollections
internal import RuntimeSupport

/// A blocking AMQP 0-9-1 connection through librabbitmq. It is not `Sendable`: one thread uses it at a time.
///
/// Every call has a limit: connecting and logging in take at most 5 s, each request to the broker the same by default,
/// waits take a time from the caller, missed heartbeats reveal a peer that has stopped responding, and a send that the
/// peer does not take for 15 s ends the connection.
package final class AMQPConnection {
    /// The library's connection. Only this type and its extensions use it.
    let state: amqp_connection_state_t
    /// Memory for the arguments of the call that is being made.
    let pool = AMQPMemoryPool()
    let heartbeat: Duration
    /// The longest wait for the broker's response to a request, in seconds.
    private(set) var responseTimeout = AMQPConnection.defaultResponseTimeout
    static let defaultResponseTimeout = 5
    /// Milliseconds that sent bytes may be unacknowledged, or wait for room at the broker, before the kernel ends the
    /// connection. The library checks no heartbeats while a send is blocked.
    private static let longestUnsent: UInt32 = 15_000
    /// The certificate authorities of the system, a PEM file of the package ca-certificates.
    private static let systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"
    private static let maximumFrameSize: Int32 = 131_072

    /// Connects and logs in.
    ///
    /// - Parameters:
    ///   - heartbeat: the heartbeat timeout in seconds; a peer that is silent for about twice as long counts as lost.
    ///   - name: the connection name in `rabbitmqctl list_connections`.
    /// - Throws: ``BrokerError``, also if the broker is older than RabbitMQ 3.10.
    package init(
        _ address: BrokerAddress, heartbeat: Int, name: String
    ) throws(BrokerError) {
        let operation = "connecting to \(address)"
        guard let state = amqp_new_connection() else { throw BrokerError(.unreachable, "\(operation): out of memory") }
        self.state = state
        self.heartbeat = .seconds(heartbeat)
        var timeout = timeval(tv_sec: Self.defaultResponseTimeout, tv_usec: 0)
        amqp_set_handshake_timeout(state, &timeout)
        amqp_set_rpc_timeout(state, &timeout)

        let socket = address.isTLS ? amqp_ssl_socket_new(state) : amqp_tcp_socket_new(state)
        guard let socket else { throw BrokerError(.unreachable, "\(operation): out of memory") }
        if address.isTLS {
            let authorities = address.certificateAuthorities ?? Self.systemAuthorities
            try Self.check(amqp_ssl_socket_set_cacert(socket, authorities), "reading \(authorities)")
            if let certificate = address.clientCertificate, let key = address.clientKey {
                try Self.check(
                    amqp_ssl_socket_set_key(socket, certificate, key), "reading \(certificate) and \(key)")
            }
        }
        let status = amqp_socket_open_noblock(socket, address.host, Int32(address.port), &timeout)
        if status == AMQP_STATUS_SOCKET_ERROR.rawValue {
            // The library does not report the error of a socket that it opens without blocking.
            throw BrokerError(.unreachable, "\(operation): connection refused or host unreachable")
        }
        try Self.check(status, operation)
        let properties = pool.table([
            "connection_name": .string(name),
            // Without these capabilities the broker does not announce blocks, cancels and refused logins.
            "capabilities": .table([
                "connection.blocked": .boolean(true),
                "consumer_cancel_notify": .boolean(true),
                "authentication_failure_close": .boolean(true),
                "publisher_confirms": .boolean(true),
                "basic.nack": .boolean(true),
            ]),
        ])
        try withUnsafePointer(to: properties) { properties throws(BrokerError) in
            try Self.check(
                claims_amqp_login_plain(
                    state, address.virtualHost, Self.maximumFrameSize, Int32(heartbeat), properties, address.user,
                    address.password), "logging in to \(address)")
        }
        pool.recycle()
        var longestUnsent = Self.longestUnsent
        setsockopt(
            self.socket, Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, &longestUnsent, socklen_t(MemoryLayout<UInt32>.size))
        if let refusal = serverVersion?.refusal(of: "RabbitMQ", before: ServerVersion(3, 10)) {
            throw BrokerError(.mismatch, refusal)
        }
    }

    /// The version of RabbitMQ; nil if the broker is another one.
    private var serverVersion: ServerVersion? {
        guard let table = amqp_get_server_properties(state) else { return nil }
        let properties = AMQPTable(table.pointee)
        guard properties["product"]?.string == "RabbitMQ" else { return nil }
        return (properties["version"]?.string).flatMap(ServerVersion.init)
    }

    /// Connects to the first reachable address.
    ///
    /// - Parameter addresses: at least one, tried in order.
    /// - Throws: the ``BrokerError`` of the last address.
    package convenience init(
        anyOf addresses: [BrokerAddress], heartbeat: Int, name: String
    ) throws(BrokerError) {
        for address in addresses.dropLast() {
            do throws(BrokerError) {
                try self.init(address, heartbeat: heartbeat, name: name)
                return
            } catch {
                continue
            }
        }
        try self.init(addresses[addresses.count - 1], heartbeat: heartbeat, name: name)
    }

    deinit {
        // Closes the socket without an AMQP close. The broker requeues unacknowledged messages.
        amqp_destroy_connection(state)
    }

    /// Closes the connection with an AMQP close, so that the broker logs no lost connection. It is unusable afterwards.
    package func close() {
        _ = amqp_connection_close(state, AMQP_REPLY_SUCCESS)
    }

    /// Sets the longest wait for the broker's response to a request: 5 s by default. A queue with a million messages may
    /// take longer to answer.
    package func setResponseTimeout(seconds: Int) {
        responseTimeout = seconds
        var timeout = timeval(tv_sec: seconds, tv_usec: 0)
        amqp_set_rpc_timeout(state, &timeout)
    }

    /// The socket, readable when the broker has sent something.
    package var socket: Int32 { amqp_get_sockfd(state) }

    // MARK: Channels

    /// Opens a channel.
    package func openChannel(_ channel: UInt16) throws(BrokerError) {
        _ = amqp_channel_open(state, channel)
        try checkResponse("opening a channel")
    }

    /// Closes a channel. The broker requeues the channel's unacknowledged messages.
    package func closeChannel(_ channel: UInt16) throws(BrokerError) {
        try Self.check(amqp_channel_close(state, channel, AMQP_REPLY_SUCCESS), "closing a channel")
    }

    /// Enables publisher confirms on a channel.
    ///
    /// <https://www.rabbitmq.com/docs/confirms#publisher-confirms>
    package func selectConfirms(channel: UInt16) throws(BrokerError) {
        _ = amqp_confirm_select(state, channel)
        try checkResponse("enabling publisher confirms")
    }
}
