internal import Foundation

/// Limits and signal handling of the running process.
package enum Process {
    /// Ignores SIGPIPE: a write to a closed connection returns an error and does not terminate the process.
    ///
    /// hiredis and OpenSSL write without MSG_NOSIGNAL.
    package static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }

    /// Raises the limit of open files, and thereby of connections, to the hard limit.
    ///
    /// - Returns: the limit that is in effect afterwards; 0 if it is unknown.
    @discardableResult
    package static func allowManyConnections() -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 0 }
        let before = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        // If the system refuses, the old limit remains.
        return Int(clamping: setrlimit(resource, &limit) == 0 ? limit.rlim_max : before)
    }
}
