internal import Foundation

/// What every program does before anything else.
package enum Process {
    /// Makes writing to a connection that the peer has closed an error instead of the end of the process.
    ///
    /// hiredis and OpenSSL write without MSG_NOSIGNAL.
    package static func ignoreBrokenPipes() {
        signal(SIGPIPE, SIG_IGN)
    }

    /// Says what is wrong with a setting, and ends the process with 64, as for wrong usage.
    package static func exit(_ error: SettingError, program: String) -> Never {
        FileHandle.standardError.write(Data("\(program): \(error)\n".utf8))
        Foundation.exit(64)
    }
}
