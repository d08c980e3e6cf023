internal import Foundation

/// A setting that is missing or invalid. The program does not start.
package struct SettingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Names the setting and says what it must be. Holds no secret.
    package let description: String

    package init(description: String) {
        self.description = description
    }

    /// Prints the error to standard error and ends the process with exit code 64 (wrong usage).
    ///
    /// - Parameter program: the program's name, printed in front of the error.
    package func exitProcess(program: String) -> Never {
        FileHandle.standardError.write(Data("\(program): \(description)\n".utf8))
        exit(64)
    }
}
