internal import Foundation

/// A missing or invalid setting, which prevents the program from starting.
package struct SettingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name of the setting and what its value must be. Contains no secret.
    package let description: String

    /// Creates an error.
    ///
    /// - Parameter description: names the setting and its rule, without a secret value.
    package init(description: String) {
        self.description = description
    }

    /// Prints the error to standard error and exits with code 64 (wrong usage).
    ///
    /// - Parameter program: the program's name, printed before the error.
    package func exitProcess(program: String) -> Never {
        FileHandle.standardError.write(Data("\(program): \(description)\n".utf8))
        exit(64)
    }
}
