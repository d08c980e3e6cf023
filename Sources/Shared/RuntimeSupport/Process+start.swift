internal import Foundation

/// Limits and signal handling of the running process.
package enum Process {
    /// Makes writing to a connection that the peer has closed an error instead of the end of the process.
    ///
    /// hiredis and OpenSSL write without MSG_NOSIGNAL.
    package static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }

    /// Takes as many open files, and so connections, as the system lets the process have.
    ///
    /// - Returns: how many that are.
    @discardableResult
    package static func allowManyConnections() -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 0 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        // If it is refused, there are as many as before.
        return Int(clamping: setrlimit(resource, &limit) == 0 ? limit.rlim_max : before)
    }
}
