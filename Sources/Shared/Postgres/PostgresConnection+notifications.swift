internal import CPostgres
package import RuntimeSupport

/// Asynchronous notifications.
///
/// <https://www.postgresql.org/docs/current/libpq-notify.html>
extension PostgresConnection {
    /// Subscribes to a channel.
    ///
    /// - Parameter channel: a plain SQL identifier.
    package func listen(to channel: String) throws(PostgresError) {
        try script("listen \(channel)", within: .seconds(3))
    }

    /// Waits until a notification arrives, the signal is raised or the time is up.
    ///
    /// - Returns: whether there was a notification.
    /// - Throws: ``PostgresError`` if the connection is lost.
    package func awaitNotification(orSignal signal: WakeSignal, atMost time: Duration) throws(PostgresError) -> Bool {
        // One may have arrived together with the result of a statement.
        if takeNotifications() { return true }
        signal.wait(orSockets: [PQsocket(connection)], atMost: time)
        guard PQconsumeInput(connection) == 1 else { throw Self.failure(of: connection) }
        return takeNotifications()
    }

    private func takeNotifications() -> Bool {
        var hasAny = false
        while let notification = PQnotifies(connection) {
            PQfreemem(notification)
            hasAny = true
        }
        return hasAny
    }
}
