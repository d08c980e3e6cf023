internal import Configuration
internal import Foundation

/// A setting that is read from an environment variable.
package struct Setting: Hashable, Sendable {
    /// The name of the environment variable.
    package let name: String
    /// The value that applies when the variable is unset or empty; nil if the setting is required.
    package let defaultValue: String?
    /// A one-line description for `--help` and the README, with the unit.
    package let help: String
    /// Whether the value must never be printed. It can then also be read from the file that `NAME_FILE` names.
    package let isSecret: Bool

    package init(_ name: String, defaultValue: String? = nil, isSecret: Bool = false, help: String) {
        self.name = name
        self.defaultValue = defaultValue
        self.help = help
        self.isSecret = isSecret
    }

    /// The variable that names a file with the value of a secret.
    package var fileName: String { "\(name)_FILE" }
}

/// Reads and validates settings.
package struct SettingReader: Sendable {
    private let config: ConfigReader

    /// Reads from the environment of the process.
    package init() {
        self.init(environment: ProcessInfo.processInfo.environment)
    }

    /// Reads from the given environment.
    package init(environment: [String: String]) {
        config = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: environment))
    }

    /// Returns the value as text.
    ///
    /// - Throws: ``SettingError`` if the setting is required and not set, or its file can't be read.
    package func text(_ setting: Setting) throws(SettingError) -> String {
        let value = variable(setting.name, isSecret: setting.isSecret)
        if setting.isSecret, let path = variable(setting.fileName, isSecret: false) {
            guard value == nil else {
                throw SettingError(description: "\(setting.name) and \(setting.fileName) are both set; set one of them")
            }
            return try Self.secret(inFile: path, named: setting.fileName)
        }
        if let value { return value }
        guard let defaultValue = setting.defaultValue else {
            throw SettingError(description: "\(setting.name) is not set: \(setting.help)")
        }
        return defaultValue
    }

    /// Returns the value of a variable; nil if it is unset or empty.
    private func variable(_ name: String, isSecret: Bool) -> String? {
        let key = ConfigKey(name.lowercased().split(separator: "_").map(String.init))
        return config.string(forKey: key, isSecret: isSecret).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Reads a secret from a file, without the line break at its end.
    private static func secret(inFile path: String, named name: String) throws(SettingError) -> String {
        let content: Data
        do {
            content = try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw SettingError(description: "\(name) must be a file that can be read, not \"\(path)\"")
        }
        let text = String(decoding: content, as: UTF8.self).trimmingCharacters(in: .newlines)
        guard !text.isEmpty else { throw SettingError(description: "\(name): the file \"\(path)\" is empty") }
        return text
    }

    /// Returns the parsed value.
    ///
    /// - Parameters:
    ///   - rule: what the value must be; completes the error "NAME must be …".
    ///   - parse: returns nil if the text is invalid.
    /// - Throws: ``SettingError`` if the value is missing or invalid.
    package func value<Value>(
        _ setting: Setting, mustBe rule: String, _ parse: (String) -> Value?
    ) throws(SettingError) -> Value {
        let text = try text(setting)
        guard let value = parse(text) else {
            let actual = setting.isSecret ? "" : ", not \"\(text)\""
            throw SettingError(description: "\(setting.name) must be \(rule)\(actual)")
        }
        return value
    }

    /// Returns the value as a whole number.
    ///
    /// - Throws: ``SettingError`` if the value is missing, not a number or out of range.
    package func integer(_ setting: Setting, in range: ClosedRange<Int>) throws(SettingError) -> Int {
        try value(setting, mustBe: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Returns the value, a whole number of milliseconds, as a duration.
    ///
    /// - Throws: ``SettingError`` if the value is missing, not a number or out of range.
    package func milliseconds(_ setting: Setting, in range: ClosedRange<Int>) throws(SettingError) -> Duration {
        .milliseconds(try integer(setting, in: range))
    }
}

extension [Setting] {
    /// The settings formatted as a section of `--help`.
    package var help: String {
        let width = map(\.name.count).max() ?? 0
        let lines = map { setting in
            let name = setting.name.padding(toLength: width, withPad: " ", startingAt: 0)
            let defaultValue = setting.defaultValue.map { $0.isEmpty ? "" : " (default \($0))" } ?? " (required)"
            return "  \(name)  \(setting.help)\(defaultValue)"
        }
        let secrets = filter(\.isSecret).map(\.name)
        let files =
            secrets.isEmpty
            ? [] : ["  \(secrets.joined(separator: ", ")): also as NAME_FILE, the path of a file with the value"]
        return (["SETTINGS, from the environment:"] + lines + files).joined(separator: "\n")
    }
}
